/*
 * Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
 * in compliance with the License. You may obtain a copy of the License at
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software distributed under the License
 * is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express
 * or implied. See the License for the specific language governing permissions and limitations under
 * the License.
 */


package io.leaderserver.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.Serializable;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Flink's own stores of applications and of their results over ours, where the release has them.
 *
 * <p>Seen to fail: with files that nothing points to left; without the look at the epoch.
 */
class ApplicationStoresTest extends StoresTestBase {

    private static final Executor HERE = Runnable::run;

    private Class<?> idType;
    private Object id;

    @BeforeEach
    void onlyWhereThereAreApplications() throws Exception {
        assumeTrue(FlinkRelease.hasApplications());
        idType = Class.forName("org.apache.flink.api.common.ApplicationID");
        id = idType.getConstructor().newInstance();
    }

    /** A store by the methods of its interface. */
    private static final class Store {

        private final Class<?> type;
        private final Object store;

        Store(JobManager manager, String getter) throws Exception {
            final Method get = FlinkRelease.find(HighAvailabilityServices.class, getter);
            type = get.getReturnType();
            store = FlinkRelease.invoke(get, manager.services);
        }

        Object call(String name, Object... arguments) throws Exception {
            return FlinkRelease.invoke(FlinkRelease.find(type, name), store, arguments);
        }

        Object get(String name, Object... arguments) throws Exception {
            return ((CompletableFuture<?>) call(name, arguments)).get();
        }
    }

    private static Store applications(JobManager manager) throws Exception {
        final Store store = new Store(manager, "getApplicationStore");
        store.call("start");
        return store;
    }

    /** An entry of the store: Flink's interface, with an id and a name. */
    private static final class Entry implements InvocationHandler, Serializable {

        private static final long serialVersionUID = 1L;

        private final Serializable id;

        Entry(Object id) {
            this.id = (Serializable) id;
        }

        @Override
        public Object invoke(Object proxy, Method method, Object[] arguments) {
            return method.getName().equals("getApplicationId") ? id : "application";
        }
    }

    private Object entry(Object of) throws Exception {
        final Class<?> type =
                Class.forName("org.apache.flink.runtime.jobmanager.ApplicationStoreEntry");
        return Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, new Entry(of));
    }

    private static int count(Store applications) throws Exception {
        return ((Collection<?>) applications.call("getApplicationIds")).size();
    }

    private static boolean recovers(Store applications, Object id) throws Exception {
        return ((Optional<?>) applications.call("recoverApplication", id)).isPresent();
    }

    @Test
    void aSuccessorRecoversTheApplications() throws Exception {
        final JobManager first = leader();
        final Store store = applications(first);
        store.call("putApplication", entry(id));
        store.call("putApplication", entry(id));
        final Store successor = applications(successorOf(first));
        assertEquals(1, count(successor));
        assertTrue(recovers(successor, id));
        final Object another = entry(idType.getConstructor().newInstance());
        assertFenced(() -> store.call("putApplication", another));
        assertFenced(() -> store.call("putApplication", entry(id)));
        assertEquals(1, files().size());
    }

    @Test
    void anApplicationThatHasEndedLeavesNothing() throws Exception {
        final JobManager leader = leader();
        final Store store = applications(leader);
        store.call("putApplication", entry(id));
        Files.createFile(storage().resolve(files().get(0) + "orphan"));
        leader.resign();
        store.get("globalCleanupAsync", id, HERE);
        store.get("globalCleanupAsync", id, HERE);
        assertEquals(List.of(), keys());
        assertEquals(List.of(), files());
    }

    @Test
    void aRefusedCleanUpCompletesAndDeletesNothing() throws Exception {
        final JobManager first = leader();
        final Store store = applications(first);
        store.call("putApplication", entry(id));
        final Store successor = applications(successorOf(first));
        store.get("globalCleanupAsync", id, HERE);
        assertTrue(recovers(successor, id));
        assertEquals(1, files().size());
    }

    /** All of a cluster, its applications included. */
    @Test
    void everythingIsCleanedUp() throws Exception {
        final JobManager leader = leader();
        applications(leader).call("putApplication", entry(id));
        leader.services.cleanupAllData();
        assertEquals(List.of(), keys());
        assertEquals(List.of(), files());
    }

    private Object result() throws Exception {
        final Class<?> type =
                Class.forName("org.apache.flink.runtime.highavailability.ApplicationResult");
        final Class<?> builderType = Class.forName(type.getName() + "$Builder");
        final Object builder = builderType.getConstructor().newInstance();
        final Method state = FlinkRelease.find(builderType, "applicationState");
        for (Object constant : state.getParameterTypes()[0].getEnumConstants()) {
            if (constant.toString().equals("FINISHED")) {
                FlinkRelease.invoke(state, builder, constant);
            }
        }
        FlinkRelease.invoke(FlinkRelease.find(builderType, "applicationId"), builder, id);
        FlinkRelease.invoke(FlinkRelease.find(builderType, "applicationName"), builder, "name");
        return Class.forName("org.apache.flink.runtime.highavailability.ApplicationResultEntry")
                .getConstructor(type)
                .newInstance(FlinkRelease.invoke(FlinkRelease.find(builderType, "build"), builder));
    }

    @Test
    void onlyTheLeaderRecordsResults() throws Exception {
        final JobManager first = leader();
        final Store results = new Store(first, "getApplicationResultStore");
        assertEquals(false, results.get("hasApplicationResultEntryAsync", id));
        results.get("createDirtyResultAsync", result());
        assertEquals(true, results.get("hasDirtyApplicationResultEntryAsync", id));

        final Store successor = new Store(successorOf(first), "getApplicationResultStore");
        assertFenced(() -> results.get("markResultAsCleanAsync", id));
        assertEquals(1, ((Collection<?>) successor.call("getDirtyResults")).size());
        successor.get("markResultAsCleanAsync", id);
        assertEquals(false, successor.get("hasDirtyApplicationResultEntryAsync", id));
        assertFenced(() -> results.get("createDirtyResultAsync", result()));
        assertFalse(files().toString().contains("DIRTY"), files()::toString);
    }
}

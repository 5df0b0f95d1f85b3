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

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.checkpoint.CheckpointRecoveryFactory;
import org.apache.flink.runtime.checkpoint.CompletedCheckpointStore;
import org.apache.flink.runtime.dispatcher.cleanup.GloballyCleanableResource;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.state.SharedStateRegistry;
import org.apache.flink.runtime.state.SharedStateRegistryFactory;

/** Calls what releases of Flink call by different names. */
final class FlinkRelease {

    private FlinkRelease() {}

    /** Whether there are applications: from 2.3 on. */
    static boolean hasApplications() {
        return find(HighAvailabilityServices.class, "getApplicationStore") != null;
    }

    /** The store of a job's checkpoints as a JobMaster makes it, with those that are there. */
    static CompletedCheckpointStore recover(
            CheckpointRecoveryFactory factory, JobID jobId, int retained, Executor executor)
            throws Exception {
        final Method create =
                find(CheckpointRecoveryFactory.class, "createRecoveredCompletedCheckpointStore");
        final SharedStateRegistryFactory registry = SharedStateRegistry.DEFAULT_FACTORY;
        final Object claim = constant(create.getParameterTypes()[4], "CLAIM");
        return (CompletedCheckpointStore)
                invoke(create, factory, jobId, retained, registry, executor, claim);
    }

    /** The end of a job, as it is recorded. */
    static JobResult succeeded(JobID jobId) throws Exception {
        final JobResult.Builder builder = new JobResult.Builder().jobId(jobId).netRuntime(1);
        Method status = find(JobResult.Builder.class, "jobStatus");
        if (status != null) {
            invoke(status, builder, constant(status.getParameterTypes()[0], "FINISHED"));
        } else {
            status = find(JobResult.Builder.class, "applicationStatus");
            invoke(status, builder, constant(status.getParameterTypes()[0], "SUCCEEDED"));
        }
        return builder.build();
    }

    private static Object constant(Class<?> type, String name) {
        for (Object constant : type.getEnumConstants()) {
            if (((Enum<?>) constant).name().equals(name)) {
                return constant;
            }
        }
        throw new AssertionError(type + " has no " + name);
    }

    static Method find(Class<?> type, String name) {
        for (Method method : type.getMethods()) {
            if (method.getName().equals(name)) {
                return method;
            }
        }
        return null;
    }

    static Object invoke(Method method, Object target, Object... arguments) throws Exception {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Exception) {
                throw (Exception) e.getCause();
            }
            throw new AssertionError(e.getCause());
        }
    }

    /** The store of job graphs, in 2.x of execution plans, started. */
    static final class Plans {

        private final Object store;
        private final String plan;

        Plans(HighAvailabilityServices services) throws Exception {
            final boolean jobGraphs =
                    find(HighAvailabilityServices.class, "getJobGraphStore") != null;
            plan = jobGraphs ? "JobGraph" : "ExecutionPlan";
            store =
                    invoke(
                            find(HighAvailabilityServices.class, "get" + plan + "Store"),
                            services);
            final Method start = find(store.getClass().getSuperclass(), "start");
            final Class<?> listener = start.getParameterTypes()[0];
            invoke(
                    start,
                    store,
                    Proxy.newProxyInstance(
                            listener.getClassLoader(),
                            new Class<?>[] {listener},
                            (proxy, method, arguments) -> null));
        }

        void put(JobGraph job) throws Exception {
            call("put" + plan, job);
        }

        /** @return null if there is none */
        Object recover(JobID jobId) throws Exception {
            return call("recover" + plan, jobId);
        }

        @SuppressWarnings("unchecked")
        Collection<JobID> ids() throws Exception {
            return (Collection<JobID>) call("getJobIds");
        }

        CompletableFuture<Void> cleanUp(JobID jobId, Executor executor) {
            return ((GloballyCleanableResource) store).globalCleanupAsync(jobId, executor);
        }

        void stop() throws Exception {
            call("stop");
        }

        /** Flink's own public class has the methods; ours is none of the tests' business. */
        private Object call(String name, Object... arguments) throws Exception {
            return invoke(find(store.getClass().getSuperclass(), name), store, arguments);
        }
    }
}

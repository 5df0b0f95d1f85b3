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
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.blob.BlobStore;
import org.apache.flink.runtime.blob.FileSystemBlobStore;
import org.apache.flink.runtime.blob.VoidBlobStore;
import org.apache.flink.runtime.highavailability.ClientHighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServicesUtils;
import org.apache.flink.runtime.jobmanager.HighAvailabilityMode;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.rpc.AddressResolution;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What Flink expects of {@code HighAvailabilityServices} and of the factory that makes them. */
@ParameterizedClass(name = "{0}")
@MethodSource("io.leaderserver.flink.Variant#all")
class HaServicesContractTest extends ContractTestBase {

    HaServicesContractTest(Variant variant) {
        super(variant);
    }

    private static final Executor MUST_NOT_RUN =
            command -> {
                throw new UnsupportedOperationException("no executor here");
            };

    /** Flink finds the factory by its name alone, with the context class loader. */
    @Test
    void flinkFindsTheFactoryByItsName() throws Exception {
        final HighAvailabilityServices made =
                closing(
                        HighAvailabilityServicesUtils.createHighAvailabilityServices(
                                variant.configuration(),
                                MUST_NOT_RUN,
                                AddressResolution.NO_ADDRESS_RESOLUTION,
                                null,
                                error -> {}));
        final LeaderElection election = made.getClusterRestEndpointLeaderElection();
        final UUID id = lead(election, "http://rest").awaitGrant();
        listenTo(made.getClusterRestEndpointLeaderRetriever()).await("http://rest", id);
    }

    /** The services of a client need no executor: Flink gives one that throws. */
    @Test
    void flinkMakesServicesForAClient() throws Exception {
        final LeaderElection election = services.getClusterRestEndpointLeaderElection();
        final UUID id = lead(election, "http://rest").awaitGrant();
        final ClientHighAvailabilityServices client =
                closing(
                        HighAvailabilityServicesUtils.createClientHAService(
                                new Configuration(configuration), error -> {}));
        final TestingListener listener = listenTo(client.getClusterRestEndpointLeaderRetriever());
        if (variant.nameService == NameServices.EMBEDDED) {
            // Private: nobody else sees it.
            listener.events.none();
        } else {
            listener.await("http://rest", id);
        }
        client.close();
        client.close();
    }

    /**
     * A factory class counts as high availability, so that Flink asks for its blob store: one that
     * needs no storage where there need be none.
     */
    @Test
    void thereIsABlobStore() throws Exception {
        assertEquals(
                HighAvailabilityMode.FACTORY_CLASS, HighAvailabilityMode.fromConfig(configuration));
        assertTrue(HighAvailabilityMode.isHighAvailabilityModeActivated(configuration));
        final Class<? extends BlobStore> expected =
                variant.nameService == NameServices.LEADER_SERVER
                        ? FileSystemBlobStore.class
                        : VoidBlobStore.class;
        assertInstanceOf(expected, services.createBlobStore());
    }

    /** All stores of the release are there, whatever they are called, also in a TaskManager. */
    @Test
    void thereAreAllStores() throws Exception {
        final List<String> found = new ArrayList<>();
        for (Method method : HighAvailabilityServices.class.getMethods()) {
            final String name = method.getName();
            if (name.matches("get.*(Store|Factory)") && method.getParameterCount() == 0) {
                assertNotNull(method.invoke(services), name);
                found.add(name);
            }
        }
        assertTrue(found.contains("getCheckpointRecoveryFactory"), found::toString);
        assertTrue(found.contains("getJobResultStore"), found::toString);
        assertTrue(found.size() >= 3, found::toString);
    }

    /** The default address is ignored, and the form without it does the same. */
    @Test
    @SuppressWarnings("deprecation")
    void theDefaultAddressOfAJobIsIgnored() throws Exception {
        final JobID job = new JobID();
        final LeaderElection election = services.getJobManagerLeaderElection(job);
        final TestingListener with =
                listenTo(elsewhere().getJobManagerLeaderRetriever(job, "default"));
        final TestingListener without = listenTo(elsewhere().getJobManagerLeaderRetriever(job));
        with.events.none();
        final UUID id = lead(election, "job master").awaitGrant();
        assertEquals(new TestingListener.Leader("job master", id), with.events.next());
        assertEquals(new TestingListener.Leader("job master", id), without.events.next());
    }

    /** Close closes everything, once. */
    @Test
    void closeClosesEverything() throws Exception {
        final TestingListener listener = listenTo(services.getDispatcherLeaderRetriever());
        final LeaderElection election = services.getDispatcherLeaderElection();
        lead(election, "address").awaitGrantEnd();
        listener.events.next();
        election.close();
        listener.awaitNone();
        services.close();
        services.close();
        assertThrows(IllegalStateException.class, services::getDispatcherLeaderElection);
        assertThrows(IllegalStateException.class, services::getDispatcherLeaderRetriever);
    }

    /** As {@code ClusterEntrypoint} does: first the elections close, then all is cleaned up. */
    @Test
    void cleanUpComesAfterResignation() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = lead(election, "address");
        contender.awaitGrantEnd();
        election.close();
        services.cleanupAllData();
        services.closeWithOptionalClean(true);
        services.close();
    }

    /** The same without cleaning, and with an election left open: that is said at the end. */
    @Test
    void closingCollectsErrors() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final UUID id = lead(election, "address").awaitGrant();
        assertThrows(IllegalStateException.class, () -> services.closeWithOptionalClean(false));
        assertThrows(IllegalStateException.class, services::getDispatcherLeaderRetriever);
        assertEquals(false, Elections.has(election, id));
    }

    /** The clean-up of one job is retried: thread-safe, idempotent, also after resignation. */
    @Test
    void theCleanUpOfAJobIsIdempotent() throws Exception {
        final JobID job = new JobID();
        final LeaderElection election = services.getJobManagerLeaderElection(job);
        lead(election, "job master").awaitGrantEnd();
        election.close();
        final List<CompletableFuture<Void>> all = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            all.add(
                    CompletableFuture.supplyAsync(
                                    () ->
                                            services.globalCleanupAsync(
                                                    job, ForkJoinPool.commonPool()))
                            .thenCompose(done -> done));
        }
        CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0])).get();
    }

    /** What a TaskManager asks for makes it neither a server nor a candidate. */
    @Test
    void aTaskManagerNeverLeads() throws Exception {
        final Configuration copy = new Configuration(configuration);
        final Map<String, String> before = copy.toMap();
        final HighAvailabilityServices taskManager = services(copy);
        taskManager.createBlobStore();
        listenTo(taskManager.getResourceManagerLeaderRetriever());
        // With a fixed port this would fail, had the other taken it.
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingContender contender = lead(election, "resource manager");
        final UUID id = contender.awaitGrant();
        taskManager.close();
        assertTrue(Elections.has(election, id));
        contender.events.none();
        assertEquals(before, copy.toMap());
    }
}

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
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.UnmodifiableConfiguration;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.Test;

/** The LeaderServer inside the JobManager: when it runs, where, and how others come to it. */
class JobManagerServicesTest extends ServicesTestBase {

    private final Configuration configuration = configuration(NameServices.JOB_MANAGER);

    private static boolean isListening(int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private int boundPort() {
        return Integer.parseInt(configuration.toMap().get(NameServices.PORT));
    }

    @Test
    void theServerStartsWithTheFirstElectionAndStopsWithTheLast() throws Exception {
        final int port = NameServices.freePort();
        configuration.setString(NameServices.PORT, Integer.toString(port));
        final HighAvailabilityServices services = services(configuration);
        services.getDispatcherLeaderRetriever();
        services.createBlobStore();
        assertFalse(isListening(port));

        final LeaderElection first = services.getResourceManagerLeaderElection();
        assertTrue(isListening(port));
        final LeaderElection second = services.getDispatcherLeaderElection();
        first.close();
        first.close();
        assertTrue(isListening(port));
        second.close();
        assertFalse(isListening(port));
    }

    @Test
    void theServerStopsWithTheServicesEvenIfElectionsWereNeverStarted() throws Exception {
        final HighAvailabilityServices services = services(configuration);
        services.getResourceManagerLeaderElection();
        final LeaderElection other = services.getDispatcherLeaderElection();
        final int port = boundPort();
        assertTrue(isListening(port));
        services.close();
        assertFalse(isListening(port));
        other.close();
        services.close();
    }

    @Test
    void aServerStartedAgainTakesItsPortAgain() throws Exception {
        final HighAvailabilityServices services = services(configuration);
        services.getResourceManagerLeaderElection().close();
        final int port = boundPort();
        final LeaderElection again = services.getResourceManagerLeaderElection();
        assertEquals(port, boundPort());
        assertTrue(isListening(port));
        lead(again, "again").awaitGrant();
    }

    @Test
    void theAddressIsWrittenIntoTheLiveConfiguration() throws Exception {
        services(configuration).getClusterRestEndpointLeaderElection();
        assertNotEquals(0, boundPort());
        assertEquals(
                "jobmanager://127.0.0.1:" + boundPort(),
                configuration.toMap().get(NameServices.ENDPOINT));
    }

    @Test
    void aWildcardIsNeverAdvertised() throws Exception {
        configuration.setString("jobmanager.rpc.address", "0.0.0.0");
        configuration.setString("jobmanager.bind-host", "0.0.0.0");
        services(configuration).getClusterRestEndpointLeaderElection();
        final String endpoint = configuration.toMap().get(NameServices.ENDPOINT);
        assertTrue(endpoint.matches("jobmanager://.+:" + boundPort()), endpoint);
        assertFalse(endpoint.contains("0.0.0.0"), endpoint);
    }

    @Test
    void withAnExplicitHostNothingIsWritten() throws Exception {
        configuration.setString(NameServices.ENDPOINT, "jobmanager://elsewhere.example:7000");
        final Map<String, String> before = configuration.toMap();
        final HighAvailabilityServices services = services(configuration);
        lead(services.getResourceManagerLeaderElection(), "here").awaitGrant();
        assertEquals(before, configuration.toMap());
    }

    /** As in a MiniCluster: TaskManagers first, and a configuration that can't be written. */
    @Test
    void retrieversThatWereStartedBeforeMoveToTheServer() throws Exception {
        configuration.removeConfig(LeaderServerOptions.ENDPOINT);
        final Configuration readOnly = new UnmodifiableConfiguration(configuration);
        final HighAvailabilityServices services = services(readOnly);
        final TestingListener listener = listenTo(services.getResourceManagerLeaderRetriever());
        listener.events.none();

        final LeaderElection election = services.getResourceManagerLeaderElection();
        final UUID id = lead(election, "resource manager").awaitGrant();
        listener.await("resource manager", id);
    }

    @Test
    void aPortInUseIsNamedWithItsKey() throws Exception {
        final ServerSocket other =
                closing(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
        final String port = Integer.toString(other.getLocalPort());
        configuration.setString(NameServices.PORT, port);
        final HighAvailabilityServices services = services(configuration);
        final Exception e = assertThrows(Exception.class, services::getDispatcherLeaderElection);
        assertTrue(e.getMessage().contains("127.0.0.1:" + port), e.getMessage());
        assertTrue(e.getMessage().contains(NameServices.PORT), e.getMessage());

        // That one did not count: the next is the first again.
        other.close();
        services.getDispatcherLeaderElection();
        assertTrue(isListening(Integer.parseInt(port)));
    }

    @Test
    void aTaskManagerKnowsOnlyTheEndpoint() throws Exception {
        final HighAvailabilityServices jobManager = services(configuration);
        final LeaderElection rest = jobManager.getClusterRestEndpointLeaderElection();
        final HighAvailabilityServices taskManager = services(new Configuration(configuration));
        final JobID job = new JobID();
        final TestingListener manager = listenTo(taskManager.getResourceManagerLeaderRetriever());
        final TestingListener master = listenTo(taskManager.getJobManagerLeaderRetriever(job, "x"));

        final LeaderElection election = jobManager.getResourceManagerLeaderElection();
        final UUID id = lead(election, "resource manager").awaitGrant();
        manager.await("resource manager", id);
        final LeaderElection ofJob = jobManager.getJobManagerLeaderElection(job);
        assertEquals(id, lead(ofJob, "job master").awaitGrant());
        master.await("job master", id);
        ofJob.close();
        master.awaitNone();
        rest.close();
        manager.events.none();
    }

    @Test
    void theOrderInWhichProcessesStartIsFree() throws Exception {
        final int port = NameServices.freePort();
        configuration.setString(NameServices.PORT, Integer.toString(port));
        final TestingListener listener =
                listenTo(services(new Configuration(configuration)).getDispatcherLeaderRetriever());
        final TestingListener client =
                listenTo(
                        client(new Configuration(configuration))
                                .getClusterRestEndpointLeaderRetriever());
        final HighAvailabilityServices jobManager = services(configuration);
        final LeaderElection rest = jobManager.getClusterRestEndpointLeaderElection();
        final UUID id = lead(rest, "http://rest").awaitGrant();
        lead(jobManager.getDispatcherLeaderElection(), "dispatcher");
        client.await("http://rest", id);
        listener.await("dispatcher", id);
    }

    @Test
    void closingTheServicesEndsElectionsThatWereLeftOpenAndSaysSo() throws Exception {
        final HighAvailabilityServices services = services(configuration);
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = lead(election, "dispatcher");
        final UUID id = contender.awaitGrant();
        assertTrue(Elections.has(election, id));
        final Exception e = assertThrows(IllegalStateException.class, services::close);
        assertTrue(e.getMessage().contains(ComponentIds.DISPATCHER), e.getMessage());
        assertFalse(Elections.has(election, id));
        assertFalse(isListening(boundPort()));
        contender.events.none();
        assertThrows(IllegalStateException.class, services::getDispatcherLeaderElection);
        election.close();
        services.close();
    }
}

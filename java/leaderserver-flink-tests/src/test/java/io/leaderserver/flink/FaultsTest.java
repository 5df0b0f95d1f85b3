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
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient;
import io.leaderserver.LeaderServer;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What users get when something is wrong: with what they configured, or with the name service. */
class FaultsTest extends ServicesTestBase {

    private static final String PREFIX = "high-availability.leader-server.";

    private final Configuration configuration = configuration(NameServices.JOB_MANAGER);

    private Logs logs;

    @BeforeEach
    void open() {
        logs = closing(new Logs());
    }

    private static int boundPort(Configuration configuration) {
        return Integer.parseInt(configuration.toMap().get(NameServices.PORT));
    }

    /** The configuration of a TaskManager of the same cluster that dials this port. */
    private Configuration dialling(int port) {
        final Configuration copy = new Configuration(configuration);
        copy.setString(NameServices.ENDPOINT, "jobmanager://127.0.0.1:" + port);
        copy.setString(PREFIX + "session-timeout", "1 s");
        copy.setString(PREFIX + "disconnect-grace", "200 ms");
        return copy;
    }

    /** A client of a server of its own, through a proxy. */
    private LeaderClient remoteClient(int port, String namespace) {
        return closing(
                LeaderClient.open(
                        Map.of(
                                "endpoint", "leader://127.0.0.1:" + port,
                                "namespace", namespace,
                                "session-timeout", "600",
                                "disconnect-grace", "200"),
                        null));
    }

    @ParameterizedTest
    @CsvSource({
        "endpoint, here",
        "endpoint, http://host:1",
        "endpoint, jobmanager://host",
        "endpoint, jobmanager://host:65536",
        "endpoint, jobmanager://host:0",
        "endpoint, etcd://host:2379",
        "port, 65536",
        "port, -1",
        "port, http",
        "election, per-job",
        "session-timeout, soon",
        "disconnect-grace, 6 s",
    })
    void whatCannotBeUsedIsNamedWithItsKey(String key, String value) {
        configuration.setString(PREFIX + key, value);
        for (boolean client : new boolean[] {false, true}) {
            final Exception e =
                    assertThrows(
                            IllegalConfigurationException.class,
                            () -> {
                                if (client) {
                                    client(configuration);
                                } else {
                                    services(configuration);
                                }
                            });
            assertTrue(e.getMessage().contains(PREFIX + key), e.getMessage());
            if (!key.equals("disconnect-grace")) {
                assertTrue(e.getMessage().contains(value), e.getMessage());
            }
        }
    }

    /** Unreachable at start: retried for ever, with a warning at once and ever more rarely. */
    @Test
    void anUnreachableNameServiceIsWaitedFor() throws Exception {
        final Proxy proxy = closing(new Proxy(0));
        final HighAvailabilityServices taskManager = services(dialling(proxy.port()));
        final TestingListener listener = listenTo(taskManager.getDispatcherLeaderRetriever());
        logs.await(Level.WARN, "127.0.0.1:" + proxy.port());
        for (int i = 0; i < 9; i++) {
            proxy.attempts.next();
        }
        final List<Logs.Line> warnings =
                logs.lines.all().stream()
                        .filter(line -> line.level.isMoreSpecificThan(Level.WARN))
                        .collect(Collectors.toList());
        // The first, second, fourth and eighth time.
        assertTrue(warnings.size() <= 4, warnings::toString);

        final LeaderElection election = services(configuration).getDispatcherLeaderElection();
        final UUID id = lead(election, "dispatcher").awaitGrant();
        proxy.restore(boundPort(configuration));
        listener.await("dispatcher", id);
        listener.errors.none();
    }

    /** Lost and found again: nothing is told, nothing thrown (FLINK-10052). */
    @Test
    void aLostConnectionIsNoLostLeader() throws Exception {
        final LeaderElection election = services(configuration).getDispatcherLeaderElection();
        final UUID id = lead(election, "dispatcher").awaitGrantEnd();
        final Proxy proxy = closing(new Proxy(boundPort(configuration)));
        final HighAvailabilityServices taskManager = services(dialling(proxy.port()));
        final TestingListener listener = listenTo(taskManager.getDispatcherLeaderRetriever());
        final TestingListener other = listenTo(taskManager.getResourceManagerLeaderRetriever());
        listener.await("dispatcher", id);
        proxy.cut();
        // It comes back after its session has ended: its value is kept all the same.
        for (int i = 0; i < 8; i++) {
            proxy.attempts.next();
        }
        proxy.restore(boundPort(configuration));
        listener.events.none();
        assertTrue(Elections.has(election, id));

        // What changes while it is away, it hears when it is back.
        proxy.cut();
        proxy.attempts.next();
        election.close();
        final HighAvailabilityServices next = services(configuration);
        final UUID nextId = lead(next.getDispatcherLeaderElection(), "next").awaitGrant();
        lead(next.getResourceManagerLeaderElection(), "manager").awaitGrant();
        proxy.restore(boundPort(configuration));
        listener.await("next", nextId);
        other.await("manager", nextId);
        listener.errors.none();
    }

    /** Retrieval 5: without the name service a value counts for the retrieval time-out. */
    @Test
    void aRetrieverKeepsItsValueForTheRetrievalTimeout() throws Exception {
        final LeaderElection election = services(configuration).getDispatcherLeaderElection();
        final UUID id = lead(election, "dispatcher").awaitGrantEnd();
        final Proxy proxy = closing(new Proxy(boundPort(configuration)));
        final Configuration brief = dialling(proxy.port());
        brief.setString(PREFIX + "retrieval-timeout", "1 s");
        final TestingListener listener =
                listenTo(services(brief).getDispatcherLeaderRetriever());
        listener.await("dispatcher", id);
        final long cut = System.nanoTime();
        proxy.cut();
        proxy.attempts.next();
        assertEquals(TestingListener.Leader.NONE, listener.events.next());
        final long kept = (System.nanoTime() - cut) / 1_000_000;
        assertTrue(kept >= 900, kept + " ms");
        proxy.restore(boundPort(configuration));
        assertEquals(new TestingListener.Leader("dispatcher", id), listener.events.next());
        listener.events.none();
    }

    /** A name service that is silent is as good as none, and is found again. */
    @Test
    void aSilentNameServiceIsLeftForAnother() throws Exception {
        final LeaderElection election = services(configuration).getDispatcherLeaderElection();
        final UUID id = lead(election, "dispatcher").awaitGrantEnd();
        final Proxy proxy = closing(new Proxy(boundPort(configuration)));
        proxy.silence();
        final TestingListener listener =
                listenTo(services(dialling(proxy.port())).getDispatcherLeaderRetriever());
        proxy.attempts.next();
        proxy.attempts.next();
        listener.events.none();
        proxy.restore(boundPort(configuration));
        listener.await("dispatcher", id);
    }

    /** Election 15: close ends without a name service, too, be it away or silent. */
    @Test
    void closeEndsWithoutANameService() throws Exception {
        for (boolean silent : new boolean[] {false, true}) {
            final Proxy proxy = closing(new Proxy(0));
            if (silent) {
                proxy.silence();
            }
            final HighAvailabilityServices taskManager = services(dialling(proxy.port()));
            listenTo(taskManager.getDispatcherLeaderRetriever());
            proxy.attempts.next();
            Blocking.promptly("closing the services", taskManager::close);
        }
    }

    /** Session ended: a revoke, and the candidate joins again by itself. */
    @Test
    void anEndedSessionIsARevokeAndTheCandidateJoinsAgain() throws Exception {
        final LeaderServer server =
                closing(LeaderServer.start(Map.of("listen", "127.0.0.1:0", "cold", "true"), null));
        final Proxy proxy = closing(new Proxy(server.port()));
        final LeaderClient client = remoteClient(proxy.port(), "remote");
        final LeaderElection election =
                new NativeLeaderElectionService(client).createLeaderElection("x");
        final TestingContender contender = lead(election, "x");
        final UUID id = contender.awaitGrantEnd();
        // A short disconnection is none.
        proxy.cut();
        proxy.attempts.next();
        proxy.restore(server.port());
        contender.events.none();
        assertTrue(Elections.has(election, id));

        proxy.cut();
        contender.awaitRevoke();
        assertFalse(Elections.has(election, id));
        contender.events.none();
        proxy.restore(server.port());
        final UUID next = contender.awaitGrantEnd();
        assertTrue(next.getMostSignificantBits() > id.getMostSignificantBits());
        election.close();
        contender.awaitRevoke();
    }

    /** A confirmation with an old id is ignored, and logged at debug level. */
    @Test
    void anOldConfirmationIsLogged() throws Exception {
        final LeaderElection election = services(configuration).getDispatcherLeaderElection();
        lead(election, "dispatcher").awaitGrantEnd();
        final UUID old = new UUID(1, 1);
        Elections.confirm(election, old, "old").join();
        logs.await(Level.DEBUG, "dispatcher", old.toString());
        election.close();
        Elections.confirm(election, old, "closed").join();
        logs.await(Level.DEBUG, "dispatcher", old.toString(), "close");
    }

    /** Another namespace than the one served is refused with a reason, logged at both ends. */
    @Test
    void anotherNamespaceIsRefused() throws Exception {
        final LeaderElection election = services(configuration).getDispatcherLeaderElection();
        lead(election, "dispatcher").awaitGrantEnd();
        final Configuration other = dialling(boundPort(configuration));
        other.setString("high-availability.cluster-id", "another-cluster");
        final TestingListener listener = listenTo(services(other).getDispatcherLeaderRetriever());
        final String key = "high-availability.cluster-id";
        logs.await(Level.ERROR, "another-cluster", key);
        listener.events.none();
        assertTrue(
                logs.lines.all().stream()
                        .anyMatch(
                                line ->
                                        line.logger.contains("server")
                                                && line.level.isMoreSpecificThan(Level.WARN)
                                                && line.text.contains("another-cluster")),
                logs.lines.all()::toString);
    }

    /** 12. To contenders such a misconfiguration is fatal, and nothing else is. */
    @Test
    void aContenderInAnotherNamespaceFails() throws Exception {
        final LeaderServer server =
                closing(
                        LeaderServer.start(
                                Map.of(
                                        "listen", "127.0.0.1:0",
                                        "cold", "true",
                                        "namespace", "served"),
                                null));
        final LeaderElection election =
                new NativeLeaderElectionService(remoteClient(server.port(), "another"))
                        .createLeaderElection("x");
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        final String message = contender.awaitError().getMessage();
        assertTrue(message.contains("'another'"), message);
        assertTrue(message.contains("high-availability.cluster-id"), message);
        // Once, however often it is tried.
        contender.events.none();
        election.close();
    }

    /** The two ways to hold elections do not mix in one cluster. */
    @Test
    void anotherModeOfElectionIsRefused() throws Exception {
        final Configuration shared = configuration(NameServices.EMBEDDED_NAMED);
        lead(services(shared).getDispatcherLeaderElection(), "first").awaitGrantEnd();
        shared.setString(Variant.ELECTION, "per-component");
        final LeaderElection election = services(shared).getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        final String message = contender.awaitError().getMessage();
        assertTrue(message.contains(Variant.ELECTION), message);
        assertTrue(message.contains("per-component"), message);
        contender.events.none();
    }
}

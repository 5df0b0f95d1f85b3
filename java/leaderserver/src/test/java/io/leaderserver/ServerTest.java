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


package io.leaderserver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient.Registration;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A server of this process, over TCP and without. */
class ServerTest {

    /** P1 to P6 over TCP: elect, publish, watch, hand over. */
    @Test
    void electionOverTcp() {
        try (LeaderServer server = Support.startServer();
                LeaderClient first = Support.open(Support.endpoint(server), "name", "first");
                LeaderClient second = Support.open(Support.endpoint(server), "name", "second")) {
            final RecordingContender a = new RecordingContender();
            final RecordingContender b = new RecordingContender();
            final RecordingWatcher watcher = new RecordingWatcher();
            final Registration atFirst = first.register("dispatcher", a);
            final UUID id = a.awaitGranted();
            second.watch("dispatcher", watcher);
            watcher.awaitNoLeader();
            final Registration atSecond = second.register("dispatcher", b);
            atFirst.confirm(id, "first");
            watcher.awaitLeader(id, "first");
            // P4: after a resignation at once.
            atFirst.close();
            a.awaitRevoked();
            final UUID next = b.awaitGranted();
            assertTrue(next.getMostSignificantBits() > id.getMostSignificantBits());
            atSecond.confirm(next, "second");
            watcher.awaitUntil(next);
            assertTrue(second.status(10_000).contains("dispatcher"));
        }
    }

    /** The longest address goes over the wire, too. */
    @Test
    void longAddressOverTcp() {
        try (LeaderServer server = Support.startServer();
                LeaderClient client = Support.open(Support.endpoint(server))) {
            final String address = "\uD800".repeat(65_536);
            final RecordingContender contender = new RecordingContender();
            final RecordingWatcher watcher = new RecordingWatcher();
            final Registration place = client.register("x", contender);
            final UUID id = contender.awaitGranted();
            client.watch("x", watcher);
            place.confirm(id, address);
            assertEquals(address, watcher.awaitUntil(id).address);
        }
    }

    /** DESIGN, section 5: the JobManager's own client uses the core in process, others TCP. */
    @Test
    void attachedClientAndRemoteWatcher() {
        try (LeaderServer server = Support.startServer();
                LeaderClient inside = unbound("inside");
                LeaderClient outside = Support.open(Support.endpoint(server))) {
            final RecordingContender contender = new RecordingContender();
            final RecordingWatcher watcher = new RecordingWatcher();
            outside.watch("dispatcher", watcher);
            watcher.awaitNoLeader();
            // Lazily bound: neither contender nor watch minds that there is no name service yet.
            final Registration place = inside.register("dispatcher", contender);
            inside.attach(server);
            final UUID id = contender.awaitGranted();
            place.confirm(id, "jobmanager");
            watcher.awaitLeader(id, "jobmanager");
        }
    }

    /** Watches already started move to the server that is attached, and back to none. */
    @Test
    void attachAndDetach() {
        try (LeaderServer first = Support.startServer();
                LeaderServer second = Support.startServer();
                LeaderClient client = unbound("moving")) {
            final RecordingContender contender = new RecordingContender();
            final RecordingWatcher watcher = new RecordingWatcher();
            final Registration place = client.register("x", contender);
            client.watch("x", watcher);

            client.attach(first);
            final UUID id = contender.awaitGranted();
            place.confirm(id, "at first");
            watcher.awaitUntil(id);

            client.detach();
            assertFalse(contender.awaitRevoked().isEmpty());
            assertFalse(place.hasLeadership(id));

            contender.forgetEpochs();
            client.attach(second);
            final UUID next = contender.awaitGranted();
            assertNotEquals(id, next);
            assertTrue(place.hasLeadership(next));
            place.confirm(next, "at second");
            watcher.awaitUntil(next);
        }
    }

    /** P5, R13: a server without durable state that comes back is another name service. */
    @Test
    void serverThatComesBackIsJoinedAnew() {
        final LeaderServer old = Support.startServer();
        final int port = old.port();
        try (LeaderClient client =
                Support.open(
                        Support.endpoint(old),
                        "session-timeout", "2000",
                        "disconnect-grace", "200")) {
            final RecordingContender contender = new RecordingContender();
            final RecordingWatcher watcher = new RecordingWatcher();
            final Registration place = client.register("x", contender);
            final UUID id = contender.awaitGranted();
            client.watch("x", watcher);
            place.confirm(id, "before");
            watcher.awaitUntil(id);
            old.close();
            assertEquals(0, old.port());
            contender.forgetEpochs();
            try (LeaderServer again = Support.startServer("listen", "127.0.0.1:" + port)) {
                assertEquals(port, again.port());
                contender.awaitRevoked();
                final UUID next = contender.awaitGranted();
                // R13: epochs of a server without memory start from the clock.
                assertTrue(next.getMostSignificantBits() > id.getMostSignificantBits());
                place.confirm(next, "after");
                assertEquals("after", watcher.awaitUntil(next).address);
            }
        }
    }

    /** DESIGN, section 6: a port in use is named, with its host; a free one is free at once. */
    @Test
    void portInUseIsNamed() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            final String listen = "127.0.0.1:" + taken.getLocalPort();
            final LeaderServerException refused =
                    assertThrows(
                            LeaderServerException.class,
                            () -> Support.startServer("listen", listen));
            assertEquals(LeaderServerException.ADDRESS_IN_USE, refused.code());
            assertTrue(refused.getMessage().contains(listen), refused.getMessage());
        }
        final LeaderServer server = Support.startServer();
        final int port = server.port();
        server.close();
        server.close();
        for (int i = 0; i < 10; i++) {
            Support.startServer("listen", "127.0.0.1:" + port).close();
        }
    }

    /** Section 6: what needs an answer fails after its time, naming the endpoint. */
    @Test
    void unreachableIsNamed() throws Exception {
        final int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            port = free.getLocalPort();
        }
        try (LeaderClient client = Support.open("leader://127.0.0.1:" + port)) {
            final LeaderServerException unreachable =
                    assertThrows(LeaderServerException.class, () -> client.status(300));
            assertEquals(LeaderServerException.UNREACHABLE, unreachable.code());
            assertTrue(
                    unreachable.getMessage().contains("127.0.0.1:" + port),
                    unreachable.getMessage());
            // Opening, electing and watching are no errors: they go on trying.
            client.register("x", new RecordingContender());
            client.watch("x", new RecordingWatcher());
        }
    }

    /** LESSONS 38: a namespace that is not served is refused, with a reason. */
    @Test
    void wrongNamespaceFails() {
        try (LeaderServer server = Support.startServer("namespace", "mine");
                LeaderClient client =
                        Support.open(Support.endpoint(server), "namespace", "yours")) {
            final RecordingContender contender = new RecordingContender();
            client.register("x", contender);
            final Throwable error = contender.await(RecordingContender.Kind.FAILED).error;
            assertEquals(
                    LeaderServerException.REFUSED, ((LeaderServerException) error).code());
            assertTrue(error.getMessage().contains("yours"), error.getMessage());
        }
    }

    /** A server without a listener is there for this process only. */
    @Test
    void serverWithoutListener() {
        final Map<String, String> options = Support.options("cold", "true");
        try (LeaderServer server = LeaderServer.start(options, null);
                LeaderClient client = unbound("inside")) {
            assertEquals(0, server.port());
            client.attach(server);
            final RecordingContender contender = new RecordingContender();
            client.register("x", contender);
            contender.awaitGranted();
        }
    }

    private static LeaderClient unbound(String name) {
        return LeaderClient.open(
                Support.options("namespace", "test", "name", name, "stall-exempt", "true"), null);
    }
}

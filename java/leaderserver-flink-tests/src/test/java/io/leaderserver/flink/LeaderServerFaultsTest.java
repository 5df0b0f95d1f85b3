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
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderServer;
import io.leaderserver.LeaderServerException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.runtime.checkpoint.CheckpointIDCounter;
import org.junit.jupiter.api.Test;

/**
 * What users of {@code leader://} get when something is wrong with that LeaderServer.
 *
 * <p>Seen to fail: with a refusal that does not name the endpoint.
 */
class LeaderServerFaultsTest extends StoresTestBase {

    private static final String PREFIX = "high-availability.leader-server.";

    private void dial(int port) {
        configuration.setString(NameServices.ENDPOINT, "leader://127.0.0.1:" + port);
    }

    private static CheckpointIDCounter counter(JobManager manager) throws Exception {
        return manager.services
                .getCheckpointRecoveryFactory()
                .createCheckpointIDCounter(new JobID());
    }

    private LeaderServer server(Map<String, String> options) {
        final Map<String, String> all = new HashMap<>(options);
        all.putIfAbsent("listen", "127.0.0.1:0");
        all.put("cold", "true");
        return closing(LeaderServer.start(all, null));
    }

    /** Elections are waited for; what needs an answer fails in time, and says where. */
    @Test
    void aServerThatIsDownIsWaitedFor() throws Exception {
        final Proxy proxy = closing(new Proxy(0));
        dial(proxy.port());
        configuration.setString(PREFIX + "operation-timeout", "500 ms");
        final JobManager manager = new JobManager().contend();
        final CheckpointIDCounter counter = counter(manager);
        proxy.attempts.next();
        final LeaderServerException e =
                assertThrows(LeaderServerException.class, counter::get);
        assertEquals(LeaderServerException.UNREACHABLE, e.code());
        assertTrue(e.getMessage().contains("127.0.0.1:" + proxy.port()), e.getMessage());
        manager.contender.events.none();

        proxy.restore(NameServices.leaderServer().port());
        manager.contender.awaitGrantEnd();
        configuration.removeKey(PREFIX + "operation-timeout");
        assertEquals(1, counter(manager).getAndIncrement());
    }

    /** What was decided under a server without durable state is void when that has gone. */
    @Test
    void anotherIncarnationFencesWhatWasBefore() throws Exception {
        final LeaderServer first = server(Map.of());
        final int port = first.port();
        dial(port);
        configuration.setString(PREFIX + "session-timeout", "1 s");
        configuration.setString(PREFIX + "disconnect-grace", "200 ms");
        final JobManager manager = leader();
        final CheckpointIDCounter counter = counter(manager);
        assertEquals(1, counter.getAndIncrement());
        first.close();
        manager.contender.awaitRevoke();
        server(Map.of("listen", "127.0.0.1:" + port));
        manager.contender.awaitGrantEnd();
        assertFenced(counter::getAndIncrement);
        assertEquals(1, counter(manager).getAndIncrement());
    }

    /** The LeaderServer of another cluster's JobManager, say. */
    @Test
    void anotherNamespaceIsRefused() throws Exception {
        dial(server(Map.of("namespace", "another")).port());
        final JobManager manager = new JobManager().contend();
        final Exception told = manager.contender.awaitError();
        final String namespace = configuration.toMap().get("high-availability.cluster-id");
        assertNames(told, "'" + namespace + "'", "high-availability.cluster-id");
        final LeaderServerException e =
                assertThrows(LeaderServerException.class, counter(manager)::get);
        assertEquals(LeaderServerException.REFUSED, e.code());
        assertTrue(e.getMessage().contains("high-availability.cluster-id"), e.getMessage());
        manager.contender.events.none();
    }

    @Test
    void theOtherModeOfElectionIsRefused() throws Exception {
        leader();
        configuration.setString(Variant.ELECTION, "per-component");
        final JobManager other = new JobManager().contend();
        assertNames(other.contender.awaitError(), Variant.ELECTION, "per-component");
    }

    /** Too new or too old: the server says why it has no word in common. */
    @Test
    void aServerOfAnotherAgeIsNamed() throws Exception {
        final String reason = "the client speaks versions 1 to 1 of the wire, the server 7 to 9";
        try (ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            refuse(listener, reason);
            dial(listener.getLocalPort());
            assertNames(new JobManager().contend().contender.awaitError(), reason);
        }
    }

    private void assertNames(Exception told, String... words) {
        assertInstanceOf(IllegalConfigurationException.class, told);
        final String message = told.getMessage();
        assertTrue(message.contains(NameServices.ENDPOINT), message);
        assertTrue(message.contains(configuration.toMap().get(NameServices.ENDPOINT)), message);
        for (String word : words) {
            assertTrue(message.contains(word), message);
        }
    }

    /** Answers every hello with a refusal for its version: see proto/leaderserver.proto. */
    private static void refuse(ServerSocket listener, String reason) {
        final Thread thread =
                new Thread(
                        () -> {
                            while (!listener.isClosed()) {
                                try (Socket socket = listener.accept()) {
                                    refuse(socket, reason);
                                } catch (IOException e) {
                                    // It was closed, or the client was faster.
                                }
                            }
                        },
                        "refusing");
        thread.setDaemon(true);
        thread.start();
    }

    private static void refuse(Socket socket, String reason) throws IOException {
        final DataInputStream in = new DataInputStream(socket.getInputStream());
        in.readFully(new byte[in.readInt()]);
        final byte[] text = reason.getBytes(StandardCharsets.UTF_8);
        final DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        out.writeInt(6 + text.length);
        // ServerFrame.refused, of it the code (version) and the reason.
        out.write(new byte[] {0x12, (byte) (4 + text.length), 0x08, 1, 0x12, (byte) text.length});
        out.write(text);
        out.flush();
        // Until the client has read it, and left.
        in.read();
    }
}

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

import io.leaderserver.LeaderServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.configuration.Configuration;

/** The name services that one suite runs over. A further one joins as a constant. */
enum NameServices {
    /** {@code embedded:}, of which every instance of the services has its own. */
    EMBEDDED {
        @Override
        void configure(Configuration configuration) {
            configuration.setString(ENDPOINT, "embedded:");
        }
    },

    /** {@code embedded:NAME}, over which instances made from one configuration compete. */
    EMBEDDED_NAMED {
        @Override
        void configure(Configuration configuration) {
            configuration.setString(ENDPOINT, "embedded:" + UUID.randomUUID());
        }
    },

    /** {@code jobmanager:} with a port that is picked, and told by the live configuration. */
    JOB_MANAGER {
        @Override
        void configure(Configuration configuration) {
            configuration.setString(ENDPOINT, "jobmanager:");
            configuration.setString(PORT, "0");
        }
    },

    /** {@code jobmanager://host:port}, for a JobManager and for those who dial it. */
    JOB_MANAGER_ADDRESS {
        @Override
        void configure(Configuration configuration) {
            final int port = freePort();
            configuration.setString(ENDPOINT, "jobmanager://127.0.0.1:" + port);
            configuration.setString(PORT, Integer.toString(port));
        }
    },

    /** {@code leader://host:port}, a LeaderServer that outlives the services. */
    LEADER_SERVER {
        @Override
        void configure(Configuration configuration) {
            configuration.setString(ENDPOINT, "leader://127.0.0.1:" + leaderServer().port());
            configuration.setString(STORAGE, temporaryDirectory());
        }
    };

    static final String ENDPOINT = "high-availability.leader-server.endpoint";
    static final String STORAGE = "high-availability.storageDir";
    static final String PORT = "high-availability.leader-server.port";

    private static LeaderServer leaderServer;

    /** One for all tests of this process, each of which has a namespace of its own. */
    static synchronized LeaderServer leaderServer() {
        if (leaderServer == null) {
            leaderServer =
                    LeaderServer.start(Map.of("listen", "127.0.0.1:0", "cold", "true"), null);
        }
        return leaderServer;
    }

    private static String temporaryDirectory() {
        try {
            final Path parent = Files.createDirectories(Path.of("target", "storage"));
            return Files.createTempDirectory(parent, "").toAbsolutePath().toUri().toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Sets the keys that say which name service. */
    abstract void configure(Configuration configuration);

    /** A port of the loopback interface that nobody listens on just now. */
    static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

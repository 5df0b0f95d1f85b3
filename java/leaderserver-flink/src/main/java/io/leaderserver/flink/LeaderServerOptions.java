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

import java.time.Duration;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;

/**
 * The keys that LeaderServer reads from Flink's configuration, beside Flink's own ({@code
 * high-availability.type}, {@code high-availability.cluster-id}, {@code
 * high-availability.storageDir}, {@code jobmanager.rpc.address}, {@code security.ssl.internal.*}).
 *
 * <p>A value that can't be used is refused when the high availability services are created, with an
 * {@link org.apache.flink.configuration.IllegalConfigurationException} that names the key, the
 * value and what to give instead.
 */
public final class LeaderServerOptions {

    private static final String PREFIX = "high-availability.leader-server.";

    /**
     * Which name service: {@code jobmanager:[//host:port]}, {@code leader://host:port} or {@code
     * embedded:[NAME]}.
     */
    public static final ConfigOption<String> ENDPOINT =
            ConfigOptions.key(PREFIX + "endpoint")
                    .stringType()
                    .defaultValue("jobmanager:")
                    .withDescription(
                            "The name service. 'jobmanager:' is a LeaderServer inside the"
                                + " JobManager, found at jobmanager.rpc.address;"
                                + " 'jobmanager://host:port' is the same, found by others at"
                                + " host:port; 'leader://host:port' is a LeaderServer of its own,"
                                + " over which JobManagers take over from each other, and needs"
                                + " high-availability.storageDir; 'embedded:' and 'embedded:NAME'"
                                + " are in process, for tests.");

    /** Port of the LeaderServer inside the JobManager; 0 picks a free one. */
    public static final ConfigOption<Integer> PORT =
            ConfigOptions.key(PREFIX + "port")
                    .intType()
                    .defaultValue(6130)
                    .withDescription(
                            "The port of the LeaderServer on the JobManager. 0 picks a free one,"
                                + " which is the default on YARN; TaskManagers must then be told"
                                + " the endpoint, as YARN's and Kubernetes' resource managers do.");

    /** Interface that the LeaderServer inside the JobManager binds. */
    public static final ConfigOption<String> BIND_HOST =
            ConfigOptions.key(PREFIX + "bind-host")
                    .stringType()
                    .noDefaultValue()
                    .withDescription(
                            "The interface that the LeaderServer on the JobManager binds. Default:"
                                    + " jobmanager.bind-host, else all interfaces.");

    /** Silence after which a session ends; at least 100 ms. */
    public static final ConfigOption<Duration> SESSION_TIMEOUT =
            ConfigOptions.key(PREFIX + "session-timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(10))
                    .withDescription(
                            "The silence after which a session ends, and with it a leadership.");

    /** How long a session outlives its connection; at most half of the session time-out. */
    public static final ConfigOption<Duration> DISCONNECT_GRACE =
            ConfigOptions.key(PREFIX + "disconnect-grace")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(1))
                    .withDescription(
                            "How long a session may be resumed after its connection was seen to"
                                + " end, so that a killed process is replaced fast. At most half"
                                + " of the session time-out.");

    /** How long a JVM may leave its events unfetched before it loses leadership; 0 for ever. */
    public static final ConfigOption<Duration> STALL_TIMEOUT =
            ConfigOptions.key(PREFIX + "stall-timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(60))
                    .withDescription(
                            "How long a JVM may stand still before it gives up leadership; 0"
                                + " switches this off. A JobManager that uses the LeaderServer in"
                                + " its own process is exempt.");

    /** How long a retriever without the name service keeps its value. */
    public static final ConfigOption<Duration> RETRIEVAL_TIMEOUT =
            ConfigOptions.key(PREFIX + "retrieval-timeout")
                    .durationType()
                    .noDefaultValue()
                    .withDescription(
                            "How long a leader that was found counts after the name service was"
                                + " lost. Default: the session time-out; with 'jobmanager:' for"
                                + " ever, because Flink's own heartbeat judges that process.");

    /** How long what needs an answer from the name service waits. */
    public static final ConfigOption<Duration> OPERATION_TIMEOUT =
            ConfigOptions.key(PREFIX + "operation-timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(30))
                    .withDescription(
                            "How long an operation that needs an answer waits for the name"
                                    + " service.");

    /** {@code per-process} or {@code per-component}. */
    public static final ConfigOption<String> ELECTION =
            ConfigOptions.key(PREFIX + "election")
                    .stringType()
                    .defaultValue("per-process")
                    .withDescription(
                            "Whether all components of a process share one election"
                                + " ('per-process') or each has its own ('per-component'). The"
                                + " same in all processes of a cluster.");

    /** Directory in which the native library is unpacked. */
    public static final ConfigOption<String> NATIVE_DIR =
            ConfigOptions.key(PREFIX + "native-dir")
                    .stringType()
                    .noDefaultValue()
                    .withDescription(
                            "Where the native library is unpacked, a directory from which"
                                + " libraries may be loaded. Default: java.io.tmpdir, then"
                                + " io.tmp.dirs.");

    private LeaderServerOptions() {}
}

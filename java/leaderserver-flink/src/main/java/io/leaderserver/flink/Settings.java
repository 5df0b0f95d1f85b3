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

import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ConfigurationUtils;
import org.apache.flink.configuration.HighAvailabilityOptions;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.configuration.JobManagerOptions;

/** Everything that is configured, read and checked once. Durations are milliseconds. */
final class Settings {

    private static final ConfigOption<String> YARN_APPLICATION_ID =
            ConfigOptions.key("yarn.application.id").stringType().noDefaultValue();

    /** What YARN's application master finds in its environment; its configuration has no id. */
    private static final String YARN_APPLICATION_ID_VARIABLE = "_APP_ID";

    private static final long MIN_SESSION_TIMEOUT_MS = 100;

    /** Longer than any time-out that is meant; the name service refuses more. */
    private static final long MAX_DURATION_MS = Duration.ofDays(365).toMillis();

    /** What a LeaderServer accepts unless it is told otherwise. */
    private static final long DEFAULT_MAX_SESSION_TIMEOUT_MS = 30_000;

    private static final long FOR_EVER = -1;

    private static final String PER_PROCESS = "per-process";
    private static final String PER_COMPONENT = "per-component";

    private final Endpoint endpoint;
    private final String namespace;
    private final String jobManagerHost;
    private final int port;
    private final String bindHost;
    private final long sessionTimeoutMs;
    private final long disconnectGraceMs;
    private final long stallTimeoutMs;
    private final long retrievalTimeoutMs;
    private final long operationTimeoutMs;
    private final String election;
    private final List<String> nativeDirectories;
    private final boolean yarn;

    /**
     * Reads a configuration.
     *
     * @throws IllegalConfigurationException naming key, value and remedy
     */
    static Settings of(Configuration configuration) {
        return new Settings(configuration, System.getenv());
    }

    Settings(Configuration configuration, Map<String, String> environment) {
        yarn =
                configuration.contains(YARN_APPLICATION_ID)
                        || environment.containsKey(YARN_APPLICATION_ID_VARIABLE);
        endpoint = Endpoint.parse(configuration.get(LeaderServerOptions.ENDPOINT));
        namespace = readNamespace(configuration);
        jobManagerHost = usable(configuration.get(JobManagerOptions.ADDRESS));
        port = readPort(configuration, yarn);
        bindHost = readBindHost(configuration);
        sessionTimeoutMs =
                readMillis(
                        configuration, LeaderServerOptions.SESSION_TIMEOUT, MIN_SESSION_TIMEOUT_MS);
        disconnectGraceMs = readMillis(configuration, LeaderServerOptions.DISCONNECT_GRACE, 0);
        stallTimeoutMs = readMillis(configuration, LeaderServerOptions.STALL_TIMEOUT, 0);
        operationTimeoutMs = readMillis(configuration, LeaderServerOptions.OPERATION_TIMEOUT, 1);
        if (configuration.contains(LeaderServerOptions.RETRIEVAL_TIMEOUT)) {
            retrievalTimeoutMs =
                    readMillis(configuration, LeaderServerOptions.RETRIEVAL_TIMEOUT, 0);
        } else {
            retrievalTimeoutMs =
                    endpoint.kind() == Endpoint.Kind.JOB_MANAGER ? FOR_EVER : sessionTimeoutMs;
        }
        if (disconnectGraceMs > sessionTimeoutMs / 2) {
            throw refused(
                    LeaderServerOptions.DISCONNECT_GRACE,
                    disconnectGraceMs + " ms",
                    "give at most half of "
                            + LeaderServerOptions.SESSION_TIMEOUT.key()
                            + ", which is "
                            + sessionTimeoutMs
                            + " ms",
                    null);
        }
        election = readElection(configuration);
        nativeDirectories = readNativeDirectories(configuration);
    }

    private static String readNamespace(Configuration configuration) {
        final String id = configuration.get(HighAvailabilityOptions.HA_CLUSTER_ID);
        if (id == null || id.trim().isEmpty()) {
            throw refused(
                    HighAvailabilityOptions.HA_CLUSTER_ID, id, "give the cluster a name", null);
        }
        return id;
    }

    private static int readPort(Configuration configuration, boolean yarn) {
        if (yarn && !configuration.contains(LeaderServerOptions.PORT)) {
            return 0;
        }
        final String remedy = "give a port from 0 to 65535";
        final int port = read(configuration, LeaderServerOptions.PORT, remedy);
        if (port < 0 || port > HostPort.MAX_PORT) {
            throw refused(LeaderServerOptions.PORT, port, remedy, null);
        }
        return port;
    }

    private static String readBindHost(Configuration configuration) {
        String host = configuration.get(LeaderServerOptions.BIND_HOST);
        if (host == null || host.trim().isEmpty()) {
            host = configuration.get(JobManagerOptions.BIND_HOST);
        }
        if (host == null || host.trim().isEmpty() || host.trim().equals("*")) {
            host = "0.0.0.0";
        }
        return host.trim();
    }

    private static String readElection(Configuration configuration) {
        final String value = configuration.get(LeaderServerOptions.ELECTION).trim();
        if (!value.equals(PER_PROCESS) && !value.equals(PER_COMPONENT)) {
            throw refused(
                    LeaderServerOptions.ELECTION,
                    value,
                    "give " + PER_PROCESS + " or " + PER_COMPONENT,
                    null);
        }
        return value;
    }

    private static List<String> readNativeDirectories(Configuration configuration) {
        final Set<String> directories = new LinkedHashSet<>();
        final String configured = configuration.get(LeaderServerOptions.NATIVE_DIR);
        if (configured != null && !configured.trim().isEmpty()) {
            directories.add(new File(configured.trim()).getAbsolutePath());
        }
        directories.add(new File(System.getProperty("java.io.tmpdir")).getAbsolutePath());
        for (String directory : ConfigurationUtils.parseTempDirectories(configuration)) {
            directories.add(new File(directory).getAbsolutePath());
        }
        return Collections.unmodifiableList(new ArrayList<>(directories));
    }

    private static long readMillis(
            Configuration configuration, ConfigOption<Duration> option, long least) {
        final String remedy =
                "give a duration such as '10 s', of at least " + least + " ms and at most 365 d";
        final Duration duration = read(configuration, option, remedy);
        final boolean representable = duration.getSeconds() <= MAX_DURATION_MS / 1000;
        if (!representable || duration.toMillis() < least) {
            throw refused(option, duration, remedy, null);
        }
        return duration.toMillis();
    }

    private static <T> T read(Configuration configuration, ConfigOption<T> option, String remedy) {
        try {
            return configuration.getOptional(option).orElse(option.defaultValue());
        } catch (IllegalArgumentException | ClassCastException e) {
            throw refused(option, configuration.toMap().get(option.key()), remedy, e);
        }
    }

    /** The exception for a value that can't be used. */
    static IllegalConfigurationException refused(
            ConfigOption<?> option, Object value, String remedy, Throwable cause) {
        final String message =
                "The configuration has " + option.key() + ": '" + value + "', but: " + remedy + ".";
        return new IllegalConfigurationException(message, cause);
    }

    private static String usable(String host) {
        return host == null || HostPort.isWildcard(host) ? null : host.trim();
    }

    Endpoint endpoint() {
        return endpoint;
    }

    String namespace() {
        return namespace;
    }

    /** Whether each component has an election to itself. */
    boolean isPerComponent() {
        return election.equals(PER_COMPONENT);
    }

    /** How long what needs an answer from the name service waits. */
    long operationTimeoutMs() {
        return operationTimeoutMs;
    }

    /** Whether this is a client or JobManager of a cluster on YARN. */
    boolean isYarn() {
        return yarn;
    }

    /** Port of the LeaderServer in the JobManager; 0 picks one. */
    int port() {
        return port;
    }

    /** Interface the LeaderServer in the JobManager binds; never null. */
    String bindHost() {
        return bindHost;
    }

    /** The JobManager's host as others dial it; null where it is not known. */
    String jobManagerHost() {
        return jobManagerHost;
    }

    /** Directories for the native library, in the order in which they are tried. */
    List<String> nativeDirectories() {
        return nativeDirectories;
    }

    /**
     * The endpoint that {@link io.leaderserver.LeaderClient} is opened with; null where no address
     * is known, so that only a server of this process can be its name service.
     */
    String dialled() {
        if (endpoint.kind() == Endpoint.Kind.EMBEDDED) {
            return endpoint.toString();
        }
        if (endpoint.address() != null) {
            return "leader://" + endpoint.address();
        }
        if (jobManagerHost == null || port == 0) {
            return null;
        }
        return "leader://" + new HostPort(jobManagerHost, port);
    }

    /** Options for {@link io.leaderserver.LeaderClient#open}. */
    Map<String, String> clientOptions(String name) {
        final Map<String, String> options = new LinkedHashMap<>();
        final String dialled = dialled();
        if (dialled != null) {
            options.put("endpoint", dialled);
        }
        options.put("namespace", namespace);
        options.put("name", name);
        options.put("session-timeout", Long.toString(sessionTimeoutMs));
        options.put("disconnect-grace", Long.toString(disconnectGraceMs));
        options.put("stall-timeout", Long.toString(stallTimeoutMs));
        options.put("retrieval-timeout", Long.toString(retrievalTimeoutMs));
        options.put("operation-timeout", Long.toString(operationTimeoutMs));
        options.put("election", election);
        options.put("stall-exempt", Boolean.toString(isStallExempt()));
        return options;
    }

    /** Nobody else can lead where the server is this process's own: a revoke would only harm. */
    private boolean isStallExempt() {
        return endpoint.kind() == Endpoint.Kind.JOB_MANAGER || endpoint.isPrivate();
    }

    /** Options for {@link io.leaderserver.LeaderServer#start}, to listen on this port. */
    Map<String, String> serverOptions(int port) {
        final Map<String, String> options = new LinkedHashMap<>();
        options.put("listen", new HostPort(bindHost, port).toString());
        options.put("namespace", namespace);
        options.put(
                "max-session-timeout",
                Long.toString(Math.max(sessionTimeoutMs, DEFAULT_MAX_SESSION_TIMEOUT_MS)));
        return options;
    }
}

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

import io.leaderserver.LeaderClient;
import io.leaderserver.LeaderServerException;
import io.leaderserver.NativeLibrary;
import io.leaderserver.TlsMaterial;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.apache.flink.util.FlinkRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Election and retrieval of one instance of high availability services, whatever else these store:
 * one client, and with {@code jobmanager:} the LeaderServer that runs while elections are open.
 */
final class Leadership implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Leadership.class);

    private final Settings settings;
    private final LeaderClient client;

    /** Null unless the endpoint is {@code jobmanager:}. */
    private final LocalServer localServer;

    private final Grants grants;
    private final NativeLeaderElectionService elections;

    private Leadership(
            Settings settings, Configuration configuration, TlsMaterial tls, LeaderClient client) {
        this.settings = settings;
        this.client = client;
        this.localServer =
                settings.endpoint().kind() == Endpoint.Kind.JOB_MANAGER
                        ? new LocalServer(settings, configuration, tls, client)
                        : null;
        this.grants = new Grants(!settings.isPerComponent());
        this.elections =
                new NativeLeaderElectionService(
                        client,
                        localServer == null ? OpenElections.IGNORED : localServer,
                        grants,
                        LeaderServerOptions.ENDPOINT.key() + ": '" + settings.endpoint() + "'");
    }

    /**
     * Loads the library and opens the client; connects to nothing.
     *
     * @param configuration the live configuration of the process
     * @throws IllegalConfigurationException if something that is configured can't be used
     */
    static Leadership open(Settings settings, Configuration configuration) {
        final TlsMaterial tls =
                settings.endpoint().isRemote() ? InternalTls.load(configuration) : null;
        return new Leadership(settings, configuration, tls, openClient(settings, tls));
    }

    /** Loads the library and opens a client; connects to nothing. */
    static LeaderClient openClient(Settings settings, TlsMaterial tls) {
        loadLibrary(settings);
        try {
            return LeaderClient.open(settings.clientOptions(processName()), tls);
        } catch (LeaderServerException e) {
            if (e.code() == LeaderServerException.INVALID_ARGUMENT) {
                throw new IllegalConfigurationException(e.getMessage(), e);
            }
            throw e;
        }
    }

    private static void loadLibrary(Settings settings) {
        try {
            NativeLibrary.load(settings.nativeDirectories());
        } catch (LeaderServerException e) {
            throw new FlinkRuntimeException(
                    e.getMessage()
                            + " In Flink's configuration, "
                            + LeaderServerOptions.NATIVE_DIR.key()
                            + " names a directory that is tried first.",
                    e);
        }
    }

    /** Process id and host, by which status and logs tell clients apart. */
    private static String processName() {
        return ManagementFactory.getRuntimeMXBean().getName();
    }

    /** The election of a component; with {@code jobmanager:} the first starts the LeaderServer. */
    LeaderElection election(String componentId) {
        return elections.createLeaderElection(componentId);
    }

    /** A retriever of a component. */
    LeaderRetrievalService retriever(String componentId) {
        return new NativeLeaderRetrievalService(client, componentId, this::warnIfUnfindable);
    }

    /**
     * The keys of Flink's metadata, to be written under the epoch of the grant last delivered here;
     * only to be read if there was none. The keys belong to the dispatcher's election, also where
     * each component has an election to itself.
     */
    FencedKeys keys() {
        final String election = client.electionOf(ComponentIds.DISPATCHER);
        final Map<String, Long> epochs = new HashMap<>();
        grants.last().ifPresent(epoch -> epochs.put(election, epoch));
        return new FencedKeys(client.store(election, epochs), settings.operationTimeoutMs());
    }

    /** Without an address, and without the prospect of a server here, a retriever never ends. */
    private void warnIfUnfindable() {
        if (settings.dialled() == null
                && settings.jobManagerHost() != null
                && !localServer.isRunning()) {
            LOG.warn(
                    "{} is 0, so this process can't know where the LeaderServer of the JobManager"
                            + " on {} ({}) is. It waits; set {} or {}.",
                    LeaderServerOptions.PORT.key(),
                    settings.jobManagerHost(),
                    JobManagerOptions.ADDRESS.key(),
                    LeaderServerOptions.PORT.key(),
                    LeaderServerOptions.ENDPOINT.key());
        }
    }

    /**
     * Ends everything: no contender leads, and none is called back any more. Idempotent.
     *
     * @throws IllegalStateException at the end, if elections were left open
     */
    @Override
    public void close() {
        final Set<String> left = elections.abandon();
        try {
            client.close();
        } finally {
            if (localServer != null) {
                localServer.close();
            }
        }
        if (!left.isEmpty()) {
            throw new IllegalStateException(
                    "The high availability services were closed before the elections of "
                            + left
                            + ".");
        }
    }
}

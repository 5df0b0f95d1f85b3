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
import io.leaderserver.LeaderServer;
import io.leaderserver.LeaderServerException;
import io.leaderserver.TlsMaterial;
import java.net.InetAddress;
import java.net.UnknownHostException;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.util.FlinkRuntimeException;
import org.apache.flink.util.Preconditions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The LeaderServer inside a JobManager. It runs while an election is open: only a JobManager opens
 * elections, so this is what makes a process the JobManager.
 *
 * <p>While it runs, the client of these services uses it in process; what the client elects and
 * watches moves there and back. Thread-safe; no user code runs under its lock.
 */
final class LocalServer implements OpenElections {

    private static final Logger LOG = LoggerFactory.getLogger(LocalServer.class);

    private final Settings settings;
    private final Configuration configuration;
    private final TlsMaterial tls;
    private final LeaderClient client;

    private LeaderServer server;
    private int open;
    private int boundPort;
    private boolean closed;

    /**
     * @param configuration the live configuration, into which the address of the server is written
     * @param tls null for plain TCP
     */
    LocalServer(
            Settings settings, Configuration configuration, TlsMaterial tls, LeaderClient client) {
        this.settings = settings;
        this.configuration = configuration;
        this.tls = tls;
        this.client = client;
    }

    @Override
    public synchronized void opened() {
        Preconditions.checkState(!closed, "The high availability services are closed.");
        if (open == 0) {
            start();
        }
        open++;
    }

    @Override
    public synchronized void closed() {
        open--;
        if (open == 0 && !closed) {
            stop();
        }
    }

    synchronized boolean isRunning() {
        return server != null;
    }

    /** Stops the server, whatever is open; it does not start again. */
    synchronized void close() {
        closed = true;
        stop();
    }

    private void start() {
        // The port that others were told, when there was a server before.
        final int port = boundPort == 0 ? settings.port() : boundPort;
        final LeaderServer started;
        try {
            started = LeaderServer.start(settings.serverOptions(port), tls);
        } catch (LeaderServerException e) {
            throw new FlinkRuntimeException(cannotStart(port, e), e);
        }
        try {
            client.attach(started);
        } catch (RuntimeException e) {
            started.close();
            throw e;
        }
        server = started;
        boundPort = started.port();
        LOG.info(
                "The LeaderServer of {} listens on {}.",
                settings.namespace(),
                new HostPort(settings.bindHost(), boundPort));
        if (settings.endpoint().address() == null) {
            publish();
        }
    }

    private void stop() {
        if (server == null) {
            return;
        }
        final LeaderServer stopped = server;
        server = null;
        try {
            client.detach();
        } finally {
            stopped.close();
        }
        LOG.debug("The LeaderServer of {} has stopped.", settings.namespace());
    }

    private String cannotStart(int port, LeaderServerException reason) {
        final String message =
                "The LeaderServer of this JobManager can't listen on "
                        + new HostPort(settings.bindHost(), port)
                        + ": "
                        + reason.getMessage();
        if (reason.code() != LeaderServerException.ADDRESS_IN_USE) {
            return message;
        }
        return message
                + ". Give another port (or 0, for any) with "
                + LeaderServerOptions.PORT.key()
                + " or another interface with "
                + LeaderServerOptions.BIND_HOST.key()
                + ".";
    }

    /** Says where the server is, to those who copy the configuration for their TaskManagers. */
    private void publish() {
        final String endpoint = "jobmanager://" + new HostPort(advertisedHost(), boundPort);
        try {
            configuration.set(LeaderServerOptions.ENDPOINT, endpoint);
            configuration.set(LeaderServerOptions.PORT, boundPort);
        } catch (RuntimeException e) {
            LOG.debug("The configuration was not told of {}: {}", endpoint, e.toString());
        }
    }

    private String advertisedHost() {
        if (settings.jobManagerHost() != null) {
            return settings.jobManagerHost();
        }
        if (!HostPort.isWildcard(settings.bindHost())) {
            return settings.bindHost();
        }
        try {
            return InetAddress.getLocalHost().getHostAddress();
        } catch (UnknownHostException e) {
            return InetAddress.getLoopbackAddress().getHostAddress();
        }
    }
}

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
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.leaderelection.LeaderContender;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.util.Preconditions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The election of one component.
 *
 * <p>{@link LeaderElection} changed in patch releases of Flink: 1.20.0 asks for {@link
 * #confirmLeadership} and {@link #hasLeadership}, 1.20.1 for {@link #confirmLeadershipAsync} and
 * {@link #hasLeadershipAsync} (FLINK-36451). This class has all four, so that it serves either;
 * none of them is marked as overriding, and none ever waits.
 */
final class NativeLeaderElection implements LeaderElection {

    private static final Logger LOG = LoggerFactory.getLogger(NativeLeaderElection.class);

    private final NativeLeaderElectionService service;
    private final String componentId;

    // Written under the lock of this object, under which no contender is called.
    private volatile LeaderClient.Registration registration;
    private volatile boolean closed;

    NativeLeaderElection(NativeLeaderElectionService service, String componentId) {
        this.service = service;
        this.componentId = componentId;
    }

    String componentId() {
        return componentId;
    }

    /**
     * Registers the contender and joins the election.
     *
     * @throws IllegalStateException if this election was started or closed before, a contender is
     *     registered for the component, or the service is closed
     */
    @Override
    public void startLeaderElection(LeaderContender contender) {
        Objects.requireNonNull(contender, "contender");
        synchronized (this) {
            Preconditions.checkState(
                    !closed, "The election of component '%s' is closed.", componentId);
            Preconditions.checkState(
                    registration == null,
                    "The election of component '%s' was started before.",
                    componentId);
            registration = service.register(this, new Adapter(contender));
        }
    }

    /**
     * Publishes the address of a leader, if it still is one; says so at debug level if not.
     *
     * @throws IllegalStateException if this registration has confirmed this id before
     * @throws IllegalArgumentException if the election was never started, or the address is too
     *     long to be carried
     */
    public void confirmLeadership(UUID leaderSessionId, String leaderAddress) {
        Objects.requireNonNull(leaderSessionId, "leaderSessionId");
        Objects.requireNonNull(leaderAddress, "leaderAddress");
        final LeaderClient.Registration current = registration;
        if (closed) {
            LOG.debug("{}: {} is confirmed after close.", componentId, leaderSessionId);
            return;
        }
        if (current == null) {
            throw new IllegalArgumentException(
                    "The election of component '" + componentId + "' was never started.");
        }
        final LeaderClient.Confirmation answer = current.confirm(leaderSessionId, leaderAddress);
        if (answer != LeaderClient.Confirmation.CONFIRMED) {
            LOG.debug(
                    "{}: {} is confirmed in vain ({}).", componentId, leaderSessionId, answer);
        }
    }

    /**
     * As {@link #confirmLeadership}, with a future that is complete when it is returned. A second
     * confirmation fails the future; nothing that happens to the name service does.
     */
    public CompletableFuture<Void> confirmLeadershipAsync(
            UUID leaderSessionId, String leaderAddress) {
        final CompletableFuture<Void> done = new CompletableFuture<>();
        try {
            confirmLeadership(leaderSessionId, leaderAddress);
            done.complete(null);
        } catch (IllegalStateException e) {
            done.completeExceptionally(e);
        }
        return done;
    }

    /** Whether the contender leads under this id at this moment; false after close. */
    public boolean hasLeadership(UUID leaderSessionId) {
        Objects.requireNonNull(leaderSessionId, "leaderSessionId");
        final LeaderClient.Registration current = registration;
        return current != null && !closed && current.hasLeadership(leaderSessionId);
    }

    /** As {@link #hasLeadership}, with a future that is complete when it is returned. */
    public CompletableFuture<Boolean> hasLeadershipAsync(UUID leaderSessionId) {
        return CompletableFuture.completedFuture(hasLeadership(leaderSessionId));
    }

    /**
     * Revokes the contender in this thread if it leads, and withdraws its leader information. Waits
     * for no callback that runs on another thread. Idempotent.
     */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        try {
            if (registration != null) {
                service.unregister(this);
                registration.close();
            }
        } finally {
            service.electionClosed();
        }
    }

    /** Translates between the client's contender and Flink's. */
    private final class Adapter implements LeaderClient.Contender {

        private final LeaderContender contender;

        Adapter(LeaderContender contender) {
            this.contender = contender;
        }

        @Override
        public void granted(UUID id) {
            awaitStarted();
            service.delivering(NativeLeaderElection.this, id);
            contender.grantLeadership(id);
        }

        @Override
        public void revoked(String reason) {
            LOG.debug("{}: leadership is revoked: {}.", componentId, reason);
            contender.revokeLeadership();
        }

        @Override
        public void failed(Throwable error) {
            contender.handleError(service.toldAs(error));
        }
    }

    /**
     * A grant may come before {@link #startLeaderElection} has noted the registration; contenders
     * confirm while they are granted, and must find it.
     */
    private void awaitStarted() {
        synchronized (this) {
            Preconditions.checkState(registration != null, "granted without a registration");
        }
    }
}

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
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderelection.LeaderElectionException;
import org.apache.flink.runtime.leaderelection.LeaderElectionService;
import org.apache.flink.util.Preconditions;

/**
 * Flink's leader election over a {@link LeaderClient}: all components of the process share the
 * client, which joins and leaves elections as components come and go.
 *
 * <p>Thread-safe. No lock of this class is held while a contender is called.
 */
public final class NativeLeaderElectionService implements LeaderElectionService, AutoCloseable {

    private final LeaderClient client;
    private final OpenElections openElections;
    private final Grants grants;
    private final String configured;

    private final Object lock = new Object();

    /** Started and not closed, by component; guarded by the lock. */
    private final Map<String, NativeLeaderElection> registered = new HashMap<>();

    private boolean closed;

    /** A service over a client, which it does not close. */
    public NativeLeaderElectionService(LeaderClient client) {
        this(client, OpenElections.IGNORED, new Grants(true), "");
    }

    /**
     * @param grants is told what contenders are told
     * @param configured which name service, by key and value; empty if that is not known
     */
    NativeLeaderElectionService(
            LeaderClient client, OpenElections openElections, Grants grants, String configured) {
        this.client = Objects.requireNonNull(client, "client");
        this.openElections = openElections;
        this.grants = grants;
        this.configured = configured;
    }

    /**
     * An election for a component. Nothing is connected before it is started.
     *
     * @throws IllegalStateException if a contender is registered for that component now, or the
     *     service is closed
     */
    @Override
    public LeaderElection createLeaderElection(String componentId) {
        Objects.requireNonNull(componentId, "componentId");
        synchronized (lock) {
            checkFree(componentId);
        }
        openElections.opened();
        return new NativeLeaderElection(this, componentId);
    }

    /**
     * Registers the contender of an election.
     *
     * @throws IllegalStateException if one is registered for that component, which stays, or the
     *     service is closed
     */
    LeaderClient.Registration register(
            NativeLeaderElection election, LeaderClient.Contender contender) {
        synchronized (lock) {
            checkFree(election.componentId());
            // First: the grant may come before this returns.
            grants.registering(election.componentId());
            final LeaderClient.Registration registration;
            try {
                registration = client.register(election.componentId(), contender);
            } catch (LeaderServerException e) {
                if (e.code() == LeaderServerException.ALREADY_REGISTERED
                        || e.code() == LeaderServerException.CLOSED) {
                    throw new IllegalStateException(e.getMessage(), e);
                }
                throw e;
            }
            registered.put(election.componentId(), election);
            return registration;
        }
    }

    /** From now on another contender may be registered for the component of this election. */
    void unregister(NativeLeaderElection election) {
        synchronized (lock) {
            registered.remove(election.componentId(), election);
        }
    }

    /** The contender of an election is about to be told that it leads. */
    void delivering(NativeLeaderElection election, UUID leaderSessionId) {
        grants.delivering(election.componentId(), leaderSessionId);
    }

    /** What a contender is told of an error: of a refusal, which name service it comes from. */
    Exception toldAs(Throwable error) {
        if (!configured.isEmpty()
                && error instanceof LeaderServerException
                && ((LeaderServerException) error).code() == LeaderServerException.REFUSED) {
            return new IllegalConfigurationException(
                    error.getMessage() + " (" + configured + ")", error);
        }
        return error instanceof Exception
                ? (Exception) error
                : new LeaderElectionException(error);
    }

    /** An election that was handed out has closed. */
    void electionClosed() {
        openElections.closed();
    }

    /**
     * Closes the service. Idempotent.
     *
     * @throws IllegalStateException if contenders are registered; the service stays open
     */
    @Override
    public void close() {
        synchronized (lock) {
            Preconditions.checkState(
                    registered.isEmpty(),
                    "Close the elections of %s first.",
                    new TreeSet<>(registered.keySet()));
            closed = true;
        }
    }

    /**
     * Closes the service, whatever is registered.
     *
     * @return the components whose elections were left open
     */
    Set<String> abandon() {
        synchronized (lock) {
            closed = true;
            final Set<String> left = new TreeSet<>(registered.keySet());
            registered.clear();
            return left;
        }
    }

    private void checkFree(String componentId) {
        Preconditions.checkState(!closed, "The leader election service is closed.");
        Preconditions.checkState(
                !registered.containsKey(componentId),
                "A contender is registered for component '%s'.",
                componentId);
    }
}

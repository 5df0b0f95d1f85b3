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
import java.util.Objects;
import java.util.UUID;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalListener;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.apache.flink.util.Preconditions;

/**
 * Flink's leader retrieval over a {@link LeaderClient}: watches one component.
 *
 * <p>The listener is told on a thread of the client, never inside {@link #start}, and nothing new
 * after {@link #stop}. Thread-safe. No lock of this class is held while the listener is called.
 */
public final class NativeLeaderRetrievalService implements LeaderRetrievalService {

    private final LeaderClient client;
    private final String componentId;
    private final Runnable beforeStart;

    private boolean started;
    private LeaderClient.Watch watch;

    /** A retriever over a client, which it does not close. */
    public NativeLeaderRetrievalService(LeaderClient client, String componentId) {
        this(client, componentId, () -> {});
    }

    NativeLeaderRetrievalService(LeaderClient client, String componentId, Runnable beforeStart) {
        this.client = Objects.requireNonNull(client, "client");
        this.componentId = Objects.requireNonNull(componentId, "componentId");
        this.beforeStart = beforeStart;
    }

    /**
     * Begins to watch.
     *
     * @throws IllegalStateException if it was started before, or the client is closed
     */
    @Override
    public void start(LeaderRetrievalListener listener) {
        Objects.requireNonNull(listener, "listener");
        synchronized (this) {
            Preconditions.checkState(
                    !started, "The retriever of component '%s' was started before.", componentId);
            beforeStart.run();
            try {
                watch = client.watch(componentId, new Adapter(listener));
            } catch (LeaderServerException e) {
                if (e.code() == LeaderServerException.CLOSED) {
                    throw new IllegalStateException(e.getMessage(), e);
                }
                throw e;
            }
            started = true;
        }
    }

    /** Ends the watch, if there is one; waits for no call of the listener. Idempotent. */
    @Override
    public void stop() {
        final LeaderClient.Watch stopped;
        synchronized (this) {
            stopped = watch;
            watch = null;
        }
        if (stopped != null) {
            stopped.close();
        }
    }

    /** Tells the listener of changes: not of the same twice running, nor of "none" at first. */
    private static final class Adapter implements LeaderClient.Watcher {

        private final LeaderRetrievalListener listener;
        private String lastAddress;
        private UUID lastId;

        Adapter(LeaderRetrievalListener listener) {
            this.listener = listener;
        }

        @Override
        public void changed(String address, UUID id) {
            if (isNews(address, id)) {
                listener.notifyLeaderAddress(address, id);
            }
        }

        // Synchronized for the fields' sake only: the client makes one call at a time.
        private synchronized boolean isNews(String address, UUID id) {
            final boolean same =
                    Objects.equals(id, lastId) && Objects.equals(address, lastAddress);
            lastAddress = address;
            lastId = id;
            return !same;
        }
    }
}

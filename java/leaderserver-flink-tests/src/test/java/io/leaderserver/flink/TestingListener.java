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
import java.util.Objects;
import java.util.UUID;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalListener;

/** A listener that records what it is told, and then does what a test gave it to do. */
final class TestingListener implements LeaderRetrievalListener {

    /** One notification; equal if it tells the same. */
    static final class Leader {

        /** There is no leader. */
        static final Leader NONE = new Leader(null, null);

        final String address;
        final UUID id;

        Leader(String address, UUID id) {
            this.address = address;
            this.id = id;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Leader
                    && Objects.equals(address, ((Leader) other).address)
                    && Objects.equals(id, ((Leader) other).id);
        }

        @Override
        public int hashCode() {
            return Objects.hash(address, id);
        }

        @Override
        public String toString() {
            return id == null && address == null ? "none" : address + " " + id;
        }
    }

    final Events<Leader> events;
    final Events<Exception> errors;

    /** The thread of the last notification. */
    volatile Thread lastThread;

    private volatile Runnable onNotification = () -> {};

    TestingListener(String name) {
        events = new Events<>(name);
        errors = new Events<>(name + "'s errors");
    }

    /** What to do in a notification, after it was recorded. */
    TestingListener onNotification(Runnable action) {
        onNotification = Objects.requireNonNull(action);
        return this;
    }

    /** Takes notifications until this one comes; fails if it doesn't. */
    void await(String address, UUID id) {
        final Leader expected = new Leader(address, id);
        final long end = System.nanoTime() + Events.PATIENCE.toNanos();
        Leader leader = null;
        while (!expected.equals(leader)) {
            final long left = end - System.nanoTime();
            leader = events.next(Duration.ofNanos(Math.max(1, left)));
        }
    }

    /** Takes notifications until (no leader) comes; fails if it doesn't. */
    void awaitNone() {
        await(null, null);
    }

    @Override
    public void notifyLeaderAddress(String address, UUID id) {
        lastThread = Thread.currentThread();
        events.add(new Leader(address, id));
        onNotification.run();
    }

    @Override
    public void handleError(Exception error) {
        errors.add(error);
    }
}

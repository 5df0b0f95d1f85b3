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

import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;
import org.apache.flink.runtime.leaderelection.LeaderContender;

/** A contender that records what it is told, and then does what a test gave it to do. */
final class TestingContender implements LeaderContender {

    /** One callback. */
    static final class Event {

        enum Kind {
            GRANT,
            REVOKE,
            ERROR
        }

        final Kind kind;
        final UUID id;
        final Exception error;

        /** The thread that was called. */
        final Thread thread = Thread.currentThread();

        private Event(Kind kind, UUID id, Exception error) {
            this.kind = kind;
            this.id = id;
            this.error = error;
        }

        @Override
        public String toString() {
            final String detail = id != null ? " " + id : error != null ? " " + error : "";
            return kind + detail + " on " + thread.getName();
        }
    }

    final Events<Event> events;

    private volatile Consumer<UUID> onGrant = id -> {};
    private volatile Runnable onRevoke = () -> {};

    TestingContender(String name) {
        events = new Events<>(name);
    }

    /** What to do in {@code grantLeadership}, after it was recorded. */
    TestingContender onGrant(Consumer<UUID> action) {
        onGrant = Objects.requireNonNull(action);
        return this;
    }

    /** What to do in {@code revokeLeadership}, after it was recorded. */
    TestingContender onRevoke(Runnable action) {
        onRevoke = Objects.requireNonNull(action);
        return this;
    }

    /** Waits for the next event, which must be a grant, and answers its id. */
    UUID awaitGrant() {
        return expect(Event.Kind.GRANT).id;
    }

    /**
     * Waits for the next event, which must be a grant, and until its callback is over for the
     * client, too: what is closed from then on is revoked by who closes it.
     */
    UUID awaitGrantEnd() {
        final Event grant = expect(Event.Kind.GRANT);
        final long end = System.nanoTime() + Events.PATIENCE.toNanos();
        while (isInCallback(grant.thread)) {
            if (System.nanoTime() > end) {
                throw new AssertionError(grant + " has not ended");
            }
            Thread.onSpinWait();
        }
        return grant.id;
    }

    private static boolean isInCallback(Thread thread) {
        for (StackTraceElement frame : thread.getStackTrace()) {
            if (frame.getClassName().equals("io.leaderserver.ContenderTarget")) {
                return true;
            }
        }
        return false;
    }

    /** Waits for the next event, which must be a revoke. */
    Event awaitRevoke() {
        return expect(Event.Kind.REVOKE);
    }

    /** Waits for the next event, which must be an error, and answers it. */
    Exception awaitError() {
        return expect(Event.Kind.ERROR).error;
    }

    private Event expect(Event.Kind kind) {
        final Event event = events.next();
        if (event.kind != kind) {
            throw new AssertionError(
                    "expected " + kind + " but was told " + event + "; in all: " + events.all());
        }
        return event;
    }

    @Override
    public void grantLeadership(UUID id) {
        events.add(new Event(Event.Kind.GRANT, id, null));
        onGrant.accept(id);
    }

    @Override
    public void revokeLeadership() {
        events.add(new Event(Event.Kind.REVOKE, null, null));
        onRevoke.run();
    }

    @Override
    public void handleError(Exception error) {
        events.add(new Event(Event.Kind.ERROR, null, error));
    }
}

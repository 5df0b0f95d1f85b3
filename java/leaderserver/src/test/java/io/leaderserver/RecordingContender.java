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


package io.leaderserver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Writes down its callbacks, to be waited for. Checks by itself that grant and revoke alternate and
 * that epochs grow (P3). A test overrides the {@code during…} methods to do something inside.
 */
class RecordingContender implements LeaderClient.Contender {

    enum Kind {
        GRANTED,
        REVOKED,
        FAILED
    }

    /** One callback. */
    static final class Event {
        final Kind kind;
        final UUID id;
        final String reason;
        final Throwable error;
        final Thread thread = Thread.currentThread();

        Event(Kind kind, UUID id, String reason, Throwable error) {
            this.kind = kind;
            this.id = id;
            this.reason = reason;
            this.error = error;
        }

        @Override
        public String toString() {
            return kind + " " + id + " " + reason + " " + error + " on " + thread.getName();
        }
    }

    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();

    private UUID leading;

    private UUID last = new UUID(0, 0);

    private volatile String violation;

    void duringGrant(UUID id) throws Exception {}

    void duringRevoke() throws Exception {}

    void duringFailure() throws Exception {}

    @Override
    public void granted(UUID id) {
        synchronized (this) {
            check(leading == null, "granted " + id + " while it leads under " + leading);
            check(
                    Long.compareUnsigned(id.getMostSignificantBits(), last.getMostSignificantBits())
                            > 0,
                    "epoch of " + id + " is not above that of " + last);
            leading = id;
            last = id;
        }
        events.add(new Event(Kind.GRANTED, id, null, null));
        unchecked(() -> duringGrant(id));
    }

    @Override
    public void revoked(String reason) {
        synchronized (this) {
            check(leading != null, "revoked while it does not lead");
            leading = null;
        }
        events.add(new Event(Kind.REVOKED, null, reason, null));
        unchecked(this::duringRevoke);
    }

    @Override
    public void failed(Throwable error) {
        events.add(new Event(Kind.FAILED, null, null, error));
        unchecked(this::duringFailure);
    }

    /** A new name service counts from anew. */
    synchronized void forgetEpochs() {
        last = new UUID(0, 0);
    }

    UUID awaitGranted() {
        return await(Kind.GRANTED).id;
    }

    String awaitRevoked() {
        return await(Kind.REVOKED).reason;
    }

    Event await(Kind kind) {
        final Event event = Support.poll(events);
        assertNotNull(event, "nothing came, awaited was " + kind);
        assertEquals(kind, event.kind, event.toString());
        assertSound();
        return event;
    }

    /** What has come up to now has all been awaited. */
    void assertNothingMore() {
        assertTrue(events.isEmpty(), () -> "unexpected " + events);
        assertSound();
    }

    void assertSound() {
        assertEquals(null, violation);
    }

    private void check(boolean holds, String otherwise) {
        if (!holds && violation == null) {
            violation = otherwise;
        }
    }

    private interface Body {
        void run() throws Exception;
    }

    private static void unchecked(Body body) {
        try {
            body.run();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}

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

import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Writes down what it is told, to be waited for. Checks by itself that nothing is told twice
 * running (P6).
 */
class RecordingWatcher implements LeaderClient.Watcher {

    /** What was told. */
    static final class Told {
        final String address;
        final UUID id;
        final Thread thread = Thread.currentThread();

        Told(String address, UUID id) {
            this.address = address;
            this.id = id;
        }

        boolean isSame(Told other) {
            return other != null
                    && Objects.equals(address, other.address)
                    && Objects.equals(id, other.id);
        }

        @Override
        public String toString() {
            return "(" + address + ", " + id + ")";
        }
    }

    private final BlockingQueue<Told> told = new LinkedBlockingQueue<>();

    private volatile Told last;

    private volatile String violation;

    void during(Told now) throws Exception {}

    @Override
    public void changed(String address, UUID id) {
        final Told now = new Told(address, id);
        if (now.isSame(last)) {
            violation = "told twice running: " + now;
        }
        if ((address == null) != (id == null)) {
            violation = "half a leader: " + now;
        }
        last = now;
        told.add(now);
        try {
            during(now);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    Told await() {
        final Told now = Support.poll(told);
        assertNotNull(now, "nothing was told");
        assertSound();
        return now;
    }

    void awaitNoLeader() {
        final Told now = await();
        assertEquals(null, now.id, now.toString());
    }

    /** The next that is told is this leader. */
    void awaitLeader(UUID id, String address) {
        final Told now = await();
        assertEquals(id, now.id, now.toString());
        assertEquals(address, now.address);
    }

    /** Other values may come before: they are there to be skipped. */
    Told awaitUntil(UUID id) {
        Told now = await();
        while (!id.equals(now.id)) {
            now = await();
        }
        return now;
    }

    void assertNothingMore() {
        assertTrue(told.isEmpty(), () -> "unexpected " + told);
        assertSound();
    }

    void assertSound() {
        assertEquals(null, violation);
    }
}

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
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** What a callback object was told, in order, to be waited for. */
final class Events<E> {

    /** How long a test waits for what must come; what must not come is waited for much less. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    /** How long a test looks out for what must not come. */
    static final Duration A_WHILE = Duration.ofMillis(50);

    private final BlockingQueue<E> queue = new LinkedBlockingQueue<>();
    private final List<E> all = new CopyOnWriteArrayList<>();
    private final String what;

    /** @param what names the object in failures */
    Events(String what) {
        this.what = what;
    }

    void add(E event) {
        all.add(event);
        queue.add(event);
    }

    /** Takes the next event, waiting for it; fails if none comes. */
    E next() {
        return next(PATIENCE);
    }

    E next(Duration patience) {
        try {
            final E event = queue.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
            if (event == null) {
                throw new AssertionError(
                        what + " was told nothing more in " + patience + "; before: " + all);
            }
            return event;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Fails if an event is there or comes within a while. */
    void none() {
        try {
            final E event = queue.poll(A_WHILE.toMillis(), TimeUnit.MILLISECONDS);
            if (event != null) {
                throw new AssertionError(what + " was told " + event + "; in all: " + all);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Everything so far, taken or not. */
    List<E> all() {
        return new ArrayList<>(all);
    }
}

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

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A contender or a watch: something that has callbacks, run one after the other on whichever
 * thread.
 *
 * <p>Only the event thread calls {@link #signal}. A signal while the target runs makes it look once
 * more; so none is lost, and at most one thread is in {@link #drain}.
 */
abstract class Target implements Runnable {

    /** No handle: the native library has not answered yet. */
    private static final long NONE = 0;

    private static final Log LOG = Log.of("client");

    private final Targets targets;

    private final long cookie;

    private final AtomicInteger signals = new AtomicInteger();

    private volatile long handle = NONE;

    private volatile boolean closed;

    /** What broke the client under this target; null in good health. */
    private volatile LeaderServerException broken;

    /** A signal is owed. Event thread only. */
    private boolean due;

    Target(Targets targets) {
        this.targets = targets;
        this.cookie = targets.nextCookie();
    }

    /** Runs what is due, until nothing is. Must not throw what a callback threw. */
    abstract void drain();

    /** For messages: what this is. */
    abstract String describe();

    final long cookie() {
        return cookie;
    }

    final long handle() {
        return handle;
    }

    /** The native library has answered. Events may have come before: they wait for this. */
    final void opened(long handle) {
        this.handle = handle;
    }

    final Targets targets() {
        return targets;
    }

    /** Closing has begun: what has not been started is not started any more. */
    final void setClosed() {
        closed = true;
        targets.remove(this);
    }

    final boolean isClosed() {
        return closed;
    }

    /** Closed, it or its client: nothing starts any more but a revoke that is owed. */
    final boolean isOver() {
        return closed || targets.isClosed();
    }

    /** The client can't go on: the next look is the last. Event thread only. */
    final void setBroken(LeaderServerException error) {
        broken = error;
    }

    final LeaderServerException broken() {
        return broken;
    }

    final void setDue() {
        due = true;
    }

    final boolean isDue() {
        return due;
    }

    /**
     * Makes some thread of the pool look after this target. False if that can't be done yet,
     * because the handle isn't known or no thread can be had: it stays due.
     */
    final boolean signal(Executor pool) {
        if (handle == NONE) {
            return false;
        }
        if (signals.getAndIncrement() == 0) {
            try {
                pool.execute(this);
            } catch (Throwable t) {
                // Nobody runs it, and nobody else signals: no count can be lost here.
                signals.set(0);
                return false;
            }
        }
        due = false;
        return true;
    }

    @Override
    public final void run() {
        int seen;
        do {
            seen = signals.get();
            try {
                drain();
            } catch (Throwable t) {
                LOG.tryWrite(Log.ERROR, "Events of " + describe() + " could not be taken", t);
            }
        } while (signals.addAndGet(-seen) != 0);
        // An idle thread keeps no class loader of a user's.
        Threads.clean();
    }

    /** A callback threw: counted and logged, here and nowhere else. */
    final void callbackThrew(String callback, Throwable error) {
        targets.countCallbackError();
        // A late callback into something that is being shut down: to be expected.
        final int level = isOver() ? Log.DEBUG : Log.ERROR;
        LOG.tryWrite(level, describe() + " threw an exception from " + callback, error);
    }
}

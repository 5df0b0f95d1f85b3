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

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The thread that fetches a client's events and hands each target to a thread of its own. It runs
 * no user code, not even a logger's, for its coming back is the client's pulse (P9): whatever
 * happens in one round, there is a next.
 */
final class EventLoop implements Runnable {

    private static final int POLL_MS = 1_000;

    /** Soon again: a handle is about to be known. */
    private static final int AGAIN_MS = 1;

    /** No thread could be had: give the system time. */
    private static final int SHORTAGE_MS = 200;

    private static final int COOKIES = 256;

    private final long client;

    private final Targets targets;

    private final long[] cookies = new long[COOKIES];

    /** For how long the next round may wait. Less than usual while some target is still due. */
    private int waitMs = POLL_MS;

    private boolean allDue;

    private volatile CountDownLatch pause;

    EventLoop(long client, Targets targets) {
        this.client = client;
        this.targets = targets;
    }

    @Override
    public void run() {
        try {
            boolean open = true;
            while (open) {
                open = tryRound();
            }
        } catch (LeaderServerException e) {
            // A bug of ours: the client is gone, and leads nowhere. Its users must know.
            breakTargets(e);
        } finally {
            targets.shutdown();
        }
    }

    /** For tests: the thread fetches nothing until the latch opens. */
    void pause(CountDownLatch until) {
        pause = until;
    }

    private boolean tryRound() {
        try {
            awaitPause();
            return round();
        } catch (LeaderServerException e) {
            throw e;
        } catch (Throwable t) {
            // No memory, for instance. Which events were taken and lost nobody knows: ask all.
            waitMs = SHORTAGE_MS;
            allDue = true;
            LockSupport.parkNanos(this, TimeUnit.MILLISECONDS.toNanos(SHORTAGE_MS));
            return true;
        }
    }

    /** False once the client is closed. */
    private boolean round() {
        final int count = Natives.clientPoll(client, cookies, waitMs);
        if (count < 0) {
            return false;
        }
        if (waitMs != POLL_MS) {
            waitMs = POLL_MS;
            for (Target target : targets.all()) {
                if (allDue || target.isDue()) {
                    signal(target);
                }
            }
            allDue = false;
        }
        for (int i = 0; i < count; i++) {
            final Target target = targets.get(cookies[i]);
            if (target != null) {
                signal(target);
            }
        }
        // What happened may have been logged, too.
        NativeLog.wake();
        return true;
    }

    private void signal(Target target) {
        target.setDue();
        if (!target.signal(targets.pool())) {
            waitMs = Math.max(waitMs == POLL_MS ? 0 : waitMs, retryMs(target));
        }
    }

    private static int retryMs(Target target) {
        return target.handle() == 0 ? AGAIN_MS : SHORTAGE_MS;
    }

    private void breakTargets(LeaderServerException error) {
        final String message = "This client is broken and leads nothing any more";
        targets.pool().execute(() -> Log.of("client").tryWrite(Log.ERROR, message, error));
        for (Target target : targets.all()) {
            target.setBroken(error);
            target.signal(targets.pool());
        }
    }

    private void awaitPause() throws InterruptedException {
        final CountDownLatch until = pause;
        if (until != null) {
            until.await();
            pause = null;
        }
    }
}

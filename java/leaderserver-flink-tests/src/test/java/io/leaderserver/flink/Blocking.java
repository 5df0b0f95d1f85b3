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

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waiting and doing without checked exceptions, for callbacks. */
final class Blocking {

    /** Something to do. */
    interface Action {
        void run() throws Exception;
    }

    private Blocking() {}

    /** Waits for a latch, not for ever. */
    static void await(CountDownLatch latch) {
        unchecked(
                () -> {
                    if (!latch.await(Events.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                        throw new AssertionError("awaited in vain");
                    }
                });
    }

    /** Does something that may throw. */
    static void unchecked(Action action) {
        try {
            action.run();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** Does something on another thread that must not wait for anybody; fails if it does. */
    static void promptly(String what, Action action) throws Exception {
        final FutureTask<Void> task =
                new FutureTask<>(
                        () -> {
                            action.run();
                            return null;
                        });
        final Thread thread = new Thread(task, what);
        thread.setDaemon(true);
        thread.start();
        try {
            task.get(Events.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            final AssertionError failure = new AssertionError(what + " waits");
            failure.setStackTrace(thread.getStackTrace());
            throw failure;
        } catch (ExecutionException e) {
            throw new AssertionError(what, e.getCause());
        }
    }
}

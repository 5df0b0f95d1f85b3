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

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The contenders and watches of one client, by the cookie under which the native library speaks of
 * them, and the threads that their callbacks run on: as many as callbacks run at the moment, so
 * that one that blocks delays only itself (P8).
 */
final class Targets {

    private static final long IDLE_SECONDS = 5;

    private final ConcurrentMap<Long, Target> byCookie = new ConcurrentHashMap<>();

    private final AtomicLong lastCookie = new AtomicLong();

    private final AtomicLong callbackErrors = new AtomicLong();

    private final ExecutorService pool;

    private volatile boolean closed;

    Targets(String name) {
        this.pool =
                new ThreadPoolExecutor(
                        0,
                        Integer.MAX_VALUE,
                        IDLE_SECONDS,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        Threads.factory("callback-" + name));
    }

    /** A cookie that was never used: what is said of a target that is gone reaches no other. */
    long nextCookie() {
        return lastCookie.incrementAndGet();
    }

    /** To be called before the native library is told of the cookie, for it may answer at once. */
    void add(Target target) {
        byCookie.put(target.cookie(), target);
    }

    void remove(Target target) {
        byCookie.remove(target.cookie());
    }

    /** Null for one that was removed. */
    Target get(long cookie) {
        return byCookie.get(cookie);
    }

    Iterable<Target> all() {
        return byCookie.values();
    }

    Executor pool() {
        return pool;
    }

    /** From here on no callback starts. */
    void close() {
        closed = true;
    }

    boolean isClosed() {
        return closed;
    }

    /** Lets the threads end, each once its callback has returned. */
    void shutdown() {
        pool.shutdown();
        byCookie.clear();
    }

    void countCallbackError() {
        callbackErrors.incrementAndGet();
    }

    long callbackErrors() {
        return callbackErrors.get();
    }
}

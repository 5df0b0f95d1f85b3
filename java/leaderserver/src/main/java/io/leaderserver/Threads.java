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

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Our threads. All are daemons, so that whoever forgets to close something still gets out of {@code
 * main}; none keeps the class loader of the thread that happened to start it.
 */
final class Threads {

    private static final String PREFIX = "leaderserver-";

    private Threads() {}

    /** A thread of that name, behind our prefix, not started. */
    static Thread create(String name, Runnable body) {
        final Thread thread = new Thread(body, PREFIX + name);
        thread.setDaemon(true);
        thread.setPriority(Thread.NORM_PRIORITY);
        thread.setContextClassLoader(Threads.class.getClassLoader());
        return thread;
    }

    /** Threads of that name with a number behind. */
    static ThreadFactory factory(String name) {
        final AtomicLong number = new AtomicLong();
        return body -> create(name + "-" + number.incrementAndGet(), body);
    }

    /**
     * Takes from a thread of ours, before user code runs on it, what earlier user code left there.
     */
    static void clean() {
        Thread.currentThread().setContextClassLoader(Threads.class.getClassLoader());
        Thread.interrupted();
    }
}

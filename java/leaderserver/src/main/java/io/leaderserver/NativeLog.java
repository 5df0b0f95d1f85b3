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

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Carries the native library's log records to {@link Log}.
 *
 * <p>There is one queue per loaded library, so one thread per class loader, which lives while a
 * client or a server is open. The library wakes nobody for a record: the thread looks after each
 * round of an event thread, and by itself some times a second. An appender that blocks holds up
 * nothing but further records: the native queue is bounded.
 *
 * <p>What is off costs nothing: the level of the Java loggers is handed to the native library,
 * again with every look, since it may be changed while the process runs.
 */
final class NativeLog implements Runnable {

    /**
     * A module path of the library, {@code leaderserver::client}, is a logger's name without this.
     */
    private static final String TARGET_ROOT = "leaderserver";

    private static final String SEPARATOR = "::";

    /** Loggers that may be more verbose than their root. */
    private static final String[] MODULES = {"", "client", "core", "ffi", "server"};

    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

    private static final Object LOCK = new Object();

    /** Open clients and servers. Guarded by LOCK. */
    private static int users;

    /** Set while there are users. Guarded by LOCK for writing. */
    private static volatile NativeLog running;

    private final Thread thread = Threads.create("log", this);

    private volatile boolean ended;

    private NativeLog() {}

    /** A client or server is about to be opened. Each is followed by one {@link #release}. */
    static void acquire() {
        setLevel();
        synchronized (LOCK) {
            if (running == null) {
                final NativeLog log = new NativeLog();
                log.thread.start();
                running = log;
            }
            users++;
        }
    }

    /** It was closed. What was recorded before is still written. */
    static void release() {
        synchronized (LOCK) {
            users--;
            if (users == 0) {
                running.ended = true;
                LockSupport.unpark(running.thread);
                running = null;
            }
        }
    }

    /** There may be records. Never waits. */
    static void wake() {
        final NativeLog log = running;
        if (log != null) {
            LockSupport.unpark(log.thread);
        }
    }

    @Override
    public void run() {
        final String[] record = new String[2];
        while (true) {
            // Read first: what was recorded before the end is written before the end.
            final boolean last = ended;
            try {
                setLevel();
                drain(record);
            } catch (Throwable t) {
                // A logger failed, and nobody could be told. Go on with the next look.
                record[1] = null;
            }
            if (last) {
                return;
            }
            LockSupport.parkNanos(this, LOOK_NANOS);
            Thread.interrupted();
        }
    }

    private static void drain(String[] record) {
        int level = Natives.logTake(record);
        while (level != Log.OFF) {
            Log.of(name(record[0])).tryWrite(level, record[1], null);
            level = Natives.logTake(record);
        }
    }

    private static void setLevel() {
        int level = Log.OFF;
        for (String module : MODULES) {
            level = Math.max(level, Log.of(module).level());
        }
        Natives.logLevel(level);
    }

    /**
     * {@code leaderserver::client::engine} is {@code client.engine}; what other libraries say is
     * under {@code native}.
     */
    static String name(String target) {
        if (target.equals(TARGET_ROOT)) {
            return "";
        }
        final String dotted = target.replace(SEPARATOR, ".");
        return target.startsWith(TARGET_ROOT + SEPARATOR)
                ? dotted.substring(TARGET_ROOT.length() + 1)
                : "native." + dotted;
    }
}

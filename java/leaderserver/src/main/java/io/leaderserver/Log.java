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

/**
 * A logger under {@code io.leaderserver}: SLF4J's where the class loader sees SLF4J, else {@code
 * java.util.logging}'s. Levels are the numbers of {@link Natives#logLevel}.
 *
 * <p>Logging runs the user's code (appenders): never under a lock of ours, never on an event
 * thread.
 */
abstract class Log {

    static final int OFF = 0;
    static final int ERROR = 1;
    static final int WARN = 2;
    static final int INFO = 3;
    static final int DEBUG = 4;
    static final int TRACE = 5;

    private static final String ROOT = "io.leaderserver";

    /** Loggers by name; as many as there are modules. */
    private static final ConcurrentMap<String, Log> LOGS = new ConcurrentHashMap<>();

    /** The logger {@code io.leaderserver.NAME}, or the root of them for an empty name. */
    static Log of(String name) {
        final Log known = LOGS.get(name);
        if (known != null) {
            return known;
        }
        final Log made = Backend.make(name.isEmpty() ? ROOT : ROOT + "." + name);
        final Log raced = LOGS.putIfAbsent(name, made);
        return raced == null ? made : raced;
    }

    abstract boolean isEnabled(int level);

    /** Writes a record; {@code error} may be null. */
    abstract void write(int level, String message, Throwable error);

    /** The most verbose level that is on. */
    final int level() {
        int level = TRACE;
        while (level > OFF && !isEnabled(level)) {
            level--;
        }
        return level;
    }

    /**
     * As {@link #write}, for a record about something that matters more than the record: whatever a
     * logger throws stays here.
     */
    final void tryWrite(int level, String message, Throwable error) {
        try {
            write(level, message, error);
        } catch (Throwable ignored) {
            // There is nowhere left to say it.
        }
    }

    /**
     * Chosen once; in a class of its own, so that a missing SLF4J costs nothing but the question.
     */
    private static final class Backend {

        private static final boolean SLF4J = isSlf4jThere();

        static Log make(String name) {
            return SLF4J ? new Slf4jLog(name) : new JulLog(name);
        }

        private static boolean isSlf4jThere() {
            try {
                new Slf4jLog(ROOT).isEnabled(ERROR);
                return true;
            } catch (LinkageError | RuntimeException e) {
                return false;
            }
        }
    }
}

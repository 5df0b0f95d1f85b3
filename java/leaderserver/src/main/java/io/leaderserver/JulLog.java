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

import java.util.logging.Level;
import java.util.logging.Logger;

/** Where there is no SLF4J. */
final class JulLog extends Log {

    /** By our level; the first is never written. */
    private static final Level[] LEVELS = {
        Level.OFF, Level.SEVERE, Level.WARNING, Level.INFO, Level.FINE, Level.FINER
    };

    private final Logger logger;

    JulLog(String name) {
        this.logger = Logger.getLogger(name);
    }

    @Override
    boolean isEnabled(int level) {
        return logger.isLoggable(LEVELS[level]);
    }

    @Override
    void write(int level, String message, Throwable error) {
        // Source names are given, or the logger walks the stack to guess them.
        logger.logp(LEVELS[level], logger.getName(), null, message, error);
    }
}

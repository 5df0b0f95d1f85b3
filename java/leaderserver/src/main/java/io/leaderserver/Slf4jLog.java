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

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The only class that names SLF4J. */
final class Slf4jLog extends Log {

    private final Logger logger;

    Slf4jLog(String name) {
        this.logger = LoggerFactory.getLogger(name);
    }

    @Override
    boolean isEnabled(int level) {
        switch (level) {
            case ERROR:
                return logger.isErrorEnabled();
            case WARN:
                return logger.isWarnEnabled();
            case INFO:
                return logger.isInfoEnabled();
            case DEBUG:
                return logger.isDebugEnabled();
            default:
                return logger.isTraceEnabled();
        }
    }

    @Override
    void write(int level, String message, Throwable error) {
        switch (level) {
            case ERROR:
                logger.error(message, error);
                break;
            case WARN:
                logger.warn(message, error);
                break;
            case INFO:
                logger.info(message, error);
                break;
            case DEBUG:
                logger.debug(message, error);
                break;
            default:
                logger.trace(message, error);
        }
    }
}

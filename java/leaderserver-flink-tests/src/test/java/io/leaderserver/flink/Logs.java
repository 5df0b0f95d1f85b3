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
import java.util.function.Predicate;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;

/** What LeaderServer logs while this is open. */
final class Logs implements AutoCloseable {

    /** One record. */
    static final class Line {

        final Level level;
        final String logger;
        final String text;

        private Line(LogEvent event) {
            level = event.getLevel();
            logger = event.getLoggerName();
            text = event.getMessage().getFormattedMessage();
        }

        @Override
        public String toString() {
            return level + " " + logger + ": " + text + "\n";
        }
    }

    private final class Appender extends AbstractAppender {

        Appender() {
            super("logs", null, null, true, Property.EMPTY_ARRAY);
        }

        @Override
        public void append(LogEvent event) {
            lines.add(new Line(event));
        }
    }

    final Events<Line> lines = new Events<>("the log");

    private final Appender appender = new Appender();
    private final LoggerConfig config;

    Logs() {
        final LoggerContext context = (LoggerContext) LogManager.getContext(false);
        config = context.getConfiguration().getLoggerConfig("io.leaderserver");
        appender.start();
        config.addAppender(appender, null, null);
    }

    /** Waits for a record of that level with all these words. */
    Line await(Level level, String... words) {
        return await(
                line -> {
                    boolean all = line.level.equals(level);
                    for (String word : words) {
                        all &= line.text.contains(word);
                    }
                    return all;
                });
    }

    private Line await(Predicate<Line> predicate) {
        final long end = System.nanoTime() + Events.PATIENCE.toNanos();
        while (true) {
            final long left = end - System.nanoTime();
            final Line line = lines.next(Duration.ofNanos(Math.max(1, left)));
            if (predicate.test(line)) {
                return line;
            }
        }
    }

    @Override
    public void close() {
        config.removeAppender("logs");
        appender.stop();
    }
}

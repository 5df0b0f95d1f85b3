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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URLClassLoader;
import java.util.AbstractMap.SimpleEntry;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Function;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Records of the native library come out under {@code io.leaderserver}. What makes one is a name
 * service that isn't there: a warning naming it (DESIGN, section 6).
 */
class LogTest {

    private static final Logger ROOT = Logger.getLogger("io.leaderserver");

    private final BlockingQueue<LogRecord> records = new LinkedBlockingQueue<>();

    private final Set<String> threads = ConcurrentHashMap.newKeySet();

    private volatile CountDownLatch block;

    private final Handler handler =
            new Handler() {
                @Override
                public void publish(LogRecord record) {
                    threads.add(Thread.currentThread().getName());
                    final CountDownLatch until = block;
                    records.add(record);
                    if (until != null) {
                        try {
                            until.await();
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                    }
                }

                @Override
                public void flush() {}

                @Override
                public void close() {}
            };

    @BeforeEach
    void listen() {
        ROOT.addHandler(handler);
    }

    @AfterEach
    void stopListening() {
        ROOT.removeHandler(handler);
        ROOT.setLevel(null);
    }

    /** Through SLF4J, which the tests bind to java.util.logging. */
    @Test
    void warningComesThroughSlf4j() throws Exception {
        assertTrue(Log.of("client") instanceof Slf4jLog);
        final String endpoint = nobody();
        try (LeaderClient client = Support.open(endpoint)) {
            client.register("x", new RecordingContender());
            assertNamed(endpoint);
        }
    }

    /** Without SLF4J in sight, to java.util.logging. */
    @Test
    void warningComesWithoutSlf4j() throws Exception {
        final String endpoint = nobody();
        try (URLClassLoader loader = Support.isolated()) {
            @SuppressWarnings("unchecked")
            final Function<Map.Entry<String, Object>, Object> isolated =
                    (Function<Map.Entry<String, Object>, Object>)
                            loader.loadClass(Isolated.class.getName())
                                    .getDeclaredConstructor()
                                    .newInstance();
            isolated.apply(new SimpleEntry<>("register", endpoint));
            assertNamed(endpoint);
            isolated.apply(new SimpleEntry<>("close", null));
        }
    }

    /** P8 for loggers: an appender that blocks holds up no event and no heartbeat. */
    @Test
    void blockedAppenderDelaysNobody() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        block = go;
        try (LeaderClient client = Support.open(nobody());
                LeaderClient other = Support.open("embedded:")) {
            client.register("x", new RecordingContender());
            assertNotNull(Support.poll(records));
            final RecordingContender contender = new RecordingContender();
            other.register("x", contender);
            contender.awaitGranted();
            assertEquals(Set.of("leaderserver-log"), threads);
        } finally {
            go.countDown();
        }
    }

    /** The level follows the Java logger's. */
    @Test
    void levelFollowsTheLogger() {
        ROOT.setLevel(Level.OFF);
        assertEquals(Log.OFF, Log.of("").level());
        ROOT.setLevel(Level.WARNING);
        assertEquals(Log.WARN, Log.of("client").level());
        ROOT.setLevel(Level.ALL);
        assertEquals(Log.TRACE, Log.of("client").level());
    }

    @Test
    void namesOfLoggers() {
        assertEquals("", NativeLog.name("leaderserver"));
        assertEquals("client", NativeLog.name("leaderserver::client"));
        assertEquals("client.engine", NativeLog.name("leaderserver::client::engine"));
        assertEquals("native.rustls.conn", NativeLog.name("rustls::conn"));
        assertEquals("native.leaderservers", NativeLog.name("leaderservers"));
    }

    private void assertNamed(String endpoint) {
        final String place = endpoint.substring(endpoint.indexOf("127"));
        LogRecord record = Support.poll(records);
        while (record != null && !record.getMessage().contains(place)) {
            record = Support.poll(records);
        }
        assertNotNull(record, "no record names " + place);
        assertTrue(record.getLevel().intValue() >= Level.WARNING.intValue());
        assertTrue(record.getLoggerName().startsWith("io.leaderserver"), record.getLoggerName());
    }

    /** An endpoint at which nobody listens. */
    private static String nobody() throws Exception {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return "leader://127.0.0.1:" + free.getLocalPort();
        }
    }
}

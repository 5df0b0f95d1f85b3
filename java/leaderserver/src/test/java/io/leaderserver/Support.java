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

import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** What the tests share, also those parts that run where there is no JUnit. */
final class Support {

    /** For what is due at once, on a busy machine. */
    static final int PATIENCE_SECONDS = 60;

    private static final AtomicInteger NUMBER = new AtomicInteger();

    private Support() {}

    /** A name that no other test uses. */
    static String unique(String name) {
        return name + "-" + NUMBER.incrementAndGet();
    }

    /** Alternating names and values. */
    static Map<String, String> options(String... pairs) {
        final Map<String, String> options = new HashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            options.put(pairs[i], pairs[i + 1]);
        }
        return options;
    }

    /** Opens a client of the namespace that all tests share. */
    static LeaderClient open(String endpoint, String... more) {
        final Map<String, String> options = options(more);
        options.put("endpoint", endpoint);
        options.putIfAbsent("namespace", "test");
        return LeaderClient.open(options, null);
    }

    /** Starts a server on a port of its choice that has no predecessor to wait for. */
    static LeaderServer startServer(String... more) {
        final Map<String, String> options = options(more);
        options.putIfAbsent("listen", "127.0.0.1:0");
        options.putIfAbsent("cold", "true");
        return LeaderServer.start(options, null);
    }

    static String endpoint(LeaderServer server) {
        return "leader://127.0.0.1:" + server.port();
    }

    /** Null if nothing came, or the thread was told to stop. */
    static <T> T poll(BlockingQueue<T> queue) {
        try {
            return queue.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    static void await(CountDownLatch latch) throws InterruptedException {
        check(latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS), "awaited in vain");
    }

    /** Threads of ours, of this class loader and all others. */
    static List<Thread> ourThreads(String prefix) {
        final List<Thread> threads = new ArrayList<>();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("leaderserver-" + prefix)) {
                threads.add(thread);
            }
        }
        return threads;
    }

    static void awaitEnd(List<Thread> threads) throws InterruptedException {
        for (Thread thread : threads) {
            thread.join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
            check(!thread.isAlive(), thread + " has not ended");
        }
    }

    /** Waits until the callbacks of contenders that ran on this thread have returned. */
    static void awaitReturned(Thread thread) {
        // No event says so: to the user a callback ends when it returns.
        while (isInside(thread)) {
            Thread.onSpinWait();
        }
    }

    private static boolean isInside(Thread thread) {
        return Arrays.stream(thread.getStackTrace())
                .anyMatch(frame -> frame.getClassName().equals(ContenderTarget.class.getName()));
    }

    /** The places of our classes and of the tests'. */
    static URL[] places() {
        return new URL[] {
            LeaderClient.class.getProtectionDomain().getCodeSource().getLocation(),
            Support.class.getProtectionDomain().getCodeSource().getLocation()
        };
    }

    /** A class loader with classes of its own, which sees neither SLF4J nor this test. */
    static URLClassLoader isolated() {
        return new URLClassLoader(places(), ClassLoader.getPlatformClassLoader());
    }

    /** Starts {@link ChildMain} in a JVM of its own. */
    static Process startChild(List<String> jvmArgs, String... args) throws Exception {
        final List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + "/bin/java");
        command.add("-Xcheck:jni");
        command.add("-Xmx64m");
        command.addAll(jvmArgs);
        command.add("-cp");
        command.add(places()[0].getPath() + ":" + places()[1].getPath());
        command.add(ChildMain.class.getName());
        command.addAll(Arrays.asList(args));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    /** Runs {@link ChildMain} to its end and answers what it printed. */
    static String runChild(List<String> jvmArgs, int expectedStatus, String... args)
            throws Exception {
        final Process child = startChild(jvmArgs, args);
        try {
            // The output ends when the process does; a hanging one is ended by the test's time-out.
            final String output = new String(child.getInputStream().readAllBytes());
            check(child.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), output);
            check(child.exitValue() == expectedStatus, child.exitValue() + ": " + output);
            check(!output.contains("in native method"), output);
            check(!output.contains("exceeds capacity"), output);
            return output;
        } finally {
            child.destroyForcibly();
        }
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }
}

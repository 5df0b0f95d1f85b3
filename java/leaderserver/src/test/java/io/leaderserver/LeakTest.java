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

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient.Registration;
import io.leaderserver.LeaderClient.Watch;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * LESSONS 22 (FLINK-33053): 10 000 starts and stops leave nothing. The kernel is asked about all
 * but the heap, which is of a fixed size and touched from the start, and is asked about by itself.
 */
@Timeout(600)
class LeakTest {

    private static final int ROUNDS = 10_000;

    /** A leak of half a kilobyte in each round shows; noise of allocator and compiler doesn't. */
    private static final long TOLERATED_KB = 5_000;

    /** A hundred bytes in each round show. */
    private static final long TOLERATED_HEAP_KB = 1_000;

    private static final int TOLERATED_COUNT = 5;

    private interface Round {
        void run(int number) throws Exception;
    }

    @Test
    void contendersAndWatches() throws Exception {
        try (LeaderClient client = Support.open("embedded:" + Support.unique("leak"))) {
            final RecordingContender anchor = new RecordingContender();
            client.register("anchor", anchor);
            anchor.awaitGranted();
            assertNothingLeft(
                    ROUNDS,
                    number -> {
                        final RecordingContender contender = new RecordingContender();
                        final Registration place = client.register("job-" + number, contender);
                        final RecordingWatcher watcher = new RecordingWatcher();
                        final Watch watch = client.watch("job-" + number, watcher);
                        if (number % 10 == 0) {
                            place.confirm(contender.awaitGranted(), "address");
                            watcher.await();
                        }
                        watch.close();
                        place.close();
                    });
        }
    }

    @Test
    void contendersAndWatchesOverTcp() throws Exception {
        try (LeaderServer server = Support.startServer();
                LeaderClient client = Support.open(Support.endpoint(server))) {
            assertNothingLeft(
                    ROUNDS / 5,
                    number -> {
                        final RecordingContender contender = new RecordingContender();
                        final RecordingWatcher watcher = new RecordingWatcher();
                        final Registration place = client.register("job-" + number, contender);
                        final Watch watch = client.watch("job-" + number, watcher);
                        place.confirm(contender.awaitGranted(), "address");
                        watcher.await();
                        watch.close();
                        place.close();
                    });
        }
    }

    @Test
    void clientsAndServers() throws Exception {
        assertNothingLeft(
                300,
                number -> {
                    try (LeaderServer server = Support.startServer();
                            LeaderClient client = Support.open(Support.endpoint(server))) {
                        final RecordingContender contender = new RecordingContender();
                        client.register("x", contender);
                        contender.awaitGranted();
                    }
                    Support.awaitEnd(Support.ourThreads("events-"));
                });
    }

    /** Warms up with as many rounds as are then measured. */
    private static void assertNothingLeft(int rounds, Round round) throws Exception {
        for (int i = 0; i < rounds; i++) {
            round.run(i);
        }
        final Usage before = new Usage();
        for (int i = 0; i < rounds; i++) {
            round.run(rounds + i);
        }
        // What is on its way still (records to a log that is slower than we are, above all) is no
        // leak: it goes. A leak stays.
        final long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        Usage after = new Usage();
        while (!after.isNoMoreThan(before) && System.nanoTime() < patience) {
            Thread.sleep(100);
            after = new Usage();
        }
        assertTrue(after.isNoMoreThan(before), before + " before, " + after + " after");
    }

    /** What the kernel says of this process. */
    private static final class Usage {

        final int threads = new File("/proc/self/task").list().length;

        final int files = new File("/proc/self/fd").list().length;

        final long memoryKb;

        final long heapKb;

        Usage() throws Exception {
            System.gc();
            heapKb = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / 1024;
            long found = -1;
            for (String line : Files.readAllLines(Paths.get("/proc/self/status"))) {
                if (line.startsWith("RssAnon:")) {
                    found = Long.parseLong(line.replaceAll("[^0-9]", ""));
                }
            }
            assertTrue(found > 0);
            memoryKb = found;
        }

        boolean isNoMoreThan(Usage before) {
            return threads <= before.threads + TOLERATED_COUNT
                    && files <= before.files + TOLERATED_COUNT
                    && memoryKb <= before.memoryKb + TOLERATED_KB
                    && heapKb <= before.heapKb + TOLERATED_HEAP_KB;
        }

        @Override
        public String toString() {
            return String.format(
                    "%d threads, %d files, %d kB, heap %d kB", threads, files, memoryKb, heapKb);
        }
    }
}

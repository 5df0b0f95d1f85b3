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

import io.leaderserver.LeaderClient;
import io.leaderserver.LeaderServer;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * What {@code hasLeadership} costs from Java: nanoseconds and bytes allocated per call, the best of
 * several rounds, beside {@code System.nanoTime} as a floor that also crosses into native code.
 */
public final class HasLeadership {

    private static final int ROUNDS = 7;
    private static final int CALLS = 10_000_000;

    private HasLeadership() {}

    public static void main(String[] args) throws Exception {
        final Map<String, String> server = new HashMap<>();
        server.put("listen", "127.0.0.1:0");
        server.put("cold", "true");
        try (LeaderServer remote = LeaderServer.start(server, null)) {
            final double[] local = measure("embedded:");
            final double[] overTcp = measure("leader://127.0.0.1:" + remote.port());
            final double clock = clock();
            row("hasLeadership from Java, own process's server", local[0], "ns (aim 25)");
            row("hasLeadership from Java, over TCP (reads the clock)", overTcp[0], "ns (aim 25)");
            row("allocated per call", Math.max(local[1], overTcp[1]), "bytes (aim 0)");
            row("System.nanoTime, for comparison", clock, "ns");
        }
    }

    private static double[] measure(String endpoint) throws Exception {
        final Map<String, String> options = new HashMap<>();
        options.put("endpoint", endpoint);
        options.put("namespace", "/bench");
        final CompletableFuture<UUID> granted = new CompletableFuture<>();
        try (LeaderClient client = LeaderClient.open(options, null)) {
            final LeaderClient.Registration registration =
                    client.register("bench", new Contender(granted));
            final UUID id = granted.get(30, TimeUnit.SECONDS);
            final double[] best = {Double.MAX_VALUE, 0};
            for (int round = 0; round < ROUNDS; round++) {
                final long bytes = allocated();
                final long start = System.nanoTime();
                int held = 0;
                for (int i = 0; i < CALLS; i++) {
                    held += registration.hasLeadership(id) ? 1 : 0;
                }
                final long took = System.nanoTime() - start;
                if (held == 0) {
                    throw new IllegalStateException("leadership was lost while measuring");
                }
                best[0] = Math.min(best[0], (double) took / CALLS);
                // Of the last round, when everything is compiled; whole bytes, for the probes
                // themselves allocate a little.
                best[1] = Math.floor((double) (allocated() - bytes) / CALLS);
            }
            registration.close();
            return best;
        }
    }

    private static double clock() {
        double best = Double.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            final long start = System.nanoTime();
            long sink = 0;
            for (int i = 0; i < CALLS; i++) {
                sink ^= System.nanoTime();
            }
            best = Math.min(best, (double) (System.nanoTime() - start) / CALLS);
            if (sink == 42) {
                System.out.print("");
            }
        }
        return best;
    }

    private static long allocated() {
        return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean())
                .getThreadAllocatedBytes(Thread.currentThread().getId());
    }

    private static void row(String name, double value, String unit) {
        System.out.printf(Locale.ROOT, "%-56s %9.1f %s%n", name, value, unit);
    }

    private static final class Contender implements LeaderClient.Contender {

        private final CompletableFuture<UUID> granted;

        Contender(CompletableFuture<UUID> granted) {
            this.granted = granted;
        }

        @Override
        public void granted(UUID id) {
            granted.complete(id);
        }

        @Override
        public void revoked(String reason) {}

        @Override
        public void failed(Throwable error) {
            granted.completeExceptionally(error);
        }
    }
}

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

import io.leaderserver.FencedStore;
import io.leaderserver.LeaderClient;
import io.leaderserver.LeaderServerException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * A candidate that does what it is told, and says what happens to it and when: as agent.c, where
 * the words are explained. Times are of {@link System#nanoTime}, which on Linux is CLOCK_MONOTONIC;
 * whoever reads them adds how long the machine has been suspended. It can't resign, which the Java
 * client leaves to the command line.
 */
public final class Agent {

    private static final long SAID_EVERY = 25_000_000;

    private static final PrintStream OUT = new PrintStream(System.out, false);

    private final LeaderClient client;

    private final int operationMs;

    private final Map<Integer, Contending> contending = new ConcurrentHashMap<>();

    private final ExecutorService operations =
            Executors.newCachedThreadPool(
                    run -> {
                        final Thread thread = new Thread(run);
                        thread.setDaemon(true);
                        return thread;
                    });

    private Agent(String[] arguments) {
        final Map<String, String> options = new HashMap<>();
        options.put("endpoint", arguments[0]);
        options.put("namespace", arguments[1]);
        options.put("name", arguments[2]);
        options.put("session-timeout", arguments[3]);
        options.put("disconnect-grace", arguments[4]);
        options.put("election", "per-component");
        operationMs = Integer.parseInt(arguments[5]);
        client = LeaderClient.open(options, null);
    }

    public static void main(String[] arguments) throws Exception {
        final Agent agent = new Agent(arguments);
        final Thread reader = new Thread(agent::readLeadership);
        reader.setDaemon(true);
        reader.start();
        say("ready");
        final BufferedReader commands =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            agent.obey(line.split(" "));
        }
        agent.client.close();
    }

    /** A line is one write, and whole. */
    private static void say(Object... words) {
        final StringBuilder line = new StringBuilder();
        for (Object word : words) {
            line.append(line.length() == 0 ? "" : " ").append(word);
        }
        line.append('\n');
        synchronized (OUT) {
            OUT.print(line);
            OUT.flush();
        }
    }

    private void obey(String[] word) {
        switch (word[0]) {
            case "contend":
                final Contending added = new Contending(Integer.parseInt(word[1]));
                contending.put(added.number, added);
                added.registration = client.register(word[2], added);
                break;
            case "close":
                contending.get(Integer.parseInt(word[1])).close();
                break;
            case "confirm":
                contending.get(Integer.parseInt(word[1])).confirm(word);
                break;
            case "watch":
                client.watch(word[1], (address, id) -> changed(word[1], address, id));
                break;
            default:
                operations.execute(() -> operate(word));
        }
    }

    private static void changed(String component, String address, UUID id) {
        final long after = System.nanoTime();
        if (id == null) {
            say("none", component, after);
        } else {
            say("leader", component, epoch(id), low(id), address, after);
        }
    }

    private static String epoch(UUID id) {
        return Long.toUnsignedString(id.getMostSignificantBits());
    }

    private static String low(UUID id) {
        return Long.toUnsignedString(id.getLeastSignificantBits());
    }

    private void readLeadership() {
        while (true) {
            contending.values().forEach(Contending::readOnce);
            LockSupport.parkNanos(1_000_000);
        }
    }

    private void operate(String[] word) {
        String status = "LS_OK";
        String value = "";
        long version = 0;
        final long before = System.nanoTime();
        try {
            final FencedStore store = client.store(word[2], epochs(word));
            switch (word[0]) {
                case "get":
                    final FencedStore.Entry found = store.get(word[3], operationMs).orElse(null);
                    status = found == null ? "LS_NOT_FOUND" : status;
                    version = found == null ? 0 : found.version();
                    value = found == null ? "" : text(found);
                    break;
                case "list":
                    value =
                            store.list("", operationMs).stream()
                                    .map(e -> e.key() + "=" + e.version() + "=" + text(e))
                                    .collect(Collectors.joining(","));
                    break;
                case "create":
                    version = store.create(word[4], bytes(word[5]), operationMs);
                    break;
                case "replace":
                    final long at = Long.parseUnsignedLong(word[5]);
                    version = store.replace(word[4], at, bytes(word[6]), operationMs);
                    break;
                default:
                    throw new IllegalArgumentException(word[0]);
            }
        } catch (LeaderServerException e) {
            status = name(e.code());
            version = e.version();
        }
        final long after = System.nanoTime();
        say("done", word[1], before, after, status, Long.toUnsignedString(version), value);
    }

    private static Map<String, Long> epochs(String[] word) {
        final boolean writes = word[0].equals("create") || word[0].equals("replace");
        return writes ? Map.of(word[2], Long.parseUnsignedLong(word[3])) : Map.of();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(FencedStore.Entry entry) {
        return new String(entry.value(), StandardCharsets.UTF_8);
    }

    /** As the C library names it. */
    private static String name(int code) {
        switch (code) {
            case LeaderServerException.CLOSED:
                return "LS_CLOSED";
            case LeaderServerException.UNREACHABLE:
                return "LS_UNREACHABLE";
            case LeaderServerException.FENCED:
                return "LS_FENCED";
            case LeaderServerException.EXISTS:
                return "LS_EXISTS";
            case LeaderServerException.NOT_FOUND:
                return "LS_NOT_FOUND";
            case LeaderServerException.CHANGED:
                return "LS_CHANGED";
            case LeaderServerException.NOT_APPLIED:
                return "LS_NOT_APPLIED";
            case LeaderServerException.UNKNOWN_OUTCOME:
                return "LS_UNKNOWN_OUTCOME";
            default:
                return "status_" + code;
        }
    }

    /** A registration. What is read of its leadership is said at each change, and every 25 ms. */
    private static final class Contending implements LeaderClient.Contender {

        private final int number;

        private volatile LeaderClient.Registration registration;

        private volatile UUID granted;

        private UUID id;

        private boolean led;

        private boolean unsaid;

        private long before;

        private long after;

        private long said;

        private Contending(int number) {
            this.number = number;
        }

        @Override
        public void granted(UUID id) {
            final long after = System.nanoTime();
            granted = id;
            say("grant", number, epoch(id), low(id), after);
        }

        @Override
        public void revoked(String reason) {
            say("revoke", number, System.nanoTime(), reason);
        }

        @Override
        public void failed(Throwable error) {
            say("failed", number, System.nanoTime(), error);
        }

        private void close() {
            final long before = System.nanoTime();
            registration.close();
            say("closed", number, before, System.nanoTime());
        }

        private void confirm(String[] word) {
            final long high = Long.parseUnsignedLong(word[2]);
            final UUID id = new UUID(high, Long.parseUnsignedLong(word[3]));
            final LeaderClient.Confirmation status = registration.confirm(id, word[4]);
            final boolean done = status == LeaderClient.Confirmation.CONFIRMED;
            say("confirmed", number, word[2], done ? "LS_OK" : status, System.nanoTime());
        }

        private void readOnce() {
            final UUID asked = granted;
            final LeaderClient.Registration registration = this.registration;
            if (asked == null || registration == null) {
                return;
            }
            final long before = System.nanoTime();
            final boolean led = registration.hasLeadership(asked);
            final long after = System.nanoTime();
            final boolean other = led != this.led || !asked.equals(id);
            if (other) {
                sayReading();
            }
            this.id = asked;
            this.led = led;
            this.before = before;
            this.after = after;
            unsaid = true;
            if (other || led && after - said > SAID_EVERY) {
                sayReading();
            }
            // That it does not lead is said once.
            unsaid &= led;
        }

        private void sayReading() {
            if (unsaid) {
                say(led ? "leads" : "not", number, epoch(id), before, after);
                said = after;
                unsaid = false;
            }
        }
    }
}

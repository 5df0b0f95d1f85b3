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

import static io.leaderserver.StoreService.PATIENCE;
import static io.leaderserver.StoreService.assertCode;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.FencedStore.Entry;
import io.leaderserver.FencedStore.Transaction;
import io.leaderserver.FencedStore.Written;
import io.leaderserver.StoreService.Leader;
import io.leaderserver.StoreService.Via;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a leader can do with a store, over TCP and within the process. */
class StoreTest {

    private static final int MEBIBYTE = 1024 * 1024;

    /** Each operation with its version and its distinct error. */
    @ParameterizedTest
    @EnumSource
    void oneKey(Via via) {
        try (StoreService service = new StoreService(via)) {
            final FencedStore store = service.lead("a").store();
            assertFalse(store.get("jobs/1", PATIENCE).isPresent());

            final long first = store.create("jobs/1", bytes("one"), PATIENCE);
            final LeaderServerException there =
                    assertCode(
                            LeaderServerException.EXISTS,
                            () -> store.create("jobs/1", bytes("two"), PATIENCE));
            assertEquals(first, there.version());
            assertTrue(there.getMessage().contains("jobs/1"), there.getMessage());

            final long second = store.replace("jobs/1", first, bytes("two"), PATIENCE);
            assertTrue(second > first);
            final LeaderServerException changed =
                    assertCode(
                            LeaderServerException.CHANGED,
                            () -> store.replace("jobs/1", first, bytes("three"), PATIENCE));
            assertEquals(second, changed.version());
            final Entry entry = store.get("jobs/1", PATIENCE).get();
            assertEquals("jobs/1", entry.key());
            assertEquals(second, entry.version());
            assertArrayEquals(bytes("two"), entry.value());

            assertEquals(
                    second,
                    assertCode(
                                    LeaderServerException.CHANGED,
                                    () -> store.delete("jobs/1", first, PATIENCE))
                            .version());
            store.delete("jobs/1", second, PATIENCE);
            final LeaderServerException gone =
                    assertCode(
                            LeaderServerException.NOT_FOUND,
                            () -> store.delete("jobs/1", PATIENCE));
            assertEquals(0, gone.version());
            assertCode(
                    LeaderServerException.NOT_FOUND,
                    () -> store.replace("jobs/1", second, bytes("x"), PATIENCE));
            assertCode(
                    LeaderServerException.NOT_FOUND,
                    () -> store.delete("jobs/1", second, PATIENCE));
            store.create("jobs/1", bytes("again"), PATIENCE);
            store.delete("jobs/1", PATIENCE);
        }
    }

    @Test
    void whatItIs() {
        try (StoreService service = new StoreService(Via.PROCESS)) {
            final Leader leader = service.lead("a");
            final Map<String, Long> epochs = new HashMap<>();
            epochs.put("process", leader.epoch());
            final FencedStore store = leader.client.store("process", epochs);
            epochs.clear();
            assertEquals("process", store.election());
            assertEquals(Collections.singletonMap("process", leader.epoch()), store.epochs());
            assertThrows(
                    UnsupportedOperationException.class, () -> store.epochs().put("process", 1L));
            store.check(PATIENCE);
            assertTrue(store.toString().contains("process=" + leader.epoch()), store.toString());
        }
    }

    /** Any bytes, and none at all, which is not the same as no key. */
    @ParameterizedTest
    @EnumSource
    void valuesAreAnyBytes(Via via) {
        try (StoreService service = new StoreService(via)) {
            final FencedStore store = service.lead("a").store();
            final byte[] all = new byte[256];
            for (int i = 0; i < all.length; i++) {
                all[i] = (byte) i;
            }
            store.create("all", all, PATIENCE);
            store.create("none", new byte[0], PATIENCE);
            assertArrayEquals(all, store.get("all", PATIENCE).get().value());
            assertArrayEquals(new byte[0], store.get("none", PATIENCE).get().value());
            assertArrayEquals(new byte[0], store.list("none", PATIENCE).get(0).value());
        }
    }

    /** In the order of the bytes of their UTF-8; U+E000 comes before what needs surrogates. */
    @ParameterizedTest
    @EnumSource
    void keysInOrder(Via via) {
        try (StoreService service = new StoreService(via)) {
            final FencedStore store = service.lead("a").store();
            final String longest = "z".repeat(1024);
            final List<String> keys =
                    Arrays.asList(
                            "a", "a\u0000", "a/", "b", longest, "é", "\uE000", "\uD83D\uDE00");
            final List<String> shuffled = new ArrayList<>(keys);
            Collections.reverse(shuffled);
            for (String key : shuffled) {
                store.create(key, bytes(key), PATIENCE);
            }
            assertEquals(keys, keysOf(store.list("", PATIENCE)));
            assertEquals(keys.subList(0, 3), keysOf(store.keys("a", PATIENCE)));
            assertEquals(keys.subList(7, 8), keysOf(store.list("\uD83D\uDE00", PATIENCE)));
            assertEquals(Collections.emptyList(), store.list("nothing", PATIENCE));
            for (Entry entry : store.list("", PATIENCE)) {
                assertArrayEquals(bytes(entry.key()), entry.value());
                assertEquals(entry.version(), store.get(entry.key(), PATIENCE).get().version());
            }
            for (Entry entry : store.keys("", PATIENCE)) {
                assertEquals(0, entry.value().length);
                assertEquals(entry.version(), store.get(entry.key(), PATIENCE).get().version());
            }
        }
    }

    /** More than is fetched at a time, and more than a page of the name service holds. */
    @ParameterizedTest
    @EnumSource
    void longListsAreWhole(Via via) {
        try (StoreService service = new StoreService(via)) {
            final FencedStore store = service.lead("a").store();
            final List<String> keys = new ArrayList<>();
            for (int thousand = 0; thousand < 6; thousand++) {
                final Transaction transaction = store.transaction();
                for (int i = 0; i < 1000; i++) {
                    final String key = String.format("key-%04d", thousand * 1000 + i);
                    transaction.create(key, bytes(key));
                    keys.add(key);
                }
                transaction.commit(PATIENCE);
            }
            assertEquals(keys, keysOf(store.keys("", PATIENCE)));
            final List<Entry> entries = store.list("key-", PATIENCE);
            assertEquals(keys, keysOf(entries));
            entries.forEach(entry -> assertArrayEquals(bytes(entry.key()), entry.value()));
            assertEquals(1000, store.list("key-3", PATIENCE).size());
            assertEquals(6000, store.deletePrefix("key-", PATIENCE));
            assertEquals(0, store.deletePrefix("key-", PATIENCE));
            assertTrue(store.keys("", PATIENCE).isEmpty());
        }
    }

    @ParameterizedTest
    @EnumSource
    void largeValues(Via via) {
        try (StoreService service = new StoreService(via)) {
            final FencedStore store = service.lead("a").store();
            final byte[] large = new byte[MEBIBYTE];
            for (int i = 0; i < large.length; i++) {
                large[i] = (byte) (i * 31);
            }
            for (int i = 0; i < 5; i++) {
                store.create("large/" + i, large, PATIENCE);
            }
            assertArrayEquals(large, store.get("large/3", PATIENCE).get().value());
            final List<Entry> found = store.list("large/", PATIENCE);
            assertEquals(5, found.size());
            found.forEach(entry -> assertArrayEquals(large, entry.value()));
        }
    }

    @ParameterizedTest
    @EnumSource
    void transactions(Via via) {
        try (StoreService service = new StoreService(via)) {
            final FencedStore store = service.lead("a").store();
            final Written two =
                    store.transaction()
                            .create("a/1", bytes("1"))
                            .create("a/2", bytes("2"))
                            .commit(PATIENCE);
            assertEquals(0, two.deleted());
            for (Entry entry : store.list("a/", PATIENCE)) {
                assertEquals(two.version(), entry.version());
            }

            final Transaction failing =
                    store.transaction().delete("a/1").create("b", bytes("b")).delete("a/3");
            final LeaderServerException missing =
                    assertCode(LeaderServerException.NOT_FOUND, () -> failing.commit(PATIENCE));
            assertTrue(missing.getMessage().contains("a/3"), missing.getMessage());
            assertEquals(Arrays.asList("a/1", "a/2"), keysOf(store.list("", PATIENCE)));

            // In order: what an operation needs, one before it may have made so.
            final Written mixed =
                    store.transaction()
                            .delete("a/1", two.version())
                            .create("a/1", bytes("new"))
                            .replace("a/2", two.version(), bytes("2nd"))
                            .create("c/1", bytes("c"))
                            .deletePrefix("c/")
                            .commit(PATIENCE);
            assertEquals(2, mixed.deleted());
            assertTrue(mixed.version() > two.version());
            final List<Entry> found = store.list("", PATIENCE);
            assertEquals(Arrays.asList("a/1", "a/2"), keysOf(found));
            assertArrayEquals(bytes("new"), found.get(0).value());
            assertArrayEquals(bytes("2nd"), found.get(1).value());
            assertEquals(mixed.version(), found.get(1).version());
        }
    }

    /** Several epochs, of which all must hold, and the keys of each election apart. */
    @ParameterizedTest
    @EnumSource
    void keysOfSeveralElections(Via via) {
        try (StoreService service = new StoreService(via)) {
            final LeaderClient client = service.open("a", "election", "per-component");
            final long dispatcher = new Leader(client, "dispatcher").epoch();
            final long job = new Leader(client, "job").epoch();
            final Map<String, Long> both = new HashMap<>();
            both.put(client.electionOf("dispatcher"), dispatcher);
            both.put(client.electionOf("job"), job);
            final FencedStore store = client.store("dispatcher", both);
            store.transaction()
                    .create("k", bytes("dispatcher's"))
                    .of("job")
                    .create("k", bytes("job's"))
                    .commit(PATIENCE);
            final FencedStore ofJob =
                    client.store("job", Collections.singletonMap("job", job));
            assertArrayEquals(bytes("dispatcher's"), store.get("k", PATIENCE).get().value());
            assertArrayEquals(bytes("job's"), ofJob.get("k", PATIENCE).get().value());
            assertCode(
                    LeaderServerException.INVALID_ARGUMENT,
                    () -> ofJob.transaction().of("dispatcher").delete("k").commit(PATIENCE));
            both.put("job", job + 1);
            final LeaderServerException fenced =
                    assertCode(
                            LeaderServerException.FENCED,
                            () -> client.store("dispatcher", both).delete("k", PATIENCE));
            assertTrue(fenced.getMessage().contains("'job'"), fenced.getMessage());
        }
    }

    @Test
    void electionOfComponent() {
        final LeaderClient client = Support.open("embedded:", "election", "per-component");
        assertEquals("job", client.electionOf("job"));
        client.close();
        assertCode(LeaderServerException.CLOSED, () -> client.electionOf("job"));
        try (LeaderClient other = Support.open("embedded:")) {
            assertEquals("process", other.electionOf("job"));
            assertCode(LeaderServerException.INVALID_ARGUMENT, () -> other.electionOf(""));
        }
    }

    /** Who holds no epoch can read, and nothing else. */
    @ParameterizedTest
    @EnumSource
    void readingNeedsNoEpoch(Via via) {
        try (StoreService service = new StoreService(via)) {
            final FencedStore reader = service.reader();
            assertFalse(reader.get("k", PATIENCE).isPresent());
            service.lead("a").store().create("k", bytes("v"), PATIENCE);
            assertArrayEquals(bytes("v"), reader.get("k", PATIENCE).get().value());
            assertEquals(1, reader.list("", PATIENCE).size());
            assertCode(LeaderServerException.INVALID_ARGUMENT, () -> reader.check(PATIENCE));
            assertCode(
                    LeaderServerException.INVALID_ARGUMENT, () -> reader.delete("k", PATIENCE));
        }
    }

    /** A namespace that holds what it may takes no more, but can be changed and emptied. */
    @ParameterizedTest
    @EnumSource
    void fullNamespace(Via via) {
        try (StoreService service = new StoreService(via, "max-store-keys", "3")) {
            final FencedStore store = service.lead("a").store();
            final long version = store.create("1", bytes("1"), PATIENCE);
            store.create("2", bytes("2"), PATIENCE);
            store.create("3", bytes("3"), PATIENCE);
            final LeaderServerException full =
                    assertCode(
                            LeaderServerException.LIMIT,
                            () -> store.create("4", bytes("4"), PATIENCE));
            assertTrue(full.getMessage().contains("max-store-keys"), full.getMessage());
            store.replace("1", version, bytes("one"), PATIENCE);
            store.delete("2", PATIENCE);
            store.create("4", bytes("4"), PATIENCE);
        }
        try (StoreService service = new StoreService(via, "max-store-bytes", "10000")) {
            final FencedStore store = service.lead("a").store();
            store.create("1", new byte[9000], PATIENCE);
            final LeaderServerException full =
                    assertCode(
                            LeaderServerException.LIMIT,
                            () -> store.create("2", new byte[1000], PATIENCE));
            assertTrue(full.getMessage().contains("max-store-bytes"), full.getMessage());
        }
    }

    /** Many threads, one store: no change is lost. */
    @ParameterizedTest
    @EnumSource
    void eightThreads(Via via) throws Exception {
        try (StoreService service = new StoreService(via)) {
            final FencedStore store = service.lead("a").store();
            store.create("counter", bytes("0"), PATIENCE);
            final ExecutorService threads = Executors.newFixedThreadPool(8);
            try {
                final List<Future<?>> all = new ArrayList<>();
                for (int i = 0; i < 8; i++) {
                    final String own = "own-" + i;
                    all.add(threads.submit(() -> countUp(store, own)));
                }
                for (Future<?> one : all) {
                    one.get();
                }
            } finally {
                threads.shutdownNow();
            }
            assertArrayEquals(bytes("200"), store.get("counter", PATIENCE).get().value());
            assertEquals(8 * 25, store.keys("own-", PATIENCE).size());
        }
    }

    private static void countUp(FencedStore store, String own) {
        for (int i = 0; i < 25; i++) {
            store.create(own + "/" + i, bytes(own), PATIENCE);
            boolean counted = false;
            while (!counted) {
                final Entry entry = store.get("counter", PATIENCE).get();
                final int number = Integer.parseInt(new String(entry.value(), UTF_8));
                final byte[] next = bytes(String.valueOf(number + 1));
                try {
                    store.replace("counter", entry.version(), next, PATIENCE);
                    counted = true;
                } catch (LeaderServerException e) {
                    assertEquals(LeaderServerException.CHANGED, e.code(), e.getMessage());
                    assertTrue(e.version() > entry.version());
                }
            }
        }
    }

    private static List<String> keysOf(List<Entry> entries) {
        return entries.stream().map(Entry::key).collect(Collectors.toList());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}

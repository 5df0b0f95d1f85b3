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
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.FencedStore.Transaction;
import io.leaderserver.StoreService.Leader;
import io.leaderserver.StoreService.Via;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** P10: whatever a store is given, it answers as documented, and works on. */
class StoreInputTest {

    private static final int MEBIBYTE = 1024 * 1024;

    private static final byte[] VALUE = {'v'};

    private static StoreService service;

    private static Leader leader;

    private static FencedStore store;

    @BeforeAll
    static void lead() {
        service = new StoreService(Via.TCP);
        leader = service.lead("a");
        store = leader.store();
    }

    @AfterAll
    static void close() {
        service.close();
    }

    @Test
    void nulls() {
        final LeaderClient client = leader.client;
        final Map<String, Long> none = Collections.emptyMap();
        assertNoNull(() -> client.electionOf(null));
        assertNoNull(() -> client.store(null, none));
        assertNoNull(() -> client.store("process", null));
        assertNoNull(() -> client.store("process", Collections.singletonMap(null, 1L)));
        assertNoNull(() -> client.store("process", Collections.singletonMap("process", null)));
        assertNoNull(() -> store.get(null, PATIENCE));
        assertNoNull(() -> store.list(null, PATIENCE));
        assertNoNull(() -> store.keys(null, PATIENCE));
        assertNoNull(() -> store.create(null, VALUE, PATIENCE));
        assertNoNull(() -> store.create("k", null, PATIENCE));
        assertNoNull(() -> store.replace(null, 1, VALUE, PATIENCE));
        assertNoNull(() -> store.replace("k", 1, null, PATIENCE));
        assertNoNull(() -> store.delete(null, PATIENCE));
        assertNoNull(() -> store.delete(null, 1, PATIENCE));
        assertNoNull(() -> store.deletePrefix(null, PATIENCE));
        assertNoNull(() -> store.transaction().of(null));
        store.check(PATIENCE);
    }

    @Test
    void timeouts() {
        for (long negative : new long[] {-1, Long.MIN_VALUE}) {
            assertIllegal(() -> store.get("k", negative));
            assertIllegal(() -> store.list("", negative));
            assertIllegal(() -> store.keys("", negative));
            assertIllegal(() -> store.create("never", VALUE, negative));
            assertIllegal(() -> store.check(negative));
        }
        for (long endless : new long[] {Integer.MAX_VALUE, Long.MAX_VALUE}) {
            assertFalse(store.get("never", endless).isPresent());
            assertTrue(store.list("never", endless).isEmpty());
            store.check(endless);
        }
    }

    /** Names are 1 to 1024 bytes of UTF-8, in which half a surrogate pair has no form. */
    @Test
    void namesThatAreNone() {
        final LeaderClient client = leader.client;
        final String[] names = {"", "a\uD800b", "\uDC00", "x".repeat(1025), "é".repeat(513)};
        for (String name : names) {
            final Map<String, Long> epoch = Collections.singletonMap(name, leader.epoch());
            assertInvalid(() -> client.electionOf(name));
            assertInvalid(() -> client.store(name, store.epochs()).get("k", PATIENCE));
            assertInvalid(() -> client.store(name, store.epochs()).list("", PATIENCE));
            assertInvalid(() -> client.store(name, store.epochs()).delete("k", PATIENCE));
            assertInvalid(() -> client.store("process", epoch).check(PATIENCE));
            assertInvalid(() -> store.get(name, PATIENCE));
            assertInvalid(() -> store.create(name, VALUE, PATIENCE));
            assertInvalid(() -> store.replace(name, 1, VALUE, PATIENCE));
            assertInvalid(() -> store.delete(name, PATIENCE));
            assertInvalid(() -> store.delete(name, 1, PATIENCE));
            assertInvalid(() -> store.transaction().of(name).delete("k").commit(PATIENCE));
            if (!name.isEmpty()) {
                assertInvalid(() -> store.list(name, PATIENCE));
                assertInvalid(() -> store.keys(name, PATIENCE));
                assertInvalid(() -> store.deletePrefix(name, PATIENCE));
            }
        }
        store.check(PATIENCE);
    }

    /** Versions and epochs that nobody was given do no harm. */
    @Test
    void numbersThatAreNone() {
        final long version = store.create("numbers", VALUE, PATIENCE);
        for (long wrong : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, version + 1}) {
            final LeaderServerException changed =
                    assertCode(
                            LeaderServerException.CHANGED,
                            () -> store.replace("numbers", wrong, VALUE, PATIENCE));
            assertEquals(version, changed.version());
            // 0, at which no key ever is, would stand for any version on the wire.
            assertCode(
                    wrong == 0
                            ? LeaderServerException.INVALID_ARGUMENT
                            : LeaderServerException.CHANGED,
                    () -> store.delete("numbers", wrong, PATIENCE));
            final Map<String, Long> epoch = Collections.singletonMap("process", wrong);
            assertCode(
                    LeaderServerException.FENCED,
                    () -> leader.client.store("process", epoch).check(PATIENCE));
        }
        store.delete("numbers", version, PATIENCE);
    }

    /** Refused with the size that was given, before it is copied. */
    @Test
    void values() {
        final LeaderServerException one =
                assertCode(
                        LeaderServerException.LIMIT,
                        () -> store.create("k", new byte[MEBIBYTE + 1], PATIENCE));
        assertTrue(one.getMessage().contains("1048577 bytes"), one.getMessage());
        assertCode(
                LeaderServerException.LIMIT,
                () -> store.replace("k", 1, new byte[64 * MEBIBYTE], PATIENCE));
        final byte[] large = new byte[MEBIBYTE];
        assertLimit(2, transaction -> transaction.create("k", large));
        // 4 GiB altogether.
        assertLimit(4096, transaction -> transaction.replace("k", 1, large));
        assertFalse(store.get("k", PATIENCE).isPresent());
    }

    @Test
    void counts() {
        assertLimit(4097, transaction -> transaction.delete("k"));
        assertLimit(100_000, transaction -> transaction.create("k", VALUE));
        final Map<String, Long> epochs = new HashMap<>();
        for (int count : new int[] {65, 100_000}) {
            while (epochs.size() < count) {
                epochs.put("election-" + epochs.size(), 1L);
            }
            assertCode(
                    LeaderServerException.LIMIT,
                    () -> leader.client.store("process", epochs).check(PATIENCE));
        }
        assertFalse(store.get("k", PATIENCE).isPresent());
    }

    private static void assertLimit(int operations, Consumer<Transaction> operation) {
        final Transaction transaction = store.transaction();
        for (int i = 0; i < operations; i++) {
            operation.accept(transaction);
        }
        assertCode(LeaderServerException.LIMIT, () -> transaction.commit(PATIENCE));
    }

    private static void assertNoNull(Executable call) {
        assertThrows(NullPointerException.class, call);
    }

    private static void assertIllegal(Executable call) {
        assertThrows(IllegalArgumentException.class, call);
    }

    private static void assertInvalid(Executable call) {
        assertCode(LeaderServerException.INVALID_ARGUMENT, call);
    }
}

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

import static io.leaderserver.StoreService.assertCode;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.StoreService.Leader;
import io.leaderserver.StoreService.Via;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** P10: the store's natives take whatever arrays they are given. */
class StoreNativesTest {

    private static final int PATIENCE = (int) StoreService.PATIENCE;

    private static StoreService service;

    private static Leader leader;

    private static long client;

    @BeforeAll
    static void lead() {
        service = new StoreService(Via.PROCESS);
        leader = service.lead("a");
        client = leader.client.handle();
        final FencedStore store = leader.store();
        store.create("a", new byte[] {1}, PATIENCE);
        store.create("b", new byte[] {2, 2}, PATIENCE);
        store.create("c", new byte[] {3, 3, 3}, PATIENCE);
    }

    @AfterAll
    static void close() {
        service.close();
    }

    @Test
    void columnsOfDifferentLength() {
        columns(all -> {}).write();
        assertWrong(all -> all.written = new long[1]);
        assertWrong(all -> all.fenced = new String[0]);
        assertWrong(all -> all.epochs = new long[2]);
        assertWrong(all -> all.kinds = new int[0]);
        assertWrong(all -> all.kinds = new int[] {Natives.DELETE_PREFIX, Natives.DELETE_PREFIX});
        assertWrong(all -> all.elections = new String[] {"process", "process"});
        assertWrong(all -> all.keys = new String[0]);
        assertWrong(all -> all.versions = new long[2]);
        assertWrong(all -> all.values = new byte[0][]);
    }

    @Test
    void columnsThatAreNull() {
        assertNoNull(all -> all.written = null);
        assertNoNull(all -> all.fenced = null);
        assertNoNull(all -> all.epochs = null);
        assertNoNull(all -> all.kinds = null);
        assertNoNull(all -> all.elections = null);
        assertNoNull(all -> all.keys = null);
        assertNoNull(all -> all.versions = null);
        assertNoNull(all -> all.values = null);
        assertNoNull(all -> all.fenced = new String[1]);
        assertNoNull(all -> all.elections = new String[1]);
        assertNoNull(all -> all.keys = new String[1]);
        final NullPointerException named =
                assertThrows(
                        NullPointerException.class,
                        () -> columns(all -> all.kinds[0] = Natives.CREATE).write());
        assertEquals("values[0]", named.getMessage());
        assertNoNull(all -> all.kinds[0] = Natives.REPLACE);
    }

    /** A number that is none of the kinds. */
    @Test
    void kindsThatAreNone() {
        for (int kind : new int[] {0, 6, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertWrong(all -> all.kinds[0] = kind);
        }
    }

    /** What does not fit comes with the next call; a null ends what does. */
    @Test
    void pagesOfAnyRoom() {
        final String[] keys = {"x", "x"};
        final long[] versions = new long[2];
        final byte[][] values = new byte[2][];
        assertTrue(list(null, keys, versions, values));
        assertArrayEquals(new String[] {"a", "b"}, keys);
        assertArrayEquals(new byte[] {2, 2}, values[1]);
        assertTrue(versions[0] > 0 && versions[1] > versions[0]);

        assertFalse(list("b", keys, versions, values));
        assertArrayEquals(new String[] {"c", null}, keys);
        assertArrayEquals(new byte[] {3, 3, 3}, values[0]);
        assertFalse(list("c", keys, versions, null));
        assertNull(keys[0]);

        // The shortest counts.
        final String[] five = new String[5];
        assertTrue(list(null, five, new long[1], null));
        assertArrayEquals(new String[] {"a", null, null, null, null}, five);
        assertTrue(list(null, five, new long[9], new byte[2][]));
        assertArrayEquals(new String[] {"a", "b", null, null, null}, five);
        final long[] unused = {1, 2, 3, 4};
        assertFalse(list("a", five, unused, null));
        assertArrayEquals(new String[] {"b", "c", null, null, null}, five);
        assertArrayEquals(new long[] {3, 4}, Arrays.copyOfRange(unused, 2, 4));
    }

    @Test
    void roomForNothing() {
        final String[] keys = new String[1];
        final long[] versions = new long[1];
        assertInvalid(() -> list(null, new String[0], versions, null));
        assertInvalid(() -> list(null, keys, new long[0], null));
        assertInvalid(() -> list(null, keys, versions, new byte[0][]));
        assertInvalid(() -> Natives.storeGet(client, "process", "a", PATIENCE, new long[0]));
        assertThrows(NullPointerException.class, () -> list(null, null, versions, null));
        assertThrows(NullPointerException.class, () -> list(null, keys, null, null));
        final Class<NullPointerException> noNull = NullPointerException.class;
        assertThrows(
                noNull, () -> Natives.storeGet(client, "process", "a", PATIENCE, null));
        assertThrows(
                noNull, () -> Natives.storeGet(client, "process", null, PATIENCE, versions));
        assertThrows(noNull, () -> Natives.storeGet(client, null, "a", PATIENCE, versions));
        assertThrows(noNull, () -> Natives.clientElectionOf(client, null));
        assertInvalid(() -> list("", keys, versions, null));
        assertNull(keys[0]);
    }

    /** An array of outputs is left alone where there is nothing to put in. */
    @Test
    void nothingFound() {
        final long[] version = {7};
        assertNull(Natives.storeGet(client, "process", "nothing", PATIENCE, version));
        assertArrayEquals(new long[] {7}, version);
    }

    private static boolean list(String after, String[] keys, long[] versions, byte[][] values) {
        return Natives.storeList(
                client, "process", "", after, PATIENCE, keys, versions, values);
    }

    private static Columns columns(Consumer<Columns> change) {
        final Columns columns = new Columns();
        change.accept(columns);
        return columns;
    }

    private static void assertWrong(Consumer<Columns> change) {
        assertInvalid(columns(change)::write);
    }

    private static void assertNoNull(Consumer<Columns> change) {
        assertThrows(NullPointerException.class, columns(change)::write);
    }

    private static void assertInvalid(Executable call) {
        assertCode(LeaderServerException.INVALID_ARGUMENT, call);
    }

    /** The parameters of a write that changes nothing. */
    private static final class Columns {
        String[] fenced = {"process"};
        long[] epochs = {leader.epoch()};
        int[] kinds = {Natives.DELETE_PREFIX};
        String[] elections = {"process"};
        String[] keys = {"nothing"};
        long[] versions = {0};
        byte[][] values = {null};
        long[] written = new long[2];

        void write() {
            Natives.storeWrite(
                    client, fenced, epochs, kinds, elections, keys, versions, values, PATIENCE,
                    written);
        }
    }
}

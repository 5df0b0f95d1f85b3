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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderServerException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.persistence.StateHandleStore.AlreadyExistException;
import org.apache.flink.runtime.persistence.StateHandleStore.NotExistException;
import org.apache.flink.runtime.state.RetrievableStateHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Pointers in the name service, of which only the leader writes.
 *
 * <p>Seen to fail: without the check of the epoch where there is nothing to remove; with bytes
 * discarded before the mark; with bytes kept after a refusal; with marks that count as states; with
 * what can't be read left out.
 */
class FencedStateHandleStoreTest extends ServicesTestBase {

    private static final long TIMEOUT_MS = 10_000;

    private final String namespace = "test-" + UUID.randomUUID();
    private final MemoryStates states = new MemoryStates();

    private final Candidate first = candidate();
    private final FencedKeys keys = first.lead();
    private final FencedStateHandleStore<String> store = over(keys);

    private Candidate candidate() {
        return closing(
                new Candidate(NameServices.leaderServer().port(), namespace, TIMEOUT_MS));
    }

    private FencedStateHandleStore<String> over(FencedKeys which) {
        return new FencedStateHandleStore<>(which, "test/", states);
    }

    /** The store of somebody who leads after the first. */
    private FencedStateHandleStore<String> successor() {
        first.resign();
        return over(candidate().lead());
    }

    private static void assertFenced(Executable write) {
        final LeaderServerException e = assertThrows(LeaderServerException.class, write);
        assertEquals(LeaderServerException.FENCED, e.code(), e.getMessage());
    }

    private List<String> present() {
        return new ArrayList<>(new TreeSet<>(states.stored.values()));
    }

    private List<String> remainingKeys() {
        final List<String> remaining = new ArrayList<>();
        first.store().keys("", TIMEOUT_MS).forEach(entry -> remaining.add(entry.key()));
        return remaining;
    }

    @Test
    void whatIsAddedIsFound() throws Exception {
        assertEquals("one", store.addAndLock("a", "one").retrieveState());
        store.addAndLock("b", "two");
        assertEquals("one", store.getAndLock("a").retrieveState());
        assertTrue(store.exists("a").isExisting());
        assertFalse(store.exists("c").isExisting());
        assertEquals(List.of("a", "b"), store.getAllHandles());
        assertEquals(2, store.getAllAndLock().size());
        assertThrows(NotExistException.class, () -> store.getAndLock("c"));
    }

    @Test
    void aNameIsTakenOnce() throws Exception {
        store.addAndLock("a", "one");
        assertThrows(AlreadyExistException.class, () -> store.addAndLock("a", "two"));
        assertEquals("one", store.getAndLock("a").retrieveState());
        assertEquals(List.of("one"), present());
    }

    @Test
    void aReplacedStateIsDiscarded() throws Exception {
        store.addAndLock("a", "one");
        final KeyVersion version = store.exists("a");
        store.replace("a", version, "two");
        assertEquals("two", store.getAndLock("a").retrieveState());
        assertEquals(List.of("two"), present());
        assertTrue(store.exists("a").compareTo(version) > 0);

        final LeaderServerException e =
                assertThrows(
                        LeaderServerException.class, () -> store.replace("a", version, "three"));
        assertEquals(LeaderServerException.CHANGED, e.code());
        assertThrows(NotExistException.class, () -> store.replace("b", version, "three"));
        assertEquals(List.of("two"), present());
    }

    /** A replacement that succeeded is none that failed, whatever becomes of the former bytes. */
    @Test
    void aFormerStateThatCannotBeDiscardedFailsNothing() throws Exception {
        store.addAndLock("a", "one");
        states.stuck = true;
        store.replace("a", store.exists("a"), "two");
        assertEquals("two", store.getAndLock("a").retrieveState());
    }

    @Test
    void whatIsRemovedLeavesNothing() throws Exception {
        store.addAndLock("a", "one");
        assertTrue(store.releaseAndTryRemove("a"));
        assertTrue(store.releaseAndTryRemove("a"));
        assertEquals(List.of(), present());
        assertEquals(List.of(), remainingKeys());
    }

    /** Only pointers: Flink has discarded the bytes by then, or wants to keep them. */
    @Test
    void clearingRemovesThePointers() throws Exception {
        store.addAndLock("a", "one");
        store.addAndLock("b", "two");
        keys.create("other/a", new byte[0]);
        store.clearEntries();
        store.clearEntries();
        assertEquals(List.of("one", "two"), present());
        assertEquals(List.of("other/a"), remainingKeys());
    }

    /** There are no locks that a former owner could leave (FLINK-10011, FLINK-10329). */
    @Test
    void nothingIsLocked() throws Exception {
        store.addAndLock("a", "one");
        final FencedStateHandleStore<String> successor = successor();
        assertEquals("one", successor.getAndLock("a").retrieveState());
        store.release("a");
        store.releaseAll();
        successor.replace("a", successor.exists("a"), "two");
        assertTrue(successor.releaseAndTryRemove("a"));
        assertEquals(List.of(), present());
    }

    /** FLINK-10333. Nothing is discarded but what the refused write itself had brought. */
    @Test
    void aFormerLeaderWritesNothing() throws Exception {
        store.addAndLock("a", "one");
        final KeyVersion version = store.exists("a");
        final FencedStateHandleStore<String> successor = successor();
        successor.addAndLock("b", "two");

        assertFenced(() -> store.addAndLock("a", "three"));
        assertFenced(() -> store.addAndLock("c", "three"));
        assertFenced(() -> store.replace("a", version, "three"));
        assertFenced(() -> store.releaseAndTryRemove("a"));
        assertFenced(() -> store.releaseAndTryRemove("nothing"));
        assertFenced(store::clearEntries);
        assertEquals(List.of("one", "two"), present());
        assertEquals(List.of("a", "b"), store.getAllHandles());
        assertEquals("two", store.getAndLock("b").retrieveState());
    }

    /** Also where nothing is there at all: only a failure keeps Flink from discarding state. */
    @Test
    void aFormerLeaderIsRefusedWhereThereIsNothing() {
        successor();
        assertFenced(store::clearEntries);
        assertFenced(() -> store.releaseAndTryRemove("a"));
    }

    /** Clean-up comes after resignation, and is let through until somebody else is granted. */
    @Test
    void whoHasResignedMayCleanUp() throws Exception {
        store.addAndLock("a", "one");
        store.addAndLock("b", "two");
        first.resign();
        assertTrue(store.releaseAndTryRemove("a"));
        store.clearEntries();
        assertEquals(List.of(), remainingKeys());
    }

    @Test
    void whoNeverLedReadsOnly() throws Exception {
        store.addAndLock("a", "one");
        final FencedStateHandleStore<String> reader = over(candidate().reading());
        assertEquals("one", reader.getAndLock("a").retrieveState());
        assertEquals(List.of("a"), reader.getAllHandles());
        final List<Executable> writes =
                List.of(
                        () -> reader.addAndLock("b", "two"),
                        () -> reader.replace("a", reader.exists("a"), "two"),
                        () -> reader.releaseAndTryRemove("a"),
                        () -> reader.releaseAndTryRemove("nothing"),
                        reader::clearEntries);
        for (Executable write : writes) {
            final LeaderServerException e = assertThrows(LeaderServerException.class, write);
            assertEquals(LeaderServerException.NOT_APPLIED, e.code());
            assertTrue(e.getMessage().contains("had not been granted"), e.getMessage());
        }
        assertEquals(List.of("one"), present());
    }

    /** A removal that was begun is there for nobody, and is ended by the next. */
    @Test
    void anInterruptedRemovalIsEnded() throws Exception {
        store.addAndLock("a", "one");
        store.addAndLock("b", "two");
        states.stuck = true;
        assertThrows(IOException.class, () -> store.releaseAndTryRemove("a"));
        assertThrows(IOException.class, () -> store.releaseAndTryRemove("a"));
        assertEquals(List.of("test/a", "test/b"), remainingKeys());
        assertFalse(store.exists("a").isExisting());
        assertThrows(NotExistException.class, () -> store.getAndLock("a"));
        assertThrows(
                NotExistException.class, () -> store.replace("a", KeyVersion.of(1), "three"));
        assertEquals("b", store.getAllAndLock().get(0).f1);
        assertEquals(1, store.getAllAndLock().size());
        assertEquals(List.of("b"), store.getAllHandles());

        states.stuck = false;
        assertTrue(store.releaseAndTryRemove("a"));
        assertEquals(List.of("two"), present());
        assertEquals(List.of("test/b"), remainingKeys());
    }

    @Test
    void aSuccessorEndsARemoval() throws Exception {
        store.addAndLock("a", "one");
        states.stuck = true;
        assertThrows(IOException.class, () -> store.releaseAndTryRemove("a"));
        states.stuck = false;
        final FencedStateHandleStore<String> successor = successor();
        // Not the former leader, though.
        assertEquals(List.of(), store.getAllHandles());
        assertFenced(() -> store.releaseAndTryRemove("a"));
        assertEquals(List.of("one"), present());

        assertEquals(List.of(), successor.getAllHandles());
        assertEquals(List.of(), present());
        assertEquals(List.of(), remainingKeys());
    }

    @Test
    void aNameWhoseRemovalWasInterruptedIsFree() throws Exception {
        store.addAndLock("a", "one");
        states.stuck = true;
        assertThrows(IOException.class, () -> store.releaseAndTryRemove("a"));
        // Not as long as the bytes can't be discarded; then what would be added is left, too.
        assertThrows(AlreadyExistException.class, () -> store.addAndLock("a", "two"));
        states.stuck = false;
        states.stored.values().removeIf("two"::equals);
        store.addAndLock("a", "three");
        assertEquals("three", store.getAndLock("a").retrieveState());
        assertEquals(List.of("three"), present());
    }

    /** More than fits into a page of the name service's. */
    @Test
    void manyAreAllFound() throws Exception {
        states.padding = 8 * 1024;
        final Set<String> names = new TreeSet<>();
        for (int i = 0; i < 100; i++) {
            final String name = CheckpointNames.INSTANCE.checkpointIDToName(i);
            store.addAndLock(name, name);
            names.add(name);
        }
        assertEquals(names, new TreeSet<>(store.getAllHandles()));
        final Set<String> found = new TreeSet<>();
        for (Tuple2<RetrievableStateHandle<String>, String> each : store.getAllAndLock()) {
            assertEquals(each.f1, each.f0.retrieveState());
            found.add(each.f1);
        }
        assertEquals(names, found);
    }

    /** To leave out what can't be read would bring back an older state without a word. */
    @Test
    void whatCannotBeReadIsNotLeftOut() throws Exception {
        store.addAndLock("a", "one");
        keys.create("test/b", "\0rubbish".getBytes(StandardCharsets.US_ASCII));
        final Exception e = assertThrows(IOException.class, store::getAllAndLock);
        assertTrue(e.getMessage().contains("test/b"), e.getMessage());
        assertThrows(IOException.class, () -> store.getAndLock("b"));
        assertTrue(store.releaseAndTryRemove("b"));
        keys.create("test/c", new byte[0]);
        assertThrows(IOException.class, () -> store.getAndLock("c"));
        assertTrue(store.releaseAndTryRemove("c"));
        assertEquals(Collections.singletonList("test/a"), remainingKeys());
    }

    @Test
    void checkpointsSortByTheirNumbers() {
        final CheckpointNames names = CheckpointNames.INSTANCE;
        assertEquals("0000000000000000042", names.checkpointIDToName(42));
        assertEquals(19, names.checkpointIDToName(Long.MAX_VALUE).length());
        assertTrue(
                names.checkpointIDToName(9).compareTo(names.checkpointIDToName(10)) < 0);
        for (long id : new long[] {0, 1, 42, Long.MAX_VALUE}) {
            assertEquals(id, names.nameToCheckpointID(names.checkpointIDToName(id)));
        }
        assertEquals(-1, names.nameToCheckpointID("latest"));
    }
}

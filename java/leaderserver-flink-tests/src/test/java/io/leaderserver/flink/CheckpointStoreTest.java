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

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.runtime.checkpoint.CheckpointIDCounter;
import org.apache.flink.runtime.checkpoint.CheckpointProperties;
import org.apache.flink.runtime.checkpoint.CheckpointRecoveryFactory;
import org.apache.flink.runtime.checkpoint.CheckpointRetentionPolicy;
import org.apache.flink.runtime.checkpoint.CheckpointsCleaner;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.CompletedCheckpointStore;
import org.apache.flink.runtime.persistence.PossibleInconsistentStateException;
import org.apache.flink.runtime.state.CompletedCheckpointStorageLocation;
import org.apache.flink.runtime.state.SharedStateRegistryKey;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Flink's own store of completed checkpoints over ours, with real files for metadata and shared
 * state.
 *
 * <p>Seen to fail: with {@code clearEntries} that does not throw for a former leader; with bytes
 * discarded before the mark; with a counter that goes back.
 */
class CheckpointStoreTest extends StoresTestBase {

    private static final int RETAINED = 2;

    @TempDir private Path checkpoints;

    private final JobID job = new JobID();

    private CompletedCheckpointStore recover(CheckpointRecoveryFactory factory) throws Exception {
        return FlinkRelease.recover(factory, job, RETAINED, Runnable::run);
    }

    private CompletedCheckpointStore recover(JobManager manager) throws Exception {
        return recover(manager.services.getCheckpointRecoveryFactory());
    }

    /** Completes a checkpoint: its metadata is a file, which is its only state. */
    private void complete(CompletedCheckpointStore store, long id) throws Exception {
        store.addCheckpointAndSubsumeOldestOne(
                checkpoint(id), new CheckpointsCleaner(), () -> {});
    }

    private CompletedCheckpoint checkpoint(long id) throws IOException {
        return new CompletedCheckpoint(
                job,
                id,
                id,
                id + 1,
                Collections.emptyMap(),
                Collections.emptyList(),
                CheckpointProperties.forCheckpoint(
                        CheckpointRetentionPolicy.NEVER_RETAIN_AFTER_TERMINATION),
                new Location(Files.createFile(checkpoints.resolve("chk-" + id)).toString()),
                null);
    }

    /** Where the metadata of a checkpoint lies. */
    private static final class Location implements CompletedCheckpointStorageLocation {

        private static final long serialVersionUID = 1L;

        private final String file;

        Location(String file) {
            this.file = file;
        }

        @Override
        public String getExternalPointer() {
            return file;
        }

        @Override
        public StreamStateHandle getMetadataHandle() {
            return new FileStateHandle(new org.apache.flink.core.fs.Path(file), 0);
        }

        @Override
        public void disposeStorageLocation() {}
    }

    private boolean hasMetadata(long id) {
        return Files.exists(checkpoints.resolve("chk-" + id));
    }

    /** Shared state of a checkpoint, as incremental ones have it. */
    private Path share(CompletedCheckpointStore store, long id, String name) throws IOException {
        final Path file = checkpoints.resolve(name);
        if (!Files.exists(file)) {
            Files.createFile(file);
        }
        store.getSharedStateRegistry()
                .registerReference(
                        new SharedStateRegistryKey(name),
                        new FileStateHandle(new org.apache.flink.core.fs.Path(file.toString()), 0),
                        id);
        return file;
    }

    private static List<Long> ids(CompletedCheckpointStore store) throws Exception {
        final List<Long> ids = new ArrayList<>();
        for (CompletedCheckpoint checkpoint : store.getAllCheckpoints()) {
            ids.add(checkpoint.getCheckpointID());
        }
        return ids;
    }

    private static void shutdown(CompletedCheckpointStore store, JobStatus status)
            throws Exception {
        store.shutdown(status, new CheckpointsCleaner());
    }

    @Test
    void aSuccessorRecoversWhatWasRetained() throws Exception {
        final JobManager first = leader();
        final CompletedCheckpointStore store = recover(first);
        assertTrue(store.requiresExternalizedCheckpoints());
        for (long id : new long[] {8, 9, 10, 11}) {
            complete(store, id);
        }
        assertFalse(hasMetadata(9));
        shutdown(store, JobStatus.SUSPENDED);
        // In the order of the ids, not of their digits.
        final CompletedCheckpointStore recovered = recover(successorOf(first));
        assertEquals(List.of(10L, 11L), ids(recovered));
        complete(recovered, 12);
        assertEquals(List.of(11L, 12L), ids(recover(leaderless())));
    }

    /** Who was never granted may look. */
    private JobManager leaderless() throws Exception {
        return new JobManager();
    }

    /** FLINK-10333: what is refused is refused clearly, and touches nothing of the successor's. */
    @Test
    void aFormerLeaderCompletesNoCheckpoint() throws Exception {
        final JobManager first = leader();
        final CompletedCheckpointStore store = recover(first);
        complete(store, 1);
        complete(store, 2);
        final CompletedCheckpointStore successor = recover(successorOf(first));
        final Exception e = assertThrows(Exception.class, () -> complete(store, 3));
        // Flink then discards what the refused checkpoint brought, and only that.
        assertFalse(e instanceof PossibleInconsistentStateException, e::toString);
        assertFenced(() -> complete(store, 4));
        assertEquals(List.of(1L, 2L), ids(recover(leaderless())));
        assertTrue(hasMetadata(1));
        complete(successor, 5);
        assertEquals(List.of(2L, 5L), ids(recover(leaderless())));
    }

    /** The former leader's job ends: nothing that the successor's job needs is deleted. */
    @Test
    void theEndOfAFormerLeadersJobDeletesNothing() throws Exception {
        final JobManager first = leader();
        final CompletedCheckpointStore store = recover(first);
        final Path shared = share(store, 1, "shared");
        complete(store, 1);
        final CompletedCheckpointStore successor = recover(successorOf(first));
        assertFenced(() -> shutdown(store, JobStatus.FINISHED));
        assertTrue(Files.exists(shared));
        assertTrue(hasMetadata(1));
        assertEquals(List.of(1L), ids(recover(leaderless())));

        share(successor, 1, "shared");
        shutdown(successor, JobStatus.FINISHED);
        assertFalse(Files.exists(shared));
        assertFalse(hasMetadata(1));
    }

    /** So it is where the former leader knows of no checkpoint at all. */
    @Test
    void theEndOfAFormerLeadersJobWithoutCheckpointsDeletesNothing() throws Exception {
        final JobManager first = leader();
        final CompletedCheckpointStore store = recover(first);
        final Path shared = share(store, 1, "shared");
        successorOf(first);
        assertFenced(() -> shutdown(store, JobStatus.CANCELED));
        assertTrue(Files.exists(shared));
    }

    @Test
    void aJobThatHasEndedLeavesNothing() throws Exception {
        final JobManager leader = leader();
        final CheckpointRecoveryFactory factory = leader.services.getCheckpointRecoveryFactory();
        final CompletedCheckpointStore store = recover(factory);
        final CheckpointIDCounter counter = factory.createCheckpointIDCounter(job);
        counter.start();
        counter.getAndIncrement();
        complete(store, 1);
        complete(store, 2);
        assertFalse(keys().isEmpty());
        assertFalse(files().isEmpty());
        // Flink resigns before it cleans up.
        leader.resign();
        shutdown(store, JobStatus.FINISHED);
        counter.shutdown(JobStatus.FINISHED).get();
        assertEquals(List.of(), keys());
        assertEquals(List.of(), files());
        assertFalse(hasMetadata(2));
    }

    @Test
    void aSuspendedJobLeavesEverything() throws Exception {
        final JobManager leader = leader();
        final CheckpointRecoveryFactory factory = leader.services.getCheckpointRecoveryFactory();
        final CompletedCheckpointStore store = recover(factory);
        final CheckpointIDCounter counter = factory.createCheckpointIDCounter(job);
        assertEquals(1, counter.getAndIncrement());
        complete(store, 1);
        shutdown(store, JobStatus.SUSPENDED);
        counter.shutdown(JobStatus.SUSPENDED).get();
        assertEquals(List.of(1L), ids(recover(factory)));
        assertEquals(2, factory.createCheckpointIDCounter(job).getAndIncrement());
    }

    /** The JobMaster is bound once: to the grant under which its factory was asked for. */
    @Test
    void whatAFactoryMakesLaterIsBoundToItsGrantToo() throws Exception {
        final JobManager first = leader();
        final CheckpointRecoveryFactory old = first.services.getCheckpointRecoveryFactory();
        final JobManager second = successorOf(first);
        second.resign();
        first.lead();
        final CompletedCheckpointStore store = recover(old);
        assertFenced(() -> complete(store, 1));
        assertFenced(() -> old.createCheckpointIDCounter(job).getAndIncrement());
        complete(recover(first), 2);
        assertEquals(List.of(2L), ids(recover(old)));
    }

    @Test
    void idsNeverGoBack() throws Exception {
        final JobManager first = leader();
        final CheckpointIDCounter counter = counter(first);
        counter.start();
        assertEquals(1, counter.get());
        assertEquals(1, counter.getAndIncrement());
        assertEquals(2, counter.getAndIncrement());
        counter.setCount(1337);
        assertEquals(1337, counter.get());
        assertEquals(1337, counter.getAndIncrement());
        // A restored savepoint asks for less than was used since.
        counter.setCount(5);
        assertEquals(1338, counter.getAndIncrement());

        final CheckpointIDCounter next = counter(successorOf(first));
        next.start();
        assertEquals(1339, next.get());
        assertFenced(counter::getAndIncrement);
        assertFenced(() -> counter.setCount(5));
        assertFenced(() -> counter.setCount(5000));
        assertFenced(counter.shutdown(JobStatus.FINISHED));
        counter.shutdown(JobStatus.SUSPENDED).get();
        assertEquals(1339, counter.get());
        assertEquals(1339, next.getAndIncrement());
    }

    /** Also the clean-up of who never counted, and the second. */
    @Test
    void aCounterIsRemovedOnce() throws Exception {
        final JobManager first = leader();
        counter(first).getAndIncrement();
        counter(first).shutdown(JobStatus.FAILED).get();
        counter(first).shutdown(JobStatus.FAILED).get();
        assertEquals(List.of(), keys());
        final CheckpointIDCounter old = counter(first);
        successorOf(first);
        assertFenced(old.shutdown(JobStatus.FAILED));
    }

    private CheckpointIDCounter counter(JobManager manager) throws Exception {
        return manager.services.getCheckpointRecoveryFactory().createCheckpointIDCounter(job);
    }
}

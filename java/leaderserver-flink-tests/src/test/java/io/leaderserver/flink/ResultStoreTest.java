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

import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.ExecutionException;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.highavailability.JobResultEntry;
import org.apache.flink.runtime.highavailability.JobResultStore;
import org.junit.jupiter.api.Test;

/**
 * Flink's own store of job results, which are files, written by the leader only.
 *
 * <p>Seen to fail: without the look at the epoch.
 */
class ResultStoreTest extends StoresTestBase {

    private final JobID jobId = new JobID();

    private JobResultEntry result() throws Exception {
        return new JobResultEntry(FlinkRelease.succeeded(jobId));
    }

    @Test
    void aDirtyResultIsThereUntilItIsClean() throws Exception {
        final JobManager first = leader();
        final JobResultStore results = first.services.getJobResultStore();
        assertFalse(results.hasJobResultEntryAsync(jobId).get());
        results.createDirtyResultAsync(result()).get();
        assertTrue(results.hasJobResultEntryAsync(jobId).get());
        assertTrue(results.hasDirtyJobResultEntryAsync(jobId).get());
        assertFalse(results.hasCleanJobResultEntryAsync(jobId).get());
        assertEquals(jobId, results.getDirtyResults().iterator().next().getJobId());
        final ExecutionException twice =
                assertThrows(
                        ExecutionException.class,
                        () -> results.createDirtyResultAsync(result()).get());
        assertTrue(twice.getCause() instanceof IllegalStateException, twice::toString);

        final JobResultStore successor = successorOf(first).services.getJobResultStore();
        assertEquals(1, successor.getDirtyResults().size());
        successor.markResultAsCleanAsync(jobId).get();
        assertEquals(List.of(), files());
    }

    /** So the dirty entry stays, and the successor cleans up. */
    @Test
    void aFormerLeaderRecordsNothing() throws Exception {
        final JobManager first = leader();
        final JobResultStore results = first.services.getJobResultStore();
        results.createDirtyResultAsync(result()).get();
        successorOf(first);
        assertFenced(results.markResultAsCleanAsync(jobId));
        assertTrue(results.hasDirtyJobResultEntryAsync(jobId).get());
        final JobResultEntry another = new JobResultEntry(FlinkRelease.succeeded(new JobID()));
        assertFenced(results.createDirtyResultAsync(another));
        assertFalse(results.hasJobResultEntryAsync(another.getJobId()).get());
        assertEquals(1, results.getDirtyResults().size());
    }

    @Test
    void whoHasResignedMayRecord() throws Exception {
        final JobManager leader = leader();
        final JobResultStore results = leader.services.getJobResultStore();
        leader.resign();
        results.createDirtyResultAsync(result()).get();
        results.markResultAsCleanAsync(jobId).get();
        final ExecutionException missing =
                assertThrows(
                        ExecutionException.class,
                        () -> results.markResultAsCleanAsync(new JobID()).get());
        assertTrue(missing.getCause() instanceof NoSuchElementException, missing::toString);
    }

    /** Bound when it was asked for: what this process was granted since does not count. */
    @Test
    void aStoreOfAFormerGrantRecordsNothing() throws Exception {
        final JobManager first = leader();
        final JobResultStore old = first.services.getJobResultStore();
        successorOf(first).resign();
        first.lead();
        assertFenced(old.createDirtyResultAsync(result()));
        first.services.getJobResultStore().createDirtyResultAsync(result()).get();
    }
}

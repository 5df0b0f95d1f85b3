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

import java.io.IOException;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.highavailability.JobResultEntry;
import org.apache.flink.runtime.highavailability.JobResultStore;
import org.apache.flink.runtime.jobmaster.JobResult;

/**
 * Flink's store of job results, into which only the leader writes: each write fails unless the
 * epoch of the grant under which this store was asked for is the last granted. So a former leader
 * can't record the end of a job that its successor runs, and a dirty entry stays until the
 * successor has cleaned up.
 *
 * <p>The results are files: the epoch is looked at before the write, not in the same step.
 */
final class FencedJobResultStore implements JobResultStore {

    private final FencedKeys keys;
    private final JobResultStore results;
    private final Executor executor;

    FencedJobResultStore(FencedKeys keys, JobResultStore results, Executor executor) {
        this.keys = keys;
        this.results = results;
        this.executor = executor;
    }

    @Override
    public CompletableFuture<Void> createDirtyResultAsync(JobResultEntry result) {
        return ifLeader(() -> results.createDirtyResultAsync(result));
    }

    @Override
    public CompletableFuture<Void> markResultAsCleanAsync(JobID jobId) {
        return ifLeader(() -> results.markResultAsCleanAsync(jobId));
    }

    private CompletableFuture<Void> ifLeader(Supplier<CompletableFuture<Void>> write) {
        return CompletableFuture.runAsync(keys::check, executor)
                .thenCompose(ignored -> write.get());
    }

    @Override
    public CompletableFuture<Boolean> hasJobResultEntryAsync(JobID jobId) {
        return results.hasJobResultEntryAsync(jobId);
    }

    @Override
    public CompletableFuture<Boolean> hasDirtyJobResultEntryAsync(JobID jobId) {
        return results.hasDirtyJobResultEntryAsync(jobId);
    }

    @Override
    public CompletableFuture<Boolean> hasCleanJobResultEntryAsync(JobID jobId) {
        return results.hasCleanJobResultEntryAsync(jobId);
    }

    @Override
    public Set<JobResult> getDirtyResults() throws IOException {
        return results.getDirtyResults();
    }
}

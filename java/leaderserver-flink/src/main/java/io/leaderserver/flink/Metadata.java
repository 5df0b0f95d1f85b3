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

import io.leaderserver.LeaderServerException;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.blob.BlobStoreService;
import org.apache.flink.runtime.blob.BlobUtils;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.highavailability.FileSystemJobResultStore;
import org.apache.flink.runtime.highavailability.JobResultStore;
import org.apache.flink.util.concurrent.FutureUtils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What Flink keeps about a cluster's jobs: keys in the name service, which only the leader writes,
 * and files in {@code high-availability.storageDir}.
 *
 * <table>
 *   <caption>Keys and files; both are gone when their owner has ended</caption>
 *   <tr><td>{@code plans/JOB}<td>{@code jobGraph-JOB-…} or {@code executionPlan-JOB-…}
 *   <tr><td>{@code jobs/JOB/checkpoints/ID}<td>{@code completedCheckpoint-JOB-…}
 *   <tr><td>{@code jobs/JOB/counter}<td>
 *   <tr><td>{@code applications/APPLICATION}<td>{@code application-APPLICATION-…}
 * </table>
 *
 * <p>Each store that is asked for is bound to the grant last delivered at that moment, for ever:
 * Flink asks for the plan store and the result stores once in each leadership, and for the
 * checkpoints' once for each JobMaster. Thread-safe.
 */
final class Metadata {

    private static final Logger LOG = LoggerFactory.getLogger(Metadata.class);

    private static final String JOBS = "jobs/";

    // Kinds of files.
    static final String JOB_GRAPH = "jobGraph";
    static final String EXECUTION_PLAN = "executionPlan";
    static final String APPLICATION = "application";
    private static final String CHECKPOINT = "completedCheckpoint";

    private static final List<String> FILES =
            Arrays.asList(JOB_GRAPH, EXECUTION_PLAN, APPLICATION, CHECKPOINT);

    private final Leadership leadership;
    private final StorageDirectory directory;
    private final Configuration configuration;
    private final Executor executor;

    // Made when they are asked for: not every process that has these services can reach the files.
    private BlobStoreService blobs;
    private JobResultStore jobResults;

    /** @param executor for input and output */
    Metadata(
            Leadership leadership,
            StorageDirectory directory,
            Configuration configuration,
            Executor executor) {
        this.leadership = leadership;
        this.directory = directory;
        this.configuration = configuration;
        this.executor = executor;
    }

    Leadership leadership() {
        return leadership;
    }

    /** For what only a JobManager asks for: see that it can write. */
    void checkWritable() {
        directory.checkWritable();
    }

    Configuration configuration() {
        return configuration;
    }

    /** For input and output. */
    Executor executor() {
        return executor;
    }

    /** The keys, under the epoch of the grant last delivered. */
    FencedKeys keys() {
        return leadership.keys();
    }

    /**
     * Pointers of one kind, each named after its owner.
     *
     * @param kind of the key
     * @param file kind of the file
     */
    <T extends Serializable> FencedStateHandleStore<T> handles(
            String kind, String file, Function<T, Object> owner) {
        return new FencedStateHandleStore<>(
                keys(), kind + "/", directory.helper(file, owner));
    }

    /** Where a job's checkpoints are found, for a JobMaster or for who cleans up after it. */
    FencedStateHandleStore<CompletedCheckpoint> checkpoints(FencedKeys keys, JobID jobId) {
        return new FencedStateHandleStore<>(
                keys,
                JOBS + jobId + "/checkpoints/",
                directory.helper(CHECKPOINT, checkpoint -> jobId));
    }

    /** The id of a job's next checkpoint. */
    FencedCheckpointIDCounter checkpointIdCounter(FencedKeys keys, JobID jobId) {
        return new FencedCheckpointIDCounter(keys, JOBS + jobId + "/counter");
    }

    JobResultStore jobResultStore() throws IOException {
        return new FencedJobResultStore(keys(), fileJobResults(), executor);
    }

    private synchronized JobResultStore fileJobResults() throws IOException {
        if (jobResults == null) {
            jobResults = FileSystemJobResultStore.fromConfiguration(configuration, executor);
        }
        return jobResults;
    }

    synchronized BlobStoreService blobStore() throws IOException {
        if (blobs == null) {
            blobs = BlobUtils.createBlobStoreFromConfig(configuration);
        }
        return blobs;
    }

    /** Removes what is left of the checkpoints of a job that is over. */
    CompletableFuture<Void> removeJob(JobID jobId, Executor onWhich) {
        final FencedKeys keys = keys();
        return removeWithFiles(
                CHECKPOINT,
                jobId,
                onWhich,
                () ->
                        CompletableFuture.runAsync(
                                () -> keys.deletePrefix(JOBS + jobId + "/"), onWhich));
    }

    /**
     * Removes the pointers of one owner, and then those of its files that were there before: what
     * is left of it.
     *
     * <p>Where the fence refuses the removal, it is another process's to do: nothing is deleted,
     * and the future completes normally, for Flink would try again for ever, and its Dispatcher
     * would not end before.
     */
    CompletableFuture<Void> removeWithFiles(
            String file,
            Object owner,
            Executor onWhich,
            Supplier<CompletableFuture<Void>> removePointers) {
        return CompletableFuture.supplyAsync(() -> list(file, owner), onWhich)
                .thenCompose(
                        files -> removePointers.get().thenRunAsync(files::delete, onWhich))
                .handle((ignored, error) -> unlessRefused(owner, error))
                .thenCompose(Function.identity());
    }

    private StorageDirectory.Listed list(String file, Object owner) {
        try {
            return directory.list(file, owner);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static CompletableFuture<Void> unlessRefused(Object owner, Throwable error) {
        if (error == null) {
            return FutureUtils.completedVoidFuture();
        }
        if (FencedKeys.isRefusal(error)) {
            LOG.info("What is kept of {} is left to the leader: {}", owner, error.toString());
            return FutureUtils.completedVoidFuture();
        }
        return FutureUtils.completedExceptionally(error);
    }

    /**
     * Removes everything: the keys first, then the files they pointed to, then the blobs. Where the
     * fence refuses that, nothing is deleted, and that is all.
     */
    void removeAll() throws IOException {
        final List<StorageDirectory.Listed> files = new ArrayList<>();
        for (String kind : FILES) {
            files.add(directory.list(kind));
        }
        try {
            keys().deletePrefix("");
        } catch (LeaderServerException e) {
            if (!FencedKeys.isRefusal(e)) {
                throw e;
            }
            LOG.info("Nothing is deleted, for this process does not lead: {}", e.getMessage());
            return;
        }
        files.forEach(StorageDirectory.Listed::delete);
        blobStore().cleanupAllData();
    }

    /** Closes what was opened for the files; deletes nothing. */
    synchronized void close() throws IOException {
        if (blobs != null) {
            blobs.close();
        }
    }
}

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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.HighAvailabilityOptions;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.runtime.blob.BlobStore;
import org.apache.flink.runtime.checkpoint.CheckpointRecoveryFactory;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.highavailability.JobResultStore;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.apache.flink.util.ExceptionUtils;
import org.apache.flink.util.concurrent.FutureUtils;

/**
 * High availability services over a LeaderServer of its own: one JobManager takes over from
 * another, with its jobs and their checkpoints. What a release of Flink has of its own is left to
 * subclasses.
 *
 * <p><b>Stores.</b> Each store is bound, when it is asked for, to the grant that was last delivered
 * to the dispatcher's contender, for ever: once somebody else was granted, its writes are refused.
 * That holds after a resignation, too, and so for clean-up, which Flink begins only then: until
 * somebody else is granted it works, and after that it is the other's.
 *
 * <p><b>JobManagers</b> are told apart from TaskManagers by what they ask for: the first election,
 * store or factory shows one, and sees that {@code high-availability.storageDir} can be written,
 * failing with {@link IllegalConfigurationException} if not. A TaskManager makes no directories.
 *
 * <p><b>Clean-up.</b> {@link #globalCleanupAsync} and {@link #cleanupAllData} delete nothing where
 * they are refused, and do not fail then; the first removes one job's checkpoints, the second
 * everything, keys before files and blobs. {@link #closeWithOptionalClean} cleans first, then
 * closes, whatever became of the cleaning, and throws what was thrown.
 */
abstract class LeaderServerHaServices implements HighAvailabilityServices {

    final Metadata metadata;

    private final Leadership leadership;

    private volatile boolean closed;

    LeaderServerHaServices(Metadata metadata) {
        this.metadata = metadata;
        this.leadership = metadata.leadership();
    }

    @Override
    public final LeaderRetrievalService getResourceManagerLeaderRetriever() {
        return retriever(ComponentIds.RESOURCE_MANAGER);
    }

    @Override
    public final LeaderRetrievalService getDispatcherLeaderRetriever() {
        return retriever(ComponentIds.DISPATCHER);
    }

    @Override
    @Deprecated
    public final LeaderRetrievalService getJobManagerLeaderRetriever(JobID jobId) {
        return retriever(ComponentIds.jobMaster(jobId));
    }

    @Override
    public final LeaderRetrievalService getJobManagerLeaderRetriever(
            JobID jobId, String defaultJobManagerAddress) {
        return retriever(ComponentIds.jobMaster(jobId));
    }

    @Override
    public final LeaderRetrievalService getClusterRestEndpointLeaderRetriever() {
        return retriever(ComponentIds.REST_ENDPOINT);
    }

    @Override
    public final LeaderElection getResourceManagerLeaderElection() {
        return election(ComponentIds.RESOURCE_MANAGER);
    }

    @Override
    public final LeaderElection getDispatcherLeaderElection() {
        return election(ComponentIds.DISPATCHER);
    }

    @Override
    public final LeaderElection getJobManagerLeaderElection(JobID jobId) {
        return election(ComponentIds.jobMaster(jobId));
    }

    @Override
    public final LeaderElection getClusterRestEndpointLeaderElection() {
        return election(ComponentIds.REST_ENDPOINT);
    }

    /** Bound now: Flink asks once for each JobMaster, and once for each clean-up of a job. */
    @Override
    public final CheckpointRecoveryFactory getCheckpointRecoveryFactory() {
        checkJobManager();
        return new FencedCheckpointRecoveryFactory(metadata, metadata.keys());
    }

    @Override
    public final JobResultStore getJobResultStore() throws IOException {
        checkJobManager();
        return metadata.jobResultStore();
    }

    /**
     * The files of {@code high-availability.storageDir}; the same at each call.
     *
     * @throws IllegalConfigurationException if there is no such file system here
     */
    @Override
    public final BlobStore createBlobStore() {
        checkOpen();
        try {
            return metadata.blobStore();
        } catch (IOException e) {
            throw Settings.refused(
                    HighAvailabilityOptions.HA_STORAGE_PATH,
                    metadata.configuration().get(HighAvailabilityOptions.HA_STORAGE_PATH),
                    e + "; give a directory that this process can reach",
                    e);
        }
    }

    /** Removes what is left of the checkpoints of a job that is over. Idempotent. */
    @Override
    public final CompletableFuture<Void> globalCleanupAsync(JobID jobId, Executor executor) {
        try {
            return metadata.removeJob(jobId, executor);
        } catch (RuntimeException e) {
            return FutureUtils.completedExceptionally(e);
        }
    }

    @Override
    public final void cleanupAllData() throws Exception {
        metadata.removeAll();
    }

    /**
     * Closes everything and deletes nothing. Idempotent.
     *
     * @throws IllegalStateException at the end, if elections were left open
     */
    @Override
    public final void close() throws Exception {
        closed = true;
        Exception error = null;
        try {
            metadata.close();
        } catch (Exception e) {
            error = e;
        }
        try {
            leadership.close();
        } catch (Exception e) {
            error = ExceptionUtils.firstOrSuppressed(e, error);
        }
        if (error != null) {
            throw error;
        }
    }

    private LeaderRetrievalService retriever(String componentId) {
        checkOpen();
        return leadership.retriever(componentId);
    }

    private LeaderElection election(String componentId) {
        checkJobManager();
        return leadership.election(componentId);
    }

    /** What only a JobManager asks for begins with this. */
    final void checkJobManager() {
        checkOpen();
        metadata.checkWritable();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("The high availability services are closed.");
        }
    }
}

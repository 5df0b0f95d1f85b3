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

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobmanager.DefaultJobGraphStore;
import org.apache.flink.runtime.jobmanager.JobGraphStoreUtil;
import org.apache.flink.runtime.jobmanager.NoOpJobGraphStoreWatcher;

/**
 * Flink's store of job graphs over pointers that only the leader writes: there is nobody else
 * to be watched.
 */
final class FencedJobGraphStore extends DefaultJobGraphStore<KeyVersion> {

    private static final String KIND = "plans";

    private final Metadata metadata;

    FencedJobGraphStore(Metadata metadata) {
        super(
                metadata.handles(KIND, Metadata.JOB_GRAPH, JobGraph::getJobID),
                NoOpJobGraphStoreWatcher.INSTANCE,
                Names.INSTANCE);
        this.metadata = metadata;
    }

    /** Completes normally where the fence refuses it: the job is another process's then. */
    @Override
    public CompletableFuture<Void> globalCleanupAsync(JobID jobId, Executor executor) {
        return metadata.removeWithFiles(
                Metadata.JOB_GRAPH,
                jobId,
                executor,
                () -> super.globalCleanupAsync(jobId, executor));
    }

    /** Job ids as names. */
    private enum Names implements JobGraphStoreUtil {
        INSTANCE;

        @Override
        public String jobIDToName(JobID jobId) {
            return jobId.toString();
        }

        @Override
        public JobID nameToJobID(String name) {
            return JobID.fromHexString(name);
        }
    }
}

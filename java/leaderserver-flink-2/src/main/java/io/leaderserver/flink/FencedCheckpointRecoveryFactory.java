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

import java.util.Collection;
import java.util.concurrent.Executor;
import org.apache.flink.api.common.JobID;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.runtime.checkpoint.CheckpointIDCounter;
import org.apache.flink.runtime.checkpoint.CheckpointRecoveryFactory;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.CompletedCheckpointStore;
import org.apache.flink.runtime.checkpoint.DefaultCompletedCheckpointStore;
import org.apache.flink.runtime.checkpoint.DefaultCompletedCheckpointStoreUtils;
import org.apache.flink.runtime.state.SharedStateRegistryFactory;

/**
 * Makes the stores of checkpoints, all under the epoch that this factory was given: of a JobMaster
 * that another has followed, no write is let through, whatever this process was granted since.
 */
final class FencedCheckpointRecoveryFactory implements CheckpointRecoveryFactory {

    private final Metadata metadata;
    private final FencedKeys keys;

    FencedCheckpointRecoveryFactory(Metadata metadata, FencedKeys keys) {
        this.metadata = metadata;
        this.keys = keys;
    }

    @Override
    public CompletedCheckpointStore createRecoveredCompletedCheckpointStore(
            JobID jobId,
            int maxNumberOfCheckpointsToRetain,
            SharedStateRegistryFactory sharedStateRegistryFactory,
            Executor ioExecutor,
            RecoveryClaimMode recoveryClaimMode)
            throws Exception {
        final FencedStateHandleStore<CompletedCheckpoint> handles =
                metadata.checkpoints(keys, jobId);
        final Collection<CompletedCheckpoint> recovered =
                DefaultCompletedCheckpointStoreUtils.retrieveCompletedCheckpoints(
                        handles, CheckpointNames.INSTANCE);
        return new DefaultCompletedCheckpointStore<>(
                maxNumberOfCheckpointsToRetain,
                handles,
                CheckpointNames.INSTANCE,
                recovered,
                sharedStateRegistryFactory.create(ioExecutor, recovered, recoveryClaimMode),
                metadata.executor());
    }

    @Override
    public CheckpointIDCounter createCheckpointIDCounter(JobID jobId) {
        return metadata.checkpointIdCounter(keys, jobId);
    }
}

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

import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.functions.RichFilterFunction;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A job without end that counts the numbers of a sequence, exactly once each: it fails a test if a
 * number does not follow the one that its state says was last. One at a time in a JVM.
 */
final class CountingJob {

    /** The count that a run began with: 0, or what was recovered. */
    static volatile Events<Long> begun;

    /** The counts in completed checkpoints. */
    static volatile Events<Long> completed;

    /** What came out of turn. */
    static volatile Events<String> violations;

    private CountingJob() {}

    static JobGraph create() {
        begun = new Events<>("the begin of the job");
        completed = new Events<>("a checkpoint of the job");
        violations = new Events<>("the sequence");
        final StreamExecutionEnvironment environment =
                StreamExecutionEnvironment.getExecutionEnvironment();
        environment.setParallelism(1);
        environment.enableCheckpointing(50);
        environment.fromSequence(1, Long.MAX_VALUE).filter(new Counting()).print();
        return environment.getStreamGraph().getJobGraph();
    }

    /** Waits for a completed checkpoint with more than this counted, and answers its count. */
    static long awaitCheckpoint(long count) {
        long counted = completed.next();
        while (counted <= count) {
            counted = completed.next();
        }
        return counted;
    }

    private static final class Counting extends RichFilterFunction<Long>
            implements CheckpointedFunction, CheckpointListener {

        private static final long serialVersionUID = 1L;

        /** By the checkpoints that they are in. */
        private final Map<Long, Long> counts = new HashMap<>();

        private transient ListState<Long> state;
        private long count;

        @Override
        public boolean filter(Long number) {
            if (number != count + 1) {
                violations.add(number + " after " + count);
            }
            count = number;
            // Some thousands a second are enough.
            LockSupport.parkNanos(200_000);
            return false;
        }

        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            state =
                    context.getOperatorStateStore()
                            .getListState(new ListStateDescriptor<>("count", Long.class));
            for (Long recovered : state.get()) {
                count = recovered;
            }
            begun.add(count);
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            state.update(Collections.singletonList(count));
            counts.put(context.getCheckpointId(), count);
        }

        @Override
        public void notifyCheckpointComplete(long checkpointId) {
            completed.add(counts.get(checkpointId));
        }
    }
}

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

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.JobVertex;
import org.apache.flink.runtime.jobgraph.tasks.AbstractInvokable;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Flink's own components in one process: configuration read-only, TaskManagers first. */
class MiniClusterTest extends ServicesTestBase {

    private static final AtomicInteger RUNS = new AtomicInteger();

    /** A task that only counts itself. */
    public static final class Counted extends AbstractInvokable {

        /** Made by Flink. */
        public Counted(Environment environment) {
            super(environment);
        }

        @Override
        public void invoke() {
            RUNS.incrementAndGet();
        }
    }

    static List<Variant> variants() {
        return List.of(
                new Variant(NameServices.EMBEDDED, false),
                new Variant(NameServices.JOB_MANAGER, false),
                new Variant(NameServices.JOB_MANAGER_ADDRESS, true),
                new Variant(NameServices.LEADER_SERVER, false),
                new Variant(NameServices.LEADER_SERVER, true));
    }

    @ParameterizedTest
    @MethodSource("variants")
    void runsAJob(Variant variant) throws Exception {
        final Configuration configuration = variant.configuration();
        configuration.removeConfig(JobManagerOptions.ADDRESS);
        final JobVertex vertex = new JobVertex("counted");
        vertex.setInvokableClass(Counted.class);
        vertex.setParallelism(2);
        final JobGraph job = new JobGraph("job");
        job.addVertex(vertex);

        RUNS.set(0);
        final MiniCluster cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(configuration)
                                .setNumTaskManagers(2)
                                .setNumSlotsPerTaskManager(1)
                                .withRandomPorts()
                                .build());
        try {
            cluster.start();
            cluster.executeJobBlocking(job);
        } finally {
            cluster.close();
        }
        assertEquals(2, RUNS.get());
    }
}

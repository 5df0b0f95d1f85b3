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
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A job with checkpoints outlives its JobManager, all of Flink's components being real ones: it
 * goes on from its last checkpoint, counts everything once, and leaves nothing when it has ended.
 *
 * <p>Seen to fail: with files deleted by a JobManager whose clean-up is refused.
 */
@ParameterizedClass(name = "{0}")
@ValueSource(strings = {"per-process", "per-component"})
class TakeoverTest extends StoresTestBase {

    private static final int TIMES = 2;

    @TempDir private Path checkpoints;

    private final JobGraph job = CountingJob.create();

    TakeoverTest(String election) {
        configuration.setString(Variant.ELECTION, election);
    }

    private MiniCluster cluster() throws Exception {
        final Configuration mine = new Configuration(configuration);
        mine.setString("execution.checkpointing.dir", checkpoints.toUri().toString());
        mine.setString("state.checkpoints.dir", checkpoints.toUri().toString());
        final MiniCluster cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(mine)
                                .setNumTaskManagers(1)
                                .setNumSlotsPerTaskManager(1)
                                .withRandomPorts()
                                .build());
        closing(cluster);
        cluster.start();
        return cluster;
    }

    /** From that checkpoint, or a later one. Waits for the next, and answers its count. */
    private static long goesOnFrom(long counted) {
        final long begun = CountingJob.begun.next();
        assertTrue(begun >= counted, begun + " after " + counted);
        return CountingJob.awaitCheckpoint(begun);
    }

    /** Cancels the job; then nothing of it is left, as soon as Flink has cleaned up. */
    private void cancel(MiniCluster cluster) throws Exception {
        cluster.cancelJob(job.getJobID()).get();
        cluster.requestJobResult(job.getJobID())
                .get(Events.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        final long end = System.nanoTime() + Events.PATIENCE.toNanos();
        while (!keys().isEmpty() || !files().isEmpty()) {
            assertTrue(System.nanoTime() < end, keys() + " and " + files() + " are left");
        }
        assertEquals(List.of(), CountingJob.violations.all());
    }

    /**
     * One JobManager closes, another goes on. The one that closes cleans up all data, and is
     * refused, for the other leads by then.
     */
    @Test
    void anotherJobManagerGoesOn() throws Exception {
        MiniCluster leading = cluster();
        leading.submitJob(job).get();
        assertEquals(0, CountingJob.begun.next());
        long counted = CountingJob.awaitCheckpoint(0);
        for (int i = 0; i < TIMES; i++) {
            final MiniCluster standby = cluster();
            leading.close();
            counted = goesOnFrom(counted);
            leading = standby;
        }
        cancel(leading);
    }

    /** Session mode: the process stays, and leads again. */
    @Test
    void leadershipIsLostAndRegained() throws Exception {
        final int port = NameServices.leaderServer().port();
        final Proxy proxy = closing(new Proxy(port));
        configuration.setString(NameServices.ENDPOINT, "leader://127.0.0.1:" + proxy.port());
        configuration.setString("high-availability.leader-server.session-timeout", "1 s");
        configuration.setString("high-availability.leader-server.disconnect-grace", "300 ms");
        final MiniCluster cluster = cluster();
        cluster.submitJob(job).get();
        assertEquals(0, CountingJob.begun.next());
        long counted = CountingJob.awaitCheckpoint(0);
        for (int i = 0; i < TIMES; i++) {
            final TestingListener listener =
                    listenTo(services(configuration).getDispatcherLeaderRetriever());
            listener.events.next();
            proxy.cut();
            listener.awaitNone();
            proxy.restore(port);
            counted = goesOnFrom(counted);
        }
        cancel(cluster);
    }
}

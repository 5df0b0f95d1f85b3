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
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.UUID;
import org.apache.flink.configuration.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What shows only in a JVM of its own: its end, its pauses, and what it has left over. */
class ChildProcessTest extends ServicesTestBase {

    private static final int ROUNDS = 10_000;
    private static final int RESTARTS = 100;

    /** Nothing of ours keeps a JVM from exiting when {@code main} returns, whatever is open. */
    @Test
    void theJvmExitsWithServicesLeftOpen() throws Exception {
        try (Child child = new Child(List.of("-Xcheck:jni", "-Xmx128m"), "leave-open")) {
            child.await("leaving");
            assertEquals(0, child.awaitEnd());
            final String output = child.output.all().toString();
            assertFalse(output.contains("in native method"), output);
            assertFalse(output.contains("exceeds capacity"), output);
        }
    }

    /** 10 000 starts and stops of elections and retrievers leave nothing (FLINK-33053). */
    @Test
    @Timeout(150)
    void startsAndStopsLeaveNothing() throws Exception {
        final List<String> fixedHeap = List.of("-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch");
        try (Child child =
                new Child(
                        fixedHeap,
                        "leak",
                        Integer.toString(ROUNDS),
                        Integer.toString(RESTARTS))) {
            final int status = child.awaitEnd();
            assertEquals(0, status, () -> "" + child.lines.all() + child.output.all());
            child.await("measured");
        }
    }

    /**
     * P9: a JobManager that stands still for much longer than session and stall time-out keeps its
     * leadership, and its LeaderServer goes on serving meanwhile.
     */
    @Test
    void aSuspendedJobManagerGoesOnLeading() throws Exception {
        try (Child child = new Child(Debugger.JVM_ARGUMENTS, "job-manager");
                Debugger debugger = new Debugger(child)) {
            final Configuration configuration = configuration(NameServices.JOB_MANAGER);
            configuration.setString(NameServices.ENDPOINT, child.await("endpoint "));
            configuration.setString("high-availability.cluster-id", child.await("cluster "));
            configuration.setString("high-availability.leader-server.session-timeout", "500 ms");
            configuration.setString("high-availability.leader-server.disconnect-grace", "200 ms");
            final UUID id = UUID.fromString(child.await("dispatcher granted "));
            child.await("ready");
            final TestingListener listener =
                    listenTo(services(configuration).getDispatcherLeaderRetriever());
            listener.await("dispatcher", id);

            debugger.suspend();
            final long end = System.nanoTime() + 2_000_000_000L;
            while (System.nanoTime() < end) {
                // Others find it all the while.
                listenTo(services(configuration).getDispatcherLeaderRetriever())
                        .await("dispatcher", id);
                Thread.sleep(100);
            }
            child.say("leads?");
            child.lines.none();
            debugger.resume();
            assertEquals("true", child.await("leads "));
            child.lines.none();
            listener.events.none();
        }
    }

    /** P9: with a stall time-out and another candidate, the other takes over. */
    @Test
    void aStalledLeaderGivesWay() throws Exception {
        try (Child child = new Child(Debugger.JVM_ARGUMENTS, "rivals");
                Debugger debugger = new Debugger(child)) {
            final UUID id = UUID.fromString(child.await("first granted "));
            child.await("ready");
            // The thread that fetches the events of the client that was opened first.
            debugger.suspend("leaderserver-events-.*-1");
            final UUID next = UUID.fromString(child.await("second granted "));
            assertTrue(next.getMostSignificantBits() > id.getMostSignificantBits());
            child.say("leads?");
            // It was not told yet, and does not lead all the same.
            assertEquals("leads false", child.lines.next());
            debugger.resume();
            assertEquals("first revoked", child.lines.next());
            child.lines.none();
        }
    }
}

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


package io.leaderserver;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient.Registration;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** P9, R9: a JVM that does not come to fetch its events. */
class StallTest {

    /** It gives up the leadership, another leads; it stands again once it fetches. */
    @Test
    void stalledClientGivesUpAndStandsAgain() {
        try (LeaderServer server = Support.startServer();
                LeaderClient stalling =
                        Support.open(Support.endpoint(server), "stall-timeout", "400");
                LeaderClient other = Support.open(Support.endpoint(server))) {
            final RecordingContender a = new RecordingContender();
            final RecordingContender b = new RecordingContender();
            final Registration atStalling = stalling.register("x", a);
            final UUID id = a.awaitGranted();
            final Registration atOther = other.register("x", b);

            final CountDownLatch wake = new CountDownLatch(1);
            stalling.pauseEvents(wake);
            final UUID next = b.awaitGranted();
            assertTrue(next.getMostSignificantBits() > id.getMostSignificantBits());
            // P1: it stopped leading, by its own clock, before the other was granted.
            assertFalse(atStalling.hasLeadership(id));
            a.assertNothingMore();

            wake.countDown();
            assertFalse(a.awaitRevoked().isEmpty());
            // It stands again: when the other leaves, it leads.
            atOther.close();
            b.awaitRevoked();
            a.awaitGranted();
        }
    }

    /** A callback that blocks is no stall: the events are fetched all the same (P8). */
    @Test
    void blockedCallbackIsNoStall() throws Exception {
        try (LeaderServer server = Support.startServer();
                LeaderClient client =
                        Support.open(Support.endpoint(server), "stall-timeout", "400");
                LeaderClient stalling =
                        Support.open(
                                Support.endpoint(server),
                                "stall-timeout", "800",
                                "election", "per-component",
                                "namespace", "clock");
                LeaderClient successor =
                        Support.open(
                                Support.endpoint(server),
                                "election", "per-component",
                                "namespace", "clock")) {
            final CountDownLatch go = new CountDownLatch(1);
            final RecordingContender blocked =
                    new RecordingContender() {
                        @Override
                        void duringGrant(UUID id) throws Exception {
                            Support.await(go);
                        }
                    };
            final Registration place = client.register("x", blocked);
            final UUID id = blocked.awaitGranted();
            // The clock: another client, in another namespace, stalls for twice the time and loses.
            final RecordingContender clock = new RecordingContender();
            final RecordingContender rung = new RecordingContender();
            stalling.register("clock", clock);
            clock.awaitGranted();
            successor.register("clock", rung);
            final CountDownLatch wake = new CountDownLatch(1);
            stalling.pauseEvents(wake);
            rung.awaitGranted();
            wake.countDown();

            assertTrue(place.hasLeadership(id));
            go.countDown();
            blocked.assertNothingMore();
        }
    }

    /** P9: where nobody else could lead, a revoke would only harm. */
    @Test
    void contendersOnAServerOfTheirOwnAreExempt() throws Exception {
        try (LeaderServer server = Support.startServer();
                LeaderClient exempt =
                        LeaderClient.open(
                                Support.options(
                                        "namespace", "test",
                                        "stall-timeout", "400",
                                        "stall-exempt", "true"),
                                null);
                LeaderClient stalling =
                        Support.open(
                                Support.endpoint(server),
                                "stall-timeout", "800",
                                "namespace", "clock");
                LeaderClient successor =
                        Support.open(Support.endpoint(server), "namespace", "clock")) {
            exempt.attach(server);
            final RecordingContender contender = new RecordingContender();
            final Registration place = exempt.register("x", contender);
            final UUID id = contender.awaitGranted();
            final RecordingContender clock = new RecordingContender();
            final RecordingContender rung = new RecordingContender();
            stalling.register("clock", clock);
            clock.awaitGranted();
            successor.register("clock", rung);
            final CountDownLatch wake = new CountDownLatch(1);
            exempt.pauseEvents(wake);
            stalling.pauseEvents(wake);
            rung.awaitGranted();
            assertTrue(place.hasLeadership(id));
            wake.countDown();
            clock.awaitRevoked();
            contender.assertNothingMore();
        }
    }
}

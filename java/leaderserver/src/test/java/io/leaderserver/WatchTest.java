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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient.Registration;
import io.leaderserver.LeaderClient.Watch;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** P6: what a watcher is told, and in which order. */
class WatchTest {

    private static final String COMPONENT = "job-42";

    private LeaderClient leader;

    private LeaderClient watching;

    @BeforeEach
    void open() {
        final String endpoint = "embedded:" + Support.unique("watch");
        leader = Support.open(endpoint, "name", "leader");
        watching = Support.open(endpoint, "name", "watching");
    }

    @AfterEach
    void close() {
        leader.close();
        watching.close();
    }

    /** The present value comes at once, on a thread of ours, never on the caller's. */
    @Test
    void toldThePresentLeaderAtStart() {
        final UUID id = lead("address");
        final RecordingWatcher early = new RecordingWatcher();
        watching.watch(COMPONENT, early);
        early.awaitUntil(id);
        // Now the value is known in this process: a second watch starts from it.
        final RecordingWatcher late = new RecordingWatcher();
        watching.watch(COMPONENT, late);
        final RecordingWatcher.Told told = late.await();
        assertEquals(id, told.id);
        assertEquals("address", told.address);
        assertNotEquals(Thread.currentThread(), told.thread);
        early.assertNothingMore();
    }

    /** LESSONS 23: "no leader" is told as such, first of all, too. */
    @Test
    void toldThatThereIsNoLeader() {
        final RecordingWatcher watcher = new RecordingWatcher();
        watching.watch(COMPONENT, watcher);
        watcher.awaitNoLeader();
    }

    /** The same leader that comes back is told again only after something else was told. */
    @Test
    void goneAndBackIsToldInOrder() {
        final RecordingContender contender = new RecordingContender();
        final RecordingContender anchor = new RecordingContender();
        leader.register("anchor", anchor);
        final UUID id = anchor.awaitGranted();
        final RecordingWatcher watcher = new RecordingWatcher();
        watching.watch(COMPONENT, watcher);
        watcher.awaitNoLeader();
        for (int i = 0; i < 3; i++) {
            final Registration place = leader.register(COMPONENT, contender);
            contender.awaitGranted();
            contender.forgetEpochs();
            place.confirm(id, "A");
            watcher.awaitLeader(id, "A");
            place.close();
            contender.awaitRevoked();
            watcher.awaitNoLeader();
        }
        watcher.assertNothingMore();
    }

    /** Who is slow may miss what came and went, never the last, and never sees an older one. */
    @Test
    void slowWatcherIsToldTheLast() throws Exception {
        final CountDownLatch started = new CountDownLatch(1);
        final CountDownLatch go = new CountDownLatch(1);
        final RecordingWatcher slow =
                new RecordingWatcher() {
                    @Override
                    void during(Told now) throws Exception {
                        started.countDown();
                        Support.await(go);
                    }
                };
        final RecordingWatcher quick = new RecordingWatcher();
        watching.watch(COMPONENT, slow);
        watching.watch(COMPONENT, quick);
        Support.await(started);
        final List<UUID> terms = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            final RecordingContender contender = new RecordingContender();
            final Registration place = leader.register(COMPONENT, contender);
            final UUID id = contender.awaitGranted();
            place.confirm(id, "term " + i);
            quick.awaitUntil(id);
            terms.add(id);
            if (i < 9) {
                place.close();
            }
        }
        go.countDown();
        slow.awaitNoLeader();
        final UUID last = terms.get(terms.size() - 1);
        int seen = -1;
        RecordingWatcher.Told told = slow.await();
        while (!last.equals(told.id)) {
            if (told.id != null) {
                assertTrue(terms.indexOf(told.id) > seen, "older after newer: " + told);
                seen = terms.indexOf(told.id);
            }
            told = slow.await();
        }
        assertEquals("term 9", told.address);
        slow.assertNothingMore();
    }

    /** Nothing starts after the close; others go on being told. */
    @Test
    void closedWatchIsSilent() {
        final RecordingWatcher closed = new RecordingWatcher();
        final RecordingWatcher open = new RecordingWatcher();
        final Watch watch = watching.watch(COMPONENT, closed);
        watching.watch(COMPONENT, open);
        closed.awaitNoLeader();
        watch.close();
        watch.close();
        open.awaitUntil(lead("address"));
        closed.assertNothingMore();
    }

    /** LESSONS 22 (FLINK-22006): many components at a time, and many watches of one. */
    @Test
    void manyWatches() {
        final RecordingWatcher[] watchers = new RecordingWatcher[500];
        for (int i = 0; i < watchers.length; i++) {
            watchers[i] = new RecordingWatcher();
            watching.watch(i % 2 == 0 ? COMPONENT : "job-" + i + "-of-many", watchers[i]);
        }
        final UUID id = lead("address");
        for (int i = 0; i < watchers.length; i += 2) {
            watchers[i].awaitUntil(id);
            watchers[i + 1].awaitNoLeader();
        }
    }

    /** LESSONS 27 in small: a watcher that throws is told the next all the same. */
    @Test
    void watcherThatThrowsIsToldTheNext() {
        final RecordingWatcher watcher =
                new RecordingWatcher() {
                    @Override
                    void during(Told now) {
                        throw new IllegalStateException("on purpose");
                    }
                };
        watching.watch(COMPONENT, watcher);
        watcher.awaitNoLeader();
        watcher.awaitLeader(lead("address"), "address");
        assertTrue(watching.callbackErrors() >= 1);
    }

    /** FLINK-CONTRACT 14: addresses of any content and of 65 536 characters arrive as they were. */
    @Test
    void addressesOfAnyContent() {
        final int length = 65_536;
        final String[] addresses = {
            "",
            "\u0000",
            "akka.tcp://flink@host:6123/user/rpc/dispatcher_0",
            "\uD800",
            "\uDC00\uD800",
            "a\uD83D\uDE00\uDE00\uD83Db",
            repeat("x", length),
            repeat("\u0000", length),
            repeat("\uD83D\uDE00", length / 2),
            repeat("\uDC00", length),
            repeat("\uD800", length),
            repeat("\uFFFF", length),
        };
        final RecordingContender anchor = new RecordingContender();
        leader.register("anchor", anchor);
        final UUID id = anchor.awaitGranted();
        final RecordingWatcher watcher = new RecordingWatcher();
        watching.watch(COMPONENT, watcher);
        watcher.awaitNoLeader();
        for (String address : addresses) {
            final RecordingContender contender = new RecordingContender();
            final Registration place = leader.register(COMPONENT, contender);
            contender.awaitGranted();
            place.confirm(id, address);
            watcher.awaitLeader(id, address);
            place.close();
            watcher.awaitNoLeader();
        }
    }

    /** P10: what is too long for the wire is refused at once, and changes nothing. */
    @Test
    void tooLongAddressIsRefused() {
        final RecordingContender contender = new RecordingContender();
        final Registration place = leader.register(COMPONENT, contender);
        final UUID id = contender.awaitGranted();
        final String endless = repeat("\uD800", 1 << 20);
        final IllegalArgumentException refused =
                assertThrows(
                        IllegalArgumentException.class, () -> place.confirm(id, endless));
        assertTrue(refused.getMessage().contains("1048576"), refused.getMessage());
        assertTrue(place.hasLeadership(id));
        assertEquals(LeaderClient.Confirmation.CONFIRMED, place.confirm(id, "shorter"));
    }

    private UUID lead(String address) {
        final RecordingContender contender = new RecordingContender();
        final Registration place = leader.register(COMPONENT, contender);
        final UUID id = contender.awaitGranted();
        place.confirm(id, address);
        return id;
    }

    private static String repeat(String text, int times) {
        return text.repeat(times);
    }
}

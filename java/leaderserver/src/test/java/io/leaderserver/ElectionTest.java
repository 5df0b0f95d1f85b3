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
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient.Confirmation;
import io.leaderserver.LeaderClient.Registration;
import io.leaderserver.LeaderClient.Watch;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Two processes, as it were, and one name service that they share. */
class ElectionTest {

    private LeaderClient first;

    private LeaderClient second;

    private String endpoint;

    @BeforeEach
    void open() {
        endpoint = "embedded:" + Support.unique("election");
        first = Support.open(endpoint, "name", "first");
        second = Support.open(endpoint, "name", "second");
    }

    @AfterEach
    void close() {
        first.close();
        second.close();
    }

    /** P3, P4, P6, P7: the whole of it, once. */
    @Test
    void grantConfirmWatchRevoke() {
        final RecordingContender a = new RecordingContender();
        final RecordingContender b = new RecordingContender();
        final RecordingWatcher watcher = new RecordingWatcher();

        final Registration atFirst = first.register("dispatcher", a);
        final RecordingContender.Event granted = a.await(RecordingContender.Kind.GRANTED);
        final UUID id = granted.id;
        final Registration atSecond = second.register("dispatcher", b);
        final Watch watch = second.watch("dispatcher", watcher);
        watcher.awaitNoLeader();
        assertTrue(atFirst.hasLeadership(id));
        assertFalse(atFirst.hasLeadership(new UUID(id.getMostSignificantBits(), 1)));
        assertFalse(atSecond.hasLeadership(id));

        assertEquals(Confirmation.CONFIRMED, atFirst.confirm(id, "akka://first"));
        watcher.awaitLeader(id, "akka://first");

        Support.awaitReturned(granted.thread);
        atFirst.close();
        final RecordingContender.Event revoked = a.await(RecordingContender.Kind.REVOKED);
        assertEquals(Thread.currentThread(), revoked.thread);
        // LESSONS 38: a revoke says why.
        assertFalse(revoked.reason.isEmpty());
        assertFalse(atFirst.hasLeadership(id));

        final UUID next = b.awaitGranted();
        assertTrue(next.getMostSignificantBits() > id.getMostSignificantBits());
        assertTrue(atSecond.hasLeadership(next));
        watcher.awaitNoLeader();
        assertEquals(Confirmation.CONFIRMED, atSecond.confirm(next, "akka://second"));
        watcher.awaitLeader(next, "akka://second");

        watch.close();
        atSecond.close();
        b.awaitRevoked();
        watcher.assertNothingMore();
        a.assertNothingMore();
    }

    /** LESSONS 3, 19: one id for all components of a grant, with the epoch in it, never (0, 0). */
    @Test
    void allComponentsOfAGrantSeeOneId() {
        final RecordingContender[] contenders = new RecordingContender[5];
        UUID id = null;
        for (int i = 0; i < contenders.length; i++) {
            contenders[i] = new RecordingContender();
            first.register("component-" + i, contenders[i]);
            final UUID granted = contenders[i].awaitGranted();
            assertTrue(id == null || id.equals(granted));
            id = granted;
        }
        assertNotEquals(0, id.getMostSignificantBits());
    }

    /** P7: closing one component leaves the others leading; the last takes the leadership along. */
    @Test
    void closingOneComponentLeavesTheOthers() {
        final RecordingContender kept = new RecordingContender();
        final RecordingContender closed = new RecordingContender();
        final RecordingContender rival = new RecordingContender();
        final Registration keptPlace = first.register("kept", kept);
        final Registration closedPlace = first.register("closed", closed);
        final UUID id = kept.awaitGranted();
        closed.awaitGranted();
        final RecordingWatcher watcher = new RecordingWatcher();
        second.watch("kept", watcher);
        keptPlace.confirm(id, "kept");
        watcher.awaitUntil(id);
        final Registration rivalPlace = second.register("kept", rival);

        closedPlace.close();
        closed.awaitRevoked();
        assertTrue(keptPlace.hasLeadership(id));
        watcher.assertNothingMore();
        rival.assertNothingMore();

        keptPlace.close();
        kept.awaitRevoked();
        rival.awaitGranted();
        watcher.awaitNoLeader();
        rivalPlace.close();
    }

    /** FLINK-CONTRACT, trap 9: the second is refused, and the first does not notice. */
    @Test
    void secondContenderIsRefusedAndChangesNothing() {
        final RecordingContender a = new RecordingContender();
        final RecordingContender intruder = new RecordingContender();
        final Registration place = first.register("resourcemanager", a);
        final UUID id = a.awaitGranted();

        final LeaderServerException refused =
                assertThrows(
                        LeaderServerException.class,
                        () -> first.register("resourcemanager", intruder));
        assertEquals(LeaderServerException.ALREADY_REGISTERED, refused.code());
        assertTrue(refused.getMessage().contains("resourcemanager"), refused.getMessage());

        assertTrue(place.hasLeadership(id));
        assertEquals(Confirmation.CONFIRMED, place.confirm(id, "still here"));
        place.close();
        a.awaitRevoked();
        a.assertNothingMore();
        intruder.assertNothingMore();
    }

    /** P3: an id may be registered again at once, and then confirmed again in the same term. */
    @Test
    void componentIsRegisteredAgainInTheSameTerm() {
        final RecordingContender anchor = new RecordingContender();
        first.register("anchor", anchor);
        final UUID id = anchor.awaitGranted();
        for (int i = 0; i < 20; i++) {
            final RecordingContender again = new RecordingContender();
            final Registration place = first.register("again", again);
            assertEquals(id, again.awaitGranted());
            assertEquals(Confirmation.CONFIRMED, place.confirm(id, "again " + i));
            place.close();
            again.awaitRevoked();
        }
        anchor.assertNothingMore();
    }

    /** FLINK-CONTRACT 5: what a confirmation may answer. */
    @Test
    void confirmationIsIgnoredOrRefused() {
        final RecordingContender a = new RecordingContender();
        final Registration place = first.register("rest", a);
        final UUID id = a.awaitGranted();
        final UUID old = new UUID(id.getMostSignificantBits() - 1, id.getLeastSignificantBits());

        assertEquals(Confirmation.NOT_LEADER, place.confirm(old, "old"));
        assertEquals(Confirmation.NOT_LEADER, place.confirm(new UUID(0, 0), "zero"));
        assertEquals(Confirmation.CONFIRMED, place.confirm(id, "now"));
        assertThrows(IllegalStateException.class, () -> place.confirm(id, "now"));
        assertThrows(IllegalStateException.class, () -> place.confirm(id, "other"));

        place.close();
        assertEquals(Confirmation.CLOSED, place.confirm(id, "late"));
    }

    /**
     * P4, FLINK-CONTRACT 15: a client closed with all left open is silent, and succeeded at once.
     */
    @Test
    void closingTheClientCallsNobodyBackAndLetsOthersLead() throws Exception {
        final RecordingContender a = new RecordingContender();
        final RecordingContender b = new RecordingContender();
        final Registration place = first.register("dispatcher", a);
        final UUID id = a.awaitGranted();
        second.register("dispatcher", b);
        final RecordingWatcher watcher = new RecordingWatcher();
        first.watch("dispatcher", watcher);
        watcher.awaitNoLeader();

        first.close();
        assertFalse(place.hasLeadership(id));
        assertTrue(first.isClosed());
        b.awaitGranted();
        Support.awaitEnd(Support.ourThreads("events-first"));
        Support.awaitEnd(Support.ourThreads("callback-first"));
        a.assertNothingMore();
        watcher.assertNothingMore();

        place.close();
        assertEquals(Confirmation.CLOSED, place.confirm(id, "late"));
        first.close();
        a.assertNothingMore();
    }

    /** P10: each use of a closed client is a documented error, or nothing. */
    @Test
    void closedClientSaysSo() {
        first.close();
        assertClosed(() -> first.register("x", new RecordingContender()));
        assertClosed(() -> first.watch("x", new RecordingWatcher()));
        assertClosed(() -> first.status(10));
        assertEquals(null, first.state());
        first.detach();
        assertTrue(first.toString().contains("closed"));
    }

    /** FLINK-CONTRACT 14, P10. */
    @Test
    void nullIsRefused() {
        final Registration place = first.register("x", new RecordingContender());
        final UUID id = new UUID(1, 1);
        assertNullRefused(() -> first.register(null, new RecordingContender()));
        assertNullRefused(() -> first.register("y", null));
        assertNullRefused(() -> first.watch(null, new RecordingWatcher()));
        assertNullRefused(() -> first.watch("y", null));
        assertNullRefused(() -> first.attach(null));
        assertNullRefused(() -> place.confirm(null, "address"));
        assertNullRefused(() -> place.confirm(id, null));
        assertNullRefused(() -> place.hasLeadership(null));
        assertNullRefused(() -> LeaderClient.open(null, null));
        assertNullRefused(() -> LeaderServer.start(null, null));
        assertNullRefused(() -> LeaderClient.open(Support.options("endpoint", null), null));
    }

    /** DESIGN, section 6: what can't be understood is named, with its value. */
    @Test
    void badOptionsAreNamed() {
        assertInvalid("endpoint", "gopher://host", "endpoint", "gopher://host");
        assertInvalid("endpoint", "leader://host:70000", "endpoint", "leader://host:70000");
        assertInvalid("session-timeout", "soon", "endpoint", endpoint, "session-timeout", "soon");
        assertInvalid("disconnect-grace", "9000", "endpoint", endpoint, "disconnect-grace", "9000");
        assertInvalid("sesion-timeout", "1000", "endpoint", endpoint, "sesion-timeout", "1000");
        final LeaderServerException empty =
                assertThrows(
                        LeaderServerException.class,
                        () -> first.register("", new RecordingContender()));
        assertEquals(LeaderServerException.INVALID_ARGUMENT, empty.code());
    }

    /** R17: with an election each, two processes lead at the same time, each its component. */
    @Test
    void componentsMayHaveElectionsOfTheirOwn() {
        final String own = "embedded:" + Support.unique("per-component");
        try (LeaderClient a = Support.open(own, "election", "per-component");
                LeaderClient b = Support.open(own, "election", "per-component")) {
            final RecordingContender ofA = new RecordingContender();
            final RecordingContender ofB = new RecordingContender();
            a.register("one", ofA);
            ofA.awaitGranted();
            b.register("two", ofB);
            ofB.awaitGranted();
        }
    }

    /** R17, LESSONS 38: whose mode of election is not the namespace's is told so, and why. */
    @Test
    void otherModeOfElectionFails() {
        final RecordingContender a = new RecordingContender();
        first.register("one", a);
        a.awaitGranted();
        try (LeaderClient other = Support.open(endpoint, "election", "per-component")) {
            final RecordingContender refused = new RecordingContender();
            other.register("two", refused);
            final Throwable error = refused.await(RecordingContender.Kind.FAILED).error;
            assertTrue(error instanceof LeaderServerException, error.toString());
            assertTrue(error.getMessage().contains("per-component"), error.getMessage());
        }
    }

    /** Nothing crosses a namespace. */
    @Test
    void namespacesAreApart() {
        try (LeaderClient stranger = Support.open(endpoint, "namespace", "other")) {
            final RecordingContender a = new RecordingContender();
            final RecordingContender b = new RecordingContender();
            first.register("dispatcher", a);
            stranger.register("dispatcher", b);
            a.awaitGranted();
            b.awaitGranted();
        }
    }

    @Test
    void statusAndStateAreJson() {
        final RecordingContender a = new RecordingContender();
        first.register("dispatcher", a);
        a.awaitGranted();
        assertTrue(first.status(10_000).startsWith("{"));
        assertTrue(first.state().startsWith("{"));
        assertThrows(IllegalArgumentException.class, () -> first.status(-1));
    }

    /** LESSONS 17: leadership is regained as often as it is lost; P3 holds all the way. */
    @Test
    void leadershipGoesBackAndForth() {
        final RecordingContender a = new RecordingContender();
        final RecordingContender b = new RecordingContender();
        Registration ofA = first.register("dispatcher", a);
        UUID id = a.awaitGranted();
        Registration ofB = second.register("dispatcher", b);
        for (int i = 0; i < 200; i++) {
            ofA.close();
            a.awaitRevoked();
            final UUID next = b.awaitGranted();
            assertTrue(next.getMostSignificantBits() > id.getMostSignificantBits());
            ofA = first.register("dispatcher", a);
            ofB.close();
            b.awaitRevoked();
            id = a.awaitGranted();
            ofB = second.register("dispatcher", b);
        }
    }

    /** FLINK-CONTRACT 6: the hot path is one native call and leaves nothing to collect. */
    @Test
    void hasLeadershipAllocatesNothing() {
        final RecordingContender a = new RecordingContender();
        final Registration place = first.register("dispatcher", a);
        final UUID id = a.awaitGranted();
        final com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        final long self = Thread.currentThread().getId();
        boolean all = threads.getThreadAllocatedBytes(self) > 0;
        final long before = threads.getThreadAllocatedBytes(self);
        for (int i = 0; i < 100_000; i++) {
            all &= place.hasLeadership(id);
        }
        final long allocated = threads.getThreadAllocatedBytes(self) - before;
        assertTrue(all);
        assertTrue(allocated < 10_000, allocated + " bytes");
    }

    private static void assertClosed(Executable call) {
        final LeaderServerException closed = assertThrows(LeaderServerException.class, call);
        assertEquals(LeaderServerException.CLOSED, closed.code(), closed.getMessage());
    }

    private static void assertNullRefused(Executable call) {
        assertThrows(NullPointerException.class, call);
    }

    private static void assertInvalid(String name, String value, String... options) {
        final LeaderServerException invalid =
                assertThrows(
                        LeaderServerException.class,
                        () -> {
                            final Map<String, String> map = Support.options(options);
                            map.put("namespace", "test");
                            LeaderClient.open(map, null).close();
                        });
        assertEquals(LeaderServerException.INVALID_ARGUMENT, invalid.code());
        assertTrue(invalid.getMessage().contains(name), invalid.getMessage());
        assertTrue(invalid.getMessage().contains(value), invalid.getMessage());
    }
}

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

import static io.leaderserver.StoreService.PATIENCE;
import static io.leaderserver.StoreService.assertCode;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.StoreService.Leader;
import io.leaderserver.StoreService.Via;
import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** P2: who leads no more writes no more. */
class StoreFencingTest {

    private static final byte[] BY_A = {'a'};

    private static final byte[] BY_B = {'b'};

    /** Who has resigned cleans up, until somebody else is granted. */
    @ParameterizedTest
    @EnumSource
    void formerLeader(Via via) {
        try (StoreService service = new StoreService(via)) {
            final Leader a = service.lead("a");
            final FencedStore byA = a.store();
            byA.create("k", BY_A, PATIENCE);
            a.place.close();
            a.contender.awaitRevoked();
            byA.create("l", BY_A, PATIENCE);
            byA.delete("l", PATIENCE);

            final Leader b = service.lead("b");
            assertFenced(byA, a, b);
            assertArrayEquals(BY_A, byA.get("k", PATIENCE).get().value(), "reading is free");
            final FencedStore byB = b.store();
            byB.check(PATIENCE);
            assertEquals(1, byB.keys("", PATIENCE).size());
            byB.delete("k", PATIENCE);
        }
    }

    /** LESSONS 1: cut off beyond its session, replaced, and back again. */
    @Test
    void leaderThatWasCutOff() throws Exception {
        try (StoreService service = new StoreService(Via.TCP);
                Relay relay = new Relay(service.port())) {
            final LeaderClient cutOff =
                    service.openAt(
                            relay.endpoint(),
                            "a",
                            "session-timeout", "1000",
                            "disconnect-grace", "200");
            final Leader a = new Leader(cutOff, "dispatcher");
            final FencedStore byA = a.store();
            final long version = byA.create("k", BY_A, PATIENCE);
            relay.cut();
            final Leader b = service.lead("b");
            b.store().replace("k", version, BY_B, PATIENCE);
            a.contender.awaitRevoked();
            assertFalse(a.place.hasLeadership(a.id));
            relay.mend();
            assertFenced(byA, a, b);
            assertArrayEquals(BY_B, byA.get("k", PATIENCE).get().value());
        }
    }

    /** R15: a later epoch of the same process is not filled in. */
    @ParameterizedTest
    @EnumSource
    void laterGrantOfTheSameProcess(Via via) {
        try (StoreService service = new StoreService(via)) {
            final Leader first = service.lead("a");
            final FencedStore early = first.store();
            first.place.close();
            // Until its last callback has returned the process stands, and a newcomer joins in.
            final Thread thread = first.contender.await(RecordingContender.Kind.REVOKED).thread;
            Support.awaitReturned(thread);
            final Leader second = new Leader(first.client, "dispatcher");
            assertFenced(early, first, second);
            second.store().create("k", BY_A, PATIENCE);
        }
    }

    /** R13: what another life of the name service granted is worth nothing. */
    @Test
    void formerIncarnation() {
        final Leader leader;
        try (StoreService service = new StoreService(Via.TCP)) {
            leader = service.lead("a");
        }
        try (StoreService service = new StoreService(Via.TCP)) {
            final FencedStore former =
                    service.open("b")
                            .store("process", Collections.singletonMap("process", leader.epoch()));
            assertCode(LeaderServerException.FENCED, () -> former.create("k", BY_A, PATIENCE));
            final Leader next = service.lead("c");
            assertTrue(next.epoch() > leader.epoch());
            assertCode(LeaderServerException.FENCED, () -> former.create("k", BY_A, PATIENCE));
            assertFalse(former.get("k", PATIENCE).isPresent());
        }
    }

    /** Nothing crosses a namespace. */
    @ParameterizedTest
    @EnumSource
    void anotherNamespace(Via via) {
        try (StoreService service = new StoreService(via)) {
            final Leader a = service.lead("a");
            a.store().create("k", BY_A, PATIENCE);
            final FencedStore foreign =
                    service.open("b", "namespace", "another")
                            .store("process", Collections.singletonMap("process", a.epoch()));
            assertFalse(foreign.get("k", PATIENCE).isPresent());
            assertCode(LeaderServerException.FENCED, () -> foreign.delete("k", PATIENCE));
        }
    }

    /** Also where there would be nothing to write. */
    private static void assertFenced(FencedStore former, Leader of, Leader now) {
        final LeaderServerException fenced =
                assertCode(
                        LeaderServerException.FENCED, () -> former.create("new", BY_A, PATIENCE));
        final String text = fenced.getMessage();
        assertTrue(text.contains(String.valueOf(of.epoch())), text);
        assertTrue(text.contains(String.valueOf(now.epoch())), text);
        assertEquals(0, fenced.version());
        assertCode(LeaderServerException.FENCED, () -> former.replace("k", 1, BY_A, PATIENCE));
        assertCode(LeaderServerException.FENCED, () -> former.delete("k", PATIENCE));
        assertCode(LeaderServerException.FENCED, () -> former.delete("k", 1, PATIENCE));
        assertCode(LeaderServerException.FENCED, () -> former.deletePrefix("", PATIENCE));
        assertCode(LeaderServerException.FENCED, () -> former.deletePrefix("nothing", PATIENCE));
        assertCode(LeaderServerException.FENCED, () -> former.check(PATIENCE));
    }
}

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
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient;
import io.leaderserver.Stalls;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A contender over several terms, and when the name service is joined and left. */
class TermsTest extends ServicesTestBase {

    private final Configuration configuration = configuration(NameServices.EMBEDDED_NAMED);

    private LeaderClient client;
    private NativeLeaderElectionService service;

    @BeforeEach
    void open() {
        configuration.setString("high-availability.leader-server.stall-timeout", "200 ms");
        client = openClient();
        service = new NativeLeaderElectionService(client);
    }

    private LeaderClient openClient() {
        return closing(Leadership.openClient(Settings.of(configuration), null));
    }

    private void assertState(String expected) {
        assertTrue(client.state().contains(expected), client.state());
    }

    /** 1, 2. Making an election joins nothing; the first start does, and the last close leaves. */
    @Test
    void joinsWithTheFirstStartAndLeavesWithTheLastClose() throws Exception {
        final LeaderElection first = service.createLeaderElection("first");
        final LeaderElection second = service.createLeaderElection("second");
        assertState("\"connected\":false");
        lead(first, "first").awaitGrantEnd();
        assertState("\"connected\":true");
        assertState("\"election\":");
        lead(second, "second").awaitGrantEnd();
        first.close();
        assertState("\"connected\":true");
        assertState("\"election\":");
        second.close();
        assertState("\"connected\":false");
        assertState("\"elections\":[]");
        final LeaderElection again = service.createLeaderElection("first");
        assertState("\"connected\":false");
        lead(again, "again").awaitGrantEnd();
        assertState("\"connected\":true");
    }

    /** 8. A service with contenders is not closed, and goes on. */
    @Test
    void aServiceWithContendersIsNotClosed() throws Exception {
        final LeaderElection election = service.createLeaderElection("x");
        final TestingContender contender = lead(election, "x");
        final UUID id = contender.awaitGrantEnd();
        assertThrows(IllegalStateException.class, service::close);
        assertTrue(Elections.has(election, id));
        service.createLeaderElection("y").close();
        election.close();
        contender.awaitRevoke();
        service.close();
        service.close();
        assertThrows(IllegalStateException.class, () -> service.createLeaderElection("x"));
    }

    /** 4, 5, 6. A new term is a revoke, then a grant of another id, which may be confirmed. */
    @Test
    void aNewTermIsARevokeThenAGrant() throws Exception {
        final LeaderElection election = service.createLeaderElection("x");
        final TestingContender contender = new TestingContender("stalling");
        election.startLeaderElection(contender);
        final UUID former = contender.awaitGrantEnd();
        Elections.confirm(election, former, "former").join();
        final LeaderClient otherClient = openClient();
        final TestingListener listener =
                listenTo(new NativeLeaderRetrievalService(otherClient, "x"));
        listener.await("former", former);

        final CountDownLatch wake = new CountDownLatch(1);
        Stalls.stall(client, wake);
        final LeaderElection other =
                new NativeLeaderElectionService(otherClient).createLeaderElection("x");
        final TestingContender otherContender = lead(other, "other");
        final UUID between = otherContender.awaitGrantEnd();
        listener.await("other", between);
        // It has not been told so yet, and yet it does not lead nor publish.
        assertFalse(Elections.has(election, former));
        Elections.confirm(election, former, "late").join();
        Elections.confirm(election, between, "not its own").join();
        wake.countDown();
        contender.awaitRevoke();
        contender.events.none();

        other.close();
        final UUID next = contender.awaitGrant();
        assertTrue(next.getMostSignificantBits() > between.getMostSignificantBits());
        assertTrue(Elections.has(election, next));
        assertFalse(Elections.has(election, former));
        Elections.confirm(election, former, "late").join();
        Elections.confirm(election, next, "next").join();
        listener.await("next", next);
        assertFalse(listener.events.all().toString().contains("late"));
        assertEquals(3, contender.events.all().size(), contender.events.all()::toString);
    }

    /** 4. Terms that came and went while a callback was blocked are skipped, never out of turn. */
    @Test
    void aBlockedContenderSeesGrantAndRevokeInTurn() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final LeaderElection election = service.createLeaderElection("x");
        final TestingContender blocked = new TestingContender("blocked");
        blocked.onGrant(id -> Blocking.await(go));
        election.startLeaderElection(blocked);
        final UUID former = blocked.awaitGrant();
        final TestingContender other = new TestingContender("other");
        final LeaderElection otherElection = service.createLeaderElection("y");
        otherElection.startLeaderElection(other);
        other.awaitGrant();
        for (int i = 0; i < 3; i++) {
            final CountDownLatch wake = new CountDownLatch(1);
            Stalls.stall(client, wake);
            final LeaderClient rival = openClient();
            final LeaderElection between =
                    new NativeLeaderElectionService(rival).createLeaderElection("x");
            lead(between, "between").awaitGrantEnd();
            between.close();
            wake.countDown();
            other.awaitRevoke();
            other.awaitGrant();
        }
        assertFalse(Elections.has(election, former));
        go.countDown();
        blocked.awaitRevoke();
        final UUID last = blocked.awaitGrant();
        assertTrue(Elections.has(election, last));
        assertEquals(3, blocked.events.all().size(), blocked.events.all()::toString);
    }
}

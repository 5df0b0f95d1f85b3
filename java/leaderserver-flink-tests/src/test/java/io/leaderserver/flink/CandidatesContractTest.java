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
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What Flink expects where two JobManagers compete: two instances of the services. */
@ParameterizedClass(name = "{0}")
@MethodSource("io.leaderserver.flink.Variant#competing")
class CandidatesContractTest extends ContractTestBase {

    private HighAvailabilityServices rival;

    CandidatesContractTest(Variant variant) {
        super(variant);
    }

    @BeforeEach
    void openRival() throws Exception {
        rival = elsewhere();
    }

    /** P1, P4: one leads, and the other as soon as the first has resigned, not before. */
    @Test
    void theSecondLeadsWhenTheFirstHasResigned() throws Exception {
        final LeaderElection first = services.getDispatcherLeaderElection();
        final LeaderElection second = rival.getDispatcherLeaderElection();
        final TestingContender leader = lead(first, "first");
        final UUID id = leader.awaitGrantEnd();
        final CompletableFuture<Boolean> overlap = new CompletableFuture<>();
        final TestingContender waiting = new TestingContender("second");
        waiting.onGrant(next -> overlap.complete(Elections.has(first, id)));
        second.startLeaderElection(waiting);
        waiting.events.none();
        assertFalse(Elections.has(second, id));
        leader.onRevoke(waiting.events::none);
        first.close();
        leader.awaitRevoke();
        final UUID next = waiting.awaitGrant();
        assertFalse(overlap.join());
        assertTrue(epoch(next) > epoch(id), next + " after " + id);
        assertNotEquals(id, next);
        assertTrue(Elections.has(second, next));
    }

    /** P4: so it does when the services of the first are closed over its head. */
    @Test
    void theSecondLeadsWhenTheServicesOfTheFirstAreClosed() throws Exception {
        final LeaderElection first = services.getDispatcherLeaderElection();
        final TestingContender leader = lead(first, "first");
        final UUID id = leader.awaitGrantEnd();
        final TestingContender waiting = new TestingContender("second");
        final LeaderElection second = rival.getDispatcherLeaderElection();
        second.startLeaderElection(waiting);
        final TestingListener listener = listenTo(rival.getDispatcherLeaderRetriever());
        listener.await("first", id);
        assertThrows(IllegalStateException.class, services::close);
        final UUID next = waiting.awaitGrant();
        assertFalse(Elections.has(first, id));
        listener.awaitNone();
        Elections.confirm(second, next, "second").join();
        listener.await("second", next);
        leader.events.none();
    }

    /** Components of one process lead together, unless each has an election to itself. */
    @Test
    void whoLeadsOneComponentLeadsAllOrNot() throws Exception {
        final UUID id = lead(services.getDispatcherLeaderElection(), "a").awaitGrantEnd();
        final TestingContender other = new TestingContender("other");
        rival.getResourceManagerLeaderElection().startLeaderElection(other);
        if (variant.perComponent) {
            assertNotEquals(id, other.awaitGrant());
        } else {
            other.events.none();
        }
    }

    /** 5. Who does not lead may confirm, to no effect, with whichever id. */
    @Test
    void confirmingWithoutLeadershipPublishesNothing() throws Exception {
        final LeaderElection first = services.getDispatcherLeaderElection();
        final TestingContender leader = new TestingContender("first");
        first.startLeaderElection(leader);
        final UUID id = leader.awaitGrant();
        final LeaderElection second = rival.getDispatcherLeaderElection();
        second.startLeaderElection(new TestingContender("second"));
        Elections.confirm(second, id, "not me").join();
        Elections.confirm(second, UUID.randomUUID(), "nor this").join();
        final TestingListener listener = listenTo(services.getDispatcherLeaderRetriever());
        Elections.confirm(first, id, "me").join();
        assertEquals(new TestingListener.Leader("me", id), listener.events.next());
    }

    /** P1: has-leadership of the one is over before the other is granted, back and forth. */
    @Test
    void neverTwoLeaders() throws Exception {
        final TestingListener listener = listenTo(rival.getDispatcherLeaderRetriever());
        LeaderElection election = services.getDispatcherLeaderElection();
        TestingContender contender = lead(election, "0");
        UUID id = contender.awaitGrantEnd();
        for (int i = 1; i <= 50; i++) {
            listener.await(Integer.toString(i - 1), id);
            final HighAvailabilityServices other = i % 2 == 0 ? services : rival;
            final LeaderElection next = other.getDispatcherLeaderElection();
            final LeaderElection former = election;
            final UUID formerId = id;
            final CompletableFuture<Boolean> overlap = new CompletableFuture<>();
            final String address = Integer.toString(i);
            contender = new TestingContender(address);
            contender.onGrant(
                    granted -> {
                        overlap.complete(Elections.has(former, formerId));
                        Elections.confirm(next, granted, address).join();
                    });
            next.startLeaderElection(contender);
            former.close();
            id = contender.awaitGrantEnd();
            assertFalse(overlap.join());
            assertTrue(epoch(id) > epoch(formerId));
            election = next;
        }
    }
}

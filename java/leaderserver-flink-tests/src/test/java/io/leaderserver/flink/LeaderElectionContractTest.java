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
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What Flink expects of {@code LeaderElectionService} and {@code LeaderElection}, through the
 * factory, by number. What needs two candidates is in {@link CandidatesContractTest}, several terms
 * in {@link TermsTest}, confirming in {@link ConfirmationContractTest}, running callbacks in {@link
 * CallbackContractTest}.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("io.leaderserver.flink.Variant#all")
class LeaderElectionContractTest extends ContractTestBase {

    LeaderElectionContractTest(Variant variant) {
        super(variant);
    }

    private static void confirm(LeaderElection election, UUID id, String address) {
        Elections.confirm(election, id, address).join();
    }

    /** 1. An id that is registered now is refused, and free again after close. */
    @Test
    void aRegisteredComponentIsRefused() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final UUID id = lead(election, "first").awaitGrant();
        assertThrows(IllegalStateException.class, services::getResourceManagerLeaderElection);
        assertTrue(Elections.has(election, id));
        election.close();
        lead(services.getResourceManagerLeaderElection(), "second").awaitGrant();
    }

    /** 1. So is every id once the services are closed. */
    @Test
    void closedServicesHandOutNoElection() throws Exception {
        services.close();
        assertThrows(IllegalStateException.class, services::getResourceManagerLeaderElection);
    }

    /** 2. If the name service can't be joined, start throws. */
    @Test
    void startFailsOnceTheServicesAreClosed() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        services.close();
        final TestingContender contender = new TestingContender("contender");
        assertThrows(
                IllegalStateException.class, () -> election.startLeaderElection(contender));
        contender.events.none();
    }

    /** 2. The name service is left after the last close, and joined again by the next start. */
    @Test
    void aLaterRegistrationJoinsAgain() throws Exception {
        UUID former = new UUID(0, 0);
        for (int i = 0; i < 10; i++) {
            final LeaderElection election = services.getResourceManagerLeaderElection();
            final UUID id = lead(election, "again").awaitGrantEnd();
            assertTrue(epoch(id) > epoch(former), id + " after " + former);
            former = id;
            election.close();
            assertFalse(Elections.has(election, id));
        }
    }

    /** 3. All components of one grant see one id (FLINK-30462); nobody sees (0, 0). */
    @Test
    void allComponentsOfAGrantSeeOneId() throws Exception {
        final TestingContender first = new TestingContender("first");
        final TestingContender second = new TestingContender("second");
        services.getResourceManagerLeaderElection().startLeaderElection(first);
        services.getDispatcherLeaderElection().startLeaderElection(second);
        final UUID id = first.awaitGrant();
        assertNotEquals(new UUID(0, 0), id);
        if (variant.perComponent) {
            assertNotEquals(id, second.awaitGrant());
        } else {
            assertEquals(id, second.awaitGrant());
        }
    }

    /** 3. Who registers while the process leads is granted on another thread, with the same id. */
    @Test
    void aLateComponentIsGrantedAsynchronously() throws Exception {
        final UUID id = lead(services.getResourceManagerLeaderElection(), "first").awaitGrant();
        final TestingContender late = new TestingContender("late");
        services.getJobManagerLeaderElection(new JobID()).startLeaderElection(late);
        final TestingContender.Event grant = late.events.next();
        assertEquals(TestingContender.Event.Kind.GRANT, grant.kind);
        assertNotSame(Thread.currentThread(), grant.thread);
        assertEquals(!variant.perComponent, id.equals(grant.id));
    }

    /** 7. Close revokes in the caller's thread, then withdraws; once. */
    @Test
    void closingRevokesInTheCallersThreadThenWithdraws() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingListener listener =
                listenTo(elsewhere().getResourceManagerLeaderRetriever());
        final TestingContender contender = lead(election, "address");
        final UUID id = contender.awaitGrantEnd();
        listener.await("address", id);
        contender.onRevoke(listener.events::none);
        election.close();
        assertSame(Thread.currentThread(), contender.awaitRevoke().thread);
        listener.awaitNone();
        election.close();
        contender.events.none();
    }

    /** 7. Who was not granted yet is told nothing by its close; who was, its revoke. */
    @Test
    void closingAtTheMomentOfTheGrantLeavesNoGrantWithoutRevoke() throws Exception {
        for (int i = 0; i < 50; i++) {
            final LeaderElection election = services.getResourceManagerLeaderElection();
            final TestingContender contender = new TestingContender("contender");
            election.startLeaderElection(contender);
            election.close();
            if (!contender.events.all().isEmpty()) {
                contender.awaitGrant();
                contender.awaitRevoke();
            }
        }
    }

    /** 7, P7. The others keep leadership and leader information. */
    @Test
    void closingOneComponentLeavesTheOthersAlone() throws Exception {
        final LeaderElection closed = services.getResourceManagerLeaderElection();
        final LeaderElection kept = services.getDispatcherLeaderElection();
        final UUID id = lead(closed, "closed").awaitGrant();
        final TestingContender keptContender = lead(kept, "kept");
        final UUID keptId = keptContender.awaitGrant();
        final TestingListener ofClosed =
                listenTo(elsewhere().getResourceManagerLeaderRetriever());
        final TestingListener ofKept = listenTo(elsewhere().getDispatcherLeaderRetriever());
        ofClosed.await("closed", id);
        ofKept.await("kept", keptId);
        closed.close();
        ofClosed.awaitNone();
        assertTrue(Elections.has(kept, keptId));
        ofKept.events.none();
        keptContender.events.none();
        // Published still, for those who ask only now.
        listenTo(elsewhere().getDispatcherLeaderRetriever()).await("kept", keptId);
    }

    /** 9. A second contender is refused and changes nothing: with Flink's it replaces the first. */
    @Test
    void aRefusedContenderChangesNothing() throws Exception {
        final LeaderElection first = services.getResourceManagerLeaderElection();
        final LeaderElection second = services.getResourceManagerLeaderElection();
        final TestingContender contender = new TestingContender("first");
        first.startLeaderElection(contender);
        final UUID id = contender.awaitGrant();
        final TestingContender refused = new TestingContender("refused");
        assertThrows(IllegalStateException.class, () -> second.startLeaderElection(refused));
        assertFalse(Elections.has(second, id));
        second.close();

        assertTrue(Elections.has(first, id));
        confirm(first, id, "first");
        listenTo(elsewhere().getResourceManagerLeaderRetriever()).await("first", id);
        first.close();
        contender.awaitRevoke();
        refused.events.none();
    }

    /** 10. Nothing of a former connection or term reaches those who register later. */
    @Test
    void lateEventsOfAFormerTermReachNobody() throws Exception {
        UUID former = new UUID(0, 0);
        for (int i = 0; i < 20; i++) {
            final LeaderElection election = services.getDispatcherLeaderElection();
            final TestingContender contender = new TestingContender("contender " + i);
            election.startLeaderElection(contender);
            final UUID id = contender.awaitGrantEnd();
            assertTrue(epoch(id) > epoch(former), id + " after " + former);
            confirm(election, former, "former");
            assertFalse(Elections.has(election, former));
            election.close();
            contender.awaitRevoke();
            assertEquals(2, contender.events.all().size(), contender.events.all()::toString);
            former = id;
        }
    }

    /** 14. Null is a {@code NullPointerException}, and does no harm. */
    @Test
    void nullIsRefused() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        assertThrows(NullPointerException.class, () -> election.startLeaderElection(null));
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        final UUID id = contender.awaitGrant();
        assertThrows(NullPointerException.class, () -> confirm(election, null, "address"));
        assertThrows(NullPointerException.class, () -> confirm(election, id, null));
        assertThrows(NullPointerException.class, () -> Elections.has(election, null));
        confirm(election, id, "address");
        listenTo(elsewhere().getResourceManagerLeaderRetriever()).await("address", id);
        assertThrows(
                NullPointerException.class,
                () -> services.getResourceManagerLeaderRetriever().start(null));
    }

    /** 14. One election is started once. */
    @Test
    void aSecondStartIsRefused() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        final TestingContender other = new TestingContender("other");
        for (TestingContender again : new TestingContender[] {contender, other}) {
            assertThrows(
                    IllegalStateException.class, () -> election.startLeaderElection(again));
        }
        final UUID id = contender.awaitGrant();
        assertTrue(Elections.has(election, id));
        election.close();
        contender.awaitRevoke();
        assertThrows(IllegalStateException.class, () -> election.startLeaderElection(other));
        other.events.none();
    }

    /** 15. Elections left open end with the services, and nobody is called back. */
    @Test
    void closingTheServicesEndsElectionsThatWereLeftOpen() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingContender contender = lead(election, "address");
        final UUID id = contender.awaitGrant();
        final LeaderElection neverStarted = services.getDispatcherLeaderElection();
        final Exception e = assertThrows(IllegalStateException.class, services::close);
        assertTrue(e.getMessage().contains(ComponentIds.RESOURCE_MANAGER), e.getMessage());
        assertFalse(Elections.has(election, id));
        confirm(election, id, "late");
        election.close();
        neverStarted.close();
        services.close();
        contender.events.none();
    }
}

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
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Numbers 5, 6, 11 and 12 of what Flink expects of {@code LeaderElection}: confirm and has. */
@ParameterizedClass(name = "{0}")
@MethodSource("io.leaderserver.flink.Variant#all")
class ConfirmationContractTest extends ContractTestBase {

    ConfirmationContractTest(Variant variant) {
        super(variant);
    }

    private static void confirm(LeaderElection election, UUID id, String address) {
        Elections.confirm(election, id, address).join();
    }

    /** 5. Confirming publishes address and id. */
    @Test
    void confirmingPublishes() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingListener listener =
                listenTo(elsewhere().getResourceManagerLeaderRetriever());
        final UUID id = lead(election, "address").awaitGrant();
        assertEquals(new TestingListener.Leader("address", id), listener.events.next());
    }

    /** 5. Another id than the issued one is confirmed normally, and published by nobody. */
    @Test
    void confirmingAnotherIdPublishesNothing() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        final TestingListener listener =
                listenTo(elsewhere().getResourceManagerLeaderRetriever());
        final UUID id = contender.awaitGrant();
        confirm(election, UUID.randomUUID(), "random");
        confirm(election, new UUID(0, 0), "zero");
        confirm(election, new UUID(epoch(id), id.getLeastSignificantBits() + 1), "low");
        confirm(election, new UUID(epoch(id) + 1, id.getLeastSignificantBits()), "high");
        confirm(election, id, "right");
        // In order: had one of the others been published, it would be told first.
        assertEquals(new TestingListener.Leader("right", id), listener.events.next());
        listener.events.none();
    }

    /** 5. Who has been granted nothing yet may confirm, to no effect. */
    @Test
    void confirmingBeforeTheGrantPublishesNothing() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        confirm(election, UUID.randomUUID(), "early");
        contender.awaitGrant();
        listenTo(elsewhere().getResourceManagerLeaderRetriever()).events.none();
    }

    /** 5. A second confirmation of one registration and term fails, and changes nothing. */
    @Test
    void theSecondConfirmationFails() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final UUID id = lead(election, "first").awaitGrantEnd();
        final TestingListener listener =
                listenTo(elsewhere().getResourceManagerLeaderRetriever());
        final CompletableFuture<Void> second = Elections.confirm(election, id, "second");
        final Exception e = assertThrows(CompletionException.class, second::join);
        assertInstanceOf(IllegalStateException.class, e.getCause());
        assertTrue(Elections.has(election, id));
        assertEquals(new TestingListener.Leader("first", id), listener.events.next());
        listener.events.none();
    }

    /** 5. A component that is registered again may confirm again, also in the same term. */
    @Test
    void aComponentRegisteredAgainMayConfirmAgain() throws Exception {
        final TestingContender anchor = anchor();
        final LeaderElection former = services.getResourceManagerLeaderElection();
        final UUID id = lead(former, "former").awaitGrant();
        final TestingListener listener =
                listenTo(elsewhere().getResourceManagerLeaderRetriever());
        listener.await("former", id);
        former.close();
        listener.awaitNone();
        final UUID next = lead(services.getResourceManagerLeaderElection(), "next").awaitGrant();
        assertEquals(!variant.perComponent, id.equals(next));
        listener.await("next", next);
        anchor.events.none();
    }

    /** 5. A component that was never registered can't be confirmed. */
    @Test
    void confirmingWithoutRegistrationFails() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        assertThrows(
                IllegalArgumentException.class,
                () -> Elections.confirm(election, UUID.randomUUID(), "address"));
        election.startLeaderElection(new TestingContender("contender"));
    }

    /** 5. One that was closed is confirmed normally, and published by nobody. */
    @Test
    void confirmingAfterClosePublishesNothing() throws Exception {
        anchor();
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        final UUID id = contender.awaitGrant();
        election.close();
        confirm(election, id, "late");
        final LeaderElection neverStarted = services.getDispatcherLeaderElection();
        neverStarted.close();
        confirm(neverStarted, id, "late");
        listenTo(elsewhere().getResourceManagerLeaderRetriever()).events.none();
    }

    /** 6. Leadership is had if registered, leading and of that id; else not, never an exception. */
    @Test
    void leadershipIsHadUnderTheIssuedIdOnly() throws Exception {
        final LeaderElection election = services.getResourceManagerLeaderElection();
        assertFalse(Elections.has(election, UUID.randomUUID()));
        final CompletableFuture<Boolean> whenGranted = new CompletableFuture<>();
        final CompletableFuture<Boolean> whenRevoked = new CompletableFuture<>();
        final CompletableFuture<UUID> granted = new CompletableFuture<>();
        final TestingContender contender = new TestingContender("contender");
        contender.onGrant(
                id -> {
                    whenGranted.complete(Elections.has(election, id));
                    granted.complete(id);
                });
        contender.onRevoke(() -> whenRevoked.complete(Elections.has(election, granted.join())));
        election.startLeaderElection(contender);
        final UUID id = contender.awaitGrant();
        assertTrue(whenGranted.join());
        assertTrue(Elections.has(election, id));
        assertFalse(Elections.has(election, UUID.randomUUID()));
        assertFalse(Elections.has(election, new UUID(0, 0)));
        assertFalse(
                Elections.has(election, new UUID(epoch(id), id.getLeastSignificantBits() ^ 1)));
        assertFalse(
                Elections.has(election, new UUID(epoch(id) ^ 1, id.getLeastSignificantBits())));
        election.close();
        assertFalse(whenRevoked.join());
        assertFalse(Elections.has(election, id));
        services.close();
        assertFalse(Elections.has(election, id));
    }

    /** 11. What is published stays as it is: there is no repair (FLINK-40114, FLINK-27848). */
    @Test
    void whatIsPublishedIsToldOnce() throws Exception {
        final TestingContender anchor = anchor();
        final LeaderElection election = services.getResourceManagerLeaderElection();
        final TestingListener listener =
                listenTo(elsewhere().getResourceManagerLeaderRetriever());
        final UUID id = lead(election, "address").awaitGrant();
        listener.await("address", id);
        for (int i = 0; i < 5; i++) {
            final LeaderElection other = services.getDispatcherLeaderElection();
            lead(other, "other").awaitGrant();
            other.close();
        }
        listener.events.none();
        assertEquals(1, listener.events.all().size());
        anchor.events.none();
    }

    /** 12. The REST endpoint confirms inside its grant, resource manager and dispatcher later. */
    @Test
    void confirmingIsLegalFromEveryThread() throws Exception {
        final LeaderElection rest = services.getClusterRestEndpointLeaderElection();
        final UUID id = lead(rest, "http://rest:8081").awaitGrant();
        final LeaderElection dispatcher = services.getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("dispatcher");
        dispatcher.startLeaderElection(contender);
        final UUID dispatcherId = contender.awaitGrant();
        CompletableFuture.runAsync(() -> confirm(dispatcher, dispatcherId, "rpc")).join();
        listenTo(elsewhere().getClusterRestEndpointLeaderRetriever())
                .await("http://rest:8081", id);
        listenTo(elsewhere().getDispatcherLeaderRetriever()).await("rpc", dispatcherId);
    }
}

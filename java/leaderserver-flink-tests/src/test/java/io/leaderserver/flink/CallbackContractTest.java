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
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * P3, P8: callbacks of contenders and listeners may wait, lock, call back and throw, and nobody
 * else is the worse for it (FLINK-20008, FLINK-25847, FLINK-29234, FLINK-32311, FLINK-34672).
 */
@ParameterizedClass(name = "{0}")
@MethodSource("io.leaderserver.flink.Variant#all")
class CallbackContractTest extends ContractTestBase {

    CallbackContractTest(Variant variant) {
        super(variant);
    }

    /** Whoever waits inside a grant for another contender's grant gets it. */
    @Test
    void waitingInACallbackForAnotherGrant() throws Exception {
        final LeaderElection dispatcher = services.getDispatcherLeaderElection();
        final LeaderElection manager = services.getResourceManagerLeaderElection();
        final TestingContender inner = new TestingContender("inner");
        final TestingContender outer = new TestingContender("outer");
        final CompletableFuture<UUID> waited = new CompletableFuture<>();
        outer.onGrant(
                id -> {
                    Blocking.unchecked(() -> manager.startLeaderElection(inner));
                    waited.complete(inner.awaitGrant());
                });
        dispatcher.startLeaderElection(outer);
        final UUID id = outer.awaitGrantEnd();
        assertTrue(waited.isDone());
        assertEquals(!variant.perComponent, id.equals(waited.join()));
    }

    /** Whoever waits inside a grant for a retriever to be told, in vain nowhere. */
    @Test
    void waitingInACallbackForARetrieval() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingListener there = listenTo(elsewhere().getDispatcherLeaderRetriever());
        final TestingContender contender = new TestingContender("contender");
        final CompletableFuture<Void> told = new CompletableFuture<>();
        contender.onGrant(
                id -> {
                    Elections.confirm(election, id, "address").join();
                    there.await("address", id);
                    Blocking.unchecked(
                            () -> {
                                final LeaderRetrievalService own =
                                        services.getDispatcherLeaderRetriever();
                                listenTo(own).await("address", id);
                                own.stop();
                            });
                    told.complete(null);
                });
        election.startLeaderElection(contender);
        contender.awaitGrantEnd();
        assertTrue(told.isDone());
    }

    /** And the other way round: a listener that waits for a grant. */
    @Test
    void waitingInANotificationForAGrant() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        final CompletableFuture<UUID> granted = new CompletableFuture<>();
        final TestingListener listener = new TestingListener("listener");
        listener.onNotification(
                () ->
                        Blocking.unchecked(
                                () -> {
                                    services.getResourceManagerLeaderElection()
                                            .startLeaderElection(contender);
                                    granted.complete(contender.awaitGrant());
                                }));
        final LeaderRetrievalService retriever = services.getDispatcherLeaderRetriever();
        retriever.start(listener);
        closing(retriever::stop);
        lead(election, "address").awaitGrant();
        granted.join();
    }

    /** FLINK-20008, 32311, 34672: close, under the lock that the running callback waits for. */
    @Test
    void closingUnderALockThatARunningCallbackWants() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        contender.onGrant(
                id -> {
                    lock.lock();
                    lock.unlock();
                });
        lock.lock();
        election.startLeaderElection(contender);
        final TestingContender.Event grant = contender.events.next();
        Blocking.unchecked(election::close);
        assertFalse(Elections.has(election, grant.id));
        // Its revoke follows where the grant runs, once that has returned.
        assertEquals(1, contender.events.all().size());
        lock.unlock();
        assertSame(grant.thread, contender.awaitRevoke().thread);
        contender.events.none();
    }

    /** The same with the listener of a retriever. */
    @Test
    void stoppingUnderALockThatARunningNotificationWants() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingListener listener = new TestingListener("listener");
        final CompletableFuture<Void> left = new CompletableFuture<>();
        listener.onNotification(
                () -> {
                    lock.lock();
                    lock.unlock();
                    left.complete(null);
                });
        final LeaderRetrievalService retriever = elsewhere().getDispatcherLeaderRetriever();
        lock.lock();
        retriever.start(listener);
        lead(election, "address").awaitGrantEnd();
        listener.events.next();
        retriever.stop();
        election.close();
        lock.unlock();
        left.join();
        listener.events.none();
    }

    /** A contender that closes its election inside its grant is revoked there and then. */
    @Test
    void closingFromInsideTheGrant() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        final CompletableFuture<Integer> within = new CompletableFuture<>();
        contender.onGrant(
                id -> {
                    Blocking.unchecked(election::close);
                    assertFalse(Elections.has(election, id));
                    within.complete(contender.events.all().size());
                });
        election.startLeaderElection(contender);
        final TestingContender.Event grant = contender.events.next();
        assertSame(grant.thread, contender.awaitRevoke().thread);
        assertEquals(2, within.join());
        contender.events.none();
        lead(services.getDispatcherLeaderElection(), "next").awaitGrant();
    }

    /** Inside the revoke there is nothing more to be revoked. */
    @Test
    void closingFromInsideTheRevoke() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        contender.onRevoke(() -> Blocking.unchecked(election::close));
        election.startLeaderElection(contender);
        contender.awaitGrantEnd();
        election.close();
        contender.awaitRevoke();
        contender.events.none();
        lead(services.getDispatcherLeaderElection(), "next").awaitGrant();
    }

    /** A callback may close what belongs to others, and all there is. */
    @Test
    void closingEverythingFromInsideAGrant() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final LeaderElection other = services.getResourceManagerLeaderElection();
        final TestingContender otherContender = new TestingContender("other");
        other.startLeaderElection(otherContender);
        final UUID otherId = otherContender.awaitGrantEnd();
        final TestingContender contender = new TestingContender("contender");
        final CompletableFuture<Void> closed = new CompletableFuture<>();
        contender.onGrant(
                id -> {
                    Blocking.unchecked(other::close);
                    Blocking.unchecked(election::close);
                    Blocking.unchecked(services::close);
                    closed.complete(null);
                });
        election.startLeaderElection(contender);
        closed.get();
        final Thread thread = contender.events.next().thread;
        assertSame(thread, otherContender.awaitRevoke().thread);
        assertSame(thread, contender.awaitRevoke().thread);
        assertFalse(Elections.has(other, otherId));
        contender.events.none();
    }

    /** A listener may stop its own retriever, and start others. */
    @Test
    void stoppingFromInsideTheNotification() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final LeaderRetrievalService retriever = elsewhere().getDispatcherLeaderRetriever();
        final LeaderRetrievalService following = elsewhere().getDispatcherLeaderRetriever();
        final TestingListener other = new TestingListener("other");
        final TestingListener listener = new TestingListener("listener");
        listener.onNotification(
                () ->
                        Blocking.unchecked(
                                () -> {
                                    retriever.stop();
                                    following.start(other);
                                }));
        retriever.start(listener);
        final UUID id = lead(election, "address").awaitGrantEnd();
        other.await("address", id);
        election.close();
        other.awaitNone();
        assertEquals(1, listener.events.all().size(), listener.events.all()::toString);
        following.stop();
    }

    /** P8: whoever blocks delays only itself: no contender, no retriever, no close. */
    @Test
    void aBlockedContenderDelaysNobody() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final LeaderElection blockedElection = services.getJobManagerLeaderElection(new JobID());
        final TestingContender blocked = new TestingContender("blocked");
        blocked.onGrant(id -> Blocking.await(go));
        blockedElection.startLeaderElection(blocked);
        final UUID blockedId = blocked.awaitGrant();
        final LeaderRetrievalService deaf = elsewhere().getDispatcherLeaderRetriever();
        final TestingListener deafListener = new TestingListener("deaf");
        deafListener.onNotification(() -> Blocking.await(go));
        deaf.start(deafListener);
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        for (int i = 0; i < 3; i++) {
            final LeaderElection election = services.getDispatcherLeaderElection();
            final TestingContender contender = lead(election, "address " + i);
            listener.await("address " + i, contender.awaitGrantEnd());
            if (i == 0) {
                // It may skip what comes and goes, but not this: then it is blocked.
                deafListener.events.next(Events.PATIENCE);
            }
            election.close();
            contender.awaitRevoke();
            listener.awaitNone();
        }
        assertTrue(Elections.has(blockedElection, blockedId));
        Elections.confirm(blockedElection, blockedId, "blocked").join();
        deaf.stop();
        assertEquals(1, deafListener.events.all().size());
        go.countDown();
        blocked.events.none();
    }

    /** 12. {@code JobMasterServiceLeadershipRunner} chains has and confirm, holding a lock. */
    @Test
    void confirmUnderTheContendersLockNeverWaits() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        final LeaderElection election = services.getJobManagerLeaderElection(new JobID());
        final TestingContender contender = new TestingContender("contender");
        final CountDownLatch entered = new CountDownLatch(1);
        contender.onGrant(
                id -> {
                    entered.countDown();
                    lock.lock();
                    lock.unlock();
                });
        lock.lock();
        try {
            election.startLeaderElection(contender);
            Blocking.await(entered);
            final UUID id = contender.awaitGrant();
            assertTrue(Elections.has(election, id));
            assertTrue(Elections.confirm(election, id, "address").isDone());
            assertTrue(Elections.confirm(election, id, "second").isCompletedExceptionally());
            assertTrue(Elections.confirm(election, UUID.randomUUID(), "other").isDone());
        } finally {
            lock.unlock();
        }
    }

    /** 12. A component is registered again while its predecessor's callback still runs. */
    @Test
    void aReRegisteredComponentDoesNotWaitForItsPredecessor() throws Exception {
        anchor();
        final CountDownLatch go = new CountDownLatch(1);
        final LeaderElection former = services.getDispatcherLeaderElection();
        final TestingContender blocked = new TestingContender("blocked");
        blocked.onGrant(
                id -> {
                    Elections.confirm(former, id, "former").join();
                    Blocking.await(go);
                    Elections.confirm(former, id, "late").join();
                });
        former.startLeaderElection(blocked);
        final UUID formerId = blocked.awaitGrant();
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        listener.await("former", formerId);
        former.close();

        final LeaderElection next = services.getDispatcherLeaderElection();
        final TestingContender contender = lead(next, "next");
        final UUID id = contender.awaitGrantEnd();
        assertTrue(Elections.has(next, id));
        assertFalse(Elections.has(former, formerId));
        listener.await("next", id);
        go.countDown();
        blocked.awaitRevoke();
        blocked.events.none();
        // What the predecessor does at its end is its own affair.
        assertTrue(Elections.has(next, id));
        contender.events.none();
        listener.events.none();
    }

    /** The services may be closed while a callback of theirs runs; they do not wait for it. */
    @Test
    void closingTheServicesWaitsForNoCallback() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        contender.onGrant(id -> Blocking.await(go));
        election.startLeaderElection(contender);
        final TestingContender.Event grant = contender.events.next();
        assertNotSame(Thread.currentThread(), grant.thread);
        Blocking.promptly(
                "closing the services",
                () -> {
                    try {
                        services.close();
                    } catch (IllegalStateException e) {
                        // For the election that is open.
                    }
                });
        assertFalse(Elections.has(election, grant.id));
        go.countDown();
        contender.events.none();
    }
}

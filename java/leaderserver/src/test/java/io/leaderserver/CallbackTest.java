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

import static io.leaderserver.RecordingContender.Kind.FAILED;
import static io.leaderserver.RecordingContender.Kind.GRANTED;
import static io.leaderserver.RecordingContender.Kind.REVOKED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderClient.Registration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** P3 and P8: on which thread callbacks run, who waits for whom, and what a close does to them. */
class CallbackTest {

    private LeaderClient client;

    private LeaderClient rival;

    @BeforeEach
    void open() {
        final String endpoint = "embedded:" + Support.unique("callback");
        client = Support.open(endpoint, "name", "callback");
        rival = Support.open(endpoint, "name", "rival");
    }

    @AfterEach
    void close() {
        client.close();
        rival.close();
    }

    /** A contender that closes itself is revoked there and then, inside its grant. */
    @Test
    void closeFromInsideGrant() {
        final CompletableFuture<Registration> place = new CompletableFuture<>();
        final AtomicBoolean closed = new AtomicBoolean();
        final AtomicBoolean revokedWithin = new AtomicBoolean();
        final RecordingContender contender =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) {
                        place.join().close();
                        closed.set(true);
                        assertFalse(place.join().hasLeadership(id));
                    }

                    @Override
                    void duringRevoke() {
                        revokedWithin.set(!closed.get());
                        // Idempotent, here of all places.
                        place.join().close();
                    }
                };
        place.complete(client.register("x", contender));
        final Thread thread = contender.await(GRANTED).thread;
        assertSame(thread, contender.await(REVOKED).thread);
        final RecordingContender next = new RecordingContender();
        rival.register("x", next);
        next.awaitGranted();
        assertTrue(revokedWithin.get());
        assertEquals(0, client.callbackErrors());
        contender.assertNothingMore();
    }

    /** From inside a revoke there is nothing more to be revoked. */
    @Test
    void closeFromInsideRevoke() throws Exception {
        try (LeaderServer server = Support.startServer()) {
            final CompletableFuture<Registration> place = new CompletableFuture<>();
            final CountDownLatch closed = new CountDownLatch(1);
            final RecordingContender contender =
                    new RecordingContender() {
                        @Override
                        void duringRevoke() {
                            place.join().close();
                            closed.countDown();
                        }
                    };
            place.complete(client.register("x", contender));
            contender.awaitGranted();
            // To the contender another name service: it is revoked, on a thread of ours.
            client.attach(server);
            contender.awaitRevoked();
            Support.await(closed);
            final RecordingContender next = new RecordingContender();
            client.register("x", next);
            next.awaitGranted();
            contender.assertNothingMore();
        }
    }

    /** LESSONS 20 (FLINK-20008): close does not wait; the revoke follows where the grant runs. */
    @Test
    void closeDoesNotWaitForARunningCallback() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final AtomicBoolean revokeReturned = new AtomicBoolean();
        final RecordingContender contender =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) throws Exception {
                        Support.await(go);
                    }

                    @Override
                    void duringRevoke() {
                        revokeReturned.set(true);
                    }
                };
        final Registration place = client.register("x", contender);
        final RecordingContender.Event granted = contender.await(GRANTED);
        assertTrue(place.hasLeadership(granted.id));
        final CompletableFuture<Boolean> inOrder = new CompletableFuture<>();
        final RecordingContender next =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) {
                        // The resignation is sent after the revoke.
                        inOrder.complete(revokeReturned.get());
                    }
                };
        rival.register("x", next);

        place.close();
        assertFalse(place.hasLeadership(granted.id));
        contender.assertNothingMore();
        next.assertNothingMore();
        go.countDown();
        assertSame(granted.thread, contender.await(REVOKED).thread);
        next.awaitGranted();
        assertTrue(inOrder.get());
        contender.assertNothingMore();
    }

    /** A component registered again does not wait for its predecessor's callback. */
    @Test
    void successorDoesNotWaitForARunningCallback() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final RecordingContender stuck = stuckInGrant(go);
        final Registration place = client.register("x", stuck);
        stuck.awaitGranted();
        place.close();
        final RecordingContender next = new RecordingContender();
        client.register("x", next);
        next.awaitGranted();
        stuck.assertNothingMore();
        go.countDown();
        stuck.awaitRevoked();
        next.assertNothingMore();
    }

    /** LESSONS 20 (FLINK-32311, 34672): close under a lock that the running callback wants. */
    @Test
    void closeUnderALockThatTheCallbackWants() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        final CountDownLatch wanted = new CountDownLatch(1);
        final RecordingContender contender =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) {
                        wanted.countDown();
                        lock.lock();
                        lock.unlock();
                    }

                    @Override
                    void duringRevoke() {
                        lock.lock();
                        lock.unlock();
                    }
                };
        lock.lock();
        try {
            final Registration place = client.register("x", contender);
            final UUID id = contender.awaitGranted();
            Support.await(wanted);
            assertTrue(place.hasLeadership(id));
            place.confirm(id, "under a lock");
            place.close();
            assertFalse(place.hasLeadership(id));
        } finally {
            lock.unlock();
        }
        contender.awaitRevoked();
        contender.assertNothingMore();
    }

    /** P8: who blocks delays only himself, be he contender or watcher. */
    @Test
    void blockedCallbackDelaysOnlyItself() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final RecordingContender stuck = stuckInGrant(go);
        final RecordingWatcher stuckWatcher =
                new RecordingWatcher() {
                    @Override
                    void during(Told now) throws Exception {
                        Support.await(go);
                    }
                };
        client.register("stuck", stuck);
        client.watch("lively", stuckWatcher);
        final UUID id = stuck.awaitGranted();
        stuckWatcher.awaitNoLeader();

        final RecordingContender lively = new RecordingContender();
        final RecordingWatcher watcher = new RecordingWatcher();
        final Registration place = client.register("lively", lively);
        client.watch("lively", watcher);
        assertEquals(id, lively.awaitGranted());
        watcher.awaitNoLeader();
        place.confirm(id, "lively");
        watcher.awaitLeader(id, "lively");
        assertTrue(place.hasLeadership(id));
        client.status(10_000);
        place.close();
        lively.awaitRevoked();
        watcher.awaitNoLeader();

        go.countDown();
        stuckWatcher.assertSound();
    }

    /** FLINK-CONTRACT 13: what a callback throws goes to its own contender, and to no other. */
    @Test
    void exceptionGoesToTheContenderItself() {
        final RecordingContender thrower =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) {
                        throw new AssertionError("on purpose");
                    }
                };
        final RecordingContender other = new RecordingContender();
        final Registration place = client.register("thrower", thrower);
        client.register("other", other);
        final UUID id = thrower.awaitGranted();
        assertEquals("on purpose", thrower.await(FAILED).error.getMessage());
        other.awaitGranted();
        assertEquals(1, client.callbackErrors());
        // Nothing has changed in the election.
        assertTrue(place.hasLeadership(id));
        place.close();
        thrower.awaitRevoked();
        thrower.assertNothingMore();
        other.assertNothingMore();
    }

    /** Nor does one out of the handler of exceptions do any harm. */
    @Test
    void exceptionOutOfFailedIsSwallowed() {
        final RecordingContender thrower =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) {
                        throw new IllegalStateException("first");
                    }

                    @Override
                    void duringFailure() {
                        throw new IllegalStateException("second");
                    }
                };
        final Registration place = client.register("x", thrower);
        thrower.awaitGranted();
        thrower.await(FAILED);
        // It is called back as if nothing had happened.
        place.close();
        thrower.awaitRevoked();
        thrower.assertNothingMore();
        assertTrue(client.callbackErrors() >= 2);
    }

    /** FLINK-CONTRACT 13: once closed, an exception is logged only: handleError is fatal there. */
    @Test
    void exceptionAfterCloseIsLoggedOnly() {
        final RecordingContender thrower =
                new RecordingContender() {
                    @Override
                    void duringRevoke() {
                        throw new IllegalStateException("the executor was shut down");
                    }
                };
        final Registration place = client.register("x", thrower);
        Support.awaitReturned(thrower.await(GRANTED).thread);
        // Nor does the close throw it.
        place.close();
        thrower.awaitRevoked();
        thrower.assertNothingMore();
        assertEquals(1, client.callbackErrors());
    }

    /** The same where the callback ran before the close, and throws after it. */
    @Test
    void exceptionOutOfACallbackThatOutlivesTheCloseIsLoggedOnly() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final RecordingContender thrower =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) throws Exception {
                        Support.await(go);
                        throw new IllegalStateException("the executor was shut down");
                    }
                };
        final Registration place = client.register("x", thrower);
        thrower.awaitGranted();
        place.close();
        go.countDown();
        thrower.awaitRevoked();
        thrower.assertNothingMore();
    }

    /** The client closed from inside a callback: that one runs on, and was the last. */
    @Test
    void clientClosedFromInsideACallback() throws Exception {
        final CountDownLatch closed = new CountDownLatch(1);
        final RecordingContender contender =
                new RecordingContender() {
                    @Override
                    void duringGrant(UUID id) {
                        client.close();
                        closed.countDown();
                    }
                };
        client.register("x", contender);
        contender.awaitGranted();
        Support.await(closed);
        Support.awaitEnd(Support.ourThreads("callback-callback"));
        Support.awaitEnd(Support.ourThreads("events-callback"));
        contender.assertNothingMore();
    }

    /** The client closed while a callback runs elsewhere: no wait, and no revoke behind. */
    @Test
    void clientClosedWhileACallbackRuns() throws Exception {
        final CountDownLatch go = new CountDownLatch(1);
        final RecordingContender stuck = stuckInGrant(go);
        final Registration place = client.register("x", stuck);
        final UUID id = stuck.awaitGranted();
        final RecordingContender next = new RecordingContender();
        rival.register("x", next);
        client.close();
        assertFalse(place.hasLeadership(id));
        next.awaitGranted();
        go.countDown();
        Support.awaitEnd(Support.ourThreads("callback-callback"));
        stuck.assertNothingMore();
    }

    /** LESSONS 28: daemons, by name, with our class loader, whoever opened the client. */
    @Test
    void threadsAreDaemonsWithOurClassLoader() throws Exception {
        final Thread self = Thread.currentThread();
        final ClassLoader own = self.getContextClassLoader();
        final ClassLoader ours = LeaderClient.class.getClassLoader();
        final CompletableFuture<ClassLoader> first = new CompletableFuture<>();
        final CompletableFuture<ClassLoader> second = new CompletableFuture<>();
        final CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
        final RecordingWatcher watcher =
                new RecordingWatcher() {
                    @Override
                    void during(Told now) {
                        final Thread thread = Thread.currentThread();
                        if (!first.isDone()) {
                            first.complete(thread.getContextClassLoader());
                            // What a user leaves behind is gone before the next callback.
                            thread.setContextClassLoader(null);
                            thread.interrupt();
                        } else {
                            second.complete(thread.getContextClassLoader());
                            interrupted.complete(thread.isInterrupted());
                        }
                    }
                };
        self.setContextClassLoader(Support.isolated());
        try (LeaderClient foreign = Support.open("embedded:" + Support.unique("loader"))) {
            foreign.watch("x", watcher);
            final Thread thread = watcher.await().thread;
            assertTrue(thread.isDaemon());
            assertTrue(thread.getName().startsWith("leaderserver-"), thread.getName());
            final RecordingContender contender = new RecordingContender();
            final Registration place = foreign.register("x", contender);
            place.confirm(contender.awaitGranted(), "address");
            assertSame(ours, first.get());
            assertSame(ours, second.get());
            assertFalse(interrupted.get());
            for (Thread each : Support.ourThreads("")) {
                assertTrue(each.isDaemon(), each.toString());
            }
            final List<Thread> fetching = Support.ourThreads("events");
            fetching.addAll(Support.ourThreads("log"));
            assertTrue(fetching.size() >= 2);
            for (Thread each : fetching) {
                assertSame(ours, each.getContextClassLoader(), each.toString());
            }
        } finally {
            self.setContextClassLoader(own);
        }
    }

    /** However many close at once, there is one revoke. */
    @Test
    void concurrentClosesRevokeOnce() throws Exception {
        for (int round = 0; round < 50; round++) {
            final RecordingContender contender = new RecordingContender();
            final Registration place = client.register("x", contender);
            contender.awaitGranted();
            final CyclicBarrier together = new CyclicBarrier(4);
            final Thread[] closers = new Thread[4];
            for (int i = 0; i < closers.length; i++) {
                closers[i] =
                        new Thread(
                                () -> {
                                    try {
                                        together.await();
                                    } catch (Exception e) {
                                        throw new IllegalStateException(e);
                                    }
                                    place.close();
                                });
                closers[i].start();
            }
            Support.awaitEnd(List.of(closers));
            contender.awaitRevoked();
            contender.assertNothingMore();
        }
    }

    /** A close that meets the grant at any point of it: revoked if granted, and then silence. */
    @Test
    void closeRacesWithTheGrant() {
        final RecordingContender anchor = new RecordingContender();
        client.register("anchor", anchor);
        anchor.awaitGranted();
        for (int round = 0; round < 2_000; round++) {
            final RecordingContender contender = new RecordingContender();
            final Registration place = client.register("x", contender);
            for (int i = 0; i < round % 200 * 20; i++) {
                Thread.onSpinWait();
            }
            place.close();
            contender.assertSound();
        }
        // P8 and the pool: after all that the client is as lively as before.
        final RecordingContender last = new RecordingContender();
        client.register("x", last);
        last.awaitGranted();
        assertEquals(0, client.callbackErrors());
    }

    private static RecordingContender stuckInGrant(CountDownLatch until) {
        return new RecordingContender() {
            @Override
            void duringGrant(UUID id) throws Exception {
                Support.await(until);
            }
        };
    }
}

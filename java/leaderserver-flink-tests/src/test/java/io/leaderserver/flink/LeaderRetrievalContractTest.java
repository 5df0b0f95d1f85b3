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
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What Flink expects of {@code LeaderRetrievalService}, numbered as the list of expectations. */
@ParameterizedClass(name = "{0}")
@MethodSource("io.leaderserver.flink.Variant#all")
class LeaderRetrievalContractTest extends ContractTestBase {

    LeaderRetrievalContractTest(Variant variant) {
        super(variant);
    }

    /** Two odd surrogates, a zero, four-byte characters, and 65 536 characters in all. */
    private static String oddAddress() {
        final StringBuilder odd =
                new StringBuilder("\uD800\u0000\uDC00 \uD83D\uDE00\uFFFF\n\u00E4");
        while (odd.length() < 65_536) {
            odd.append((char) (odd.length() * 31));
        }
        return odd.toString();
    }

    /** 1. A retriever is started once. */
    @Test
    void aSecondStartIsRefused() throws Exception {
        final LeaderRetrievalService retriever = services.getDispatcherLeaderRetriever();
        final TestingListener listener = listenTo(retriever);
        assertThrows(IllegalStateException.class, () -> retriever.start(listener));
        final TestingListener other = new TestingListener("other");
        assertThrows(IllegalStateException.class, () -> retriever.start(other));
        final UUID id = lead(services.getDispatcherLeaderElection(), "address").awaitGrant();
        listener.await("address", id);
        other.events.none();
    }

    /** 1. Stop is idempotent, and legal before start. */
    @Test
    void stopIsIdempotentAndLegalBeforeStart() throws Exception {
        final LeaderRetrievalService neverStarted = services.getDispatcherLeaderRetriever();
        neverStarted.stop();
        neverStarted.stop();
        final LeaderRetrievalService retriever = services.getDispatcherLeaderRetriever();
        retriever.start(new TestingListener("listener"));
        retriever.stop();
        retriever.stop();
    }

    /** 1. Nothing is delivered after stop; others go on: with Flink's, one stop silences all. */
    @Test
    void stoppingOneRetrieverSilencesIt() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final LeaderRetrievalService stopped = elsewhere().getDispatcherLeaderRetriever();
        final TestingListener silent = listenTo(stopped);
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        final TestingListener there = listenTo(services.getDispatcherLeaderRetriever());
        final UUID id = lead(election, "address").awaitGrantEnd();
        for (TestingListener each : List.of(silent, listener, there)) {
            each.await("address", id);
        }
        stopped.stop();
        election.close();
        listener.awaitNone();
        there.awaitNone();
        final UUID next = lead(services.getDispatcherLeaderElection(), "next").awaitGrant();
        listener.await("next", next);
        there.await("next", next);
        assertEquals(1, silent.events.all().size(), silent.events.all()::toString);
    }

    /** 1. The services may be closed before their retrievers. */
    @Test
    void stopAfterTheServicesWereClosed() throws Exception {
        final LeaderRetrievalService retriever = services.getDispatcherLeaderRetriever();
        final LeaderRetrievalService late = services.getDispatcherLeaderRetriever();
        retriever.start(new TestingListener("listener"));
        services.close();
        retriever.stop();
        late.stop();
        assertThrows(
                IllegalStateException.class,
                () -> services.getDispatcherLeaderRetriever().start(new TestingListener("x")));
    }

    /** 2. What is known already is not delivered from inside start. */
    @Test
    void nothingIsDeliveredOnTheStartingThread() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final UUID id = lead(election, "address").awaitGrant();
        listenTo(elsewhere().getDispatcherLeaderRetriever()).await("address", id);
        for (int i = 0; i < 20; i++) {
            final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
            listener.await("address", id);
            assertNotSame(Thread.currentThread(), listener.lastThread);
        }
    }

    /** 3. A first "no leader" is not told; then A, none, A are. */
    @Test
    void changesAreTold() throws Exception {
        final LeaderElection former = services.getDispatcherLeaderElection();
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        listener.events.none();
        final UUID id = lead(former, "A").awaitGrantEnd();
        assertEquals(new TestingListener.Leader("A", id), listener.events.next());
        former.close();
        assertEquals(TestingListener.Leader.NONE, listener.events.next());
        final UUID next = lead(services.getDispatcherLeaderElection(), "A").awaitGrant();
        assertEquals(new TestingListener.Leader("A", next), listener.events.next());
        listener.events.none();
        listener.errors.none();
    }

    /** 3. The same is not told twice running, also if something else came between unheard. */
    @Test
    void theSameIsNotToldTwiceRunning() throws Exception {
        anchor();
        final CountDownLatch go = new CountDownLatch(1);
        LeaderElection election = services.getDispatcherLeaderElection();
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        listener.onNotification(() -> Blocking.await(go));
        final TestingListener attentive = listenTo(elsewhere().getDispatcherLeaderRetriever());
        UUID id = lead(election, "A").awaitGrantEnd();
        listener.await("A", id);
        attentive.await("A", id);
        for (int i = 0; i < 3; i++) {
            election.close();
            attentive.awaitNone();
            election = services.getDispatcherLeaderElection();
            id = lead(election, "A").awaitGrantEnd();
            attentive.await("A", id);
        }
        go.countDown();
        election.close();
        listener.awaitNone();
        final List<TestingListener.Leader> told = listener.events.all();
        for (int i = 1; i < told.size(); i++) {
            assertNotEquals(told.get(i - 1), told.get(i), told::toString);
        }
    }

    /** 4. In order; what was not told yet may be replaced, the last never is left out. */
    @Test
    void anOlderValueNeverFollowsANewer() throws Exception {
        anchor();
        final int changes = 100;
        services.getDispatcherLeaderElection();
        final List<TestingListener> listeners = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            listeners.add(listenTo(elsewhere().getDispatcherLeaderRetriever()));
        }
        // One that is slow: it hears of every fifth or so.
        listeners.get(0).onNotification(() -> Blocking.unchecked(() -> Thread.sleep(5)));
        UUID last = null;
        for (int i = 0; i <= changes; i++) {
            final LeaderElection election = services.getDispatcherLeaderElection();
            last = lead(election, Integer.toString(i)).awaitGrantEnd();
            if (i < changes) {
                election.close();
            }
        }
        for (TestingListener listener : listeners) {
            listener.await(Integer.toString(changes), last);
            int highest = -1;
            for (TestingListener.Leader leader : listener.events.all()) {
                if (leader.address != null) {
                    final int number = Integer.parseInt(leader.address);
                    assertTrue(number > highest, listener.events.all()::toString);
                    highest = number;
                }
            }
            listener.events.none();
        }
    }

    /** 6. Who starts later is told the present value at once. */
    @Test
    void whoComesLaterIsToldThePresentLeader() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final UUID id = lead(election, "address").awaitGrantEnd();
        listenTo(elsewhere().getDispatcherLeaderRetriever()).await("address", id);
        listenTo(services.getDispatcherLeaderRetriever()).await("address", id);
        final JobID job = new JobID();
        final UUID jobId = lead(services.getJobManagerLeaderElection(job), "job").awaitGrant();
        listenTo(elsewhere().getJobManagerLeaderRetriever(job, "default")).await("job", jobId);
    }

    /** Each component has leader information of its own. */
    @Test
    void eachComponentIsItsOwn() throws Exception {
        final JobID first = new JobID();
        final JobID second = new JobID();
        final UUID id = lead(services.getJobManagerLeaderElection(first), "first").awaitGrant();
        final TestingListener ofSecond =
                listenTo(elsewhere().getJobManagerLeaderRetriever(second, "default"));
        listenTo(elsewhere().getJobManagerLeaderRetriever(first, "default")).await("first", id);
        ofSecond.events.none();
        final UUID next = lead(services.getJobManagerLeaderElection(second), "2").awaitGrant();
        assertEquals(new TestingListener.Leader("2", next), ofSecond.events.next());
    }

    /** Election 14: an address of any content and of 65 536 characters arrives as it is. */
    @Test
    void anyAddressIsCarried() throws Exception {
        final String odd = oddAddress();
        final LeaderElection election = services.getDispatcherLeaderElection();
        final LeaderElection empty = services.getResourceManagerLeaderElection();
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        final UUID id = lead(election, odd).awaitGrant();
        // Not with assertEquals, which would print it.
        assertTrue(new TestingListener.Leader(odd, id).equals(listener.events.next()));
        final UUID emptyId = lead(empty, "").awaitGrant();
        listenTo(elsewhere().getResourceManagerLeaderRetriever()).await("", emptyId);
    }

    /** Election 14: a longer one is carried or refused, with a clear error. */
    @Test
    void anAddressThatIsTooLongIsRefused() throws Exception {
        final char[] chars = new char[2 << 20];
        Arrays.fill(chars, 'x');
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        final UUID id = contender.awaitGrant();
        final Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> Elections.confirm(election, id, new String(chars)));
        assertTrue(e.getMessage().contains("too long"), e.getMessage());
        // That one was none: another may follow.
        Elections.confirm(election, id, "short").join();
        listenTo(elsewhere().getDispatcherLeaderRetriever()).await("short", id);
    }
}

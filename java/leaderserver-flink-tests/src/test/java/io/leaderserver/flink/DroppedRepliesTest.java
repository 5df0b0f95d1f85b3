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

import io.leaderserver.FencedStore;
import io.leaderserver.LeaderServerException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.runtime.persistence.PossibleInconsistentStateException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Writes whose replies are lost: a retry is answered as the first attempt was, never by the traces
 * of the first attempt, and what nobody can tell is said to be unknown (FLINK-22494, FLINK-24543).
 *
 * <p>Seen to fail: with an unknown outcome taken for a failure, and with one taken for a success.
 */
class DroppedRepliesTest extends ServicesTestBase {

    private static final long SHORT_MS = 1_500;

    private final String namespace = "test-" + UUID.randomUUID();
    private final int port = NameServices.leaderServer().port();
    private final MemoryStates states = new MemoryStates();

    /** Sees what is there, past the proxy. */
    private final Candidate witness = closing(new Candidate(port, namespace, 10_000));

    private Proxy proxy;

    @BeforeEach
    void open() throws Exception {
        proxy = closing(new Proxy(port));
    }

    private FencedKeys lead(long timeoutMs) {
        return closing(new Candidate(proxy.port(), namespace, timeoutMs)).lead();
    }

    private FencedStateHandleStore<String> store(FencedKeys keys) {
        return new FencedStateHandleStore<>(keys, "test/", states);
    }

    /** Answers what an operation answers whose first write is made, but the reply is lost. */
    private <T> T retried(Callable<T> operation, Callable<Boolean> wasMade) throws Exception {
        proxy.dropRepliesFromNextWrite();
        final FutureTask<T> answer = new FutureTask<>(operation);
        final Thread writer = new Thread(answer, "writer");
        writer.setDaemon(true);
        writer.start();
        while (!wasMade.call()) {
            Thread.onSpinWait();
        }
        assertFalse(answer.isDone());
        proxy.cut();
        proxy.restore(port);
        return answer.get(Events.PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    private long version(String key) {
        return witness.reading().get(key).map(FencedStore.Entry::version).orElse(0L);
    }

    @Test
    void anAddIsAnsweredAsTheFirst() throws Exception {
        final FencedStateHandleStore<String> store = store(lead(30_000));
        retried(() -> store.addAndLock("a", "one"), () -> version("test/a") != 0);
        assertEquals("one", store.getAndLock("a").retrieveState());
        assertEquals(List.of("one"), List.copyOf(states.stored.values()));
    }

    @Test
    void aReplacementIsAnsweredAsTheFirst() throws Exception {
        final FencedStateHandleStore<String> store = store(lead(30_000));
        store.addAndLock("a", "one");
        final KeyVersion version = store.exists("a");
        retried(
                () -> {
                    store.replace("a", version, "two");
                    return null;
                },
                () -> version("test/a") != version.value());
        assertEquals("two", store.getAndLock("a").retrieveState());
        assertEquals(List.of("two"), List.copyOf(states.stored.values()));
    }

    /** The mark. */
    @Test
    void aRemovalIsAnsweredAsTheFirst() throws Exception {
        final FencedStateHandleStore<String> store = store(lead(30_000));
        store.addAndLock("a", "one");
        final long before = version("test/a");
        assertTrue(
                retried(
                        () -> store.releaseAndTryRemove("a"),
                        () -> version("test/a") != before));
        assertEquals(List.of(), List.copyOf(states.stored.values()));
        assertEquals(0, version("test/a"));
    }

    /** The ids are given out once, and none is left out. */
    @Test
    void aCounterCountsOnce() throws Exception {
        final FencedCheckpointIDCounter counter =
                new FencedCheckpointIDCounter(lead(30_000), "test/counter");
        assertEquals(1, retried(counter::getAndIncrement, () -> version("test/counter") != 0));
        final long before = version("test/counter");
        assertEquals(
                2, retried(counter::getAndIncrement, () -> version("test/counter") != before));
        assertEquals(3, counter.get());
        final long then = version("test/counter");
        assertTrue(
                retried(
                                () -> counter.shutdown(JobStatus.FINISHED),
                                () -> version("test/counter") != then)
                        .isDone());
        assertEquals(1, counter.get());
    }

    /** An id that may have been counted is not given out again. */
    @Test
    void anUnknownCountIsLeftOut() throws Exception {
        final FencedCheckpointIDCounter counter =
                new FencedCheckpointIDCounter(lead(SHORT_MS), "test/counter");
        assertEquals(1, counter.getAndIncrement());
        proxy.dropRepliesFromNextWrite();
        final LeaderServerException e =
                assertThrows(LeaderServerException.class, counter::getAndIncrement);
        assertEquals(LeaderServerException.UNKNOWN_OUTCOME, e.code());
        final FencedKeys witnessed = witness.reading();
        assertEquals(3, new FencedCheckpointIDCounter(witnessed, "test/counter").get());
    }

    /** Then the bytes stay, for the pointer may be there: it is. */
    @Test
    void anUnknownOutcomeIsSaidToBeUnknown() throws Exception {
        final FencedStateHandleStore<String> store = store(lead(SHORT_MS));
        proxy.dropRepliesFromNextWrite();
        assertThrows(
                PossibleInconsistentStateException.class, () -> store.addAndLock("a", "one"));
        assertTrue(version("test/a") != 0);
        assertEquals(List.of("one"), List.copyOf(states.stored.values()));
        proxy.cut();
        proxy.restore(port);
        assertEquals("one", store(witness.reading()).getAndLock("a").retrieveState());
    }

    @Test
    void anUnknownReplacementKeepsBoth() throws Exception {
        final FencedStateHandleStore<String> store = store(lead(SHORT_MS));
        store.addAndLock("a", "one");
        final KeyVersion version = store.exists("a");
        proxy.dropRepliesFromNextWrite();
        assertThrows(
                PossibleInconsistentStateException.class,
                () -> store.replace("a", version, "two"));
        assertEquals(2, states.stored.size());
        assertEquals("two", store(witness.reading()).getAndLock("a").retrieveState());
    }

    /** Then the bytes stay, too, and the removal can be tried again. */
    @Test
    void anUnknownRemovalIsTriedAgain() throws Exception {
        final FencedStateHandleStore<String> store = store(lead(SHORT_MS));
        store.addAndLock("a", "one");
        proxy.dropRepliesFromNextWrite();
        final LeaderServerException e =
                assertThrows(
                        LeaderServerException.class, () -> store.releaseAndTryRemove("a"));
        assertEquals(LeaderServerException.UNKNOWN_OUTCOME, e.code());
        assertEquals(List.of("one"), List.copyOf(states.stored.values()));
        proxy.cut();
        proxy.restore(port);
        while (!removed(store)) {
            Thread.onSpinWait();
        }
        assertEquals(List.of(), List.copyOf(states.stored.values()));
        assertEquals(0, version("test/a"));
    }

    /** Until the connection is back. */
    private static boolean removed(FencedStateHandleStore<String> store) throws Exception {
        try {
            return store.releaseAndTryRemove("a");
        } catch (LeaderServerException e) {
            assertNotEquals(LeaderServerException.FENCED, e.code(), e.getMessage());
            return false;
        }
    }

    /** Never sent: it had no effect, which is said, with the endpoint. */
    @Test
    void whatWasNeverSentIsDiscarded() throws Exception {
        final FencedStateHandleStore<String> store = store(lead(SHORT_MS));
        proxy.cut();
        proxy.attempts.next();
        final LeaderServerException e =
                assertThrows(LeaderServerException.class, () -> store.addAndLock("a", "one"));
        assertEquals(LeaderServerException.NOT_APPLIED, e.code());
        assertTrue(e.getMessage().contains("127.0.0.1:" + proxy.port()), e.getMessage());
        assertEquals(List.of(), List.copyOf(states.stored.values()));
        assertEquals(
                LeaderServerException.UNREACHABLE,
                assertThrows(LeaderServerException.class, () -> store.exists("a")).code());
    }
}

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
import static io.leaderserver.StoreService.SHORT;
import static io.leaderserver.StoreService.assertCode;
import static io.leaderserver.StoreService.awaitInside;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.StoreService.Leader;
import io.leaderserver.StoreService.Via;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

/** A store whose name service does not answer, and callers that are disturbed while they wait. */
class StoreFaultsTest {

    private static final long FOR_EVER = Long.MAX_VALUE;

    private static final byte[] VALUE = {'v'};

    private static final Map<String, Long> EPOCH = Collections.singletonMap("process", 1L);

    /** "Not applied" is said of a write that was never sent, with the endpoint named. */
    @Test
    void nobodyThere() throws Exception {
        final String endpoint;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            endpoint = "leader://127.0.0.1:" + free.getLocalPort();
        }
        try (LeaderClient client = Support.open(endpoint)) {
            final FencedStore store = client.store("process", EPOCH);
            for (LeaderServerException error :
                    new LeaderServerException[] {
                        assertCode(LeaderServerException.UNREACHABLE, () -> store.get("k", SHORT)),
                        assertCode(LeaderServerException.UNREACHABLE, () -> store.list("", SHORT)),
                        assertCode(
                                LeaderServerException.NOT_APPLIED,
                                () -> store.create("k", VALUE, SHORT)),
                        assertCode(LeaderServerException.NOT_APPLIED, () -> store.check(SHORT)),
                        assertCode(LeaderServerException.NOT_APPLIED, () -> store.check(0)),
                        assertCode(LeaderServerException.UNREACHABLE, () -> store.get("k", 0)),
                    }) {
                assertTrue(error.getMessage().contains(endpoint), error.getMessage());
            }
        }
    }

    /** R16: what was sent may have been applied. */
    @Test
    void silence() throws Exception {
        try (StoreService service = new StoreService(Via.TCP);
                Relay relay = new Relay(service.port())) {
            final Leader leader =
                    new Leader(service.openAt(relay.endpoint(), "a"), "dispatcher");
            final FencedStore store = leader.store();
            relay.holdAll();
            final LeaderServerException unknown =
                    assertCode(
                            LeaderServerException.UNKNOWN_OUTCOME,
                            () -> store.create("k", VALUE, SHORT));
            assertTrue(unknown.getMessage().contains(relay.endpoint()), unknown.getMessage());
            assertCode(LeaderServerException.UNREACHABLE, () -> store.get("k", SHORT));
            relay.release();
            store.check(PATIENCE);
        }
    }

    /** LESSONS 14 (FLINK-22494, FLINK-24543): a retry does not find its own first attempt. */
    @Test
    void lostAnswer() throws Exception {
        try (StoreService service = new StoreService(Via.TCP);
                Relay relay = new Relay(service.port())) {
            final Leader leader =
                    new Leader(service.openAt(relay.endpoint(), "a"), "dispatcher");
            final FencedStore store = leader.store();
            final FencedStore reader = service.reader();
            relay.holdAnswers();
            final FutureTask<Long> write =
                    new FutureTask<>(() -> store.create("k", VALUE, PATIENCE));
            start(write);
            final long version = awaitThere(reader, "k");
            assertFalse(write.isDone());
            relay.cutOnce();
            assertEquals(version, write.get());
            assertEquals(version, store.get("k", PATIENCE).get().version());
        }
    }

    /** A write that was sent before its client was closed. */
    @Test
    void closedAfterSending() throws Exception {
        try (StoreService service = new StoreService(Via.TCP);
                Relay relay = new Relay(service.port())) {
            final Leader leader =
                    new Leader(service.openAt(relay.endpoint(), "a"), "dispatcher");
            final FencedStore store = leader.store();
            final FencedStore reader = service.reader();
            relay.holdAnswers();
            final FutureTask<LeaderServerException> write =
                    new FutureTask<>(
                            () ->
                                    assertCode(
                                            LeaderServerException.UNKNOWN_OUTCOME,
                                            () -> store.create("k", VALUE, FOR_EVER)));
            start(write);
            awaitThere(reader, "k");
            leader.client.close();
            write.get();
            assertCode(LeaderServerException.CLOSED, () -> store.check(PATIENCE));
            assertCode(LeaderServerException.CLOSED, () -> store.get("k", PATIENCE));
            assertCode(LeaderServerException.CLOSED, () -> store.list("", PATIENCE));
        }
    }

    /** Closing a client ends the waiting of its callers; what was not sent has no effect. */
    @Test
    void closedWhileWaiting() throws Exception {
        final LeaderClient client = unbound();
        final FencedStore store = client.store("process", EPOCH);
        final FutureTask<LeaderServerException> read =
                new FutureTask<>(
                        () ->
                                assertCode(
                                        LeaderServerException.CLOSED,
                                        () -> store.get("k", FOR_EVER)));
        final FutureTask<LeaderServerException> write =
                new FutureTask<>(
                        () ->
                                assertCode(
                                        LeaderServerException.CLOSED,
                                        () -> store.check(FOR_EVER)));
        awaitInside(start(read), "storeGet");
        awaitInside(start(write), "storeWrite");
        client.close();
        read.get();
        write.get();
    }

    /** Who waits holds up neither the collector nor other callers, and loses no interrupt. */
    @Test
    void disturbedWhileWaiting() throws Exception {
        try (LeaderServer server = Support.startServer();
                LeaderClient client = unbound();
                LeaderClient leader = unbound()) {
            final FencedStore reader = client.store("process", Collections.emptyMap());
            final FutureTask<Boolean> read =
                    new FutureTask<>(
                            () -> {
                                final byte[] found = reader.get("k", PATIENCE).get().value();
                                assertArrayEquals(VALUE, found);
                                return Thread.interrupted();
                            });
            final Thread waiting = start(read);
            awaitInside(waiting, "storeGet");
            waiting.interrupt();
            System.gc();
            assertTrue(client.state().contains("\"connected\":false"), client.state());
            leader.attach(server);
            new Leader(leader, "dispatcher").store().create("k", VALUE, PATIENCE);
            assertFalse(read.isDone());
            client.attach(server);
            assertTrue(read.get(), "it was interrupted");
        }
    }

    @Test
    void interruptedBefore() {
        try (StoreService service = new StoreService(Via.TCP)) {
            final FencedStore store = service.lead("a").store();
            Thread.currentThread().interrupt();
            store.create("k", VALUE, PATIENCE);
            assertTrue(store.get("k", PATIENCE).isPresent());
            assertEquals(1, store.list("", PATIENCE).size());
            assertTrue(Thread.interrupted());
        }
    }

    /** A namespace is needed, and one that is served. */
    @Test
    void refused() {
        try (LeaderServer server = Support.startServer("namespace", "mine");
                LeaderClient yours =
                        Support.open(Support.endpoint(server), "namespace", "yours")) {
            final FencedStore store = yours.store("process", EPOCH);
            assertCode(LeaderServerException.REFUSED, () -> store.get("k", PATIENCE));
            final LeaderServerException refused =
                    assertCode(LeaderServerException.REFUSED, () -> store.check(PATIENCE));
            assertTrue(refused.getMessage().contains("yours"), refused.getMessage());
        }
    }

    private static LeaderClient unbound() {
        return LeaderClient.open(Support.options("namespace", "test"), null);
    }

    private static Thread start(FutureTask<?> task) {
        final Thread thread = new Thread(task, "waiting");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static long awaitThere(FencedStore reader, String key) {
        // Nothing tells of a change of the store: it is asked until it has happened.
        while (!reader.get(key, PATIENCE).isPresent()) {
            Thread.onSpinWait();
        }
        return reader.get(key, PATIENCE).get().version();
    }
}

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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** P10, LESSONS 32: whatever is handed to the native library, it answers as documented. */
class HandleTest {

    private static final String[] OPTIONS = {"endpoint", "embedded:", "namespace", "test"};

    @BeforeAll
    static void load() {
        NativeLibrary.load();
    }

    @Test
    void numbersThatAreNoHandles() {
        final List<Long> handles = new ArrayList<>();
        for (long handle : new long[] {0, 1, -1, 42, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 56}) {
            handles.add(handle);
        }
        final Random random = new Random(44);
        for (int i = 0; i < 2_000; i++) {
            handles.add(random.nextLong());
        }
        handles.forEach(HandleTest::assertUnknown);
    }

    /** A handle of one kind is none of another kind. */
    @Test
    void handlesOfAnotherKind() {
        final long client = Natives.clientOpen(OPTIONS, null);
        final long contender = Natives.contenderOpen(client, "x", 1);
        final long watch = Natives.watchOpen(client, "x", 2);
        try {
            assertFalse(Natives.hasLeadership(client, 1, 1));
            assertFalse(Natives.hasLeadership(watch, 1, 1));
            assertEquals(Natives.NOTHING, Natives.contenderTake(watch, new long[2], strings(1)));
            assertEquals(
                    Natives.NO_CHANGE, Natives.watchTake(contender, new long[2], new byte[1][]));
            assertEquals(-1, Natives.clientPoll(contender, new long[4], 0));
            assertEquals(0, Natives.serverPort(client));
            Natives.watchClose(contender);
            Natives.contenderDone(watch);
            Natives.serverStop(client);
            Natives.clientClose(watch, 0);
            assertTrue(Natives.clientState(client).startsWith("{"));
        } finally {
            Natives.clientClose(client, 0);
        }
        assertUnknown(client);
        assertUnknown(contender);
        assertUnknown(watch);
    }

    /** A slot is used again under another number: the old one stays dead. */
    @Test
    void closedHandlesStayClosed() {
        final List<Long> closed = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            final long client = Natives.clientOpen(OPTIONS, null);
            final long contender = Natives.contenderOpen(client, "x", 1);
            final long watch = Natives.watchOpen(client, "x", 2);
            assertFalse(closed.contains(client));
            assertFalse(closed.contains(contender));
            assertFalse(closed.contains(watch));
            closed.add(watch);
            closed.add(contender);
            Natives.watchClose(watch);
            Natives.contenderClose(contender, false, strings(1));
            Natives.clientClose(client, 0);
            closed.add(client);
        }
        closed.forEach(HandleTest::assertUnknown);
    }

    @Test
    void nullsAndArraysThatAreTooShort() {
        final long client = Natives.clientOpen(OPTIONS, null);
        final long contender = Natives.contenderOpen(client, "x", 1);
        final long watch = Natives.watchOpen(client, "x", 2);
        try {
            assertThrows(NullPointerException.class, () -> Natives.clientOpen(null, null));
            assertThrows(NullPointerException.class, () -> Natives.serverStart(null, null));
            assertThrows(
                    NullPointerException.class, () -> Natives.contenderOpen(client, null, 3));
            assertThrows(NullPointerException.class, () -> Natives.watchOpen(client, null, 3));
            assertThrows(
                    NullPointerException.class,
                    () -> Natives.contenderConfirm(contender, 1, 1, null));
            assertThrows(NullPointerException.class, () -> Natives.clientPoll(client, null, 0));
            documented(() -> Natives.clientOpen(new String[] {"endpoint", null}, null));
            documented(() -> Natives.clientOpen(new String[] {"endpoint"}, null));
            documented(() -> Natives.clientOpen(OPTIONS, new byte[0][]));
            documented(() -> Natives.clientOpen(OPTIONS, new byte[5][]));
            documented(() -> Natives.clientOpen(OPTIONS, new byte[5][0]));
            documented(() -> Natives.serverStart(new String[] {"listen", "nowhere"}, null));
            documented(() -> Natives.clientPoll(client, new long[0], 0));
            documented(() -> Natives.clientPoll(client, new long[4], -1));
            documented(() -> Natives.contenderTake(contender, null, null));
            documented(() -> Natives.contenderTake(contender, new long[0], strings(0)));
            documented(() -> Natives.watchTake(watch, null, null));
            documented(() -> Natives.watchTake(watch, new long[0], new byte[0][]));
            documented(() -> Natives.contenderClose(contender, false, null));
            documented(() -> Natives.logTake(null));
            documented(() -> Natives.logTake(strings(0)));
            documented(() -> Natives.logLevel(Integer.MAX_VALUE));
            documented(() -> Natives.logLevel(Integer.MIN_VALUE));
        } finally {
            Natives.clientClose(client, Integer.MIN_VALUE);
        }
    }

    /** A component's name may be any Java string, or is refused with an error. */
    @Test
    void namesOfAnyContent() {
        try (LeaderClient client = Support.open("embedded:" + Support.unique("names"))) {
            final String[] names = {
                "\u0000", "a\uD800b", "\uDC00", "\uD83D\uDE00", " ", "\n", "x".repeat(100_000)
            };
            for (String name : names) {
                documented(() -> client.register(name, new RecordingContender()).close());
                documented(() -> client.watch(name, new RecordingWatcher()).close());
            }
        }
    }

    /** LESSONS 32: threads that use what another closes. Nothing crashes, and none leads after. */
    @Test
    void usedWhileClosed() throws Exception {
        for (int round = 0; round < 100; round++) {
            final LeaderClient client = Support.open("embedded:");
            final RecordingContender contender = new RecordingContender();
            final LeaderClient.Registration place = client.register("x", contender);
            final UUID id = contender.awaitGranted();
            final Thread[] users = new Thread[3];
            for (int i = 0; i < users.length; i++) {
                users[i] =
                        new Thread(
                                () -> {
                                    while (place.hasLeadership(id)) {
                                        try {
                                            place.confirm(id, "address");
                                        } catch (IllegalStateException e) {
                                            // Confirmed by another.
                                        }
                                        client.state();
                                    }
                                });
                users[i].start();
            }
            if (round % 2 == 0) {
                place.close();
            } else {
                client.close();
            }
            Support.awaitEnd(List.of(users));
            client.close();
        }
    }

    private static void assertUnknown(long handle) {
        assertEquals(0, Natives.serverPort(handle));
        assertEquals(-1, Natives.clientPoll(handle, new long[4], 0));
        assertEquals(null, Natives.clientState(handle));
        assertThrows(LeaderServerException.class, () -> Natives.clientStatus(handle, 0));
        assertThrows(LeaderServerException.class, () -> Natives.contenderOpen(handle, "x", 1));
        assertThrows(LeaderServerException.class, () -> Natives.watchOpen(handle, "x", 1));
        assertEquals(Natives.NOTHING, Natives.contenderTake(handle, new long[2], strings(1)));
        assertEquals(Natives.NOTHING, Natives.contenderClose(handle, false, strings(1)));
        assertEquals(Natives.CLOSED, Natives.contenderConfirm(handle, 1, 1, new byte[0]));
        assertFalse(Natives.hasLeadership(handle, 1, 1));
        assertEquals(Natives.NO_CHANGE, Natives.watchTake(handle, new long[2], new byte[1][]));
        assertClosed(() -> Natives.clientElectionOf(handle, "x"));
        assertClosed(() -> Natives.storeGet(handle, "x", "x", 0, new long[1]));
        assertClosed(
                () -> Natives.storeList(handle, "x", "", null, 0, strings(1), new long[1], null));
        assertClosed(() -> storeWrite(handle));
        Natives.contenderDone(handle);
        Natives.watchClose(handle);
        Natives.clientAttach(handle, handle);
        Natives.clientDetach(handle);
        Natives.clientClose(handle, 0);
        Natives.serverStop(handle);
    }

    private static void storeWrite(long handle) {
        Natives.storeWrite(
                handle,
                new String[] {"x"},
                new long[1],
                new int[0],
                strings(0),
                strings(0),
                new long[0],
                new byte[0][],
                0,
                new long[2]);
    }

    private static void assertClosed(Executable call) {
        StoreService.assertCode(LeaderServerException.CLOSED, call);
    }

    /** Returns, or throws what is documented. */
    private static void documented(Executable call) {
        try {
            call.execute();
        } catch (LeaderServerException | NullPointerException e) {
            assertFalse(String.valueOf(e.getMessage()).isEmpty());
        } catch (Throwable t) {
            fail("undocumented", t);
        }
    }

    private static String[] strings(int length) {
        return new String[length];
    }
}

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
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.leaderserver.LeaderClient.Registration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.function.Executable;

/** A LeaderServer and clients of it, within this process or over TCP. */
final class StoreService implements AutoCloseable {

    /** For an answer that comes at once, on a busy machine. */
    static final long PATIENCE = 60_000;

    /** For one that does not come. */
    static final long SHORT = 300;

    /** How clients reach the server. */
    enum Via {
        PROCESS,
        TCP
    }

    private final LeaderServer server;

    private final Via via;

    private final List<LeaderClient> clients = new ArrayList<>();

    StoreService(Via via, String... serverOptions) {
        this.via = via;
        final Map<String, String> options = Support.options(serverOptions);
        options.put("cold", "true");
        if (via == Via.TCP) {
            options.put("listen", "127.0.0.1:0");
        }
        this.server = LeaderServer.start(options, null);
    }

    int port() {
        return server.port();
    }

    /** A client, which ends with this. */
    LeaderClient open(String name, String... more) {
        if (via == Via.TCP) {
            return openAt(Support.endpoint(server), name, more);
        }
        final Map<String, String> options = Support.options(more);
        options.put("name", name);
        options.putIfAbsent("namespace", "test");
        final LeaderClient client = LeaderClient.open(options, null);
        clients.add(client);
        client.attach(server);
        return client;
    }

    /** A client at another endpoint than the server's own, which ends with this. */
    LeaderClient openAt(String endpoint, String name, String... more) {
        final Map<String, String> options = Support.options(more);
        options.put("name", name);
        options.put("endpoint", endpoint);
        options.putIfAbsent("namespace", "test");
        final LeaderClient client = LeaderClient.open(options, null);
        clients.add(client);
        return client;
    }

    /** A client of its own that leads. */
    Leader lead(String name, String... more) {
        return new Leader(open(name, more), "dispatcher");
    }

    /** Who may only read. */
    FencedStore reader() {
        return open("reader").store("process", Collections.emptyMap());
    }

    @Override
    public void close() {
        clients.forEach(LeaderClient::close);
        server.close();
    }

    /** A contender that was granted leadership. */
    static final class Leader {

        final LeaderClient client;

        final RecordingContender contender = new RecordingContender();

        final Registration place;

        final UUID id;

        Leader(LeaderClient client, String component) {
            this.client = client;
            this.place = client.register(component, contender);
            this.id = contender.awaitGranted();
        }

        long epoch() {
            return id.getMostSignificantBits();
        }

        /** To be written under the grant that was told. */
        FencedStore store() {
            return client.store("process", Collections.singletonMap("process", epoch()));
        }
    }

    static LeaderServerException assertCode(int code, Executable call) {
        final LeaderServerException error = assertThrows(LeaderServerException.class, call);
        assertEquals(code, error.code(), error.getMessage());
        return error;
    }

    /** Waits until the thread is inside a native of the store. */
    static void awaitInside(Thread thread, String method) {
        // No event says so: the call returns when it has its answer.
        while (!isInside(thread, method)) {
            assertEquals(true, thread.isAlive(), "it has returned");
            Thread.onSpinWait();
        }
    }

    private static boolean isInside(Thread thread, String method) {
        final StackTraceElement[] frames = thread.getStackTrace();
        return frames.length > 0
                && frames[0].getClassName().equals(Natives.class.getName())
                && frames[0].getMethodName().equals(method);
    }
}

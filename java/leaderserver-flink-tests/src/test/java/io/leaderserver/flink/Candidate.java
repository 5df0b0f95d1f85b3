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

import io.leaderserver.FencedStore;
import io.leaderserver.LeaderClient;
import java.util.Map;
import java.util.UUID;

/** A process that may lead, over a client of its own. */
final class Candidate implements AutoCloseable {

    static final String ELECTION = "process";

    final LeaderClient client;
    private final Events<UUID> grants = new Events<>("the candidate");
    private final long timeoutMs;

    private LeaderClient.Registration registration;

    Candidate(int port, String namespace, long timeoutMs) {
        this.timeoutMs = timeoutMs;
        client =
                LeaderClient.open(
                        Map.of(
                                "endpoint", "leader://127.0.0.1:" + port,
                                "namespace", namespace,
                                "session-timeout", "20000",
                                "disconnect-grace", "10000"),
                        null);
    }

    /** Waits until it leads, and answers the keys under that epoch. */
    FencedKeys lead() {
        registration =
                client.register(
                        "component",
                        new LeaderClient.Contender() {
                            @Override
                            public void granted(UUID id) {
                                grants.add(id);
                            }

                            @Override
                            public void revoked(String reason) {}

                            @Override
                            public void failed(Throwable error) {}
                        });
        final long epoch = Grants.epochOf(grants.next());
        return new FencedKeys(client.store(ELECTION, Map.of(ELECTION, epoch)), timeoutMs);
    }

    void resign() {
        registration.close();
    }

    /** The keys, to be looked at only. */
    FencedKeys reading() {
        return new FencedKeys(store(), timeoutMs);
    }

    FencedStore store() {
        return client.store(ELECTION, Map.of());
    }

    @Override
    public void close() {
        client.close();
    }
}

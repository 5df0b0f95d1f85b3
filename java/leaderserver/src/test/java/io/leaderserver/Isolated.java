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

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * What a test does inside another class loader. Reached through JDK types only: every other class
 * exists there once more. Takes the name of what to do and an argument.
 */
public final class Isolated implements Function<Map.Entry<String, Object>, Object> {

    private LeaderClient client;

    @Override
    public Object apply(Map.Entry<String, Object> call) {
        final Object argument = call.getValue();
        switch (call.getKey()) {
            case "load":
                return load((List<?>) argument);
            case "lead":
                return lead((String) argument);
            case "register":
                client = Support.open((String) argument);
                return client.register("x", new Granted(new CompletableFuture<>())).toString();
            case "close":
                client.close();
                return "closed";
            default:
                throw new IllegalArgumentException(call.getKey());
        }
    }

    private static String load(List<?> directories) {
        final List<String> strings = new ArrayList<>();
        directories.forEach(directory -> strings.add((String) directory));
        try {
            NativeLibrary.load(strings);
        } catch (LeaderServerException e) {
            return e.getMessage();
        }
        return NativeLibrary.loadedFrom().toString();
    }

    /** Becomes the leader at that endpoint, and stays it. */
    private UUID lead(String endpoint) {
        final CompletableFuture<UUID> granted = new CompletableFuture<>();
        client = Support.open(endpoint);
        client.register("x", new Granted(granted));
        return granted.join();
    }

    private static final class Granted implements LeaderClient.Contender {

        private final CompletableFuture<UUID> granted;

        Granted(CompletableFuture<UUID> granted) {
            this.granted = granted;
        }

        @Override
        public void granted(UUID id) {
            granted.complete(id);
        }

        @Override
        public void revoked(String reason) {}

        @Override
        public void failed(Throwable error) {
            granted.completeExceptionally(error);
        }
    }
}

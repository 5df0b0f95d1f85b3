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

import java.util.UUID;
import java.util.concurrent.CountDownLatch;

/** What the tests have done by a JVM of its own. Says how it went on standard output. */
final class ChildMain {

    private ChildMain() {}

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "load":
                load();
                break;
            case "leave-open":
                leaveOpen(new CountDownLatch(1));
                break;
            case "stay":
                leaveOpen(new CountDownLatch(1));
                new CountDownLatch(1).await();
                break;
            case "exit-in-callback":
                exitInCallback();
                break;
            default:
                throw new IllegalArgumentException(args[0]);
        }
    }

    private static void load() {
        try {
            NativeLibrary.load();
            System.out.println("loaded from " + NativeLibrary.loadedFrom());
        } catch (LeaderServerException e) {
            System.out.println("failed with " + e.code() + ": " + e.getMessage());
        }
    }

    /** Opens one of each, has a callback that never returns, and returns from main. */
    private static void leaveOpen(CountDownLatch never) throws Exception {
        final LeaderServer server = Support.startServer();
        final LeaderClient remote = Support.open(Support.endpoint(server), "name", "remote");
        final LeaderClient embedded = Support.open("embedded:", "name", "embedded");
        final CountDownLatch granted = new CountDownLatch(2);
        for (LeaderClient client : new LeaderClient[] {remote, embedded}) {
            client.register("x", new Stuck(granted, never));
            client.watch("x", (address, id) -> {});
        }
        Support.await(granted);
        System.out.println("leaving");
    }

    private static void exitInCallback() throws Exception {
        final LeaderClient client = Support.open("embedded:");
        client.watch(
                "x",
                (address, id) -> {
                    System.out.println("exiting");
                    System.exit(7);
                });
        new CountDownLatch(1).await();
    }

    private static final class Stuck implements LeaderClient.Contender {

        private final CountDownLatch granted;

        private final CountDownLatch never;

        Stuck(CountDownLatch granted, CountDownLatch never) {
            this.granted = granted;
            this.never = never;
        }

        @Override
        public void granted(UUID id) {
            granted.countDown();
            try {
                never.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void revoked(String reason) {
            System.out.println("unexpected: revoked, " + reason);
        }

        @Override
        public void failed(Throwable error) {
            System.out.println("unexpected: " + error);
        }
    }
}

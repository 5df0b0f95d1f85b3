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

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A network between a client and a LeaderServer on loopback, for a test to hold up and to cut. */
final class Relay implements AutoCloseable {

    private final ServerSocket listener =
            new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    private final int target;

    private final Gate up = new Gate();

    private final Gate down = new Gate();

    private volatile boolean refusing;

    Relay(int target) throws IOException {
        this.target = target;
        start("accept", this::accept);
    }

    String endpoint() {
        return "leader://127.0.0.1:" + listener.getLocalPort();
    }

    /** Connections stay open, but nothing comes through them. */
    void holdAll() {
        up.hold();
        down.hold();
    }

    /** What the client says comes through, what the server answers does not. */
    void holdAnswers() {
        down.hold();
    }

    /** What was held comes through, and all that follows. */
    void release() {
        up.release();
        down.release();
    }

    /** Ends all connections and lets others come: what was held is lost. */
    void cutOnce() {
        endAll();
        release();
    }

    /** Ends all connections and lets no other come. */
    void cut() {
        refusing = true;
        endAll();
    }

    /** Lets connections come again. */
    void mend() {
        refusing = false;
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cutOnce();
    }

    private void endAll() {
        open.forEach(this::end);
    }

    private void accept() throws IOException {
        while (true) {
            final Socket client = listener.accept();
            if (refusing) {
                client.close();
                continue;
            }
            final Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
            open.add(client);
            open.add(server);
            start("up", () -> copy(client, server, up));
            start("down", () -> copy(server, client, down));
            if (refusing) {
                endAll();
            }
        }
    }

    private void copy(Socket from, Socket to, Gate gate) throws Exception {
        final byte[] buffer = new byte[64 * 1024];
        try {
            final InputStream in = from.getInputStream();
            final OutputStream out = to.getOutputStream();
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                gate.pass();
                out.write(buffer, 0, count);
            }
        } finally {
            end(from);
            end(to);
        }
    }

    private void end(Socket socket) {
        open.remove(socket);
        try {
            socket.close();
        } catch (IOException e) {
            // Then it has ended as well.
        }
    }

    private static void start(String name, Body body) {
        final Thread thread =
                new Thread(
                        () -> {
                            try {
                                body.run();
                            } catch (Exception e) {
                                // One of the two ends has gone.
                            }
                        },
                        "relay-" + name);
        thread.setDaemon(true);
        thread.start();
    }

    private interface Body {
        void run() throws Exception;
    }

    private static final class Gate {

        private boolean held;

        synchronized void hold() {
            held = true;
        }

        synchronized void release() {
            held = false;
            notifyAll();
        }

        synchronized void pass() throws InterruptedException {
            while (held) {
                wait();
            }
        }
    }
}

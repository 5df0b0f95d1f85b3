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

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A network between a client and a LeaderServer on loopback, for a test to cut. */
final class Proxy implements AutoCloseable {

    private enum Mode {
        FORWARD,
        /** What is open ends, and what is opened ends at once. */
        CUT,
        /** Everything can be opened, and nothing comes through. */
        SILENT,
        /** As FORWARD until the next write to the store, which begins DEAF. */
        DEAF_FROM_WRITE,
        /** Requests come through, and replies do not. */
        DEAF
    }

    /** One for each attempt to connect that met with no success. */
    final Events<String> attempts = new Events<>("the proxy");

    private final ServerSocket listener;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    private volatile Mode mode = Mode.FORWARD;
    private volatile int target;

    /** @param target the port to forward to; 0: none yet */
    Proxy(int target) throws IOException {
        this.target = target;
        this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        if (target == 0) {
            mode = Mode.CUT;
        }
        start("accept", this::accept);
    }

    int port() {
        return listener.getLocalPort();
    }

    /** Ends all connections, and lets no other come. */
    void cut() {
        mode = Mode.CUT;
        endAll();
    }

    /** Lets connections be opened, but nothing come through them. */
    void silence() {
        mode = Mode.SILENT;
        endAll();
    }

    /**
     * From the next write to the store on, that one included, lets requests through and no replies,
     * on connections that are open, too.
     */
    void dropRepliesFromNextWrite() {
        mode = Mode.DEAF_FROM_WRITE;
    }

    /** Forwards from now on. */
    void restore(int newTarget) {
        target = newTarget;
        mode = Mode.FORWARD;
    }

    @Override
    public void close() throws IOException {
        listener.close();
        endAll();
    }

    private void endAll() {
        for (Socket socket : open) {
            end(socket);
        }
    }

    private void accept() throws IOException {
        while (true) {
            final Socket client = listener.accept();
            open.add(client);
            switch (mode) {
                case CUT:
                    end(client);
                    attempts.add("refused");
                    break;
                case SILENT:
                    attempts.add("silent");
                    break;
                default:
                    forward(client);
            }
        }
    }

    private void forward(Socket client) {
        final Socket server = new Socket();
        try {
            server.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), target));
        } catch (IOException e) {
            end(client);
            attempts.add("unreachable");
            return;
        }
        open.add(server);
        start("up", () -> pass(client, server, this::requests));
        start("down", () -> pass(server, client, this::replies));
        if (mode == Mode.CUT || mode == Mode.SILENT) {
            end(client);
        }
    }

    private void pass(Socket from, Socket to, Copy copy) {
        try {
            copy.run(from.getInputStream(), to.getOutputStream());
        } catch (IOException e) {
            // One of the two has ended.
        } finally {
            end(from);
            end(to);
        }
    }

    private void requests(InputStream from, OutputStream to) throws IOException {
        final DataInputStream in = new DataInputStream(from);
        while (true) {
            final byte[] body = new byte[in.readInt()];
            in.readFully(body);
            if (mode == Mode.DEAF_FROM_WRITE && isWrite(body)) {
                mode = Mode.DEAF;
            }
            to.write(ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array());
        }
    }

    /** See proto/leaderserver.proto: field 16, length-delimited. */
    private static boolean isWrite(byte[] body) {
        return body.length > 2 && body[0] == (byte) 0x82 && body[1] == 0x01;
    }

    private void replies(InputStream from, OutputStream to) throws IOException {
        final byte[] buffer = new byte[64 * 1024];
        for (int count = from.read(buffer); count >= 0; count = from.read(buffer)) {
            if (mode != Mode.DEAF) {
                to.write(buffer, 0, count);
            }
        }
    }

    /** Copies until the end. */
    private interface Copy {
        void run(InputStream from, OutputStream to) throws IOException;
    }

    private void end(Socket socket) {
        open.remove(socket);
        try {
            socket.close();
        } catch (IOException e) {
            // Then it has ended as well.
        }
    }

    private static void start(String name, Blocking.Action action) {
        final Thread thread =
                new Thread(
                        () -> {
                            try {
                                action.run();
                            } catch (Exception e) {
                                // It was closed.
                            }
                        },
                        "proxy-" + name);
        thread.setDaemon(true);
        thread.start();
    }
}

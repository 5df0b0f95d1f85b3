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

import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A name service in this process.
 *
 * <p>It keeps what it knows in memory: a server started again is a new one, to which all clients
 * register anew. All methods may be called by any thread. A server that is left open does not keep
 * the JVM from exiting.
 */
public final class LeaderServer implements AutoCloseable {

    private final long handle;

    private final AtomicBoolean closed = new AtomicBoolean();

    private LeaderServer(long handle) {
        this.handle = handle;
    }

    /**
     * Starts a server.
     *
     * @param options {@code listen} (host:port, port 0 picks one; absent: no listener, for clients
     *     {@link LeaderClient#attach attached} in this process), {@code namespace} (absent: any),
     *     {@code max-session-timeout} (ms; the longest that a client may ask for), {@code cold}
     *     ({@code true}: no earlier server has living clients, so nobody need be waited for),
     *     {@code max-connections}, {@code max-store-keys} and {@code max-store-bytes} (what the
     *     {@link FencedStore store} of a namespace may hold), {@code data} (the directory in which
     *     the state outlives the server; absent: none does)
     * @param tlsOrNull with it only TLS is spoken, and clients must show a certificate it trusts
     * @throws LeaderServerException {@link LeaderServerException#ADDRESS_IN_USE}, {@link
     *     LeaderServerException#INVALID_ARGUMENT}, {@link LeaderServerException#STORAGE}, {@link
     *     LeaderServerException#TLS} and, for the native library, {@link
     *     LeaderServerException#UNSUPPORTED}
     */
    public static LeaderServer start(Map<String, String> options, TlsMaterial tlsOrNull) {
        final String[] flat = Options.flat(options, tlsOrNull);
        NativeLibrary.load();
        NativeLog.acquire();
        LeaderServer server = null;
        try {
            server = new LeaderServer(Natives.serverStart(flat, Options.tls(tlsOrNull)));
        } finally {
            if (server == null) {
                NativeLog.release();
            }
        }
        return server;
    }

    /** The port it listens on; 0 without a listener, and once it is closed. */
    public int port() {
        return Natives.serverPort(handle);
    }

    /** Stops it and returns when its port is free again. Idempotent. */
    @Override
    public void close() {
        // Also for the second caller, who may rely on the port, too.
        Natives.serverStop(handle);
        if (closed.compareAndSet(false, true)) {
            NativeLog.release();
        }
    }

    @Override
    public String toString() {
        return closed.get() ? "LeaderServer{closed}" : "LeaderServer{port " + port() + "}";
    }

    long handle() {
        return handle;
    }
}

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

/**
 * The whole boundary between Java and the native library, in one place. Package-private on purpose:
 * users call {@link LeaderClient} and {@link LeaderServer}.
 *
 * <p>Handles are numbers (kind, generation, slot). A handle that was closed, never existed or is of
 * another kind is never dangerous: functions that answer something answer "closed" (each says how),
 * the others do nothing. What is thrown is always {@link LeaderServerException} (with the status
 * code of the C header), {@link NullPointerException} for a null argument, or {@link
 * OutOfMemoryError}. Beside what each function documents, any may throw the code INTERNAL: something
 * in the library is broken, and the handle answers the same from then on; the process goes on.
 *
 * <p>No native function calls back into Java. Those that wait say so; the others never do.
 */
final class Natives {

    /** Number that changes whenever a signature or the meaning of one in this class changes. */
    static final int ABI_VERSION = 2;

    /** {@link #contenderTake}, {@link #contenderClose}: there is no callback to run. */
    static final int NOTHING = 0;

    /** {@link #contenderTake}: run {@code grantLeadership} with the id that was handed out. */
    static final int GRANT = 1;

    /** {@link #contenderTake}, {@link #contenderClose}: run {@code revokeLeadership}. */
    static final int REVOKE = 2;

    /** {@link #contenderTake}: run {@code handleError} with the code and message handed out. */
    static final int FAILED = 3;

    /** {@link #contenderConfirm}: recorded; it is published as soon as the name service has it. */
    static final int CONFIRMED = 0;

    /** {@link #contenderConfirm}: ignored, the process does not lead under that id. */
    static final int NOT_LEADER = 1;

    /** {@link #contenderConfirm}: ignored, the component was closed. */
    static final int CLOSED = 2;

    /** {@link #contenderConfirm}: refused, this registration has confirmed this id already. */
    static final int ALREADY_CONFIRMED = 3;

    /** {@link #contenderConfirm}: refused, the address is longer than the wire carries. */
    static final int ADDRESS_TOO_LONG = 4;

    /** {@link #watchTake}: nothing new. */
    static final int NO_CHANGE = 0;

    /** {@link #watchTake}: a leader. */
    static final int LEADER = 1;

    /** {@link #watchTake}: there is no leader. */
    static final int NO_LEADER = 2;

    /** {@link #storeWrite}: the key must not be there. */
    static final int CREATE = 1;

    /** {@link #storeWrite}: the key must be at that version. */
    static final int REPLACE = 2;

    /** {@link #storeWrite}: the key must be there. */
    static final int DELETE = 3;

    /** {@link #storeWrite}: the key must be there, at that version. */
    static final int DELETE_VERSION = 4;

    /** {@link #storeWrite}: all keys that begin so; there may be none. */
    static final int DELETE_PREFIX = 5;

    private Natives() {}

    /** The number the native library was built with; to be compared with {@link #ABI_VERSION}. */
    static native int abiVersion();

    /** Version of the native library, as {@code 0.1.0}. */
    static native String version();

    // ---------------------------------------------------------------------------------------------
    // Logs: one queue per loaded library.

    /** Sets the most verbose level recorded: 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace. */
    static native void logLevel(int level);

    /**
     * Takes the oldest log record. {@code out} gets the target ({@code leaderserver::client}) and the
     * message; the answer is the level as in {@link #logLevel}, or 0 if there is none. Does not wait.
     */
    static native int logTake(String[] out);

    // ---------------------------------------------------------------------------------------------
    // Server

    /**
     * Starts a LeaderServer in this process.
     *
     * @param options alternating names and values: {@code listen} (host:port, port 0 picks one;
     *     absent: no listener, in-process clients only), {@code namespace} (absent: any), {@code
     *     max-session-timeout}, {@code cold} (true or false), {@code max-connections}, {@code
     *     max-unread} (bytes that may wait for a client that does not read), {@code
     *     max-store-keys} and {@code max-store-bytes} (what the store of a namespace may hold), {@code
     *     data} (the directory in which the state outlives the server; absent: none does).
     *     Durations are a number of milliseconds.
     * @param tls null for plain TCP, else as in {@link #clientOpen}; clients must then show a
     *     certificate that {@code tls[2…]} trusts.
     * @return handle
     */
    static native long serverStart(String[] options, byte[][] tls);

    /** The port that was bound; 0 if there is no listener or the server was stopped. */
    static native int serverPort(long server);

    /** Stops the server, waits until its port is free again, some seconds at most. Idempotent. */
    static native void serverStop(long server);

    // ---------------------------------------------------------------------------------------------
    // Client: one per process and namespace.

    /**
     * Opens a client. Nothing is connected before the first contender, watch or request.
     *
     * @param options alternating names and values: {@code endpoint} ({@code embedded:}, {@code
     *     embedded:NAME}, {@code leader://host:port}; absent: unbound until {@link #clientAttach}),
     *     {@code namespace} (needed), {@code name} (a label for status and logs), {@code
     *     session-timeout},
     *     {@code disconnect-grace}, {@code stall-timeout}, {@code retrieval-timeout} (−1: for ever),
     *     {@code operation-timeout}, {@code election} ({@code per-process} or {@code per-component}),
     *     {@code stall-exempt} (true: contenders are exempt from the stall time-out while attached to a
     *     server of this process). Durations are a number of milliseconds.
     * @param tls null for plain TCP, else {@code tls[0]} the private key (PKCS#8, DER), {@code tls[1]}
     *     number of certificates in the own chain as one byte, then those, then the trusted
     *     certificates (X.509, DER). With the option {@code tls-fingerprint}, hex SHA-1 or SHA-256,
     *     only that certificate is accepted.
     * @return handle
     */
    static native long clientOpen(String[] options, byte[][] tls);

    /**
     * Moves the client, with all its contenders and watches, to a server of this process. To them it is
     * another name service (a new incarnation).
     */
    static native void clientAttach(long client, long server);

    /** Undoes {@link #clientAttach}: back to the endpoint it was opened with, or to none. */
    static native void clientDetach(long client);

    /**
     * Waits until some target has something to take, and answers their cookies. The only caller is the
     * client's event thread; each call is also its pulse (stall-timeout), so it never waits for more
     * than a quarter of that or a second.
     *
     * @param cookies gets the cookies; what does not fit comes with the next call
     * @return how many; 0 when the time was over; −1 once the client is closed
     */
    static native int clientPoll(long client, long[] cookies, int timeoutMs);

    /**
     * Where the client stands, as a JSON object (the name service it is bound to, connected or not,
     * session, elections); for {@code toString} and tests. Waits for a second at most. Null once
     * closed.
     */
    static native String clientState(long client);

    /**
     * Asks the name service for its status and waits for the answer, for {@code timeoutMs} at most.
     *
     * @return a JSON object
     * @throws LeaderServerException naming the endpoint when no answer came
     */
    static native String clientStatus(long client, int timeoutMs);

    /**
     * Closes the client: every contender stops being leader at once, the session is ended with a
     * goodbye (waited for at most {@code timeoutMs}; the goodbye of an unreachable name service is not
     * waited for). Idempotent.
     */
    static native void clientClose(long client, int timeoutMs);

    // ---------------------------------------------------------------------------------------------
    // Contenders. Per contender only one thread at a time may be between take (or close) answering
    // GRANT, REVOKE or FAILED and done; except that close may be called within.

    /**
     * Registers a contender for a component and joins its election if need be. Does not wait.
     *
     * @param cookie what {@link #clientPoll} answers when this contender has something to take
     * @return handle
     * @throws LeaderServerException if the component is registered now, or the client is closed
     */
    static native long contenderOpen(long client, String component, long cookie);

    /**
     * Begins the next callback, if one is due and none runs. After the callback returned, {@link
     * #contenderDone}; then take again, until there is NOTHING.
     *
     * @param id gets the leader session id (high, low) for GRANT, the status code for FAILED
     * @param message gets the reason for REVOKE, the error for FAILED
     * @return NOTHING, GRANT, REVOKE or FAILED
     */
    static native int contenderTake(long contender, long[] id, String[] message);

    /** The callback that {@link #contenderTake} or {@link #contenderClose} began has returned. */
    static native void contenderDone(long contender);

    /**
     * Closes the registration; its component may be registered again at once. From when this begins it
     * has no leadership. Idempotent.
     *
     * @param insideCallback whether the calling thread is inside this contender's own callback
     * @param message gets the reason for REVOKE
     * @return REVOKE: the caller runs {@code revokeLeadership} now and calls {@link #contenderDone}.
     *     NOTHING: no callback is due, or one that runs on another thread is followed there by the
     *     revoke, which that thread's next take answers. The resignation is sent after it.
     */
    static native int contenderClose(long contender, boolean insideCallback, String[] message);

    /**
     * Confirms leadership. Never waits.
     *
     * @param address any bytes
     * @return CONFIRMED, NOT_LEADER, CLOSED, ALREADY_CONFIRMED or ADDRESS_TOO_LONG
     */
    static native int contenderConfirm(long contender, long idHigh, long idLow, byte[] address);

    /**
     * Whether the contender leads under this id at this moment. Wait-free: compares the clock with the
     * deadlines of the lease. False for a closed or unknown handle.
     */
    static native boolean hasLeadership(long contender, long idHigh, long idLow);

    // ---------------------------------------------------------------------------------------------
    // Watches

    /** Starts to watch a component. Does not wait. Throws if the client is closed. */
    static native long watchOpen(long client, String component, long cookie);

    /**
     * Takes the present value if it differs from the one taken last. A first "no leader" is answered,
     * too, once the name service has said so.
     *
     * @param id gets the leader session id (high, low) for LEADER
     * @param address gets the address for LEADER
     * @return NO_CHANGE, LEADER or NO_LEADER
     */
    static native int watchTake(long watch, long[] id, byte[][] address);

    /** Ends the watch; nothing can be taken any more. Idempotent. */
    static native void watchClose(long watch);

    // ---------------------------------------------------------------------------------------------
    // The fenced store. Each waits in the calling thread for the answer, for timeoutMs at most, and
    // throws CLOSED for a client that is closed or unknown.

    /**
     * The election in which a component stands, by the option {@code election} of the client: one
     * for all of the process, or its own. Does not wait.
     */
    static native String clientElectionOf(long client, String component);

    /**
     * Reads a key.
     *
     * @param version gets its version, if it is there
     * @return its value; null if it is not there
     */
    static native byte[] storeGet(
            long client, String election, String key, int timeoutMs, long[] version);

    /**
     * Reads some of the keys with a prefix, in order, as they are at one moment: at most as many as
     * the shortest of the arrays takes.
     *
     * @param after they begin after this key; null: with the first
     * @param keys gets the keys, and a null behind the last if there is room
     * @param versions gets their versions
     * @param values gets their values; null: they are not asked for
     * @return whether there are more, after the last of these
     */
    static native boolean storeList(
            long client,
            String election,
            String prefix,
            String after,
            int timeoutMs,
            String[] keys,
            long[] versions,
            byte[][] values);

    /**
     * Applies changes, all or none, in order. Without any, checks the epochs.
     *
     * @param fenced the elections whose epochs must hold, and
     * @param epochs these
     * @param kinds what is to be done: CREATE, REPLACE, DELETE, DELETE_VERSION or DELETE_PREFIX; as
     *     long as the four that follow
     * @param elections under which election each key lies, which must be among those fenced
     * @param keys the keys, and the prefix for DELETE_PREFIX
     * @param versions for REPLACE and DELETE_VERSION, else not looked at
     * @param values for CREATE and REPLACE, else not looked at
     * @param written gets the version of what was created and replaced, and how many were deleted
     * @throws LeaderServerException with the codes of the store; LIMIT before anything is copied that
     *     no write may take
     */
    static native void storeWrite(
            long client,
            String[] fenced,
            long[] epochs,
            int[] kinds,
            String[] elections,
            String[] keys,
            long[] versions,
            byte[][] values,
            int timeoutMs,
            long[] written);
}

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
 * What goes wrong in LeaderServer: a status code and a message that says which thing, and why.
 *
 * <p>The codes are those of the C header. A number is never given another meaning.
 */
public class LeaderServerException extends RuntimeException {

    /** An option or argument is not valid. */
    public static final int INVALID_ARGUMENT = 1;

    /** The component has a contender already. */
    public static final int ALREADY_REGISTERED = 2;

    /** The client or server was closed. */
    public static final int CLOSED = 3;

    /** The name service did not answer in time; the message names the endpoint. */
    public static final int UNREACHABLE = 4;

    /** The name service refused: namespace, token, version, timing or mode of election. */
    public static final int REFUSED = 5;

    /** The address to listen on could not be bound. */
    public static final int ADDRESS_IN_USE = 6;

    /** Input or output failed. */
    public static final int IO = 7;

    /** A key or certificate could not be used. */
    public static final int TLS = 8;

    /** A bug in the native library; the handle concerned is of no more use, the process is well. */
    public static final int INTERNAL = 9;

    /** Longer than the wire carries. */
    public static final int TOO_LARGE = 10;

    /** Not available on this system; also: the native library can't be loaded. */
    public static final int UNSUPPORTED = 11;

    /** A write to the store was decided under a leadership that is over: it had no effect. */
    public static final int FENCED = 12;

    /** A key of the store that was to be created is there. */
    public static final int EXISTS = 13;

    /** A key of the store that was to be replaced or deleted is not there. */
    public static final int NOT_FOUND = 14;

    /** A key of the store is at another version. */
    public static final int CHANGED = 15;

    /** A limit was reached, of one write or of the name service; the write had no effect. */
    public static final int LIMIT = 16;

    /** A write was never sent, or the name service takes none at present: it had no effect. */
    public static final int NOT_APPLIED = 17;

    /** A write was sent, and it is not known whether it was applied. */
    public static final int UNKNOWN_OUTCOME = 18;

    /** The data directory of a server can't be used: it is damaged, in use, or of a later release. */
    public static final int STORAGE = 19;

    private static final long serialVersionUID = 1L;

    private final int code;

    private final long version;

    /**
     * Makes one.
     *
     * @param code one of the constants of this class
     * @param message for people
     */
    public LeaderServerException(int code, String message) {
        this(code, message, 0);
    }

    LeaderServerException(int code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
        this.version = 0;
    }

    /** Called by the native library. */
    LeaderServerException(int code, String message, long version) {
        super(message);
        this.code = code;
        this.version = version;
    }

    /** One of the constants of this class, or one that a later native library has added. */
    public int code() {
        return code;
    }

    /**
     * With {@link #EXISTS} and {@link #CHANGED} the version at which the key of the store is; else
     * 0, which no version is.
     */
    public long version() {
        return version;
    }
}

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
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Contends for leadership and watches leaders, in one namespace of one name service.
 *
 * <p>It connects with the first contender, watch or request, and goes on trying for ever: an
 * unreachable name service is no error, and nothing waits for it but {@link #status} and a {@link
 * #store}. All methods may be called by any thread, under any lock and from inside any callback: no
 * lock of ours is held while user code runs, and no method waits for a callback.
 *
 * <p>Each contender and each watcher has its callbacks one after the other, on a daemon thread of
 * ours; one that blocks delays only itself. A client that is left open does not keep the JVM from
 * exiting.
 */
public final class LeaderClient implements AutoCloseable {

    /** What {@link #close} grants the goodbye to a name service that is there but slow. */
    private static final int GOODBYE_MS = 5_000;

    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final long handle;

    private final Targets targets;

    private final EventLoop events;

    private final AtomicBoolean closed = new AtomicBoolean();

    private LeaderClient(long handle, String name) {
        this.handle = handle;
        this.targets = new Targets(name);
        this.events = new EventLoop(handle, targets);
    }

    /**
     * Opens a client. Connects to nothing yet.
     *
     * @param options {@code endpoint} ({@code embedded:}, {@code embedded:NAME}, {@code
     *     leader://host:port}; absent: none until {@link #attach}), {@code namespace}, {@code name}
     *     (a label for status and logs), {@code session-timeout}, {@code disconnect-grace}, {@code
     *     stall-timeout} (0: off), {@code retrieval-timeout} (−1: for ever), {@code
     *     operation-timeout}, {@code election} ({@code per-process} or {@code per-component}),
     *     {@code stall-exempt}. Durations are a number of milliseconds.
     * @param tlsOrNull with it only TLS is spoken
     * @throws LeaderServerException {@link LeaderServerException#INVALID_ARGUMENT}, {@link
     *     LeaderServerException#TLS} and, for the native library, {@link
     *     LeaderServerException#UNSUPPORTED}
     */
    public static LeaderClient open(Map<String, String> options, TlsMaterial tlsOrNull) {
        final String[] flat = Options.flat(options, tlsOrNull);
        final String label = options.get("name");
        final String name = (label == null ? "" : label + "-") + NUMBER.incrementAndGet();
        NativeLibrary.load();
        NativeLog.acquire();
        long handle = 0;
        boolean open = false;
        try {
            handle = Natives.clientOpen(flat, Options.tls(tlsOrNull));
            final LeaderClient client = new LeaderClient(handle, name);
            Threads.create("events-" + name, client.events).start();
            open = true;
            return client;
        } finally {
            if (!open) {
                if (handle != 0) {
                    Natives.clientClose(handle, 0);
                }
                NativeLog.release();
            }
        }
    }

    /**
     * Moves this client, with all its contenders and watches, to a server of this process. To them
     * it is another name service: who leads is revoked.
     */
    public void attach(LeaderServer server) {
        Natives.clientAttach(handle, server.handle());
    }

    /** Undoes {@link #attach}: back to the endpoint it was opened with, or to none. */
    public void detach() {
        Natives.clientDetach(handle);
    }

    /**
     * Registers a contender for a component and joins its election if this is the first. Does not
     * wait; the grant may begin, on another thread, before this returns.
     *
     * @throws LeaderServerException {@link LeaderServerException#ALREADY_REGISTERED} if the
     *     component has a contender that is not closed, which is left as it is; {@link
     *     LeaderServerException#CLOSED}; {@link LeaderServerException#INVALID_ARGUMENT} for a name
     *     that can't be one
     */
    public Registration register(String component, Contender contender) {
        Objects.requireNonNull(component, "component");
        Objects.requireNonNull(contender, "contender");
        final ContenderTarget target = new ContenderTarget(targets, component, contender);
        targets.add(target);
        boolean open = false;
        try {
            target.opened(Natives.contenderOpen(handle, component, target.cookie()));
            open = true;
        } finally {
            if (!open) {
                targets.remove(target);
            }
        }
        return new Registration(target);
    }

    /**
     * Watches a component: the watcher is told the present leader as soon as it is known, then
     * every later one, though not necessarily those that came and went meanwhile. Does not wait,
     * and tells nothing on the calling thread; the first word may begin before this returns.
     *
     * @throws LeaderServerException as {@link #register}, but there may be many for a component
     */
    public Watch watch(String component, Watcher watcher) {
        Objects.requireNonNull(component, "component");
        Objects.requireNonNull(watcher, "watcher");
        final WatchTarget target = new WatchTarget(targets, component, watcher);
        targets.add(target);
        boolean open = false;
        try {
            target.opened(Natives.watchOpen(handle, component, target.cookie()));
            open = true;
        } finally {
            if (!open) {
                targets.remove(target);
            }
        }
        return new Watch(target);
    }

    /**
     * The keys of an election, to be written under epochs, all of which must hold. An epoch is the
     * most significant half of the id that a {@link Contender#granted contender was granted}: of
     * the grant under which the writes are decided, which need not be the present one.
     *
     * @param epochs election to epoch; without any the keys can only be read
     */
    public FencedStore store(String election, Map<String, Long> epochs) {
        return new FencedStore(handle, election, epochs);
    }

    /**
     * In which election a component stands: in the one of the process, or, with {@code
     * per-component}, in its own.
     *
     * @throws LeaderServerException {@link LeaderServerException#CLOSED}; {@link
     *     LeaderServerException#INVALID_ARGUMENT} for a name that can't be one
     */
    public String electionOf(String component) {
        return Natives.clientElectionOf(handle, Objects.requireNonNull(component, "component"));
    }

    /**
     * Asks the name service for its status and waits for the answer.
     *
     * @param timeoutMs at most so many milliseconds
     * @return a JSON object
     * @throws LeaderServerException {@link LeaderServerException#UNREACHABLE}, naming the endpoint,
     *     if no answer came; {@link LeaderServerException#CLOSED}
     */
    public String status(long timeoutMs) {
        return Natives.clientStatus(handle, Options.millis(timeoutMs));
    }

    /**
     * Where this client stands, without asking anybody: name service, connection, session,
     * elections.
     *
     * @return a JSON object; null once closed
     */
    public String state() {
        return Natives.clientState(handle);
    }

    /** How many callbacks of contenders and watchers have thrown an exception. */
    public long callbackErrors() {
        return targets.callbackErrors();
    }

    /** Whether {@link #close} has been called. */
    public boolean isClosed() {
        return closed.get();
    }

    /**
     * Closes the client, whatever is still registered: every contender stops being leader at once
     * and leaves its election. Nobody is called back for it or afterwards, except that a callback
     * that runs is left to run. Returns without a name service, too, and at the latest after some
     * seconds. Idempotent.
     */
    @Override
    public void close() {
        final boolean first = closed.compareAndSet(false, true);
        targets.close();
        // Also for the second caller, who may rely on what this promises, too. The event thread
        // hears of it by itself, ends, and lets the others go.
        Natives.clientClose(handle, GOODBYE_MS);
        if (first) {
            NativeLog.release();
        }
    }

    @Override
    public String toString() {
        final String state = state();
        return "LeaderClient" + (state == null ? "{closed}" : state);
    }

    /** For tests: as the natives know it. */
    long handle() {
        return handle;
    }

    /** For tests: what a long stop of the whole JVM does to the fetching of events. */
    void pauseEvents(CountDownLatch until) {
        events.pause(until);
    }

    /** Who contends for a component. What it throws goes to its own {@link #failed}. */
    public interface Contender {

        /** It leads, under this id, from now on. */
        void granted(UUID id);

        /** It leads no more; the reason is for people. Each follows a {@link #granted}. */
        void revoked(String reason);

        /**
         * One of its callbacks threw this; or, as a {@link LeaderServerException}, it can't take
         * part: for a misconfiguration, or (INTERNAL) because this client is broken, leads no more
         * and tells nothing further. Never for a network that fails.
         */
        void failed(Throwable error);
    }

    /** Who is told the leader of a component. */
    public interface Watcher {

        /** The leader's address and id, or null and null: there is no leader. */
        void changed(String address, UUID id);
    }

    /** What became of a {@link Registration#confirm confirmation}. */
    public enum Confirmation {
        /** It is published as soon as the name service has it. */
        CONFIRMED,
        /** Ignored: this contender does not lead under that id. */
        NOT_LEADER,
        /** Ignored: this registration was closed. */
        CLOSED
    }

    /** A contender's place. */
    public static final class Registration implements AutoCloseable {

        private final ContenderTarget target;

        /** As in the target, which needs it volatile. */
        private final long handle;

        private Registration(ContenderTarget target) {
            this.target = target;
            this.handle = target.handle();
        }

        /**
         * Publishes the address under which the leader can be reached. Never waits.
         *
         * @param address any string; 65 536 characters are carried, whatever they are
         * @throws IllegalStateException if this registration has confirmed this id already
         * @throws IllegalArgumentException if the address is longer than can be carried
         */
        public Confirmation confirm(UUID id, String address) {
            final long high = id.getMostSignificantBits();
            final long low = id.getLeastSignificantBits();
            switch (Natives.contenderConfirm(handle, high, low, Wtf8.encode(address))) {
                case Natives.CONFIRMED:
                    return Confirmation.CONFIRMED;
                case Natives.NOT_LEADER:
                    return Confirmation.NOT_LEADER;
                case Natives.ALREADY_CONFIRMED:
                    throw new IllegalStateException(
                            "leadership " + id + " was confirmed already by " + target.describe());
                case Natives.ADDRESS_TOO_LONG:
                    throw new IllegalArgumentException(
                            "an address of " + address.length() + " characters is too long");
                default:
                    return Confirmation.CLOSED;
            }
        }

        /**
         * Whether the contender leads under this id at this moment, by this process's clock. Local,
         * wait-free; false once closed.
         */
        public boolean hasLeadership(UUID id) {
            return Natives.hasLeadership(
                    handle, id.getMostSignificantBits(), id.getLeastSignificantBits());
        }

        /**
         * Withdraws the contender. If it leads, {@link Contender#revoked} runs in this thread; but
         * if another thread is inside one of its callbacks, this does not wait, and the revoke
         * follows there once that has returned. Nothing else starts after this has returned. The
         * component may be registered again at once. Idempotent.
         */
        @Override
        public void close() {
            target.close();
        }

        @Override
        public String toString() {
            return "Registration of " + target.describe();
        }
    }

    /** A watcher's place. */
    public static final class Watch implements AutoCloseable {

        private final WatchTarget target;

        private Watch(WatchTarget target) {
            this.target = target;
        }

        /**
         * Ends the watch: nothing is told any more, but who is being told is let finish.
         * Idempotent.
         */
        @Override
        public void close() {
            target.close();
        }

        @Override
        public String toString() {
            return "Watch of " + target.describe();
        }
    }
}

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
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The keys of one election, which only its leader writes.
 *
 * <p>Writes carry the epochs that were bound when this was made, and are applied only while each of
 * them is the last granted of its election, in the same step. Once somebody else was granted, every
 * write is refused with {@link LeaderServerException#FENCED}, for ever: later epochs are never
 * filled in. Who has resigned may still write until somebody else is granted.
 *
 * <p>All methods may be called by any thread and wait, in the calling thread, for at most the
 * time-out; who is interrupted meanwhile goes on waiting and stays interrupted. Nothing here needs
 * to be closed.
 *
 * <p>Keys are 1 to 1024 bytes of UTF-8, values at most 1 MiB, and a transaction takes little more
 * than that altogether. What is thrown is a {@link LeaderServerException} with one of the codes
 *
 * <ul>
 *   <li>{@link LeaderServerException#FENCED FENCED}: an epoch is not the last granted
 *   <li>{@link LeaderServerException#EXISTS EXISTS}, {@link LeaderServerException#NOT_FOUND
 *       NOT_FOUND}, {@link LeaderServerException#CHANGED CHANGED}: a key is not as the write needs
 *       it; the first and the last tell its {@link LeaderServerException#version() version}
 *   <li>{@link LeaderServerException#LIMIT LIMIT}: more than one write takes, or than the namespace
 *       may hold; the message says which
 *   <li>{@link LeaderServerException#NOT_APPLIED NOT_APPLIED}: the write was never sent, or the
 *       name service takes none at present
 *   <li>{@link LeaderServerException#UNKNOWN_OUTCOME UNKNOWN_OUTCOME}: the write was sent, as often
 *       as there was time for, and may have been applied or not; of writes only this one says that
 *   <li>{@link LeaderServerException#UNREACHABLE UNREACHABLE}: a read had no answer in time
 *   <li>{@link LeaderServerException#CLOSED CLOSED}: the client is closed; a write that was sent
 *       before is of unknown outcome instead
 *   <li>{@link LeaderServerException#REFUSED REFUSED}: the name service refuses this client
 *   <li>{@link LeaderServerException#INVALID_ARGUMENT INVALID_ARGUMENT}: a name that can't be one
 *       (empty, too long, with half a surrogate pair), a write under no epoch, or a delete at
 *       version 0, which is none
 * </ul>
 *
 * <p>A null is answered by a {@link NullPointerException}, a negative time-out by an {@link
 * IllegalArgumentException}.
 */
public final class FencedStore {

    /** How many entries are fetched from the native library at a time. */
    private static final int ROOM = 1024;

    private static final byte[] NO_VALUE = {};

    private final long client;

    private final String election;

    private final Map<String, Long> epochs;

    FencedStore(long client, String election, Map<String, Long> epochs) {
        this.client = client;
        this.election = Objects.requireNonNull(election, "election");
        final Map<String, Long> copy = new LinkedHashMap<>(epochs);
        copy.forEach(
                (name, epoch) -> {
                    Objects.requireNonNull(name, "an election among the epochs");
                    Objects.requireNonNull(epoch, name);
                });
        this.epochs = Collections.unmodifiableMap(copy);
    }

    /** The election whose keys these are. */
    public String election() {
        return election;
    }

    /** The epoch of each election that must hold for a write; unmodifiable. */
    public Map<String, Long> epochs() {
        return epochs;
    }

    /** One key, if it is there. */
    public Optional<Entry> get(String key, long timeoutMs) {
        Objects.requireNonNull(key, "key");
        final long[] version = new long[1];
        final int timeout = Options.millis(timeoutMs);
        final byte[] value = Natives.storeGet(client, election, key, timeout, version);
        return Optional.ofNullable(value).map(there -> new Entry(key, version[0], there));
    }

    /**
     * The keys with a prefix and their values, in the order of the bytes of the keys; with an empty
     * prefix, all. Few are of one moment; many come in several pages, each of one.
     */
    public List<Entry> list(String prefix, long timeoutMs) {
        return pages(prefix, true, timeoutMs);
    }

    /** As {@link #list}, without the values, which are empty. */
    public List<Entry> keys(String prefix, long timeoutMs) {
        return pages(prefix, false, timeoutMs);
    }

    /**
     * Creates a key that must not be there.
     *
     * @return its version
     */
    public long create(String key, byte[] value, long timeoutMs) {
        return transaction().create(key, value).commit(timeoutMs).version();
    }

    /**
     * Replaces the value of a key that must be at that version.
     *
     * @return its new version
     */
    public long replace(String key, long version, byte[] value, long timeoutMs) {
        return transaction().replace(key, version, value).commit(timeoutMs).version();
    }

    /** Deletes a key, which must be there. */
    public void delete(String key, long timeoutMs) {
        transaction().delete(key).commit(timeoutMs);
    }

    /** Deletes a key, which must be there, at that version. */
    public void delete(String key, long version, long timeoutMs) {
        transaction().delete(key, version).commit(timeoutMs);
    }

    /**
     * Deletes all keys with a prefix, in one step; with an empty one, all of this election.
     *
     * @return how many there were
     */
    public long deletePrefix(String prefix, long timeoutMs) {
        return transaction().deletePrefix(prefix).commit(timeoutMs).deleted();
    }

    /** Checks that each epoch is the last granted, and changes nothing. */
    public void check(long timeoutMs) {
        transaction().commit(timeoutMs);
    }

    /** Several changes, of which all are applied or none. */
    public Transaction transaction() {
        return new Transaction(this);
    }

    @Override
    public String toString() {
        return "FencedStore{" + election + ", epochs " + epochs + "}";
    }

    private List<Entry> pages(String prefix, boolean withValues, long timeoutMs) {
        Objects.requireNonNull(prefix, "prefix");
        int left = Options.millis(timeoutMs);
        final long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(left);
        final List<Entry> found = new ArrayList<>();
        String after = null;
        boolean more = true;
        while (more) {
            final String[] keys = new String[ROOM];
            final long[] versions = new long[ROOM];
            final byte[][] values = withValues ? new byte[ROOM][] : null;
            more =
                    Natives.storeList(
                            client, election, prefix, after, left, keys, versions, values);
            for (int i = 0; i < ROOM && keys[i] != null; i++) {
                found.add(new Entry(keys[i], versions[i], withValues ? values[i] : NO_VALUE));
                after = keys[i];
            }
            left = (int) Math.max(0, TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime()));
        }
        return found;
    }

    private Written write(Changes changes, long timeoutMs) {
        final String[] fenced = epochs.keySet().toArray(new String[0]);
        final long[] bound = epochs.values().stream().mapToLong(Long::longValue).toArray();
        final long[] written = new long[2];
        Natives.storeWrite(
                client,
                fenced,
                bound,
                changes.kinds.stream().mapToInt(Integer::intValue).toArray(),
                changes.elections.toArray(new String[0]),
                changes.keys.toArray(new String[0]),
                changes.versions.stream().mapToLong(Long::longValue).toArray(),
                changes.values.toArray(new byte[0][]),
                Options.millis(timeoutMs),
                written);
        return new Written(written[0], written[1]);
    }

    /** A key as it was read. */
    public static final class Entry {

        private final String key;

        private final long version;

        private final byte[] value;

        private Entry(String key, long version, byte[] value) {
            this.key = key;
            this.version = version;
            this.value = value;
        }

        /** The key. */
        public String key() {
            return key;
        }

        /** The version of what was read: each write that changes the key gives it a greater one. */
        public long version() {
            return version;
        }

        /** The value, the caller's to keep; empty where it was not asked for. */
        public byte[] value() {
            return value;
        }

        @Override
        public String toString() {
            return "Entry{" + key + ", version " + version + ", " + value.length + " bytes}";
        }
    }

    /** What is to be changed, one array each for the native library. */
    private static final class Changes {

        final List<Integer> kinds = new ArrayList<>();

        final List<String> elections = new ArrayList<>();

        final List<String> keys = new ArrayList<>();

        final List<Long> versions = new ArrayList<>();

        final List<byte[]> values = new ArrayList<>();

        void add(int kind, String election, String key, long version, byte[] value) {
            kinds.add(kind);
            elections.add(election);
            keys.add(key);
            versions.add(version);
            values.add(value);
        }
    }

    /**
     * Changes that are applied in order, all or none. Not thread-safe. Values are taken as they are
     * at {@link #commit}, each of which is a write of its own.
     */
    public static final class Transaction {

        private final FencedStore store;

        private final Changes changes = new Changes();

        private String election;

        private Transaction(FencedStore store) {
            this.store = store;
            this.election = store.election;
        }

        /**
         * What follows is about the keys of another election, whose epoch must be among {@link
         * FencedStore#epochs()}.
         */
        public Transaction of(String election) {
            this.election = Objects.requireNonNull(election, "election");
            return this;
        }

        /** Creates a key that must not be there. */
        public Transaction create(String key, byte[] value) {
            Objects.requireNonNull(value, "value");
            return with(Natives.CREATE, key, 0, value);
        }

        /** Replaces the value of a key that must be at that version. */
        public Transaction replace(String key, long version, byte[] value) {
            Objects.requireNonNull(value, "value");
            return with(Natives.REPLACE, key, version, value);
        }

        /** Deletes a key, which must be there. */
        public Transaction delete(String key) {
            return with(Natives.DELETE, key, 0, null);
        }

        /** Deletes a key, which must be there, at that version. */
        public Transaction delete(String key, long version) {
            return with(Natives.DELETE_VERSION, key, version, null);
        }

        /** Deletes all keys with a prefix, if there are any; with an empty one, all. */
        public Transaction deletePrefix(String prefix) {
            Objects.requireNonNull(prefix, "prefix");
            return with(Natives.DELETE_PREFIX, prefix, 0, null);
        }

        /** Applies the changes, if all can be; without any, checks the epochs. */
        public Written commit(long timeoutMs) {
            return store.write(changes, timeoutMs);
        }

        private Transaction with(int kind, String key, long version, byte[] value) {
            Objects.requireNonNull(key, "key");
            changes.add(kind, election, key, version, value);
            return this;
        }
    }

    /** The answer to a write that was applied. */
    public static final class Written {

        private final long version;

        private final long deleted;

        private Written(long version, long deleted) {
            this.version = version;
            this.deleted = deleted;
        }

        /** The version of all that was created and replaced. */
        public long version() {
            return version;
        }

        /** How many keys were deleted. */
        public long deleted() {
            return deleted;
        }

        @Override
        public String toString() {
            return "Written{version " + version + ", deleted " + deleted + "}";
        }
    }
}

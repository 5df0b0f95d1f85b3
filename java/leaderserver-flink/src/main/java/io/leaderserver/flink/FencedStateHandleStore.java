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

import static java.util.Objects.requireNonNull;

import io.leaderserver.FencedStore;
import io.leaderserver.LeaderServerException;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.persistence.PossibleInconsistentStateException;
import org.apache.flink.runtime.persistence.RetrievableStateStorageHelper;
import org.apache.flink.runtime.persistence.StateHandleStore;
import org.apache.flink.runtime.state.RetrievableStateHandle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Flink's {@link StateHandleStore}, of which only the leader writes: pointers are keys in the name
 * service, the bytes they point to lie in {@code high-availability.storageDir}.
 *
 * <p>Every write is bound to the epoch of one grant and refused once somebody else was granted
 * (FLINK-10333), with a {@link LeaderServerException} of code {@link LeaderServerException#FENCED}.
 * Also refused then are {@link #releaseAndTryRemove} and {@link #clearEntries} of what is not
 * there: Flink keeps shared state only if these throw. There are no locks.
 *
 * <p>A pointer is written after its bytes and removed in three steps, mark (fenced), discard the
 * bytes, delete, so that whoever dies in between leaves something to be tried again. What is marked
 * is there for no one but the next removal.
 *
 * <p>Where a write may have been applied or not, there is a {@link
 * PossibleInconsistentStateException}, and no bytes are discarded; what was this store's own write
 * is never taken for somebody else's (FLINK-22494, FLINK-24543). Thread-safe.
 */
final class FencedStateHandleStore<T extends Serializable>
        implements StateHandleStore<T, KeyVersion> {

    private static final Logger LOG = LoggerFactory.getLogger(FencedStateHandleStore.class);

    private final FencedKeys keys;
    private final String prefix;
    private final RetrievableStateStorageHelper<T> storage;

    /** @param prefix what all keys of this store begin with, and no others do */
    FencedStateHandleStore(
            FencedKeys keys, String prefix, RetrievableStateStorageHelper<T> storage) {
        this.keys = requireNonNull(keys, "keys");
        this.prefix = requireNonNull(prefix, "prefix");
        this.storage = requireNonNull(storage, "storage");
    }

    /**
     * Stores a state under a name that is free.
     *
     * @throws AlreadyExistException if somebody has stored one there; the bytes are discarded
     * @throws PossibleInconsistentStateException if the outcome is unknown; the bytes are kept
     * @throws LeaderServerException if it had no effect; the bytes are discarded
     */
    @Override
    public RetrievableStateHandle<T> addAndLock(String name, T state) throws Exception {
        final String key = keyOf(name);
        final RetrievableStateHandle<T> handle = storage.store(requireNonNull(state, "state"));
        write(name, handle, value -> create(name, key, value));
        return handle;
    }

    /**
     * Stores another state under a name, at whose present version nothing was changed, and discards
     * the former one's bytes.
     *
     * @throws NotExistException if there is nothing; the new bytes are discarded
     * @throws PossibleInconsistentStateException if the outcome is unknown; all bytes are kept
     * @throws LeaderServerException if it had no effect; the new bytes are discarded
     */
    @Override
    public void replace(String name, KeyVersion version, T state) throws Exception {
        requireNonNull(version, "version");
        requireNonNull(state, "state");
        final String key = keyOf(name);
        final FencedStore.Entry former =
                live(key).orElseThrow(() -> doesNotExist(name, null));
        final RetrievableStateHandle<T> handle = storage.store(state);
        write(
                name,
                handle,
                value -> {
                    try {
                        keys.replace(key, version.value(), value);
                    } catch (LeaderServerException e) {
                        throw e.code() == LeaderServerException.NOT_FOUND
                                ? doesNotExist(name, e)
                                : e;
                    }
                });
        try {
            discard(former);
        } catch (Exception e) {
            // The new state is in its place all the same.
            LOG.warn("The former state of {} could not be discarded.", key, e);
        }
    }

    @Override
    public KeyVersion exists(String name) throws Exception {
        return live(keyOf(name))
                .map(entry -> KeyVersion.of(entry.version()))
                .orElseGet(KeyVersion::notExisting);
    }

    @Override
    public RetrievableStateHandle<T> getAndLock(String name) throws Exception {
        final FencedStore.Entry entry =
                live(keyOf(name)).orElseThrow(() -> doesNotExist(name, null));
        return Pointer.<T>read(entry);
    }

    /**
     * All of one moment.
     *
     * @throws IOException if one can't be read: to leave it out could bring back an older state
     */
    @Override
    public List<Tuple2<RetrievableStateHandle<T>, String>> getAllAndLock() throws Exception {
        final List<Tuple2<RetrievableStateHandle<T>, String>> all = new ArrayList<>();
        for (FencedStore.Entry entry : ofOneMoment()) {
            if (!Pointer.isMarked(entry)) {
                all.add(Tuple2.of(Pointer.<T>read(entry), nameOf(entry)));
            }
        }
        return all;
    }

    /** Many keys come in several pages, which are of one moment if nothing changed meanwhile. */
    private List<FencedStore.Entry> ofOneMoment() {
        while (true) {
            final List<FencedStore.Entry> entries = keys.list(prefix);
            if (versionsOf(entries).equals(versionsOf(keys.keys(prefix)))) {
                return entries;
            }
        }
    }

    private static List<Tuple2<String, Long>> versionsOf(List<FencedStore.Entry> entries) {
        final List<Tuple2<String, Long>> versions = new ArrayList<>(entries.size());
        for (FencedStore.Entry entry : entries) {
            versions.add(Tuple2.of(entry.key(), entry.version()));
        }
        return versions;
    }

    /** The names of all states. Removals that were begun and not ended are tried again. */
    @Override
    public Collection<String> getAllHandles() throws Exception {
        final List<String> names = new ArrayList<>();
        for (FencedStore.Entry entry : keys.list(prefix)) {
            if (!Pointer.isMarked(entry)) {
                names.add(nameOf(entry));
            } else if (keys.isWritable()) {
                endRemoval(entry);
            }
        }
        return names;
    }

    private void endRemoval(FencedStore.Entry entry) {
        try {
            keys.check();
            remove(entry, entry.version());
        } catch (Exception e) {
            if (!FencedKeys.isRefusal(e)) {
                LOG.warn("The removal of {} could not be ended.", entry.key(), e);
            }
        }
    }

    /**
     * Removes a state and its bytes.
     *
     * @return true, also if there was nothing
     * @throws LeaderServerException if it was refused, also if there is nothing, or if the outcome
     *     is unknown: then it may be tried again
     */
    @Override
    public boolean releaseAndTryRemove(String name) throws Exception {
        final String key = keyOf(name);
        while (true) {
            final Optional<FencedStore.Entry> found = keys.get(key);
            if (!found.isPresent()) {
                keys.check();
                return true;
            }
            final FencedStore.Entry entry = found.get();
            final long marked;
            if (Pointer.isMarked(entry)) {
                keys.check();
                marked = entry.version();
            } else {
                try {
                    marked = mark(entry);
                } catch (LeaderServerException e) {
                    if (wasChanged(e)) {
                        continue;
                    }
                    throw e;
                }
            }
            remove(entry, marked);
            return true;
        }
    }

    /** @return the version of the mark */
    private long mark(FencedStore.Entry entry) {
        return keys.replace(entry.key(), entry.version(), Pointer.marked(entry));
    }

    /** Removes what was marked at that version. */
    private void remove(FencedStore.Entry entry, long marked) throws Exception {
        discard(entry);
        try {
            keys.delete(entry.key(), marked);
        } catch (LeaderServerException e) {
            if (!wasChanged(e)) {
                throw e;
            }
            // Another removal was faster, and nothing of this one is left.
        }
    }

    /** Removes the pointers only, in one step. */
    @Override
    public void clearEntries() {
        keys.deletePrefix(prefix);
    }

    /** Does nothing: there are no locks. */
    @Override
    public void release(String name) {}

    /** Does nothing: there are no locks. */
    @Override
    public void releaseAll() {}

    /** Writes a pointer. The bytes stay exactly if it is, or may be, there afterwards. */
    private void write(String name, RetrievableStateHandle<T> handle, Write write)
            throws Exception {
        final byte[] value;
        try {
            value = Pointer.to(handle);
        } catch (Exception e) {
            discardAfter(e, handle);
            throw e;
        }
        try {
            write.run(value);
        } catch (AlreadyExistException | NotExistException e) {
            discardAfter(e, handle);
            throw e;
        } catch (LeaderServerException e) {
            if (FencedKeys.hadNoEffect(e)) {
                discardAfter(e, handle);
                throw e;
            }
            throw possiblyInconsistent(name, e);
        } catch (RuntimeException e) {
            throw possiblyInconsistent(name, e);
        }
    }

    private PossibleInconsistentStateException possiblyInconsistent(String name, Exception cause) {
        return new PossibleInconsistentStateException(
                "Whether the pointer " + prefix + name + " was written, is not known.", cause);
    }

    private static void discardAfter(Exception error, RetrievableStateHandle<?> handle) {
        try {
            handle.discardState();
        } catch (Exception e) {
            error.addSuppressed(e);
        }
    }

    private void create(String name, String key, byte[] value) throws Exception {
        while (true) {
            try {
                keys.create(key, value);
                return;
            } catch (LeaderServerException e) {
                if (e.code() != LeaderServerException.EXISTS) {
                    throw e;
                }
                if (!makeRoom(key, e)) {
                    throw alreadyExists(name, e);
                }
            }
        }
    }

    /** Whether there is nothing any more; a removal that was begun is ended. */
    private boolean makeRoom(String key, LeaderServerException exists) {
        try {
            final Optional<FencedStore.Entry> there = keys.get(key);
            if (there.isPresent() && Pointer.isMarked(there.get())) {
                remove(there.get(), there.get().version());
                return true;
            }
            return !there.isPresent();
        } catch (Exception e) {
            exists.addSuppressed(e);
            return false;
        }
    }

    private Optional<FencedStore.Entry> live(String key) {
        return keys.get(key).filter(entry -> !Pointer.isMarked(entry));
    }

    private static boolean wasChanged(LeaderServerException e) {
        return e.code() == LeaderServerException.NOT_FOUND
                || e.code() == LeaderServerException.CHANGED;
    }

    private void discard(FencedStore.Entry entry) throws Exception {
        final RetrievableStateHandle<?> handle;
        try {
            handle = Pointer.<T>read(entry);
        } catch (IOException e) {
            LOG.warn("Bytes are left in the storage directory: {}", e.getMessage(), e);
            return;
        }
        handle.discardState();
    }

    private String keyOf(String name) {
        return prefix + requireNonNull(name, "name");
    }

    private String nameOf(FencedStore.Entry entry) {
        return entry.key().substring(prefix.length());
    }

    private AlreadyExistException alreadyExists(String name, Exception cause) {
        return new AlreadyExistException("There is a " + prefix + name + " already.", cause);
    }

    private NotExistException doesNotExist(String name, Exception cause) {
        return new NotExistException("There is no " + prefix + name + ".", cause);
    }

    @Override
    public String toString() {
        return "FencedStateHandleStore{" + prefix + ", " + keys + "}";
    }

    /** Writes a pointer with this value. */
    private interface Write {
        void run(byte[] value) throws Exception;
    }
}

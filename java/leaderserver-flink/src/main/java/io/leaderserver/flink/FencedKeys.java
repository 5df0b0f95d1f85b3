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

import io.leaderserver.FencedStore;
import io.leaderserver.LeaderServerException;
import java.util.List;
import java.util.Optional;
import org.apache.flink.util.ExceptionUtils;

/**
 * Flink's metadata in the name service, under the epoch of one grant: what is made from it writes
 * under that epoch for ever, and under no later one.
 *
 * <p>Each call waits for the name service, for at most the operation time-out, and throws {@link
 * LeaderServerException}. Thread-safe.
 */
final class FencedKeys {

    private final FencedStore store;
    private final long timeoutMs;

    FencedKeys(FencedStore store, long timeoutMs) {
        this.store = store;
        this.timeoutMs = timeoutMs;
    }

    Optional<FencedStore.Entry> get(String key) {
        return store.get(key, timeoutMs);
    }

    List<FencedStore.Entry> list(String prefix) {
        return store.list(prefix, timeoutMs);
    }

    /** As {@link #list}, without values. */
    List<FencedStore.Entry> keys(String prefix) {
        return store.keys(prefix, timeoutMs);
    }

    void create(String key, byte[] value) {
        writable().create(key, value, timeoutMs);
    }

    /** @return the new version */
    long replace(String key, long version, byte[] value) {
        return writable().replace(key, version, value, timeoutMs);
    }

    void delete(String key) {
        writable().delete(key, timeoutMs);
    }

    void delete(String key, long version) {
        writable().delete(key, version, timeoutMs);
    }

    void deletePrefix(String prefix) {
        writable().deletePrefix(prefix, timeoutMs);
    }

    /** Fails unless a write would be let through now. */
    void check() {
        writable().check(timeoutMs);
    }

    boolean isWritable() {
        return !store.epochs().isEmpty();
    }

    private FencedStore writable() {
        if (!isWritable()) {
            throw new NeverGrantedException(store.election());
        }
        return store;
    }

    /**
     * Whether this says that the epoch is not the last granted, or that there is none: somebody
     * else leads, or this process never did. Whatever was asked for, it is not for this process to
     * do.
     */
    static boolean isRefusal(Throwable error) {
        return ExceptionUtils.findThrowable(error, LeaderServerException.class)
                .filter(
                        e ->
                                e.code() == LeaderServerException.FENCED
                                        || e instanceof NeverGrantedException)
                .isPresent();
    }

    /**
     * Whether a write that failed with this had, and will have, no effect. What is not known to say
     * so counts as an unknown outcome.
     */
    static boolean hadNoEffect(LeaderServerException error) {
        switch (error.code()) {
            case LeaderServerException.FENCED:
            case LeaderServerException.EXISTS:
            case LeaderServerException.NOT_FOUND:
            case LeaderServerException.CHANGED:
            case LeaderServerException.LIMIT:
            case LeaderServerException.TOO_LARGE:
            case LeaderServerException.NOT_APPLIED:
            case LeaderServerException.INVALID_ARGUMENT:
            case LeaderServerException.REFUSED:
            case LeaderServerException.CLOSED:
                return true;
            default:
                return false;
        }
    }

    @Override
    public String toString() {
        return "election '" + store.election() + "', epochs " + store.epochs().values();
    }

    /** A write by a process that was never told to lead. */
    private static final class NeverGrantedException extends LeaderServerException {

        private static final long serialVersionUID = 1L;

        NeverGrantedException(String election) {
            super(
                    NOT_APPLIED,
                    "not applied: this process had not been granted election '"
                            + election
                            + "' when it asked for the store, so it may read only");
        }
    }
}

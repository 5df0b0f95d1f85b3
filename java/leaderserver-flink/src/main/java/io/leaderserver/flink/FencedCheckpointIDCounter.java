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
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.runtime.checkpoint.CheckpointIDCounter;

/**
 * The id of a job's next checkpoint: a key in the name service, which only the leader writes, and
 * which never goes back while the job lives. Ids may be left out: one that was counted in a write
 * whose outcome was unknown is not used again.
 *
 * <p>Nothing is kept in this object, so that it serves whoever cleans up, too, without having been
 * started. Thread-safe.
 */
final class FencedCheckpointIDCounter implements CheckpointIDCounter {

    private final FencedKeys keys;
    private final String key;

    FencedCheckpointIDCounter(FencedKeys keys, String key) {
        this.keys = keys;
        this.key = key;
    }

    /** Does nothing: the key is made by the first write. */
    @Override
    public void start() {}

    /**
     * Removes the counter if the job is over for good, and leaves it to the next leader if not.
     *
     * @return failed if the removal was refused or not answered
     */
    @Override
    public CompletableFuture<Void> shutdown(JobStatus jobStatus) {
        final CompletableFuture<Void> done = new CompletableFuture<>();
        try {
            if (jobStatus.isGloballyTerminalState()) {
                remove();
            }
            done.complete(null);
        } catch (RuntimeException e) {
            done.completeExceptionally(e);
        }
        return done;
    }

    private void remove() {
        try {
            keys.delete(key);
        } catch (LeaderServerException e) {
            // Nobody has counted, or it was removed before. The epoch was looked at all the same.
            if (e.code() != LeaderServerException.NOT_FOUND) {
                throw e;
            }
        }
    }

    @Override
    public long getAndIncrement() {
        while (true) {
            final Optional<FencedStore.Entry> present = keys.get(key);
            final long count = valueOf(present);
            if (write(present, count + 1)) {
                return count;
            }
        }
    }

    @Override
    public long get() {
        return valueOf(keys.get(key));
    }

    /**
     * Goes on with this id, or with the present one where that is greater: an id that somebody may
     * have used is not given out again. (A job that began with a savepoint, and is restored from it
     * again after checkpoints have failed, asks for less.)
     */
    @Override
    public void setCount(long newId) {
        while (true) {
            final Optional<FencedStore.Entry> present = keys.get(key);
            if (valueOf(present) >= newId) {
                keys.check();
                return;
            }
            if (write(present, newId)) {
                return;
            }
        }
    }

    /** @return false if the key is not as it was read, so that it is to be read again */
    private boolean write(Optional<FencedStore.Entry> present, long count) {
        final byte[] value = Long.toString(count).getBytes(StandardCharsets.US_ASCII);
        try {
            if (present.isPresent()) {
                keys.replace(key, present.get().version(), value);
            } else {
                keys.create(key, value);
            }
            return true;
        } catch (LeaderServerException e) {
            switch (e.code()) {
                case LeaderServerException.EXISTS:
                case LeaderServerException.NOT_FOUND:
                case LeaderServerException.CHANGED:
                    return false;
                default:
                    throw e;
            }
        }
    }

    private static long valueOf(Optional<FencedStore.Entry> present) {
        return present.map(entry -> new String(entry.value(), StandardCharsets.US_ASCII))
                .map(Long::parseLong)
                .orElse((long) INITIAL_CHECKPOINT_ID);
    }

    @Override
    public String toString() {
        return "FencedCheckpointIDCounter{" + key + ", " + keys + "}";
    }
}

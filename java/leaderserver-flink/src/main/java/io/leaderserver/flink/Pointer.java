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
import java.io.IOException;
import java.io.Serializable;
import java.util.Arrays;
import org.apache.flink.runtime.state.RetrievableStateHandle;
import org.apache.flink.util.InstantiationUtil;

/**
 * What a key says that points to bytes: whether its removal was begun, in the first byte, and then
 * the handle, as Java serialises it.
 */
final class Pointer {

    private static final byte LIVE = 0;
    private static final byte MARKED = 1;

    private Pointer() {}

    /** The value of a new pointer. */
    static byte[] to(RetrievableStateHandle<?> handle) throws IOException {
        final byte[] serialized = InstantiationUtil.serializeObject(handle);
        final byte[] value = new byte[1 + serialized.length];
        value[0] = LIVE;
        System.arraycopy(serialized, 0, value, 1, serialized.length);
        return value;
    }

    /** The value that begins the removal of a pointer. */
    static byte[] marked(FencedStore.Entry entry) {
        final byte[] value = Arrays.copyOf(entry.value(), Math.max(1, entry.value().length));
        value[0] = MARKED;
        return value;
    }

    /** Whether the removal of a pointer was begun. */
    static boolean isMarked(FencedStore.Entry entry) {
        final byte[] value = entry.value();
        return value.length > 0 && value[0] == MARKED;
    }

    /** @throws IOException naming the key, if there is nothing that can be read */
    static <T extends Serializable> RetrievableStateHandle<T> read(FencedStore.Entry entry)
            throws IOException {
        final byte[] value = entry.value();
        try {
            return InstantiationUtil.deserializeObject(
                    Arrays.copyOfRange(value, 1, value.length),
                    Thread.currentThread().getContextClassLoader());
        } catch (IOException | ClassNotFoundException | RuntimeException e) {
            throw new IOException("What is stored under " + entry.key() + " can't be read.", e);
        }
    }
}

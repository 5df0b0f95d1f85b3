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

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.runtime.persistence.RetrievableStateStorageHelper;
import org.apache.flink.runtime.state.RetrievableStateHandle;

/** Bytes of states, in memory instead of files: what is stored and not discarded can be seen. */
final class MemoryStates implements RetrievableStateStorageHelper<String> {

    private static final Map<Integer, MemoryStates> ALL = new ConcurrentHashMap<>();
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final int number = COUNT.incrementAndGet();

    /** What is stored now, by the number that a handle has. */
    final Map<Integer, String> stored = new ConcurrentHashMap<>();

    /** Makes handles larger. */
    volatile int padding;

    /** While set, nothing can be discarded. */
    volatile boolean stuck;

    MemoryStates() {
        ALL.put(number, this);
    }

    @Override
    public RetrievableStateHandle<String> store(String state) {
        final int handle = COUNT.incrementAndGet();
        stored.put(handle, state);
        return new Handle(number, handle, padding);
    }

    private static final class Handle implements RetrievableStateHandle<String> {

        private static final long serialVersionUID = 1L;

        private final int storage;
        private final int handle;
        private final byte[] padding;

        Handle(int storage, int handle, int padding) {
            this.storage = storage;
            this.handle = handle;
            this.padding = new byte[padding];
        }

        @Override
        public String retrieveState() throws IOException {
            final String state = ALL.get(storage).stored.get(handle);
            if (state == null) {
                throw new IOException("discarded");
            }
            return state;
        }

        @Override
        public void discardState() throws IOException {
            if (ALL.get(storage).stuck) {
                throw new IOException("stuck");
            }
            ALL.get(storage).stored.remove(handle);
        }

        @Override
        public long getStateSize() {
            return padding.length;
        }
    }
}

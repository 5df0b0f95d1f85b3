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

import java.util.UUID;

/** Tells one watcher of one component (P6). */
final class WatchTarget extends Target {

    private final String component;

    private final LeaderClient.Watcher watcher;

    private final long[] id = new long[2];

    private final byte[][] address = new byte[1][];

    WatchTarget(Targets targets, String component, LeaderClient.Watcher watcher) {
        super(targets);
        this.component = component;
        this.watcher = watcher;
    }

    @Override
    void drain() {
        while (broken() == null && !isOver()) {
            switch (Natives.watchTake(handle(), id, address)) {
                case Natives.LEADER:
                    final String text = Wtf8.decode(address[0]);
                    address[0] = null;
                    tell(text, new UUID(id[0], id[1]));
                    break;
                case Natives.NO_LEADER:
                    tell(null, null);
                    break;
                default:
                    return;
            }
        }
    }

    void close() {
        setClosed();
        Natives.watchClose(handle());
    }

    private void tell(String addressOrNull, UUID idOrNull) {
        Threads.clean();
        // Taken before the close, but begun after it: nothing starts then.
        if (isOver()) {
            return;
        }
        try {
            watcher.changed(addressOrNull, idOrNull);
        } catch (Throwable t) {
            callbackThrew("changed", t);
        }
    }

    @Override
    String describe() {
        return "the watcher of component " + component;
    }
}

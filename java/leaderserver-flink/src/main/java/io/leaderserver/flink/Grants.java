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

import java.util.OptionalLong;
import java.util.UUID;

/**
 * Under which epoch this process was told to lead: what a store that is asked for now is bound to.
 *
 * <p>Flink's metadata belongs to the dispatcher, so the grant that counts is the one last delivered
 * to the dispatcher's contender. It is noted before that contender is called, so that what it asks
 * for while it is called is bound to it; and it is kept when the leadership is over, for Flink
 * cleans up after it has resigned: whether nobody has followed, the name service knows.
 *
 * <p>In a process that never had a contender for the dispatcher, the last grant of any contender
 * counts instead, if they share one election. Thread-safe.
 */
final class Grants {

    private final boolean shared;

    private boolean hasDispatcher;
    private OptionalLong dispatcher = OptionalLong.empty();
    private OptionalLong any = OptionalLong.empty();

    /** @param shared whether all components share one election, and with it the epochs */
    Grants(boolean shared) {
        this.shared = shared;
    }

    /** The epoch that a leader session id carries. */
    static long epochOf(UUID leaderSessionId) {
        return leaderSessionId.getMostSignificantBits();
    }

    /** A contender is about to be registered. */
    synchronized void registering(String componentId) {
        hasDispatcher |= componentId.equals(ComponentIds.DISPATCHER);
    }

    /** A contender is about to be told that it leads. */
    synchronized void delivering(String componentId, UUID leaderSessionId) {
        final OptionalLong epoch = OptionalLong.of(epochOf(leaderSessionId));
        any = epoch;
        if (componentId.equals(ComponentIds.DISPATCHER)) {
            dispatcher = epoch;
        }
    }

    /** The epoch for what is decided now; none if this process was never told to lead. */
    synchronized OptionalLong last() {
        return shared && !hasDispatcher ? any : dispatcher;
    }
}

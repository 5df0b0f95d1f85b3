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

import org.apache.flink.runtime.checkpoint.CheckpointStoreUtil;

/** Checkpoint ids as names: padded, because Flink sorts checkpoints by name when it recovers. */
enum CheckpointNames implements CheckpointStoreUtil {
    INSTANCE;

    /** As many as the greatest id has. */
    private static final int DIGITS = 19;

    @Override
    public String checkpointIDToName(long checkpointId) {
        final String digits = Long.toString(checkpointId);
        final StringBuilder name = new StringBuilder(DIGITS);
        for (int i = digits.length(); i < DIGITS; i++) {
            name.append('0');
        }
        return name.append(digits).toString();
    }

    @Override
    public long nameToCheckpointID(String name) {
        try {
            return Long.parseLong(name);
        } catch (NumberFormatException e) {
            return INVALID_CHECKPOINT_ID;
        }
    }
}

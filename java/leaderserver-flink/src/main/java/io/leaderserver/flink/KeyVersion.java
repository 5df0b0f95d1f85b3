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

import org.apache.flink.runtime.persistence.ResourceVersion;

/** The version of a key in the name service. */
final class KeyVersion implements ResourceVersion<KeyVersion> {

    private static final long serialVersionUID = 1L;

    private static final long NONE = -1;

    private final long value;

    private KeyVersion(long value) {
        this.value = value;
    }

    static KeyVersion of(long version) {
        return new KeyVersion(version);
    }

    /** There is no such key. */
    static KeyVersion notExisting() {
        return new KeyVersion(NONE);
    }

    long value() {
        return value;
    }

    @Override
    public boolean isExisting() {
        return value != NONE;
    }

    @Override
    public int compareTo(KeyVersion other) {
        return Long.compare(value, other.value);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof KeyVersion && ((KeyVersion) other).value == value;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(value);
    }

    @Override
    public String toString() {
        return isExisting() ? Long.toString(value) : "not existing";
    }
}

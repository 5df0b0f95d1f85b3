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
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Options as the native library takes them. */
final class Options {

    /** The only option that travels with {@link TlsMaterial}. */
    private static final String FINGERPRINT = "tls-fingerprint";

    private Options() {}

    /** Alternating names and values. Null names and values are the caller's bug. */
    static String[] flat(Map<String, String> options, TlsMaterial tlsOrNull) {
        final List<String> flat = new ArrayList<>(2 * options.size() + 2);
        for (Map.Entry<String, String> option : options.entrySet()) {
            final String name = Objects.requireNonNull(option.getKey(), "name of an option");
            flat.add(name);
            flat.add(Objects.requireNonNull(option.getValue(), name));
        }
        if (tlsOrNull != null && tlsOrNull.fingerprint() != null) {
            flat.add(FINGERPRINT);
            flat.add(tlsOrNull.fingerprint());
        }
        return flat.toArray(new String[0]);
    }

    static byte[][] tls(TlsMaterial tlsOrNull) {
        return tlsOrNull == null ? null : tlsOrNull.encoded();
    }

    /** A time-out as the native library takes it: a longer one is as good as the longest. */
    static int millis(long timeoutMs) {
        if (timeoutMs < 0) {
            throw new IllegalArgumentException("timeoutMs is negative: " + timeoutMs);
        }
        return (int) Math.min(timeoutMs, Integer.MAX_VALUE);
    }
}

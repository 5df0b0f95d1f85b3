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

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * Strings as bytes and back, without loss for any Java string: UTF-8, in which a surrogate without
 * its partner, which UTF-8 has no form for, takes the three bytes it would take as a character
 * (WTF-8, https://simonsapin.github.io/wtf-8/). NUL is one byte.
 */
final class Wtf8 {

    /** First byte of an encoded surrogate; the second is then at least {@link #SECOND}. */
    private static final int LEAD = 0xED;

    private static final int SECOND = 0xA0;

    private static final int CONTINUATION = 0x80;

    private static final int CONTINUATION_END = 0xC0;

    private Wtf8() {}

    static byte[] encode(String text) {
        Objects.requireNonNull(text, "text");
        int lone = nextLone(text, 0);
        if (lone == text.length()) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
        final ByteArrayOutputStream out = new ByteArrayOutputStream(text.length() * 3);
        int from = 0;
        while (lone < text.length()) {
            append(out, text.substring(from, lone));
            final int unit = text.charAt(lone);
            out.write(0xE0 | unit >> 12);
            out.write(CONTINUATION | unit >> 6 & 0x3F);
            out.write(CONTINUATION | unit & 0x3F);
            from = lone + 1;
            lone = nextLone(text, from);
        }
        append(out, text.substring(from));
        return out.toByteArray();
    }

    /** Never fails: what is not WTF-8 becomes U+FFFD. */
    static String decode(byte[] bytes) {
        int surrogate = nextSurrogate(bytes, 0);
        if (surrogate == bytes.length) {
            return new String(bytes, StandardCharsets.UTF_8);
        }
        final StringBuilder out = new StringBuilder(bytes.length);
        int from = 0;
        while (surrogate < bytes.length) {
            out.append(new String(bytes, from, surrogate - from, StandardCharsets.UTF_8));
            final int high = bytes[surrogate + 1] & 0x3F;
            final int low = bytes[surrogate + 2] & 0x3F;
            out.append((char) (0xD000 | high << 6 | low));
            from = surrogate + 3;
            surrogate = nextSurrogate(bytes, from);
        }
        return out.append(new String(bytes, from, bytes.length - from, StandardCharsets.UTF_8))
                .toString();
    }

    private static void append(ByteArrayOutputStream out, String wellFormed) {
        final byte[] bytes = wellFormed.getBytes(StandardCharsets.UTF_8);
        out.write(bytes, 0, bytes.length);
    }

    /** Index of the first surrogate without a partner, or the length. */
    private static int nextLone(String text, int from) {
        int i = from;
        while (i < text.length()) {
            final char unit = text.charAt(i);
            if (!Character.isSurrogate(unit)) {
                i++;
            } else if (Character.isHighSurrogate(unit)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i += 2;
            } else {
                return i;
            }
        }
        return i;
    }

    /** Index of the first encoded surrogate, or the length. A lead byte is never a later byte. */
    private static int nextSurrogate(byte[] bytes, int from) {
        for (int i = from; i + 2 < bytes.length; i++) {
            if ((bytes[i] & 0xFF) == LEAD
                    && isBetween(bytes[i + 1], SECOND)
                    && isBetween(bytes[i + 2], CONTINUATION)) {
                return i;
            }
        }
        return bytes.length;
    }

    private static boolean isBetween(byte b, int low) {
        final int value = b & 0xFF;
        return value >= low && value < CONTINUATION_END;
    }
}

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

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** FLINK-CONTRACT 14: an address of any content is carried. */
class Wtf8Test {

    /** Pairs, halves of pairs, their neighbours, and what else has another length. */
    private static final char[] INTERESTING = {
        0, 'a', 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000, 0xFFFD,
        0xFFFF, 0xD83D, 0xDE00
    };

    /** Every string of three such characters. */
    @Test
    void anyStringComesBack() {
        for (char a : INTERESTING) {
            for (char b : INTERESTING) {
                for (char c : INTERESTING) {
                    final String text = new String(new char[] {a, b, c});
                    assertEquals(text, Wtf8.decode(Wtf8.encode(text)));
                }
            }
        }
    }

    @Test
    void longStringsComeBack() {
        final Random random = new Random(42);
        for (int i = 0; i < 200; i++) {
            final char[] chars = new char[random.nextInt(2_000)];
            for (int j = 0; j < chars.length; j++) {
                chars[j] =
                        random.nextBoolean()
                                ? (char) random.nextInt(0x10000)
                                : INTERESTING[random.nextInt(INTERESTING.length)];
            }
            final String text = new String(chars);
            assertEquals(text, Wtf8.decode(Wtf8.encode(text)));
        }
    }

    /** What has a UTF-8 form has that form, so that C and Rust programs read it. */
    @Test
    void wellFormedTextIsUtf8() {
        final String text = "a\u0000\u00E9\u20AC\uD83D\uDE00";
        assertArrayEquals(text.getBytes(StandardCharsets.UTF_8), Wtf8.encode(text));
    }

    @Test
    void loneSurrogateHasThreeBytes() {
        final byte[] expected = {'a', (byte) 0xED, (byte) 0xA0, (byte) 0x80, 'b'};
        assertArrayEquals(expected, Wtf8.encode("a\uD800b"));
    }

    /** P10: whatever another program published can be read as something. */
    @Test
    void anyBytesAreRead() {
        final Random random = new Random(43);
        for (int i = 0; i < 20_000; i++) {
            final byte[] bytes = new byte[random.nextInt(12)];
            random.nextBytes(bytes);
            for (int j = 0; j < bytes.length; j++) {
                if (random.nextInt(3) == 0) {
                    bytes[j] = (byte) (random.nextBoolean() ? 0xED : 0xA0);
                }
            }
            assertNotNull(Wtf8.decode(bytes));
        }
        assertEquals("\uFFFD", Wtf8.decode(new byte[] {(byte) 0xFF}));
    }
}

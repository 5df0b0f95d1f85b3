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
import java.math.BigInteger;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.interfaces.ECPrivateKey;
import java.util.Arrays;

/**
 * Private keys on elliptic curves, with the public key inside.
 *
 * <p>The JDK leaves out that optional part of the form (RFC 5915), and the native library's
 * cryptography takes no key without it. The certificate has it: its SubjectPublicKeyInfo holds, in
 * this order, the very algorithm and bit string that are wanted.
 */
final class EcKeys {

    private static final int INTEGER = 0x02;
    private static final int OCTET_STRING = 0x04;
    private static final int SEQUENCE = 0x30;

    /** Where RFC 5915 puts the public key. */
    private static final int PUBLIC_KEY = 0xA1;

    private EcKeys() {}

    /** PKCS#8 of the key as it is for most kinds; for one on a curve, with the public key. */
    static byte[] encode(PrivateKey key, PublicKey publicKey) {
        final byte[] info = publicKey.getEncoded();
        if (!(key instanceof ECPrivateKey) || info == null) {
            return key.getEncoded();
        }
        final int start = contentOf(info, 0);
        final int between = endOf(info, start);
        final byte[] algorithm = Arrays.copyOfRange(info, start, between);
        final byte[] point = Arrays.copyOfRange(info, between, endOf(info, between));
        final byte[] inner =
                der(
                        SEQUENCE,
                        der(INTEGER, new byte[] {1}),
                        der(OCTET_STRING, scalar((ECPrivateKey) key)),
                        der(PUBLIC_KEY, point));
        return der(
                SEQUENCE, der(INTEGER, new byte[] {0}), algorithm, der(OCTET_STRING, inner));
    }

    /** The secret number, in as many bytes as the order of the curve has. */
    private static byte[] scalar(ECPrivateKey key) {
        final BigInteger order = key.getParams().getOrder();
        final byte[] fixed = new byte[(order.bitLength() + 7) / 8];
        final byte[] signed = key.getS().toByteArray();
        final int length = Math.min(signed.length, fixed.length);
        System.arraycopy(signed, signed.length - length, fixed, fixed.length - length, length);
        return fixed;
    }

    private static byte[] der(int tag, byte[]... parts) {
        final ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            content.write(part, 0, part.length);
        }
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(tag);
        final int length = content.size();
        if (length >= 0x100) {
            out.write(0x82);
            out.write(length >> 8);
        } else if (length >= 0x80) {
            out.write(0x81);
        }
        out.write(length);
        out.write(content.toByteArray(), 0, length);
        return out.toByteArray();
    }

    /** Index of the first byte of the content of the element at an index. */
    private static int contentOf(byte[] der, int at) {
        final int length = der[at + 1] & 0xFF;
        return at + 2 + (length < 0x80 ? 0 : length & 0x7F);
    }

    /** Index behind the element at an index. */
    private static int endOf(byte[] der, int at) {
        final int content = contentOf(der, at);
        int length = der[at + 1] & 0xFF;
        if (length >= 0x80) {
            length = 0;
            for (int i = at + 2; i < content; i++) {
                length = length << 8 | der[i] & 0xFF;
            }
        }
        return content + length;
    }
}

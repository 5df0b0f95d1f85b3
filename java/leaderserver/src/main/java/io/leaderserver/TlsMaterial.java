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

import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * Keys and certificates for TLS. Both ends show a certificate and check the other's.
 *
 * <p>Immutable; holds copies of the encoded forms, and never prints them.
 */
public final class TlsMaterial {

    private static final int MAX_CHAIN = 255;

    private static final int SHA1_DIGITS = 40;

    private static final int SHA256_DIGITS = 64;

    private final byte[][] encoded;

    private final String fingerprint;

    private TlsMaterial(byte[][] encoded, String fingerprint) {
        this.encoded = encoded;
        this.fingerprint = fingerprint;
    }

    /**
     * From objects.
     *
     * @param key the private key; one that can't leave its device is refused
     * @param chain its certificates, its own first
     * @param trusted certificates of which one must have issued (or be) the other end's
     * @param fingerprintOrNull hex SHA-1 or SHA-256, with or without colons, of the only
     *     certificate accepted from the other end
     * @throws LeaderServerException with {@link LeaderServerException#TLS} if something can't be
     *     used
     */
    public static TlsMaterial of(
            PrivateKey key, Certificate[] chain, Certificate[] trusted, String fingerprintOrNull) {
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(chain, "chain");
        Objects.requireNonNull(trusted, "trusted");
        if (chain.length == 0 || chain.length > MAX_CHAIN) {
            throw failed("a chain of " + chain.length + " certificates can't be used", null);
        }
        if (trusted.length == 0) {
            throw failed("there is no trusted certificate", null);
        }
        final byte[][] encoded = new byte[2 + chain.length + trusted.length][];
        encoded[0] = key.getEncoded();
        if (encoded[0] == null || !"PKCS#8".equals(key.getFormat())) {
            throw failed("the private key has no PKCS#8 form: " + key.getAlgorithm(), null);
        }
        encoded[1] = new byte[] {(byte) chain.length};
        encode(chain, encoded, 2);
        encode(trusted, encoded, 2 + chain.length);
        return new TlsMaterial(encoded, fingerprint(fingerprintOrNull));
    }

    /**
     * From key stores: the first private key of the one, and every certificate of the other
     * (including the first of each key's chain, as the JDK reads a trust store).
     *
     * @throws LeaderServerException with {@link LeaderServerException#TLS} if something is missing
     *     or can't be used
     */
    public static TlsMaterial fromKeyStores(
            KeyStore keyStore, char[] keyPassword, KeyStore trustStore, String fingerprintOrNull) {
        try {
            final List<Certificate> trusted = new ArrayList<>();
            for (String alias : Collections.list(trustStore.aliases())) {
                final Certificate certificate = trustStore.getCertificate(alias);
                if (certificate != null) {
                    trusted.add(certificate);
                }
            }
            for (String alias : Collections.list(keyStore.aliases())) {
                if (keyStore.entryInstanceOf(alias, KeyStore.PrivateKeyEntry.class)) {
                    final Key key = keyStore.getKey(alias, keyPassword);
                    return of(
                            (PrivateKey) key,
                            keyStore.getCertificateChain(alias),
                            trusted.toArray(new Certificate[0]),
                            fingerprintOrNull);
                }
            }
        } catch (GeneralSecurityException e) {
            throw failed("the key stores can't be read: " + e.getMessage(), e);
        }
        throw failed("the key store has no private key", null);
    }

    /** As {@link Natives#clientOpen} wants it. */
    byte[][] encoded() {
        return encoded;
    }

    /** Lower-case hex without colons, or null. */
    String fingerprint() {
        return fingerprint;
    }

    @Override
    public String toString() {
        return "TlsMaterial{chain of "
                + (encoded[1][0] & 0xFF)
                + ", fingerprint "
                + (fingerprint == null ? "not checked" : fingerprint)
                + "}";
    }

    private static void encode(Certificate[] certificates, byte[][] into, int at) {
        try {
            for (int i = 0; i < certificates.length; i++) {
                into[at + i] = certificates[i].getEncoded();
            }
        } catch (CertificateEncodingException e) {
            throw failed("a certificate has no DER form: " + e.getMessage(), e);
        }
    }

    private static String fingerprint(String given) {
        if (given == null) {
            return null;
        }
        final String hex = given.replace(":", "").trim().toLowerCase(Locale.ROOT);
        final boolean length = hex.length() == SHA1_DIGITS || hex.length() == SHA256_DIGITS;
        if (!length || !hex.matches("[0-9a-f]*")) {
            throw failed("not a SHA-1 or SHA-256 fingerprint in hex: " + given, null);
        }
        return hex;
    }

    private static LeaderServerException failed(String message, Throwable cause) {
        return new LeaderServerException(LeaderServerException.TLS, message, cause);
    }
}

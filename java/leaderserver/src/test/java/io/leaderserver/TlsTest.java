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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** TLS with key stores as Flink's manual has them made: by keytool, each its own issuer. */
class TlsTest {

    private static final String PASSWORD = "secret-password";

    private static final int GIVE_UP_MS = 1_000;

    @TempDir Path directory;

    /** Both ends show a certificate that the other trusts. */
    @Test
    void bothEndsAreChecked() throws Exception {
        for (String kind : new String[] {"RSA 2048", "EC 256", "EC 384", "Ed25519"}) {
            final KeyStore ours = generate(kind);
            final TlsMaterial tls =
                    TlsMaterial.fromKeyStores(ours, PASSWORD.toCharArray(), ours, null);
            try (LeaderServer server = start(tls);
                    LeaderClient client = open(server, tls)) {
                final RecordingContender contender = new RecordingContender();
                client.register("x", contender);
                contender.awaitGranted();
                assertTrue(client.status(10_000).startsWith("{"));
            }
        }
    }

    /** Who shows a certificate of strangers, or none, gets no answer. */
    @Test
    void strangersAreRefused() throws Exception {
        final KeyStore ours = generate("EC 256");
        final KeyStore theirs = generate("EC 256");
        final char[] password = PASSWORD.toCharArray();
        final TlsMaterial tls = TlsMaterial.fromKeyStores(ours, password, ours, null);
        final TlsMaterial stranger = TlsMaterial.fromKeyStores(theirs, password, ours, null);
        final TlsMaterial distrustful = TlsMaterial.fromKeyStores(ours, password, theirs, null);
        try (LeaderServer server = start(tls);
                LeaderClient unknown = open(server, stranger);
                LeaderClient suspicious = open(server, distrustful);
                LeaderClient plain = open(server, null)) {
            assertThrows(LeaderServerException.class, () -> unknown.status(GIVE_UP_MS));
            assertThrows(LeaderServerException.class, () -> suspicious.status(GIVE_UP_MS));
            assertThrows(LeaderServerException.class, () -> plain.status(GIVE_UP_MS));
        }
    }

    /** Flink's security.ssl.internal.cert.fingerprint: this certificate and no other. */
    @Test
    void fingerprintIsChecked() throws Exception {
        final KeyStore ours = generate("RSA 2048");
        final Certificate own = ours.getCertificate("own");
        final String right = fingerprint(own, "SHA-1");
        final String longer = fingerprint(own, "SHA-256");
        final String wrong = right.replace(right.charAt(0), right.charAt(0) == '0' ? '1' : '0');
        try (LeaderServer server = start(material(ours, right));
                LeaderClient client = open(server, material(ours, longer));
                LeaderClient other = open(server, material(ours, wrong))) {
            assertTrue(client.status(10_000).startsWith("{"));
            assertThrows(LeaderServerException.class, () -> other.status(GIVE_UP_MS));
        }
    }

    /** What can't be used is refused when it is handed over, and is never printed. */
    @Test
    void unusableMaterialIsRefused() throws Exception {
        final KeyStore ours = generate("EC 256");
        final Certificate[] chain = ours.getCertificateChain("own");
        final PrivateKey key = (PrivateKey) ours.getKey("own", PASSWORD.toCharArray());
        assertTls(() -> TlsMaterial.of(key, new Certificate[0], chain, null));
        assertTls(() -> TlsMaterial.of(key, chain, new Certificate[0], null));
        assertTls(() -> TlsMaterial.of(key, chain, chain, "not hex"));
        assertTls(() -> TlsMaterial.of(key, chain, chain, "AB:CD"));
        assertTls(() -> TlsMaterial.of(new LockedKey(), chain, chain, null));
        assertTls(() -> TlsMaterial.fromKeyStores(ours, "wrong".toCharArray(), ours, null));
        assertThrows(NullPointerException.class, () -> TlsMaterial.of(null, chain, chain, null));
        final String printed = TlsMaterial.of(key, chain, chain, null).toString();
        assertFalse(printed.contains(Arrays.toString(key.getEncoded())), printed);
    }

    private static LeaderServer start(TlsMaterial tls) {
        return LeaderServer.start(Support.options("listen", "127.0.0.1:0", "cold", "true"), tls);
    }

    private static LeaderClient open(LeaderServer server, TlsMaterial tls) {
        final Map<String, String> options =
                Support.options("endpoint", Support.endpoint(server), "namespace", "test");
        return LeaderClient.open(options, tls);
    }

    private static TlsMaterial material(KeyStore store, String fingerprint) throws Exception {
        return TlsMaterial.fromKeyStores(store, PASSWORD.toCharArray(), store, fingerprint);
    }

    /** A key of this algorithm and size. */
    private KeyStore generate(String kind) throws Exception {
        final Path file = directory.resolve(Support.unique("keys") + ".p12");
        final String[] words = kind.split(" ");
        final List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + "/bin/keytool");
        command.addAll(List.of("-genkeypair", "-alias", "own", "-dname", "CN=flink.internal"));
        command.addAll(List.of("-keyalg", words[0], "-validity", "10"));
        if (words.length > 1) {
            command.addAll(List.of("-keysize", words[1]));
        }
        command.addAll(List.of("-storetype", "PKCS12", "-storepass", PASSWORD));
        command.addAll(List.of("-keystore", file.toString()));
        final Process keytool = new ProcessBuilder(command).redirectErrorStream(true).start();
        final String output = new String(keytool.getInputStream().readAllBytes());
        assertEquals(0, keytool.waitFor(), output);
        final KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, PASSWORD.toCharArray());
        }
        return store;
    }

    private static String fingerprint(Certificate certificate, String algorithm)
            throws Exception {
        final StringJoiner hex = new StringJoiner(":");
        for (byte b : MessageDigest.getInstance(algorithm).digest(certificate.getEncoded())) {
            hex.add(String.format("%02X", b));
        }
        return hex.toString();
    }

    private static void assertTls(Executable call) {
        final LeaderServerException refused = assertThrows(LeaderServerException.class, call);
        assertEquals(LeaderServerException.TLS, refused.code(), refused.getMessage());
    }

    /** As from a device that doesn't let its keys go. */
    private static final class LockedKey implements PrivateKey {

        private static final long serialVersionUID = 1L;

        @Override
        public String getAlgorithm() {
            return "RSA";
        }

        @Override
        public String getFormat() {
            return null;
        }

        @Override
        public byte[] getEncoded() {
            return null;
        }
    }
}

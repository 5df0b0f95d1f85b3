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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.leaderserver.LeaderServer;
import io.leaderserver.TlsMaterial;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Internal TLS of Flink is LeaderServer's, too, with the same stores. */
class InternalTlsTest extends ServicesTestBase {

    private static final String FINGERPRINT = "security.ssl.internal.cert.fingerprint";

    @TempDir private static Path directory;

    private static Path own;
    private static Path foreign;

    private final Configuration configuration = configuration(NameServices.JOB_MANAGER);

    @BeforeAll
    static void makeStores() throws Exception {
        own = Stores.selfSigned(directory, "own", "-keyalg", "RSA", "-keysize", "2048");
        foreign = Stores.selfSigned(directory, "foreign", "-keyalg", "EC");
    }

    private LeaderElection jobManager() throws Exception {
        return services(configuration).getDispatcherLeaderElection();
    }

    /** As the first process of a cluster has it: whoever has the copy finds the leader. */
    private void assertFound(Configuration taskManager, LeaderElection election) throws Exception {
        final UUID id = lead(election, "dispatcher").awaitGrantEnd();
        listenTo(services(taskManager).getDispatcherLeaderRetriever()).await("dispatcher", id);
    }

    /** Never told anything; why, stands in a warning that names the endpoint. */
    private void assertRefused(Configuration taskManager, String... words) throws Exception {
        try (Logs logs = new Logs()) {
            final TestingListener listener =
                    listenTo(services(taskManager).getDispatcherLeaderRetriever());
            logs.await(Level.WARN, words);
            listener.events.none();
            listener.errors.none();
        }
    }

    private static String fingerprint(String algorithm) throws Exception {
        final byte[] encoded = keyStore().getCertificate("flink.internal").getEncoded();
        final StringBuilder text = new StringBuilder();
        for (byte each : MessageDigest.getInstance(algorithm).digest(encoded)) {
            text.append(text.length() == 0 ? "" : ":").append(String.format("%02X", each));
        }
        return text.toString();
    }

    /** One file that is key store and trust store, as Flink's documentation has it. */
    @Test
    void aSelfSignedCertificate() throws Exception {
        Stores.configure(configuration, own, own);
        final LeaderElection election = jobManager();
        assertFound(new Configuration(configuration), election);
    }

    @Test
    void aCertificateOfAnAuthority() throws Exception {
        final Path[] stores = Stores.signed(directory);
        Stores.configure(configuration, stores[0], stores[1]);
        final LeaderElection election = jobManager();
        assertFound(new Configuration(configuration), election);
    }

    /** The client that submits a job, too. */
    @Test
    void theClientSpeaksTls() throws Exception {
        Stores.configure(configuration, own, own);
        final LeaderElection election =
                services(configuration).getClusterRestEndpointLeaderElection();
        final UUID id = lead(election, "https://rest").awaitGrant();
        listenTo(
                        client(new Configuration(configuration))
                                .getClusterRestEndpointLeaderRetriever())
                .await("https://rest", id);
    }

    /** A LeaderServer of its own has the same certificates. */
    @Test
    void aLeaderServerOfItsOwn() throws Exception {
        final TlsMaterial tls =
                TlsMaterial.fromKeyStores(keyStore(), Stores.password(), keyStore(), null);
        final LeaderServer server =
                closing(
                        LeaderServer.start(Map.of("listen", "127.0.0.1:0", "cold", "true"), tls));
        final Configuration durable = configuration(NameServices.LEADER_SERVER);
        durable.setString(NameServices.ENDPOINT, "leader://127.0.0.1:" + server.port());
        Stores.configure(durable, own, own);
        final HighAvailabilityServices services = services(durable);
        assertFound(new Configuration(durable), services.getDispatcherLeaderElection());
        assertEquals(
                1,
                services.getCheckpointRecoveryFactory()
                        .createCheckpointIDCounter(new JobID())
                        .getAndIncrement());
        final LeaderElection rest = services.getClusterRestEndpointLeaderElection();
        final UUID id = lead(rest, "https://rest").awaitGrant();
        listenTo(client(durable).getClusterRestEndpointLeaderRetriever())
                .await("https://rest", id);
        durable.setString("security.ssl.internal.enabled", "false");
        assertRefused(durable, "127.0.0.1:" + server.port());
    }

    private static KeyStore keyStore() throws Exception {
        final KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(own)) {
            store.load(in, Stores.password());
        }
        return store;
    }

    @Test
    void whoIsNotTrustedIsRefused() throws Exception {
        Stores.configure(configuration, own, own);
        final LeaderElection election = jobManager();
        final Configuration stranger = new Configuration(configuration);
        final String port = configuration.toMap().get(NameServices.PORT);
        // It does not trust the server; the server does not trust it; neither speaks the other's.
        Stores.configure(stranger, own, foreign);
        assertRefused(stranger, "127.0.0.1:" + port, "ertificate");
        Stores.configure(stranger, foreign, own);
        assertRefused(stranger, "127.0.0.1:" + port);
        stranger.setString("security.ssl.internal.enabled", "false");
        assertRefused(stranger, "127.0.0.1:" + port);
        assertFound(new Configuration(configuration), election);
    }

    @Test
    void aServerWithoutTlsIsRefused() throws Exception {
        final LeaderElection election = jobManager();
        final Configuration careful = new Configuration(configuration);
        Stores.configure(careful, own, own);
        assertRefused(careful, "127.0.0.1:" + configuration.toMap().get(NameServices.PORT));
        assertFound(new Configuration(configuration), election);
    }

    @Test
    void onlyTheCertificateOfTheFingerprintIsTaken() throws Exception {
        Stores.configure(configuration, own, own);
        configuration.setString(FINGERPRINT, fingerprint("SHA-1"));
        final LeaderElection election = jobManager();
        final Configuration other = new Configuration(configuration);
        final String right = fingerprint("SHA-256");
        other.setString(FINGERPRINT, right);
        assertFound(other, election);
        other.setString(FINGERPRINT, (right.startsWith("0") ? "1" : "0") + right.substring(1));
        assertRefused(other, "127.0.0.1:" + configuration.toMap().get(NameServices.PORT));
    }

    @Test
    void aStoreThatCannotBeReadIsNamedWithItsKey() {
        Stores.configure(configuration, own, directory.resolve("missing"));
        for (String key : new String[] {null, "keystore-password", "truststore-password"}) {
            if (key != null) {
                Stores.configure(configuration, own, own);
                configuration.setString("security.ssl.internal." + key, "wrong");
            }
            final Exception e =
                    assertThrows(
                            IllegalConfigurationException.class, () -> services(configuration));
            assertTrue(e.getMessage().contains("security.ssl.internal.keystore"), e.getMessage());
            assertTrue(e.getMessage().contains("security.ssl.internal.truststore"));
            assertTrue(e.getMessage().contains(own.toString()), e.getMessage());
        }
    }
}

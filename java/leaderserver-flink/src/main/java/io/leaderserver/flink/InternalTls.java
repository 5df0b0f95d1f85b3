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

import io.leaderserver.TlsMaterial;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.configuration.SecurityOptions;

/** Flink's internal TLS ({@code security.ssl.internal.*}), which is ours too when it is on. */
final class InternalTls {

    // Older releases have no constants for these two keys.
    private static final ConfigOption<String> KEY_STORE_TYPE =
            ConfigOptions.key("security.ssl.internal.keystore-type").stringType().noDefaultValue();

    private static final ConfigOption<String> TRUST_STORE_TYPE =
            ConfigOptions.key("security.ssl.internal.truststore-type")
                    .stringType()
                    .noDefaultValue();

    private InternalTls() {}

    static boolean isEnabled(Configuration configuration) {
        return SecurityOptions.isInternalSSLEnabled(configuration);
    }

    /**
     * Reads key and trust store.
     *
     * @return null if internal TLS is off
     * @throws IllegalConfigurationException naming the keys of both stores and what is wrong
     */
    static TlsMaterial load(Configuration configuration) {
        if (!isEnabled(configuration)) {
            return null;
        }
        final String keyStore =
                either(
                        configuration,
                        SecurityOptions.SSL_INTERNAL_KEYSTORE,
                        SecurityOptions.SSL_KEYSTORE);
        final String trustStore =
                either(
                        configuration,
                        SecurityOptions.SSL_INTERNAL_TRUSTSTORE,
                        SecurityOptions.SSL_TRUSTSTORE);
        try {
            return read(configuration, keyStore, trustStore);
        } catch (GeneralSecurityException | IOException | RuntimeException e) {
            throw new IllegalConfigurationException(
                    "Internal TLS is on ("
                            + SecurityOptions.SSL_INTERNAL_ENABLED.key()
                            + "), and the name service takes part in it, but "
                            + SecurityOptions.SSL_INTERNAL_KEYSTORE.key()
                            + ": '"
                            + keyStore
                            + "' or "
                            + SecurityOptions.SSL_INTERNAL_TRUSTSTORE.key()
                            + ": '"
                            + trustStore
                            + "' can't be used here: "
                            + e
                            + ". Give this process readable stores with their passwords.",
                    e);
        }
    }

    private static TlsMaterial read(Configuration configuration, String keyPath, String trustPath)
            throws GeneralSecurityException, IOException {
        final String keyStorePassword =
                required(
                        configuration,
                        SecurityOptions.SSL_INTERNAL_KEYSTORE_PASSWORD,
                        SecurityOptions.SSL_KEYSTORE_PASSWORD);
        final String keyPassword =
                required(
                        configuration,
                        SecurityOptions.SSL_INTERNAL_KEY_PASSWORD,
                        SecurityOptions.SSL_KEY_PASSWORD);
        final String trustStorePassword =
                required(
                        configuration,
                        SecurityOptions.SSL_INTERNAL_TRUSTSTORE_PASSWORD,
                        SecurityOptions.SSL_TRUSTSTORE_PASSWORD);
        final KeyStore keys =
                open(
                        SecurityOptions.SSL_INTERNAL_KEYSTORE,
                        keyPath,
                        keyStorePassword,
                        configuration.get(KEY_STORE_TYPE));
        final KeyStore trust =
                open(
                        SecurityOptions.SSL_INTERNAL_TRUSTSTORE,
                        trustPath,
                        trustStorePassword,
                        configuration.get(TRUST_STORE_TYPE));
        final String fingerprint = configuration.get(SecurityOptions.SSL_INTERNAL_CERT_FINGERPRINT);
        return TlsMaterial.fromKeyStores(
                keys,
                keyPassword.toCharArray(),
                trust,
                fingerprint == null || fingerprint.trim().isEmpty() ? null : fingerprint.trim());
    }

    private static KeyStore open(
            ConfigOption<String> option, String path, String password, String type)
            throws GeneralSecurityException, IOException {
        if (path == null) {
            throw new IOException(option.key() + " is not set");
        }
        final KeyStore store =
                KeyStore.getInstance(type == null ? KeyStore.getDefaultType() : type);
        try (InputStream in = Files.newInputStream(new File(path).toPath())) {
            store.load(in, password.toCharArray());
        }
        return store;
    }

    private static String required(
            Configuration configuration, ConfigOption<String> first, ConfigOption<String> second)
            throws IOException {
        final String value = either(configuration, first, second);
        if (value == null) {
            throw new IOException(first.key() + " is not set");
        }
        return value;
    }

    private static String either(
            Configuration configuration, ConfigOption<String> first, ConfigOption<String> second) {
        return configuration.getOptional(first).orElse(configuration.get(second));
    }
}

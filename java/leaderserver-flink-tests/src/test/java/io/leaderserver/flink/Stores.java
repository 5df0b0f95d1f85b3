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

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.configuration.Configuration;

/** Key and trust stores as Flink's documentation has them made, with keytool. */
final class Stores {

    private static final String PASSWORD = "internal_store_password";

    private Stores() {}

    /** A key with a certificate of its own, in one file that is key store and trust store. */
    static Path selfSigned(Path directory, String name, String... more) throws Exception {
        final Path store = directory.resolve(name + ".keystore");
        final List<String> arguments = new ArrayList<>(generate(store, "flink.internal"));
        arguments.addAll(Arrays.asList(more));
        keytool(arguments);
        return store;
    }

    /** A key whose certificate an authority has signed, and a trust store with that authority. */
    static Path[] signed(Path directory) throws Exception {
        final Path authority = directory.resolve("ca.keystore");
        final Path trust = directory.resolve("internal.truststore");
        final Path keys = directory.resolve("internal.keystore");
        final Path certificate = directory.resolve("ca.cer");
        final Path request = directory.resolve("request.csr");
        final Path answer = directory.resolve("internal.cer");
        final List<String> root = new ArrayList<>(generate(authority, "ca"));
        root.addAll(List.of("-keyalg", "RSA", "-keysize", "2048", "-ext", "bc:c"));
        keytool(root);
        export(authority, "ca", certificate);
        keytool(importing(trust, "ca", certificate));
        final List<String> leaf = new ArrayList<>(generate(keys, "flink.internal"));
        leaf.addAll(List.of("-keyalg", "EC", "-groupname", "secp256r1"));
        keytool(leaf);
        keytool(on("-certreq", keys, "flink.internal", "-file", request.toString()));
        keytool(
                on(
                        "-gencert",
                        authority,
                        "ca",
                        "-ext",
                        "san=dns:localhost,ip:127.0.0.1",
                        "-infile",
                        request.toString(),
                        "-outfile",
                        answer.toString()));
        keytool(importing(keys, "ca", certificate));
        keytool(importing(keys, "flink.internal", answer));
        return new Path[] {keys, trust};
    }

    /** Turns internal TLS on, with these stores. */
    static void configure(Configuration configuration, Path keys, Path trust) {
        final String prefix = "security.ssl.internal.";
        configuration.setString(prefix + "enabled", "true");
        configuration.setString(prefix + "keystore", keys.toString());
        configuration.setString(prefix + "truststore", trust.toString());
        configuration.setString(prefix + "keystore-password", PASSWORD);
        configuration.setString(prefix + "truststore-password", PASSWORD);
        configuration.setString(prefix + "key-password", PASSWORD);
    }

    static char[] password() {
        return PASSWORD.toCharArray();
    }

    private static List<String> generate(Path store, String alias) {
        return on("-genkeypair", store, alias, "-dname", "CN=" + alias, "-validity", "30");
    }

    private static List<String> importing(Path store, String alias, Path certificate) {
        return on("-importcert", store, alias, "-noprompt", "-file", certificate.toString());
    }

    private static void export(Path store, String alias, Path certificate) throws Exception {
        keytool(on("-exportcert", store, alias, "-file", certificate.toString()));
    }

    private static List<String> on(String command, Path store, String alias, String... more) {
        final List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of(command, "-alias", alias, "-keystore", store.toString()));
        arguments.addAll(List.of("-storetype", "PKCS12", "-storepass", PASSWORD));
        arguments.addAll(Arrays.asList(more));
        return arguments;
    }

    /** In this process, for a process takes a second. On a failure it ends the JVM. */
    private static void keytool(List<String> arguments) throws Exception {
        Class.forName("sun.security.tools.keytool.Main")
                .getMethod("main", String[].class)
                .invoke(null, (Object) arguments.toArray(new String[0]));
    }
}

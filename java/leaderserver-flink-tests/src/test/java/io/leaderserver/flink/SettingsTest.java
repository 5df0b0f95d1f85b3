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
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {

    private static final String PREFIX = "high-availability.leader-server.";

    private final Configuration configuration = new Configuration();

    private Settings settings() {
        return new Settings(configuration, Collections.emptyMap());
    }

    private Map<String, String> clientOptions() {
        return settings().clientOptions("me");
    }

    @Test
    void defaults() {
        configuration.setString("jobmanager.rpc.address", "jm");
        assertEquals(
                Map.of(
                        "endpoint", "leader://jm:6130",
                        "namespace", "/default",
                        "name", "me",
                        "session-timeout", "10000",
                        "disconnect-grace", "1000",
                        "stall-timeout", "60000",
                        "retrieval-timeout", "-1",
                        "operation-timeout", "30000",
                        "election", "per-process",
                        "stall-exempt", "true"),
                clientOptions());
        assertEquals(
                Map.of(
                        "listen", "0.0.0.0:6130",
                        "namespace", "/default",
                        "max-session-timeout", "30000"),
                settings().serverOptions(settings().port()));
    }

    @Test
    void everyKeyIsUsed() {
        configuration.setString("high-availability.cluster-id", "mine");
        configuration.setString(PREFIX + "endpoint", "jobmanager://service:7001");
        configuration.setString(PREFIX + "port", "7002");
        configuration.setString(PREFIX + "bind-host", "10.0.0.7");
        configuration.setString(PREFIX + "session-timeout", "2 min");
        configuration.setString(PREFIX + "disconnect-grace", "0 s");
        configuration.setString(PREFIX + "stall-timeout", "0");
        configuration.setString(PREFIX + "retrieval-timeout", "7 s");
        configuration.setString(PREFIX + "operation-timeout", "8 s");
        configuration.setString(PREFIX + "election", "per-component");
        configuration.setString(PREFIX + "native-dir", "/native");
        configuration.setString("io.tmp.dirs", "/one,/two");
        assertEquals(
                Map.of(
                        "endpoint", "leader://service:7001",
                        "namespace", "mine",
                        "name", "me",
                        "session-timeout", "120000",
                        "disconnect-grace", "0",
                        "stall-timeout", "0",
                        "retrieval-timeout", "7000",
                        "operation-timeout", "8000",
                        "election", "per-component",
                        "stall-exempt", "true"),
                clientOptions());
        assertEquals(
                Map.of(
                        "listen", "10.0.0.7:7002",
                        "namespace", "mine",
                        "max-session-timeout", "120000"),
                settings().serverOptions(settings().port()));
        final String temporary = new File(System.getProperty("java.io.tmpdir")).getAbsolutePath();
        assertEquals(
                List.of("/native", temporary, "/one", "/two"), settings().nativeDirectories());
    }

    /** Somebody else could lead there: a JVM that stands still gives up (P9). */
    @Test
    void overALeaderServerOfItsOwnNobodyIsExempt() {
        configuration.setString(PREFIX + "endpoint", "leader://name-service:6130");
        configuration.setString("jobmanager.rpc.address", "jm");
        final Map<String, String> options = clientOptions();
        assertEquals("leader://name-service:6130", options.get("endpoint"));
        assertEquals("false", options.get("stall-exempt"));
        assertEquals("10000", options.get("retrieval-timeout"));
    }

    @Test
    void nativeDirectoriesAreTriedOnce() {
        final List<String> directories = settings().nativeDirectories();
        assertEquals(List.copyOf(new LinkedHashSet<>(directories)), directories);
    }

    @ParameterizedTest
    @CsvSource({
        "port, -1",
        "port, 65536",
        "port, many",
        "endpoint, here",
        "session-timeout, 99 ms",
        "session-timeout, soon",
        "session-timeout, 366 d",
        "disconnect-grace, 5001 ms",
        "disconnect-grace, -1 s",
        "stall-timeout, never",
        "retrieval-timeout, ever",
        "operation-timeout, 0 s",
        "election, per-job",
    })
    void refusesNamingKeyValueAndRemedy(String key, String value) {
        configuration.setString(PREFIX + key, value);
        final Exception e =
                assertThrows(IllegalConfigurationException.class, this::clientOptions);
        assertTrue(e.getMessage().contains(PREFIX + key), e.getMessage());
        assertTrue(e.getMessage().contains("give "), e.getMessage());
        if (!key.endsWith("-timeout")) {
            assertTrue(e.getMessage().contains(value), e.getMessage());
        }
    }

    @Test
    void graceMayBeHalfOfTheTimeoutAndNoMore() {
        configuration.setString(PREFIX + "session-timeout", "1 s");
        configuration.setString(PREFIX + "disconnect-grace", "500 ms");
        assertEquals("500", clientOptions().get("disconnect-grace"));
        configuration.setString(PREFIX + "disconnect-grace", "501 ms");
        assertThrows(IllegalConfigurationException.class, this::clientOptions);
    }

    @Test
    void anEmptyClusterIdIsRefused() {
        configuration.setString("high-availability.cluster-id", " ");
        final Exception e =
                assertThrows(IllegalConfigurationException.class, this::clientOptions);
        assertTrue(e.getMessage().contains("high-availability.cluster-id"), e.getMessage());
    }

    @Test
    void bindsWhereTheJobManagerBinds() {
        configuration.setString("jobmanager.bind-host", "::1");
        assertEquals("[::1]:1", settings().serverOptions(1).get("listen"));
        configuration.setString(PREFIX + "bind-host", "*");
        assertEquals("0.0.0.0:1", settings().serverOptions(1).get("listen"));
    }

    @Test
    void withoutAnAddressNothingIsDialled() {
        assertNull(clientOptions().get("endpoint"));
        configuration.setString("jobmanager.rpc.address", "0.0.0.0");
        assertNull(clientOptions().get("endpoint"));
        configuration.setString("jobmanager.rpc.address", "jm");
        configuration.setString(PREFIX + "port", "0");
        assertNull(clientOptions().get("endpoint"));
    }

    @Test
    void addressesOfVersion6AreBracketedOnce() {
        for (String address : Arrays.asList("fe80::1", "[fe80::1]")) {
            configuration.setString("jobmanager.rpc.address", address);
            assertEquals("leader://[fe80::1]:6130", clientOptions().get("endpoint"));
        }
    }

    @Test
    void embeddedKeepsItsValueForTheSessionTimeout() {
        configuration.setString(PREFIX + "endpoint", "embedded:name");
        assertEquals("embedded:name", clientOptions().get("endpoint"));
        assertEquals("10000", clientOptions().get("retrieval-timeout"));
        assertEquals("false", clientOptions().get("stall-exempt"));
        configuration.setString(PREFIX + "endpoint", "embedded:");
        assertEquals("true", clientOptions().get("stall-exempt"));
    }

    @Test
    void onYarnThePortIsPickedUnlessItIsSet() {
        configuration.setString("yarn.application.id", "application_1_1");
        assertEquals(0, settings().port());
        configuration.setString(PREFIX + "port", "6130");
        assertEquals(6130, settings().port());
    }

    /** YARN's application master finds its id in the environment, not in its configuration. */
    @Test
    void onYarnTheApplicationMasterIsKnownByItsEnvironment() {
        final Settings master =
                new Settings(configuration, Map.of("_APP_ID", "application_1_1"));
        assertEquals(0, master.port());
    }
}

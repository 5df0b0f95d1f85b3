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

import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.runtime.highavailability.ClientHighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.Test;

/** Where a client looks for the cluster when it can't ask the LeaderServer. */
class ClientServicesTest extends ServicesTestBase {

    private final Configuration configuration = configuration(NameServices.JOB_MANAGER);

    private String foundAddress() throws Exception {
        final ClientHighAvailabilityServices services = client(configuration);
        final TestingListener listener = new TestingListener("client");
        services.getClusterRestEndpointLeaderRetriever().start(listener);
        return listener.events.next().address;
    }

    private String refusal() {
        return assertThrows(IllegalConfigurationException.class, this::foundAddress).getMessage();
    }

    private void turnTlsOn() {
        configuration.setString(NameServices.PORT, "6130");
        configuration.setString("security.ssl.internal.enabled", "true");
        configuration.setString("security.ssl.internal.keystore", "/nowhere/key");
        configuration.setString("security.ssl.internal.truststore", "/nowhere/trust");
        configuration.setString("security.ssl.internal.keystore-password", "a");
        configuration.setString("security.ssl.internal.key-password", "b");
        configuration.setString("security.ssl.internal.truststore-password", "c");
    }

    @Test
    void onYarnTheRestAddressIsTaken() throws Exception {
        configuration.removeConfig(LeaderServerOptions.PORT);
        configuration.setString("yarn.application.id", "application_1_1");
        configuration.setString("rest.address", "worker-7");
        configuration.setString("rest.port", "34567");
        assertEquals("http://worker-7:34567", foundAddress());
    }

    @Test
    void onYarnWithAPortOfItsOwnTheRestAddressIsTakenToo() throws Exception {
        configuration.setString(NameServices.PORT, "7000");
        configuration.setString("yarn.application.id", "application_1_1");
        configuration.setString("rest.address", "worker-7");
        configuration.setString("rest.port", "34567");
        configuration.setString("security.ssl.rest.enabled", "true");
        assertEquals("https://worker-7:34567", foundAddress());
    }

    @Test
    void withoutStoresTheRestAddressIsTaken() throws Exception {
        turnTlsOn();
        configuration.setString("rest.address", "fe80::1");
        configuration.setString("rest.port", "8081");
        assertEquals("http://[fe80::1]:8081", foundAddress());
    }

    @Test
    void withoutStoresAndRestPortBothKeysAreNamed() {
        turnTlsOn();
        for (String port : new String[] {null, "0"}) {
            if (port != null) {
                configuration.setString("rest.port", port);
            }
            final String message = refusal();
            assertTrue(message.contains("security.ssl.internal.keystore"), message);
            assertTrue(message.contains("/nowhere/key"), message);
            assertTrue(message.contains("security.ssl.internal.truststore"), message);
            assertTrue(message.contains("/nowhere/trust"), message);
        }
    }

    /** A client of a LeaderServer of its own needs no storage directory. */
    @Test
    void aLeaderServerOfItsOwnIsAsked() throws Exception {
        final Configuration durable = configuration(NameServices.LEADER_SERVER);
        final LeaderElection election =
                services(durable).getClusterRestEndpointLeaderElection();
        lead(election, "http://rest").awaitGrant();
        durable.removeKey(NameServices.STORAGE);
        configuration.addAll(durable);
        assertEquals("http://rest", foundAddress());
        // Where it can't be spoken to, the same is taken as for any other.
        turnTlsOn();
        configuration.setString("rest.address", "worker-7");
        configuration.setString("rest.port", "8081");
        assertEquals("http://worker-7:8081", foundAddress());
    }

    @Test
    void servicesOfTheClusterNeedTheStores() {
        turnTlsOn();
        configuration.setString("rest.port", "8081");
        final Exception e =
                assertThrows(
                        IllegalConfigurationException.class, () -> services(configuration));
        assertTrue(e.getMessage().contains("security.ssl.internal.keystore"), e.getMessage());
    }

    @Test
    void aPortThatIsPickedCanNotBeGuessed() {
        configuration.removeConfig(LeaderServerOptions.ENDPOINT);
        final String message = refusal();
        assertTrue(message.contains(NameServices.PORT), message);
        assertTrue(message.contains(NameServices.ENDPOINT), message);
    }
}

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
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.apache.flink.configuration.IllegalConfigurationException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EndpointTest {

    @ParameterizedTest
    @CsvSource({
        "jobmanager:, jobmanager:",
        "' JobManager: ', jobmanager:",
        "jobmanager://jm_1.example:7000, jobmanager://jm_1.example:7000",
        "jobmanager://[fe80::1]:7000, jobmanager://[fe80::1]:7000",
        "leader://a:1, leader://a:1",
        "' Leader://[fe80::1]:7000', leader://[fe80::1]:7000",
        "embedded:, embedded:",
        "embedded:a b/c:d, embedded:a b/c:d",
        "embedded://a, embedded:a",
    })
    void reads(String text, String expected) {
        assertEquals(expected, Endpoint.parse(text).toString());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "jobmanager",
                "10.0.0.1:6130",
                "http://a:1",
                "jobmanager:a:1",
                "jobmanager://",
                "jobmanager://a",
                "jobmanager://:1",
                "jobmanager://a:",
                "jobmanager://a:b",
                "jobmanager://a:-1",
                "jobmanager://a:0",
                "jobmanager://a:65536",
                "jobmanager://a:99999999999999999999",
                "jobmanager://a:1/path",
                "jobmanager://user@a:1",
                "jobmanager://fe80::1:7000",
                "jobmanager://[fe80::1]",
                "jobmanager://[]:1",
                "leader:",
                "leader://",
                "leader://a",
                "leader:a:1",
                "leader://a:0",
                "leader://a:1,b:2",
            })
    void refusesNamingKeyAndValue(String text) {
        final Exception e =
                assertThrows(IllegalConfigurationException.class, () -> Endpoint.parse(text));
        assertTrue(e.getMessage().contains(NameServices.ENDPOINT), e.getMessage());
        assertTrue(e.getMessage().contains("'" + text + "'"), e.getMessage());
        assertTrue(e.getMessage().contains("give "), e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"etcd://a:2379,b:2379", "zookeeper://a:2181/path"})
    void refusesWhatNeedsAStore(String text) {
        final Exception e =
                assertThrows(IllegalConfigurationException.class, () -> Endpoint.parse(text));
        assertTrue(e.getMessage().contains("no store"), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, true",
        "'::', true",
        "[::], true",
        "0:0:0:0:0:0:0:0, true",
        "'*', true",
        "'', true",
        "127.0.0.1, false",
        "'::1', false",
        "0, false",
        "host, false",
    })
    void knowsWhatCannotBeDialled(String host, boolean wildcard) {
        assertEquals(wildcard, HostPort.isWildcard(host));
    }

    @ParameterizedTest
    @CsvSource({
        "embedded:, true",
        "embedded:a, false",
        "jobmanager:, false",
        "leader://a:1, false",
    })
    void knowsWhatIsPrivate(String text, boolean isPrivate) {
        if (isPrivate) {
            assertTrue(Endpoint.parse(text).isPrivate());
        } else {
            assertFalse(Endpoint.parse(text).isPrivate());
        }
    }
}

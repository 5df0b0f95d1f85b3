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

import java.util.OptionalLong;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Which of the grants that were delivered counts. */
class GrantsTest {

    private static UUID id(long epoch) {
        return new UUID(epoch, 42);
    }

    @Test
    void theLastOfTheDispatcherCounts() {
        final Grants grants = new Grants(true);
        assertEquals(OptionalLong.empty(), grants.last());
        grants.registering("dispatcher");
        grants.delivering("dispatcher", id(1));
        grants.delivering("rest_server", id(2));
        assertEquals(OptionalLong.of(1), grants.last());
        grants.delivering("dispatcher", id(2));
        assertEquals(OptionalLong.of(2), grants.last());
        // Another incarnation of the name service may count from elsewhere.
        grants.delivering("dispatcher", id(1));
        assertEquals(OptionalLong.of(1), grants.last());
    }

    /** What others were granted does not stand for what the dispatcher has not heard yet. */
    @Test
    void aDispatcherThatWasNotToldHasNone() {
        final Grants grants = new Grants(true);
        grants.registering("rest_server");
        grants.delivering("rest_server", id(1));
        assertEquals(OptionalLong.of(1), grants.last());
        grants.registering("dispatcher");
        assertEquals(OptionalLong.empty(), grants.last());
    }

    @Test
    void otherElectionsDoNotCount() {
        final Grants grants = new Grants(false);
        grants.registering("rest_server");
        grants.delivering("rest_server", id(1));
        assertEquals(OptionalLong.empty(), grants.last());
    }
}

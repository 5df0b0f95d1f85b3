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

import java.util.List;
import org.apache.flink.configuration.Configuration;

/** One way to configure the services: which name service, and how elections are shared. */
final class Variant {

    static final String ELECTION = "high-availability.leader-server.election";

    final NameServices nameService;

    /** Each component has an election to itself, and so an id of its own. */
    final boolean perComponent;

    Variant(NameServices nameService, boolean perComponent) {
        this.nameService = nameService;
        this.perComponent = perComponent;
    }

    /** Every name service, and both ways where the way may matter. */
    static List<Variant> all() {
        return List.of(
                new Variant(NameServices.EMBEDDED, false),
                new Variant(NameServices.EMBEDDED_NAMED, false),
                new Variant(NameServices.EMBEDDED_NAMED, true),
                new Variant(NameServices.JOB_MANAGER, false),
                new Variant(NameServices.JOB_MANAGER, true),
                new Variant(NameServices.JOB_MANAGER_ADDRESS, false),
                new Variant(NameServices.LEADER_SERVER, false),
                new Variant(NameServices.LEADER_SERVER, true));
    }

    /** Those over which two processes can compete. */
    static List<Variant> competing() {
        return List.of(
                new Variant(NameServices.EMBEDDED_NAMED, false),
                new Variant(NameServices.EMBEDDED_NAMED, true),
                new Variant(NameServices.LEADER_SERVER, false),
                new Variant(NameServices.LEADER_SERVER, true));
    }

    /** A configuration of a cluster of its own. */
    Configuration configuration() {
        final Configuration configuration = ServicesTestBase.configuration(nameService);
        configuration.setString(ELECTION, perComponent ? "per-component" : "per-process");
        return configuration;
    }

    /** Whether a LeaderServer of the process stops when the last of its elections closes. */
    boolean hasServer() {
        return nameService == NameServices.JOB_MANAGER
                || nameService == NameServices.JOB_MANAGER_ADDRESS;
    }

    @Override
    public String toString() {
        return nameService + (perComponent ? ", per component" : "");
    }
}

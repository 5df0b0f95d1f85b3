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

import java.util.UUID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.BeforeEach;

/** What tests share that run once for each {@link Variant}: services of a JobManager. */
abstract class ContractTestBase extends ServicesTestBase {

    final Variant variant;
    final Configuration configuration;

    HighAvailabilityServices services;

    private HighAvailabilityServices elsewhere;

    ContractTestBase(Variant variant) {
        this.variant = variant;
        this.configuration = variant.configuration();
    }

    @BeforeEach
    void open() throws Exception {
        services = services(configuration);
    }

    /**
     * Services of another process, for retrievers; where nothing is shared, the same. To be asked
     * for when there is an election: only then the address of the JobManager is known.
     */
    final HighAvailabilityServices elsewhere() throws Exception {
        if (variant.nameService == NameServices.EMBEDDED) {
            return services;
        }
        if (elsewhere == null) {
            elsewhere = services(new Configuration(configuration));
        }
        return elsewhere;
    }

    /** Keeps the process leading, and its LeaderServer running, whatever else is closed. */
    final TestingContender anchor() throws Exception {
        final LeaderElection election = services.getClusterRestEndpointLeaderElection();
        final TestingContender anchor = new TestingContender("anchor");
        election.startLeaderElection(anchor);
        closing(election);
        anchor.awaitGrant();
        return anchor;
    }

    /** The epoch, which only ever grows. */
    static long epoch(UUID id) {
        return id.getMostSignificantBits();
    }
}

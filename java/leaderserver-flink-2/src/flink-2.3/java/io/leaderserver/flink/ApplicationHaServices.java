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

import java.io.IOException;
import org.apache.flink.runtime.highavailability.ApplicationResultStore;
import org.apache.flink.runtime.highavailability.FileSystemApplicationResultStore;
import org.apache.flink.runtime.jobmanager.ApplicationStore;

/** The services as Flink 2.3 asks for them. */
final class ApplicationHaServices extends ExecutionPlanHaServices {

    private ApplicationResultStore results;

    ApplicationHaServices(Metadata metadata) {
        super(metadata);
    }

    /** Bound now: Flink asks once for each grant of the dispatcher. */
    @Override
    public ApplicationStore getApplicationStore() {
        checkJobManager();
        return new FencedApplicationStore(metadata);
    }

    @Override
    public ApplicationResultStore getApplicationResultStore() throws IOException {
        checkJobManager();
        return new FencedApplicationResultStore(
                metadata.keys(), fileResults(), metadata.executor());
    }

    private synchronized ApplicationResultStore fileResults() throws IOException {
        if (results == null) {
            results =
                    FileSystemApplicationResultStore.fromConfiguration(
                            metadata.configuration(), metadata.executor());
        }
        return results;
    }
}

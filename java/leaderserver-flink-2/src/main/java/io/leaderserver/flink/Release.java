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

import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.util.FlinkRuntimeException;

/** What the release of Flink on the class path has of its own: 2.0 to 2.2, or 2.3. */
final class Release {

    /** Comes with 2.3. */
    private static final String APPLICATION_STORE =
            "org.apache.flink.runtime.jobmanager.ApplicationStore";

    private static final String WITH_APPLICATIONS =
            "io.leaderserver.flink.ApplicationHaServices";

    private Release() {}

    static HighAvailabilityServices haServices(Metadata metadata) {
        final ClassLoader loader = Release.class.getClassLoader();
        try {
            Class.forName(APPLICATION_STORE, false, loader);
        } catch (ClassNotFoundException e) {
            return new ExecutionPlanHaServices(metadata);
        }
        try {
            // By its name, so that an older release never gets to see what it mentions.
            return (HighAvailabilityServices)
                    Class.forName(WITH_APPLICATIONS, true, loader)
                            .getDeclaredConstructor(Metadata.class)
                            .newInstance(metadata);
        } catch (ReflectiveOperationException e) {
            throw new FlinkRuntimeException(e);
        }
    }
}

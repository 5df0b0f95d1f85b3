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

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.flink.api.common.ApplicationID;
import org.apache.flink.runtime.jobmanager.ApplicationStoreEntry;
import org.apache.flink.runtime.jobmanager.ApplicationStoreUtil;
import org.apache.flink.runtime.jobmanager.DefaultApplicationStore;

/** Flink's store of applications over pointers that only the leader writes. */
final class FencedApplicationStore extends DefaultApplicationStore<KeyVersion> {

    private static final String KIND = "applications";

    private final Metadata metadata;

    FencedApplicationStore(Metadata metadata) {
        super(
                metadata.handles(
                        KIND, Metadata.APPLICATION, ApplicationStoreEntry::getApplicationId),
                Names.INSTANCE);
        this.metadata = metadata;
    }

    /** Completes normally where the fence refuses it: it is another process's then. */
    @Override
    public CompletableFuture<Void> globalCleanupAsync(
            ApplicationID applicationId, Executor executor) {
        return metadata.removeWithFiles(
                Metadata.APPLICATION,
                applicationId,
                executor,
                () -> super.globalCleanupAsync(applicationId, executor));
    }

    /** Application ids as names. */
    private enum Names implements ApplicationStoreUtil {
        INSTANCE;

        @Override
        public String applicationIdToName(ApplicationID applicationId) {
            return applicationId.toString();
        }

        @Override
        public ApplicationID nameToApplicationId(String name) {
            return ApplicationID.fromHexString(name);
        }
    }
}

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
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.apache.flink.api.common.ApplicationID;
import org.apache.flink.runtime.highavailability.ApplicationResult;
import org.apache.flink.runtime.highavailability.ApplicationResultEntry;
import org.apache.flink.runtime.highavailability.ApplicationResultStore;

/** Flink's store of application results, into which only the leader writes: as that of jobs. */
final class FencedApplicationResultStore implements ApplicationResultStore {

    private final FencedKeys keys;
    private final ApplicationResultStore results;
    private final Executor executor;

    FencedApplicationResultStore(
            FencedKeys keys, ApplicationResultStore results, Executor executor) {
        this.keys = keys;
        this.results = results;
        this.executor = executor;
    }

    @Override
    public CompletableFuture<Void> createDirtyResultAsync(ApplicationResultEntry result) {
        return ifLeader(() -> results.createDirtyResultAsync(result));
    }

    @Override
    public CompletableFuture<Void> markResultAsCleanAsync(ApplicationID applicationId) {
        return ifLeader(() -> results.markResultAsCleanAsync(applicationId));
    }

    private CompletableFuture<Void> ifLeader(Supplier<CompletableFuture<Void>> write) {
        return CompletableFuture.runAsync(keys::check, executor)
                .thenCompose(ignored -> write.get());
    }

    @Override
    public CompletableFuture<Boolean> hasApplicationResultEntryAsync(ApplicationID applicationId) {
        return results.hasApplicationResultEntryAsync(applicationId);
    }

    @Override
    public CompletableFuture<Boolean> hasDirtyApplicationResultEntryAsync(
            ApplicationID applicationId) {
        return results.hasDirtyApplicationResultEntryAsync(applicationId);
    }

    @Override
    public CompletableFuture<Boolean> hasCleanApplicationResultEntryAsync(
            ApplicationID applicationId) {
        return results.hasCleanApplicationResultEntryAsync(applicationId);
    }

    @Override
    public Set<ApplicationResult> getDirtyResults() throws IOException {
        return results.getDirtyResults();
    }

    @Override
    public CompletableFuture<ApplicationResult> getCleanApplicationResultAsync(
            ApplicationID applicationId) {
        return results.getCleanApplicationResultAsync(applicationId);
    }
}

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

import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.highavailability.nonha.AbstractNonHaServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;

/**
 * High availability services whose leaders are found through a name service that does not outlive
 * the JobManager: what Flink keeps in memory without high availability, it keeps in memory here.
 *
 * <p>The stores are inherited, so that no type which only some releases of Flink have is mentioned.
 */
final class LeaderServerNonHaServices extends AbstractNonHaServices {

    private final Leadership leadership;

    LeaderServerNonHaServices(Leadership leadership) {
        this.leadership = leadership;
    }

    @Override
    public LeaderRetrievalService getResourceManagerLeaderRetriever() {
        return retriever(ComponentIds.RESOURCE_MANAGER);
    }

    @Override
    public LeaderRetrievalService getDispatcherLeaderRetriever() {
        return retriever(ComponentIds.DISPATCHER);
    }

    @Override
    @Deprecated
    public LeaderRetrievalService getJobManagerLeaderRetriever(JobID jobId) {
        return retriever(ComponentIds.jobMaster(jobId));
    }

    @Override
    public LeaderRetrievalService getJobManagerLeaderRetriever(
            JobID jobId, String defaultJobManagerAddress) {
        return retriever(ComponentIds.jobMaster(jobId));
    }

    @Override
    public LeaderRetrievalService getClusterRestEndpointLeaderRetriever() {
        return retriever(ComponentIds.REST_ENDPOINT);
    }

    @Override
    public LeaderElection getResourceManagerLeaderElection() {
        return election(ComponentIds.RESOURCE_MANAGER);
    }

    @Override
    public LeaderElection getDispatcherLeaderElection() {
        return election(ComponentIds.DISPATCHER);
    }

    @Override
    public LeaderElection getJobManagerLeaderElection(JobID jobId) {
        return election(ComponentIds.jobMaster(jobId));
    }

    @Override
    public LeaderElection getClusterRestEndpointLeaderElection() {
        return election(ComponentIds.REST_ENDPOINT);
    }

    /**
     * Closes everything. Idempotent.
     *
     * @throws IllegalStateException at the end, if elections were left open
     */
    @Override
    public void close() throws Exception {
        // Not under the lock: contenders are called here, and may ask for a store.
        super.close();
        leadership.close();
    }

    private LeaderRetrievalService retriever(String componentId) {
        checkOpen();
        return leadership.retriever(componentId);
    }

    private LeaderElection election(String componentId) {
        checkOpen();
        return leadership.election(componentId);
    }

    private void checkOpen() {
        synchronized (lock) {
            checkNotShutdown();
        }
    }
}

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

/**
 * The ids under which Flink's components publish their leader information: the names that Flink's
 * own ZooKeeper and Kubernetes services use, so that tools and people recognise them.
 */
public final class ComponentIds {

    /** The resource manager. */
    public static final String RESOURCE_MANAGER = "resource_manager";

    /** The dispatcher. */
    public static final String DISPATCHER = "dispatcher";

    /** The REST endpoint, where clients look for the cluster. */
    public static final String REST_ENDPOINT = "rest_server";

    private ComponentIds() {}

    /** The JobMaster of one job: the job's id in hexadecimal digits. */
    public static String jobMaster(JobID jobId) {
        return jobId.toString();
    }
}

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
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.leaderserver.LeaderClient;
import io.leaderserver.LeaderServerException;
import java.io.File;
import java.net.URI;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.JobVertex;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.function.Executable;

/** What tests of the stores share: JobManagers over one LeaderServer and one directory. */
abstract class StoresTestBase extends ServicesTestBase {

    static final long TIMEOUT_MS = 10_000;

    final Configuration configuration = configuration(NameServices.LEADER_SERVER);

    private LeaderClient inspector;

    /** A process that may lead: services, and the dispatcher's contender. */
    final class JobManager {

        final HighAvailabilityServices services;

        LeaderElection election;
        TestingContender contender;

        JobManager() throws Exception {
            this(configuration);
        }

        JobManager(Configuration mine) throws Exception {
            services = services(new Configuration(mine));
        }

        /** Registers the dispatcher's contender, and does not wait for anything. */
        JobManager contend() throws Exception {
            election = services.getDispatcherLeaderElection();
            contender = new TestingContender("dispatcher");
            election.startLeaderElection(contender);
            closing(election);
            return this;
        }

        JobManager lead() throws Exception {
            contend();
            contender.awaitGrantEnd();
            return this;
        }

        void resign() throws Exception {
            election.close();
        }

        /** As the dispatcher does, at each grant. */
        FlinkRelease.Plans plans() throws Exception {
            return new FlinkRelease.Plans(services);
        }
    }

    final JobManager leader() throws Exception {
        return new JobManager().lead();
    }

    /** Resigns, and answers who leads then. */
    final JobManager successorOf(JobManager former) throws Exception {
        former.resign();
        return leader();
    }

    static JobGraph job() {
        final JobGraph job = new JobGraph("job");
        job.addVertex(new JobVertex("vertex"));
        return job;
    }

    /** All keys of the cluster, whatever the election is called that fences them. */
    final List<String> keys() {
        if (inspector == null) {
            final Map<String, String> options =
                    Map.of(
                            "endpoint", configuration.toMap().get(NameServices.ENDPOINT),
                            "namespace",
                                    configuration.toMap().get("high-availability.cluster-id"),
                            "election",
                                    configuration.toMap().getOrDefault(
                                            Variant.ELECTION, "per-process"));
            inspector = closing(LeaderClient.open(options, null));
        }
        return inspector.store(inspector.electionOf("dispatcher"), Map.of())
                .keys("", TIMEOUT_MS)
                .stream()
                .map(entry -> entry.key())
                .collect(Collectors.toList());
    }

    final Path storage() {
        return Paths.get(URI.create(configuration.toMap().get(NameServices.STORAGE)));
    }

    /** All files in the storage directory, as paths from there; some may vanish meanwhile. */
    final List<String> files() {
        final List<String> files = new ArrayList<>();
        collect(storage().toFile(), files);
        Collections.sort(files);
        return files;
    }

    private void collect(File directory, List<String> files) {
        final File[] found = directory.listFiles();
        for (File file : found == null ? new File[0] : found) {
            if (file.isFile()) {
                files.add(storage().relativize(file.toPath()).toString());
            } else {
                collect(file, files);
            }
        }
    }

    /** Fails unless somebody else was granted since. */
    static void assertFenced(Executable write) {
        assertFenced(assertThrows(Exception.class, write));
    }

    static void assertFenced(CompletableFuture<?> write) {
        assertFenced(assertThrows(ExecutionException.class, write::get));
    }

    private static void assertFenced(Exception e) {
        final LeaderServerException cause =
                ExceptionUtils.findThrowable(e, LeaderServerException.class)
                        .orElseThrow(() -> new AssertionError(e));
        assertEquals(LeaderServerException.FENCED, cause.code(), cause.getMessage());
    }
}

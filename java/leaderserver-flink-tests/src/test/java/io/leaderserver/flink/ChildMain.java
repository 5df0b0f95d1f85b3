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

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Scanner;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.highavailability.ClientHighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;

/** What tests have done by a JVM of its own. It says on standard output how that goes. */
final class ChildMain {

    /** Some threads and descriptors come and go by themselves. */
    private static final int TOLERATED = 6;

    /** 100 bytes for each of 10 000 rounds; a leak of one handle is more. */
    private static final int TOLERATED_KB = 1_000;

    private static final int ATTEMPTS = 4;

    /** Begins what is said to the parent. */
    static final String MARK = "> ";

    private ChildMain() {}

    private static void say(String line) {
        System.out.println(MARK + line);
    }

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "leave-open":
                leaveOpen();
                break;
            case "job-manager":
                jobManager();
                break;
            case "rivals":
                rivals();
                break;
            case "leak":
                leak(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
                break;
            default:
                throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static HighAvailabilityServices services(Configuration configuration)
            throws Exception {
        return ServicesTestBase.factory().createHAServices(configuration, Runnable::run);
    }

    private static TestingContender contend(LeaderElection election, String name)
            throws Exception {
        final TestingContender contender = new TestingContender(name);
        contender.onGrant(
                id -> {
                    Elections.confirm(election, id, name).join();
                    say(name + " granted " + id);
                });
        contender.onRevoke(() -> say(name + " revoked"));
        election.startLeaderElection(contender);
        return contender;
    }

    /** One of each, started, one with a callback that never returns; then back from main. */
    private static void leaveOpen() throws Exception {
        final CountDownLatch never = new CountDownLatch(1);
        for (NameServices nameService : NameServices.values()) {
            final Configuration configuration = ServicesTestBase.configuration(nameService);
            final HighAvailabilityServices services = services(configuration);
            contend(services.getDispatcherLeaderElection(), "dispatcher").awaitGrant();
            final TestingContender stuck = new TestingContender("stuck");
            stuck.onGrant(
                    id -> {
                        try {
                            never.await();
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                    });
            services.getClusterRestEndpointLeaderElection().startLeaderElection(stuck);
            stuck.awaitGrant();
            services.getResourceManagerLeaderElection();
            final Configuration copy = new Configuration(configuration);
            services(copy).getDispatcherLeaderRetriever().start(new TestingListener("there"));
            services.getDispatcherLeaderRetriever().start(new TestingListener("here"));
            final ClientHighAvailabilityServices client =
                    ServicesTestBase.factory().createClientHAServices(copy);
            client.getClusterRestEndpointLeaderRetriever().start(new TestingListener("client"));
        }
        say("leaving");
    }

    /** A JobManager that leads, and says whether it does when asked. */
    private static void jobManager() throws Exception {
        final Configuration configuration =
                ServicesTestBase.configuration(NameServices.JOB_MANAGER);
        configuration.setString("high-availability.leader-server.session-timeout", "500 ms");
        configuration.setString("high-availability.leader-server.disconnect-grace", "200 ms");
        configuration.setString("high-availability.leader-server.stall-timeout", "300 ms");
        final LeaderElection election = services(configuration).getDispatcherLeaderElection();
        say("endpoint " + configuration.toMap().get(NameServices.ENDPOINT));
        say(
                "cluster " + configuration.toMap().get("high-availability.cluster-id"));
        answer(election, contend(election, "dispatcher").awaitGrantEnd());
    }

    /** Two JobManagers of one JVM; the first leads. */
    private static void rivals() throws Exception {
        final Configuration configuration =
                ServicesTestBase.configuration(NameServices.EMBEDDED_NAMED);
        configuration.setString("high-availability.leader-server.stall-timeout", "500 ms");
        final LeaderElection first = services(configuration).getDispatcherLeaderElection();
        final UUID id = contend(first, "first").awaitGrantEnd();
        contend(services(configuration).getDispatcherLeaderElection(), "second");
        answer(first, id);
    }

    private static void answer(LeaderElection election, UUID id) {
        say("ready");
        final Scanner questions = new Scanner(System.in);
        while (questions.hasNextLine()) {
            if (questions.nextLine().equals("leads?")) {
                say("leads " + Elections.has(election, id));
            }
        }
    }

    // --- Leaks

    /** What leaks grows each time; what an allocator or the JVM does once does not. */
    private static void leak(int rounds, int restarts) throws Exception {
        for (NameServices nameService : new NameServices[] {
            NameServices.EMBEDDED, NameServices.JOB_MANAGER
        }) {
            final Configuration configuration = ServicesTestBase.configuration(nameService);
            try (HighAvailabilityServices services = services(configuration)) {
                final LeaderElection anchor = services.getClusterRestEndpointLeaderElection();
                try (HighAvailabilityServices taskManager =
                        services(new Configuration(configuration))) {
                    final HighAvailabilityServices there =
                            nameService == NameServices.EMBEDDED ? services : taskManager;
                    measure(
                            nameService + ", elections and retrievers",
                            rounds,
                            number -> startAndStop(services, there, number));
                }
                anchor.close();
            }
            measure(nameService + ", services", restarts, number -> openAndClose(configuration));
        }
        say("measured");
    }

    private static void startAndStop(
            HighAvailabilityServices services, HighAvailabilityServices there, int number)
            throws Exception {
        final JobID job = new JobID(1, number);
        final LeaderElection election = services.getJobManagerLeaderElection(job);
        final TestingContender contender = new TestingContender("contender");
        final LeaderRetrievalService retriever = there.getJobManagerLeaderRetriever(job, "");
        final TestingListener listener = new TestingListener("listener");
        retriever.start(listener);
        election.startLeaderElection(contender);
        if (number % 8 == 0) {
            final UUID id = contender.awaitGrant();
            Elections.confirm(election, id, "address").join();
            listener.await("address", id);
        }
        retriever.stop();
        election.close();
    }

    private static void openAndClose(Configuration configuration) throws Exception {
        final HighAvailabilityServices services = services(configuration);
        final LeaderElection election = services.getDispatcherLeaderElection();
        contendSilently(election).awaitGrantEnd();
        election.close();
        services.close();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("leaderserver-events-")) {
                thread.join(Events.PATIENCE.toMillis());
            }
        }
    }

    private static TestingContender contendSilently(LeaderElection election) throws Exception {
        final TestingContender contender = new TestingContender("contender");
        election.startLeaderElection(contender);
        return contender;
    }

    private interface Round {
        void run(int number) throws Exception;
    }

    private static void measure(String what, int rounds, Round round) throws Exception {
        int number = 0;
        for (; number < rounds / 4; number++) {
            round.run(number);
        }
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            final long[] before = usage();
            for (int i = 0; i < rounds; i++) {
                round.run(number++);
            }
            final long[] growth = usage();
            for (int i = 0; i < before.length; i++) {
                growth[i] -= before[i];
            }
            say(rounds + " rounds of " + what + " grew by " + Arrays.toString(growth));
            if (growth[0] <= TOLERATED && growth[1] <= TOLERATED && growth[2] <= TOLERATED_KB) {
                return;
            }
        }
        throw new AssertionError(what + " grow");
    }

    /** Threads, descriptors and kilobytes; the heap does not count, it is all touched at start. */
    private static long[] usage() throws Exception {
        long memory = 0;
        for (String line : Files.readAllLines(Paths.get("/proc/self/status"))) {
            if (line.startsWith("RssAnon:")) {
                memory = Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return new long[] {
            new File("/proc/self/task").list().length,
            new File("/proc/self/fd").list().length,
            memory
        };
    }
}

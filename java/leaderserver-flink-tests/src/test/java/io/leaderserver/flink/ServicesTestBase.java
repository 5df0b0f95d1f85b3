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

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.UUID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.highavailability.ClientHighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServicesFactory;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.junit.jupiter.api.AfterEach;

/**
 * Makes high availability services as Flink does, from a configuration and by the factory's name,
 * and closes them after each test.
 */
abstract class ServicesTestBase {

    static final String FACTORY = "io.leaderserver.flink.LeaderServerHaServicesFactory";

    private final Deque<AutoCloseable> toClose = new ArrayDeque<>();

    /** A configuration of a cluster of its own, on loopback. */
    static Configuration configuration(NameServices nameService) {
        final Configuration configuration = new Configuration();
        configuration.setString("high-availability.type", FACTORY);
        configuration.setString("high-availability.cluster-id", "test-" + UUID.randomUUID());
        configuration.setString("jobmanager.rpc.address", "127.0.0.1");
        configuration.setString("jobmanager.bind-host", "127.0.0.1");
        nameService.configure(configuration);
        return configuration;
    }

    /** Starts a retriever that is stopped after the test. */
    TestingListener listenTo(LeaderRetrievalService retriever) throws Exception {
        final TestingListener listener = new TestingListener("listener");
        retriever.start(listener);
        closing(retriever::stop);
        return listener;
    }

    /** Starts an election whose contender confirms as soon as it is granted. */
    static TestingContender lead(LeaderElection election, String address) throws Exception {
        final TestingContender contender = new TestingContender(address);
        contender.onGrant(id -> Elections.confirm(election, id, address).join());
        election.startLeaderElection(contender);
        return contender;
    }

    /** Services over this very configuration, which a JobManager writes its address into. */
    HighAvailabilityServices services(Configuration configuration) throws Exception {
        return closing(factory().createHAServices(configuration, Runnable::run));
    }

    /** Services for a client. */
    ClientHighAvailabilityServices client(Configuration configuration) throws Exception {
        return closing(factory().createClientHAServices(configuration));
    }

    /** Closes something after the test, the last first; what that throws is of no interest. */
    <T extends AutoCloseable> T closing(T closeable) {
        toClose.push(closeable);
        return closeable;
    }

    static HighAvailabilityServicesFactory factory() throws ReflectiveOperationException {
        return (HighAvailabilityServicesFactory)
                Thread.currentThread()
                        .getContextClassLoader()
                        .loadClass(FACTORY)
                        .getConstructor()
                        .newInstance();
    }

    @AfterEach
    void closeAll() {
        while (!toClose.isEmpty()) {
            try {
                toClose.pop().close();
            } catch (Exception e) {
                // A test that wants to see it closes by itself.
            }
        }
    }
}

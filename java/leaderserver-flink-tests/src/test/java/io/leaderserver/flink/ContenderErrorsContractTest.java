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

import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** 13. What callbacks throw: it goes to their own object, and changes nothing for others. */
@ParameterizedClass(name = "{0}")
@MethodSource("io.leaderserver.flink.Variant#all")
class ContenderErrorsContractTest extends ContractTestBase {

    ContenderErrorsContractTest(Variant variant) {
        super(variant);
    }

    /** 13. What a grant throws goes to that contender, and changes nothing in the election. */
    @Test
    void whatAGrantThrowsGoesToItsContender() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingContender other = new TestingContender("other");
        final LeaderElection otherElection = services.getResourceManagerLeaderElection();
        otherElection.startLeaderElection(other);
        other.awaitGrant();
        final RuntimeException thrown = new IllegalArgumentException("thrown on purpose");
        final TestingContender contender = new TestingContender("contender");
        contender.onGrant(
                id -> {
                    throw thrown;
                });
        election.startLeaderElection(contender);
        final UUID id = contender.awaitGrant();
        assertSame(thrown, contender.awaitError());
        assertTrue(Elections.has(election, id));
        Elections.confirm(election, id, "address").join();
        listenTo(elsewhere().getDispatcherLeaderRetriever()).await("address", id);
        election.close();
        contender.awaitRevoke();
        contender.events.none();
        other.events.none();
    }

    /** 13. An error that is no exception arrives wrapped. */
    @Test
    void anErrorThrownByAGrantArrivesWrapped() throws Exception {
        final Error thrown = new StackOverflowError("thrown on purpose");
        final TestingContender contender = new TestingContender("contender");
        contender.onGrant(
                id -> {
                    throw thrown;
                });
        services.getDispatcherLeaderElection().startLeaderElection(contender);
        contender.awaitGrant();
        assertSame(thrown, contender.awaitError().getCause());
    }

    /** 13. After close it is logged only: {@code handleError} would end the process. */
    @Test
    void whatIsThrownAfterCloseIsOnlyLogged() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final CountDownLatch go = new CountDownLatch(1);
        final TestingContender contender = new TestingContender("contender");
        contender.onGrant(
                id -> {
                    Blocking.await(go);
                    throw new IllegalStateException("the executor is shut down");
                });
        contender.onRevoke(
                () -> {
                    throw new IllegalStateException("the executor is shut down, too");
                });
        election.startLeaderElection(contender);
        contender.awaitGrant();
        election.close();
        go.countDown();
        contender.awaitRevoke();
        contender.events.none();

        final LeaderElection second = services.getDispatcherLeaderElection();
        final TestingContender prompt = new TestingContender("prompt");
        prompt.onRevoke(
                () -> {
                    throw new IllegalStateException("in the thread that closes");
                });
        second.startLeaderElection(prompt);
        prompt.awaitGrantEnd();
        second.close();
        prompt.awaitRevoke();
        prompt.events.none();
        lead(services.getDispatcherLeaderElection(), "next").awaitGrant();
    }

    /** What a listener throws ends neither its own retriever nor another. */
    @Test
    void whatAListenerThrowsSilencesNobody() throws Exception {
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingListener throwing = listenTo(elsewhere().getDispatcherLeaderRetriever());
        throwing.onNotification(
                () -> {
                    throw new IllegalStateException("thrown on purpose");
                });
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        final UUID id = lead(election, "address").awaitGrantEnd();
        throwing.await("address", id);
        listener.await("address", id);
        election.close();
        throwing.awaitNone();
        listener.awaitNone();
    }
}

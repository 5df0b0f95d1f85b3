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

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.runtime.leaderelection.LeaderElection;

/**
 * Calls {@link LeaderElection} in the form that the release of Flink on the class path has:
 * synchronous up to 1.18, 1.19.1 and 1.20.0, asynchronous after (FLINK-36451).
 */
final class Elections {

    /** Whether this release's interface is the asynchronous one. */
    static final boolean ASYNCHRONOUS = find("confirmLeadershipAsync") != null;

    private static final Method CONFIRM =
            find(ASYNCHRONOUS ? "confirmLeadershipAsync" : "confirmLeadership");
    private static final Method HAS =
            find(ASYNCHRONOUS ? "hasLeadershipAsync" : "hasLeadership");

    private Elections() {}

    /**
     * Confirms.
     *
     * @return what the asynchronous form returns; for the synchronous one, a future that failed if
     *     it threw {@link IllegalStateException} and is complete otherwise
     * @throws RuntimeException what either form threw beside that
     */
    static CompletableFuture<Void> confirm(LeaderElection election, UUID id, String address) {
        final CompletableFuture<Void> done = new CompletableFuture<>();
        try {
            final Object answer = invoke(CONFIRM, election, id, address);
            if (ASYNCHRONOUS) {
                @SuppressWarnings("unchecked")
                final CompletableFuture<Void> future = (CompletableFuture<Void>) answer;
                return future;
            }
            done.complete(null);
        } catch (IllegalStateException e) {
            done.completeExceptionally(e);
        }
        return done;
    }

    /** Whether a contender leads; fails if the answer of the asynchronous form is not there yet. */
    static boolean has(LeaderElection election, UUID id) {
        final Object answer = invoke(HAS, election, id);
        if (answer instanceof CompletableFuture) {
            final Object now = ((CompletableFuture<?>) answer).getNow(null);
            if (now == null) {
                throw new AssertionError("hasLeadershipAsync returned a future that is not done");
            }
            return (Boolean) now;
        }
        return (Boolean) answer;
    }

    private static Object invoke(Method method, LeaderElection election, Object... arguments) {
        try {
            return method.invoke(election, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException) {
                throw (RuntimeException) e.getCause();
            }
            throw new AssertionError(e.getCause());
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }

    private static Method find(String name) {
        for (Method method : LeaderElection.class.getMethods()) {
            if (method.getName().equals(name)) {
                return method;
            }
        }
        return null;
    }
}

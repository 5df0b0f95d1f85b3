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

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.leaderelection.LeaderContender;
import org.apache.flink.runtime.leaderelection.LeaderElection;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalListener;
import org.apache.flink.runtime.leaderretrieval.LeaderRetrievalService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Everything at a time from many threads; what must hold is looked at in every callback. */
@ParameterizedClass(name = "{0}")
@MethodSource("variants")
class StressTest extends ContractTestBase {

    private static final int THREADS = 8;
    private static final int COMPONENTS = 3;
    private static final long DURATION_NANOS = TimeUnit.MILLISECONDS.toNanos(1_500);

    private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
    private final Queue<Checked> all = new ConcurrentLinkedQueue<>();
    private final AtomicInteger grants = new AtomicInteger();

    StressTest(Variant variant) {
        super(variant);
    }

    static List<Variant> variants() {
        return List.of(
                new Variant(NameServices.EMBEDDED_NAMED, false),
                new Variant(NameServices.EMBEDDED_NAMED, true),
                new Variant(NameServices.JOB_MANAGER, false));
    }

    /** One component of one process: whoever is registered for it. */
    private final class Place {

        private final HighAvailabilityServices of;
        private final JobID job;
        private final AtomicReference<Checked> present = new AtomicReference<>();

        Place(HighAvailabilityServices of, JobID job) {
            this.of = of;
            this.job = job;
        }

        void start(Random random) throws Exception {
            final LeaderElection election;
            try {
                election = of.getJobManagerLeaderElection(job);
            } catch (IllegalStateException e) {
                // Somebody is registered.
                return;
            }
            final Checked contender = new Checked(election, random.nextInt(4));
            try {
                all.add(contender);
                election.startLeaderElection(contender);
                close(present.getAndSet(contender));
            } catch (IllegalStateException e) {
                // Somebody was faster: this one must never hear of anything.
                contender.refused = true;
                election.close();
            }
        }

        void close(Checked contender) throws Exception {
            if (contender != null) {
                contender.election.close();
                contender.closed = true;
            }
        }

        void use(Random random) throws Exception {
            final Checked contender = present.get();
            if (contender == null) {
                return;
            }
            final boolean closed = contender.closed;
            final UUID id = random.nextInt(8) == 0 ? UUID.randomUUID() : contender.last;
            if (id != null && Elections.has(contender.election, id) && closed) {
                wrong.add("leads after close");
            }
            if (id != null && random.nextBoolean()) {
                // It may have confirmed before, or be closed: none of that matters here.
                Elections.confirm(contender.election, id, "address");
            }
        }

        void listen() throws Exception {
            final LeaderRetrievalService retriever = of.getJobManagerLeaderRetriever(job, "");
            retriever.start(new CheckedListener());
            Thread.yield();
            retriever.stop();
        }
    }

    /** A contender that looks at what P3 promises. */
    private final class Checked implements LeaderContender {

        private final LeaderElection election;
        private final int habit;
        private final AtomicInteger inside = new AtomicInteger();

        volatile UUID last;
        volatile boolean closed;
        volatile boolean refused;

        private volatile boolean leads;
        private volatile long lastEpoch;

        Checked(LeaderElection election, int habit) {
            this.election = election;
            this.habit = habit;
        }

        @Override
        public void grantLeadership(UUID id) {
            grants.incrementAndGet();
            check(inside.incrementAndGet() == 1, "a grant beside another callback");
            check(!leads, "a grant after a grant");
            check(!refused, "a grant for one that was refused");
            check(epoch(id) > lastEpoch, "a grant of an old epoch");
            leads = true;
            last = id;
            lastEpoch = epoch(id);
            if (habit == 0) {
                Elections.confirm(election, id, "address");
            } else if (habit == 1) {
                inside.decrementAndGet();
                Blocking.unchecked(election::close);
                inside.incrementAndGet();
                check(!Elections.has(election, id), "leads after it closed itself");
            }
            inside.decrementAndGet();
        }

        @Override
        public void revokeLeadership() {
            check(inside.incrementAndGet() == 1, "a revoke beside another callback");
            check(leads, "a revoke after a revoke");
            leads = false;
            inside.decrementAndGet();
        }

        @Override
        public void handleError(Exception error) {
            wrong.add("an error: " + error);
        }

        private void check(boolean holds, String otherwise) {
            if (!holds) {
                wrong.add(otherwise);
            }
        }
    }

    /** A listener that looks at what P6 promises. */
    private final class CheckedListener implements LeaderRetrievalListener {

        private volatile UUID last;
        private volatile long highest;

        @Override
        public void notifyLeaderAddress(String address, UUID id) {
            if (last == null && id == null) {
                wrong.add("no leader, twice running or at first");
            }
            if (id != null) {
                if (epoch(id) < highest) {
                    wrong.add("an older leader after a newer");
                }
                highest = epoch(id);
            }
            last = id;
        }

        @Override
        public void handleError(Exception error) {
            wrong.add("an error: " + error);
        }
    }

    private void work(List<Place> places, long seed, long end) {
        final Random random = new Random(seed);
        try {
            while (System.nanoTime() < end) {
                final Place place = places.get(random.nextInt(places.size()));
                switch (random.nextInt(6)) {
                    case 0:
                        place.start(random);
                        break;
                    case 1:
                        place.close(place.present.get());
                        break;
                    case 2:
                        place.listen();
                        break;
                    default:
                        place.use(random);
                }
            }
        } catch (Exception | LinkageError e) {
            wrong.add("thrown: " + e);
        }
    }

    @Test
    void everythingAtATime() throws Exception {
        final List<HighAvailabilityServices> processes = new ArrayList<>();
        processes.add(services);
        if (!variant.hasServer()) {
            processes.add(services(new Configuration(configuration)));
        }
        final List<Place> places = new ArrayList<>();
        for (int i = 0; i < COMPONENTS; i++) {
            final JobID job = new JobID();
            for (HighAvailabilityServices process : processes) {
                places.add(new Place(process, job));
            }
        }
        final long end = System.nanoTime() + DURATION_NANOS;
        final List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            final long seed = i;
            threads.add(new Thread(() -> work(places, seed, end), "stress-" + i));
        }
        threads.forEach(thread -> thread.setDaemon(true));
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join(Events.PATIENCE.toMillis());
            assertEquals(Thread.State.TERMINATED, thread.getState(), thread::getName);
        }
        for (Place place : places) {
            place.close(place.present.get());
        }
        // Whose callback ran on another thread is revoked there, a little later.
        final long patience = System.nanoTime() + Events.PATIENCE.toNanos();
        while (all.stream().anyMatch(contender -> contender.leads)
                && System.nanoTime() < patience) {
            Thread.sleep(1);
        }
        assertEquals(0, all.stream().filter(contender -> contender.leads).count());
        assertEquals(Collections.emptyList(), new ArrayList<>(wrong));
        assertEquals(true, grants.get() > 10, grants + " grants");

        // And all works as before.
        final LeaderElection election = services.getDispatcherLeaderElection();
        final TestingListener listener = listenTo(elsewhere().getDispatcherLeaderRetriever());
        listener.await("after", lead(election, "after").awaitGrant());
    }
}

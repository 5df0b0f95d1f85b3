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


package io.leaderserver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.Scanner;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** LESSONS 28 (valkey-glide#4973, comet#5748): nothing of ours keeps a JVM from exiting. */
class ProcessTest {

    private static final int SIGTERM = 15;

    /** It returns from main with server, clients, contenders and a blocked callback left open. */
    @Test
    void returnsFromMainWithEverythingLeftOpen() throws Exception {
        final String output = Support.runChild(Collections.emptyList(), 0, "leave-open");
        assertTrue(output.contains("leaving"), output);
        assertFalse(output.contains("unexpected"), output);
    }

    @Test
    void exitsFromInsideACallback() throws Exception {
        final String output = Support.runChild(Collections.emptyList(), 7, "exit-in-callback");
        assertTrue(output.contains("exiting"), output);
    }

    /** SIGTERM, which runs the shutdown hooks, of which none is ours. */
    @Test
    void endsOnSignal() throws Exception {
        final Process child = Support.startChild(Collections.emptyList(), "stay");
        try (Scanner output = new Scanner(child.getInputStream())) {
            while (!output.nextLine().equals("leaving")) {
                // Other lines are the logs'.
            }
            child.destroy();
            assertTrue(child.waitFor(Support.PATIENCE_SECONDS, TimeUnit.SECONDS));
            assertEquals(128 + SIGTERM, child.exitValue());
        } finally {
            child.destroyForcibly();
        }
    }
}

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
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is told about {@code high-availability.storageDir}, to whom, and when.
 *
 * <p>Seen to fail: with nothing checked, and with a TaskManager that checks.
 */
class StorageDirectoryTest extends StoresTestBase {

    @TempDir private Path directory;

    private static String refusal(Executable action) {
        final String message =
                assertThrows(IllegalConfigurationException.class, action).getMessage();
        assertTrue(message.contains(NameServices.STORAGE), message);
        assertTrue(message.contains("give a directory"), message);
        return message;
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "  "})
    void itMustBeSet(String value) {
        configuration.setString(NameServices.STORAGE, value);
        final String message = refusal(() -> services(configuration));
        assertTrue(message.contains("not set"), message);
        assertTrue(message.contains("leader://127.0.0.1"), message);
    }

    @Test
    void itMustBeThere() {
        configuration.removeKey(NameServices.STORAGE);
        refusal(() -> services(configuration));
    }

    /** Not for a client, which only looks for the REST endpoint. */
    @Test
    void aClientNeedsNone() throws Exception {
        configuration.removeKey(NameServices.STORAGE);
        client(configuration).close();
    }

    /** The first that only a JobManager asks for fails, each time, until it is mended. */
    @Test
    void aJobManagerMustBeAbleToWrite() throws Exception {
        final Path file = Files.createFile(directory.resolve("file"));
        configuration.setString(NameServices.STORAGE, file.toUri().toString());
        final HighAvailabilityServices services = services(configuration);
        for (int i = 0; i < 2; i++) {
            final String message = refusal(services::getClusterRestEndpointLeaderElection);
            assertTrue(message.contains(file.toUri().toString()), message);
            refusal(services::getResourceManagerLeaderElection);
            refusal(services::getDispatcherLeaderElection);
            refusal(() -> services.getJobManagerLeaderElection(new JobID()));
            refusal(services::getCheckpointRecoveryFactory);
            refusal(services::getJobResultStore);
        }
        Files.delete(file);
        lead(services.getDispatcherLeaderElection(), "dispatcher").awaitGrantEnd();
    }

    @Test
    void theFileSystemMustBeKnown() throws Exception {
        configuration.setString(NameServices.STORAGE, "nosuchscheme://bucket/ha");
        final HighAvailabilityServices services = services(configuration);
        assertTrue(
                refusal(services::getDispatcherLeaderElection).contains("nosuchscheme://bucket"));
        // Which a TaskManager hears when it asks for the blobs.
        assertTrue(refusal(services::createBlobStore).contains("nosuchscheme://bucket"));
    }

    @Test
    void aTaskManagerMakesNoDirectories() throws Exception {
        final Path absent = directory.resolve("absent");
        configuration.setString(NameServices.STORAGE, absent.toUri().toString());
        final HighAvailabilityServices taskManager = services(configuration);
        taskManager.createBlobStore();
        listenTo(taskManager.getResourceManagerLeaderRetriever()).events.none();
        taskManager.getJobManagerLeaderRetriever(new JobID(), "default");
        taskManager.close();
        assertFalse(Files.exists(absent));
    }

    /** That it can be written was seen by a file that is gone again. */
    @Test
    void aJobManagerLeavesNothingThere() throws Exception {
        leader();
        assertEquals(List.of(), files());
    }
}

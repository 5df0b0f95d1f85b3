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
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServicesUtils;
import org.apache.flink.runtime.rpc.AddressResolution;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar in several class loaders of one JVM, and what is needed for its library to load. */
class ClassLoadersTest extends ServicesTestBase {

    private static final String PATH = "leaderserver.library.path";
    private static final String NATIVE_DIR = "high-availability.leader-server.native-dir";

    /** Has the classes of the shim once more, and those of Flink in common with all. */
    private static final class ShimLoader extends URLClassLoader {

        ShimLoader() {
            super(
                    new URL[] {
                        LeaderServerHaServicesFactory.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                    },
                    ClassLoadersTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                if (!name.startsWith("io.leaderserver.")) {
                    return super.loadClass(name, resolve);
                }
                final Class<?> loaded = findLoadedClass(name);
                return loaded != null ? loaded : findClass(name);
            }
        }

        @Override
        public URL getResource(String name) {
            return name.startsWith("io/leaderserver/")
                    ? findResource(name)
                    : super.getResource(name);
        }

        Path loadedFrom() throws ReflectiveOperationException {
            final Class<?> library = loadClass("io.leaderserver.NativeLibrary");
            return (Path) library.getMethod("loadedFrom").invoke(null);
        }
    }

    @AfterEach
    void restoreProperty() {
        System.clearProperty(PATH);
    }

    /** As Flink makes them, while this class loader is the thread's. */
    private HighAvailabilityServices services(ShimLoader loader, Configuration configuration)
            throws Exception {
        final ClassLoader former = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(loader);
        try {
            return closing(
                    HighAvailabilityServicesUtils.createHighAvailabilityServices(
                            configuration,
                            Runnable::run,
                            AddressResolution.NO_ADDRESS_RESOLUTION,
                            null,
                            error -> {}));
        } finally {
            Thread.currentThread().setContextClassLoader(former);
        }
    }

    /** FLINK-5408: each loads the library, from a copy of its own, and all work. */
    @Test
    void everyClassLoaderHasALibraryOfItsOwn() throws Exception {
        final Configuration shared = configuration(NameServices.EMBEDDED_NAMED);
        final ShimLoader first = closing(new ShimLoader());
        final ShimLoader second = closing(new ShimLoader());
        final HighAvailabilityServices a = services(first, shared);
        final HighAvailabilityServices b = services(second, shared);
        assertSame(first, a.getClass().getClassLoader());
        assertSame(second, b.getClass().getClassLoader());
        assertNotEquals(first.loadedFrom(), second.loadedFrom());
        assertFalse(Files.exists(first.loadedFrom()));
        // Two copies have nothing in common: each has a name service of that name.
        final UUID id = lead(a.getDispatcherLeaderElection(), "a").awaitGrant();
        final UUID other = lead(b.getDispatcherLeaderElection(), "b").awaitGrant();
        assertNotEquals(id, other);
        listenTo(a.getDispatcherLeaderRetriever()).await("a", id);
        listenTo(b.getDispatcherLeaderRetriever()).await("b", other);
    }

    /** A JobManager of the one and a TaskManager of the other find each other all the same. */
    @Test
    void classLoadersMeetOverTheNetwork() throws Exception {
        final Configuration configuration = configuration(NameServices.JOB_MANAGER);
        final HighAvailabilityServices jobManager =
                services(closing(new ShimLoader()), configuration);
        final var election = jobManager.getDispatcherLeaderElection();
        final HighAvailabilityServices taskManager =
                services(closing(new ShimLoader()), new Configuration(configuration));
        assertNotSame(jobManager.getClass(), taskManager.getClass());
        final TestingListener listener = listenTo(taskManager.getDispatcherLeaderRetriever());
        final UUID id = lead(election, "dispatcher").awaitGrantEnd();
        listener.await("dispatcher", id);
        election.close();
        listener.awaitNone();
    }

    /** The configured directory comes first; what can't be used is passed over. */
    @Test
    void theLibraryIsUnpackedWhereItIsTold(@TempDir Path directory) throws Exception {
        final Configuration configuration = configuration(NameServices.EMBEDDED);
        configuration.setString(NATIVE_DIR, directory.toString());
        final ShimLoader loader = closing(new ShimLoader());
        services(loader, configuration);
        assertTrue(loader.loadedFrom().startsWith(directory), loader.loadedFrom().toString());
        try (var left = Files.list(directory)) {
            assertEquals(0, left.count());
        }

        configuration.setString(NATIVE_DIR, directory.resolve("missing").toString());
        final ShimLoader other = closing(new ShimLoader());
        services(other, configuration);
        assertFalse(other.loadedFrom().startsWith(directory));
    }

    /** What can't be loaded is said with system, architecture, path and remedy. */
    @Test
    void aLibraryThatCannotBeLoadedIsExplained(@TempDir Path directory) throws IOException {
        final Path broken = Files.writeString(directory.resolve("broken.so"), "no library");
        System.setProperty(PATH, broken.toString());
        final Configuration configuration = configuration(NameServices.EMBEDDED);
        final Throwable thrown =
                assertThrows(
                        Exception.class,
                        () -> services(closing(new ShimLoader()), configuration));
        final StringBuilder said = new StringBuilder();
        for (Throwable t = thrown; t != null; t = t.getCause()) {
            said.append(t.getMessage()).append('\n');
        }
        for (String word :
                new String[] {
                    System.getProperty("os.name"),
                    System.getProperty("os.arch"),
                    broken.toString(),
                    "Remedy",
                    PATH
                }) {
            assertTrue(said.toString().contains(word), said::toString);
        }
    }
}

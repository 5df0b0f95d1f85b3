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
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.AbstractMap.SimpleEntry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CyclicBarrier;
import java.util.function.Function;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading, in this JVM by other class loaders, and in JVMs of their own. */
class NativeLibraryTest {

    private static final String PATH = "-D" + NativeLibrary.PATH_PROPERTY + "=";

    private static final String OTHER_ARCHITECTURE = "-Dos.arch=pdp11";

    @TempDir Path directory;

    @Test
    void versionIsTheLibrarys() {
        assertTrue(NativeLibrary.version().matches("\\d+\\.\\d+\\.\\d+.*"));
        assertTrue(NativeLibrary.loadedFrom().isAbsolute());
        // LESSONS 29: the copy is gone again, and its directory.
        assertFalse(Files.exists(NativeLibrary.loadedFrom()));
        assertFalse(Files.exists(NativeLibrary.loadedFrom().getParent()));
    }

    /**
     * LESSONS 29 (FLINK-5408): two class loaders, two copies with statics of their own: both lead
     * the same election of the name service that "all who use the same loaded copy" share.
     */
    @Test
    void twoClassLoaders() throws Exception {
        final String endpoint = "embedded:" + Support.unique("loaders");
        try (URLClassLoader one = Support.isolated();
                URLClassLoader two = Support.isolated()) {
            final Function<Map.Entry<String, Object>, Object> inOne = isolated(one);
            final Function<Map.Entry<String, Object>, Object> inTwo = isolated(two);
            final List<String> places = List.of(directory.toString());
            final Object fromOne = inOne.apply(call("load", places));
            final Object fromTwo = inTwo.apply(call("load", places));
            assertNotEquals(fromOne, fromTwo);
            assertEquals(fromOne, inOne.apply(call("load", places)));
            assertNotEquals(
                    inOne.apply(call("lead", endpoint)), inTwo.apply(call("lead", endpoint)));
            inOne.apply(call("close", null));
            inTwo.apply(call("close", null));
            assertTrue(isEmpty(directory));
        }
    }

    /** However many threads ask, one copy is loaded. */
    @Test
    void concurrentLoadsLoadOnce() throws Exception {
        try (URLClassLoader loader = Support.isolated()) {
            final Function<Map.Entry<String, Object>, Object> isolated = isolated(loader);
            final TreeSet<String> before = mapped();
            final CyclicBarrier together = new CyclicBarrier(8);
            final List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                final Thread thread =
                        new Thread(
                                () -> {
                                    try {
                                        together.await();
                                    } catch (Exception e) {
                                        throw new IllegalStateException(e);
                                    }
                                    isolated.apply(call("load", List.of(directory.toString())));
                                });
                threads.add(thread);
                thread.start();
            }
            Support.awaitEnd(threads);
            final TreeSet<String> after = mapped();
            after.removeAll(before);
            assertEquals(1, after.size(), after.toString());
        }
    }

    /** LESSONS 30 (netty-tcnative#264): where nothing may be executed, the next place is tried. */
    @Test
    void nextDirectoryWhereThisOneIsNoexec() throws Exception {
        final Path noexec = Files.createDirectory(directory.resolve("noexec"));
        final Path good = Files.createDirectory(directory.resolve("good"));
        final boolean mounted = run("mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", noexec);
        try (URLClassLoader loader = Support.isolated()) {
            Assumptions.assumeTrue(mounted, "only root may mount");
            final Function<Map.Entry<String, Object>, Object> isolated = isolated(loader);
            final String failure =
                    (String) isolated.apply(call("load", List.of(noexec.toString())));
            assertTrue(failure.contains(noexec + ": "), failure);
            assertTrue(failure.contains("noexec"), failure);
            final List<String> both = Arrays.asList(noexec.toString(), good.toString());
            final String from = (String) isolated.apply(call("load", both));
            assertTrue(from.startsWith(good.toString()), from);
            assertTrue(isEmpty(noexec));
            assertTrue(isEmpty(good));
        } finally {
            if (mounted) {
                // Lazily: a C library may keep the mapping of what it could not load.
                run("umount", "-l", noexec);
            }
        }
    }

    /** The same for who may not mount: places that can't be used, each for its own reason. */
    @Test
    void everyPlaceTriedIsNamed() throws Exception {
        final Path file = Files.createFile(directory.resolve("file"));
        final Path missing = directory.resolve("missing");
        final Path good = Files.createDirectory(directory.resolve("good"));
        try (URLClassLoader loader = Support.isolated()) {
            final Function<Map.Entry<String, Object>, Object> isolated = isolated(loader);
            final List<String> places =
                    Arrays.asList(file.toString(), missing.toString(), "\u0000");
            final String failure = (String) isolated.apply(call("load", places));
            assertTrue(failure.contains(file + ": "), failure);
            assertTrue(failure.contains(missing + ": "), failure);
            assertTrue(failure.contains("Remedy"), failure);
            assertTrue(failure.contains(NativeLibrary.PATH_PROPERTY), failure);
            assertSystemNamed(failure);
            final List<String> more = Arrays.asList(file.toString(), good.toString());
            final String from = (String) isolated.apply(call("load", more));
            assertTrue(from.startsWith(good.toString()), from);
        }
    }

    /** DESIGN, section 6: system, architecture, and what to do. */
    @Test
    void unknownArchitectureIsNamed() throws Exception {
        final String output = child(OTHER_ARCHITECTURE);
        assertTrue(output.contains("failed with " + LeaderServerException.UNSUPPORTED), output);
        assertTrue(output.contains(System.getProperty("os.name") + " pdp11"), output);
        assertTrue(output.contains(NativeLibrary.PATH_PROPERTY), output);
    }

    /** The property overrides jar, directories and architecture; the file stays. */
    @Test
    void propertyOverrides() throws Exception {
        final Path file = directory.resolve("elsewhere.so");
        copyLibrary(file);
        final String output = child(OTHER_ARCHITECTURE, PATH + file);
        assertTrue(output.contains("loaded from " + file), output);
        assertTrue(Files.exists(file));
    }

    @Test
    void badPropertyIsNamed() throws Exception {
        final String relative = child(PATH + "lib.so");
        assertTrue(relative.contains("not an absolute path: lib.so"), relative);
        final Path missing = directory.resolve("missing.so");
        final String output = child(PATH + missing);
        assertTrue(output.contains(missing + ": "), output);
        assertTrue(output.contains(NativeLibrary.PATH_PROPERTY), output);
    }

    /** A library, but not ours. */
    @Test
    void foreignLibraryIsNoticed() throws Exception {
        final Path foreign = Paths.get(System.getProperty("java.home"), "lib", "libnet.so");
        Assumptions.assumeTrue(Files.exists(foreign));
        final Path copy = Files.copy(foreign, directory.resolve("libforeign.so"));
        final String output = child(PATH + copy);
        assertTrue(output.contains("is not our library"), output);
    }

    /** LESSONS 31 (JEP 472): the JVM's own exception becomes advice. */
    @Test
    void deniedNativeAccessBecomesAdvice() throws Exception {
        Assumptions.assumeTrue(Runtime.version().feature() >= 24);
        final String output = child("--illegal-native-access=deny");
        assertTrue(output.contains("--enable-native-access=ALL-UNNAMED"), output);
    }

    private static String child(String... jvmArgs) throws Exception {
        return Support.runChild(Arrays.asList(jvmArgs), 0, "load");
    }

    @SuppressWarnings("unchecked")
    private static Function<Map.Entry<String, Object>, Object> isolated(ClassLoader loader)
            throws Exception {
        final Class<?> type = loader.loadClass(Isolated.class.getName());
        assertNotEquals(Isolated.class, type);
        return (Function<Map.Entry<String, Object>, Object>)
                type.getDeclaredConstructor().newInstance();
    }

    private static Map.Entry<String, Object> call(String name, Object argument) {
        return new SimpleEntry<>(name, argument);
    }

    private static void assertSystemNamed(String text) {
        assertTrue(text.contains(System.getProperty("os.name")), text);
        assertTrue(text.contains(System.getProperty("os.arch")), text);
    }

    private static boolean isEmpty(Path path) {
        return new File(path.toString()).list().length == 0;
    }

    /** Copies of the library in this process, by the names they had. */
    private static TreeSet<String> mapped() throws IOException {
        final TreeSet<String> names = new TreeSet<>();
        for (String line : Files.readAllLines(Paths.get("/proc/self/maps"))) {
            if (line.contains("libleaderserver.so")) {
                names.add(line.substring(line.indexOf('/')));
            }
        }
        return names;
    }

    private static void copyLibrary(Path to) throws IOException {
        final boolean arm = System.getProperty("os.arch").equals("aarch64");
        final String name =
                "native/linux-" + (arm ? "aarch64" : "x86_64") + "/libleaderserver.so";
        try (InputStream in = NativeLibrary.class.getResourceAsStream(name)) {
            Files.copy(in, to);
        }
    }

    private static boolean run(Object... command) throws Exception {
        final List<String> words = new ArrayList<>();
        Arrays.asList(command).forEach(word -> words.add(word.toString()));
        try {
            final Process process = new ProcessBuilder(words).inheritIO().start();
            return process.waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }
}

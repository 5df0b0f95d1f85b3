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

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** One attempt to load the library: finds it, tries place after place, and can tell the story. */
final class LibraryLoader {

    private static final String FILE = "libleaderserver.so";

    private static final String ACCESS_ADVICE =
            "this JVM denies native access; start it with --enable-native-access=ALL-UNNAMED"
                    + " (in Flink's configuration, as part of env.java.opts.all)";

    private final String system = System.getProperty("os.name");

    private final String architecture = System.getProperty("os.arch");

    private final List<String> story = new ArrayList<>();

    private final List<Throwable> causes = new ArrayList<>();

    /** Loads from a private copy in the first place that will do; answers where that was. */
    Path unpack(List<String> places) {
        final String resource = "native/" + platform() + "/" + FILE;
        if (NativeLibrary.class.getResource(resource) == null) {
            throw failure("this jar has no library for it (" + resource + ")", buildAdvice());
        }
        for (String place : places) {
            try {
                return unpack(resource, Paths.get(place));
            } catch (IOException | LinkageError | RuntimeException e) {
                note(place, e);
                stopIfDenied(e);
            }
        }
        throw failure(
                "no place to unpack the library would do",
                "name a directory that may be written to and is not mounted noexec ("
                        + "high-availability.leader-server.native-dir in Flink,"
                        + " NativeLibrary.preferDirectory elsewhere), or unpack the library"
                        + " yourself and start with "
                        + overrideAdvice());
    }

    /** Loads this very file. */
    Path direct(String file) {
        final Path path = Paths.get(file);
        final String from = "the system property " + NativeLibrary.PATH_PROPERTY;
        if (!path.isAbsolute()) {
            throw failure(from + " is not an absolute path: " + file, overrideAdvice());
        }
        try {
            System.load(file);
            return path;
        } catch (LinkageError | RuntimeException e) {
            note(path, e);
            stopIfDenied(e);
            throw failure(
                    from + " names a file that can't be loaded",
                    "correct it, or remove it so that the library in the jar is used");
        }
    }

    /** Of a library of another version the calls would not mean what they say. */
    void compareAbi(Path from) {
        final int found;
        try {
            found = Natives.abiVersion();
        } catch (LinkageError | RuntimeException e) {
            note(from, e);
            stopIfDenied(e);
            throw failure(from + " is not our library", overrideAdvice());
        }
        if (found != Natives.ABI_VERSION) {
            throw failure(
                    "the library's interface is number "
                            + found
                            + ", these classes need "
                            + Natives.ABI_VERSION,
                    "use library and jar of one release, and one such jar; loaded was " + from);
        }
    }

    private static Path unpack(String resource, Path place) throws IOException {
        // Only this user may enter: nobody can put another file in its place meanwhile.
        final Path directory =
                Files.createTempDirectory(
                        place,
                        "leaderserver-",
                        PosixFilePermissions.asFileAttribute(
                                PosixFilePermissions.fromString("rwx------")));
        final Path file = directory.toAbsolutePath().resolve(FILE);
        try {
            try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
                if (in == null) {
                    throw new FileNotFoundException(resource);
                }
                Files.copy(in, file);
            }
            System.load(file.toString());
            return file;
        } finally {
            // Loaded or not: the mapping needs no name.
            delete(file);
            delete(directory);
        }
    }

    private static void delete(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // It does no harm there, and what was loaded is loaded.
            path.toFile().deleteOnExit();
        }
    }

    private String platform() {
        final String arch = architecture.toLowerCase(Locale.ROOT);
        if (system.startsWith("Linux")) {
            if (arch.equals("amd64") || arch.equals("x86_64")) {
                return "linux-x86_64";
            }
            if (arch.equals("aarch64") || arch.equals("arm64")) {
                return "linux-aarch64";
            }
        }
        throw failure(
                "there is no library for this system; there are linux-x86_64 and linux-aarch64",
                buildAdvice());
    }

    private void note(Object path, Throwable error) {
        final String reason = error.getMessage() == null ? error.toString() : error.getMessage();
        final String kind = error instanceof LinkageError ? "" : error.getClass().getName() + ": ";
        story.add(path + ": " + kind + reason + hint(reason));
        causes.add(error);
    }

    private static String hint(String reason) {
        if (reason.contains("failed to map segment")) {
            return " (mounted noexec?)";
        }
        if (reason.contains("GLIBC_")) {
            return " (the C library of this system is too old)";
        }
        if (reason.contains("another classloader")) {
            return " (a file can be loaded by one class loader only: without the property each"
                    + " gets a copy)";
        }
        return "";
    }

    /** JDK 24 and later (JEP 472), if told to deny. The class has a name only since Java 9. */
    private void stopIfDenied(Throwable error) {
        if (error.getClass().getName().equals("java.lang.IllegalCallerException")) {
            throw failure("the JVM forbids it", ACCESS_ADVICE);
        }
    }

    private static String overrideAdvice() {
        return "-D" + NativeLibrary.PATH_PROPERTY + "=/absolute/path/" + FILE;
    }

    private static String buildAdvice() {
        return "build the library for this system and start with " + overrideAdvice();
    }

    private LeaderServerException failure(String what, String remedy) {
        final StringBuilder text = new StringBuilder("The native library can't be loaded on ");
        text.append(system).append(' ').append(architecture).append(": ").append(what);
        if (!story.isEmpty()) {
            text.append(". Tried:");
            story.forEach(line -> text.append("\n  ").append(line));
            text.append("\nRemedy: ").append(remedy);
        } else {
            text.append(". Remedy: ").append(remedy);
        }
        final LeaderServerException failure =
                new LeaderServerException(LeaderServerException.UNSUPPORTED, text.toString());
        causes.forEach(failure::addSuppressed);
        return failure;
    }
}

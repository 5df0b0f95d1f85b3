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

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/**
 * Loads the native library that the jar carries.
 *
 * <p>A library can be loaded by one class loader only (FLINK-5408), so each gets a copy of its own:
 * unpacked into a fresh directory that only this user may enter, loaded, and deleted at once. If a
 * directory can't be used, because it is mounted {@code noexec} for instance, the next one is
 * tried. The system property {@code leaderserver.library.path}, the absolute path of a file,
 * overrides all that: this file is loaded where it is.
 *
 * <p>All methods may be called by any thread.
 */
public final class NativeLibrary {

    /** Absolute path of a library to be loaded instead of the one in the jar. */
    public static final String PATH_PROPERTY = "leaderserver.library.path";

    private static final Object LOCK = new Object();

    /** Tried before all others. Guarded by LOCK. */
    private static final List<String> PREFERRED = new ArrayList<>();

    /** What was loaded by this class loader; null before. Written under LOCK. */
    private static volatile Path loaded;

    private NativeLibrary() {}

    /**
     * Loads the library if this class loader has not yet, unpacking it into {@code java.io.tmpdir}
     * or a {@link #preferDirectory preferred directory}. After a failure it may be called again.
     *
     * @throws LeaderServerException with {@link LeaderServerException#UNSUPPORTED}, naming the
     *     system, what was tried and what to do
     */
    public static void load() {
        load(Collections.singletonList(System.getProperty("java.io.tmpdir")));
    }

    /**
     * As {@link #load()}, but with the directories to unpack into, in the order in which they are
     * tried, after the preferred ones.
     */
    public static void load(List<String> directories) {
        if (loaded != null) {
            return;
        }
        synchronized (LOCK) {
            if (loaded != null) {
                return;
            }
            final List<String> places = new ArrayList<>(PREFERRED);
            places.addAll(directories);
            final String override = System.getProperty(PATH_PROPERTY);
            final LibraryLoader loader = new LibraryLoader();
            final Path from = override == null ? loader.unpack(places) : loader.direct(override);
            loader.compareAbi(from);
            loaded = from;
        }
    }

    /** Names a directory that is tried before those named earlier and all others. */
    public static void preferDirectory(String directory) {
        Objects.requireNonNull(directory, "directory");
        synchronized (LOCK) {
            PREFERRED.remove(directory);
            PREFERRED.add(0, directory);
        }
    }

    /** The library's version, as {@code 0.1.0}. Loads it if need be, and may fail as that. */
    public static String version() {
        load();
        return Natives.version();
    }

    /** The file that was loaded, by now deleted if it was unpacked; null if nothing was loaded. */
    public static Path loadedFrom() {
        return loaded;
    }
}

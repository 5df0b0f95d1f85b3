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

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.HighAvailabilityOptions;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.core.fs.FSDataOutputStream;
import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.highavailability.HighAvailabilityServicesUtils;
import org.apache.flink.runtime.persistence.RetrievableStateStorageHelper;
import org.apache.flink.runtime.persistence.filesystem.FileSystemStateStorageHelper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The cluster's part of {@code high-availability.storageDir}, where the bytes lie to which keys in
 * the name service point.
 *
 * <p>A file is named after its kind and owner, {@code jobGraph-JOB-RANDOM}, and never written
 * twice. So what an interrupted write has left can be found when its owner ends; and what is listed
 * then is not what anybody writes later, which matters because files are not fenced. Thread-safe.
 */
final class StorageDirectory {

    private static final Logger LOG = LoggerFactory.getLogger(StorageDirectory.class);

    private final String configured;
    private final Path path;

    private boolean writable;

    private StorageDirectory(String configured, Path path) {
        this.configured = configured;
        this.path = path;
    }

    /**
     * Reads where it is; looks at nothing yet.
     *
     * @throws IllegalConfigurationException naming key, value and remedy
     */
    static StorageDirectory of(Configuration configuration) {
        final String configured = configuration.get(HighAvailabilityOptions.HA_STORAGE_PATH);
        if (configured == null || configured.trim().isEmpty()) {
            throw new IllegalConfigurationException(
                    HighAvailabilityOptions.HA_STORAGE_PATH.key()
                            + " is not set, but "
                            + LeaderServerOptions.ENDPOINT.key()
                            + ": '"
                            + configuration.get(LeaderServerOptions.ENDPOINT)
                            + "' keeps jobs and checkpoints there: "
                            + REMEDY
                            + ".");
        }
        try {
            return new StorageDirectory(
                    configured,
                    HighAvailabilityServicesUtils.getClusterHighAvailableStoragePath(
                            configuration));
        } catch (IllegalConfigurationException e) {
            throw refused(configured, e);
        }
    }

    private static final String REMEDY =
            "give a directory that every JobManager can write and every TaskManager can read, such"
                    + " as hdfs:///flink/ha or s3://bucket/flink/ha";

    private static IllegalConfigurationException refused(String configured, Exception cause) {
        return Settings.refused(
                HighAvailabilityOptions.HA_STORAGE_PATH, configured, cause + "; " + REMEDY, cause);
    }

    /**
     * For a JobManager: writes and deletes a file, once.
     *
     * @throws IllegalConfigurationException naming key, value and remedy if it can't
     */
    synchronized void checkWritable() {
        if (writable) {
            return;
        }
        final Path probe = new Path(path, "probe-" + UUID.randomUUID());
        try {
            final FileSystem files = path.getFileSystem();
            try (FSDataOutputStream out = files.create(probe, FileSystem.WriteMode.NO_OVERWRITE)) {
                out.write(0);
            }
            files.delete(probe, false);
        } catch (IOException | RuntimeException e) {
            throw refused(configured, e);
        }
        writable = true;
    }

    /**
     * Stores states in files of one kind.
     *
     * @param owner names the job or application that a state is of
     */
    <T extends Serializable> RetrievableStateStorageHelper<T> helper(
            String kind, Function<T, Object> owner) {
        return state ->
                new FileSystemStateStorageHelper<T>(path, prefixOf(kind, owner.apply(state)))
                        .store(state);
    }

    private static String prefixOf(String kind, Object owner) {
        return kind + "-" + owner + "-";
    }

    /** The files of one kind and owner that are there now. */
    Listed list(String kind, Object owner) throws IOException {
        return listPrefix(prefixOf(kind, owner));
    }

    /** The files of one kind that are there now. */
    Listed list(String kind) throws IOException {
        return listPrefix(kind + "-");
    }

    private Listed listPrefix(String prefix) throws IOException {
        final FileSystem files = path.getFileSystem();
        final List<Path> found = new ArrayList<>();
        for (FileStatus file : statuses(files)) {
            if (!file.isDir() && file.getPath().getName().startsWith(prefix)) {
                found.add(file.getPath());
            }
        }
        return new Listed(files, found);
    }

    /** File systems differ in what they say of a directory that is not there. */
    private FileStatus[] statuses(FileSystem files) throws IOException {
        while (true) {
            try {
                final FileStatus[] statuses = files.listStatus(path);
                return statuses == null ? new FileStatus[0] : statuses;
            } catch (FileNotFoundException e) {
                // Or a file vanished while the local file system was looking at each.
                if (!files.exists(path)) {
                    return new FileStatus[0];
                }
            }
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }

    /** Files that were there at one moment. */
    static final class Listed {

        private final FileSystem files;
        private final List<Path> paths;

        private Listed(FileSystem files, List<Path> paths) {
            this.files = files;
            this.paths = paths;
        }

        /** Deletes those of them that are still there; what can't be deleted is logged. */
        void delete() {
            for (Path file : paths) {
                try {
                    files.delete(file, false);
                } catch (IOException e) {
                    LOG.warn("{} could not be deleted.", file, e);
                }
            }
        }
    }
}

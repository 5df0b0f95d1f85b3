package io.leaderserver.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * What one subtask holds for settled, a line for each event, in a file that outlives the job:
 *
 * <pre>
 * MILLISECONDS ATTEMPT begins  CHECKPOINT COUNT SUM HIGHEST   (checkpoint 0: from nothing)
 * MILLISECONDS ATTEMPT settled CHECKPOINT COUNT SUM HIGHEST
 * MILLISECONDS ATTEMPT broken  EXPECTED GOT
 * </pre>
 *
 * The milliseconds are those of the wall clock; the attempt is a name that no other has.
 */
final class Ledger {
    private final Path file;
    private final String attempt = UUID.randomUUID().toString();

    Ledger(String directory, int subtask) throws IOException {
        file = Files.createDirectories(Paths.get(directory)).resolve("subtask-" + subtask);
    }

    void begins(long checkpoint, Totals totals) throws IOException {
        append("begins " + checkpoint + " " + totals);
    }

    void settled(long checkpoint, Totals totals) throws IOException {
        append("settled " + checkpoint + " " + totals);
    }

    void broken(long expected, long got) throws IOException {
        append("broken " + expected + " " + got);
    }

    /** One write for a whole line, so that lines of two attempts never mix. */
    private void append(String event) throws IOException {
        String line = System.currentTimeMillis() + " " + attempt + " " + event + "\n";
        Files.write(
                file,
                line.getBytes(StandardCharsets.UTF_8),
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }
}

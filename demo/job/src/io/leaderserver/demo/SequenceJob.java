package io.leaderserver.demo;

import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Counts each number of the sequence 0, 1, 2, … exactly once, and fails for good if it ever does
 * not. One reader, whose position is part of each checkpoint, deals the numbers out by key to two
 * subtasks, so a cluster of two TaskManagers with one slot each has to use both.
 *
 * <p>{@code --ledger DIR} is where the subtasks write what they hold for settled ({@link Ledger});
 * when there is a file {@code end} in it, the sequence ends. {@code --rate N} numbers are counted
 * in a second, 1000 if not set; each counter takes {@code --snapshot-ms N} longer over its part of
 * a checkpoint. How often the job checkpoints, and where to, is configuration.
 *
 * <p>Uses only what flink-dist has in 1.20 and in 2.x alike.
 */
public final class SequenceJob {
    private SequenceJob() {}

    public static void main(String[] args) throws Exception {
        Map<String, String> options = options(args);
        Path ledger = Paths.get(options.get("--ledger"));
        double rate = Double.parseDouble(options.getOrDefault("--rate", "1000"));
        long snapshotMs = Long.parseLong(options.getOrDefault("--snapshot-ms", "0"));

        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.fromSource(
                        new Sequence(rate, ledger.resolve("end").toString()),
                        WatermarkStrategy.noWatermarks(),
                        "sequence",
                        Types.LONG)
                .setParallelism(1) // so that the numbers of each key come in order
                .uid("sequence")
                .keyBy(ExactCounter::keyOf)
                .process(new ExactCounter(ledger.toString(), snapshotMs))
                .setParallelism(2)
                .uid("counter")
                .name("counter")
                .sinkTo(new DiscardingSink<>())
                .setParallelism(2)
                .uid("nowhere");
        env.execute("sequence");
    }

    private static Map<String, String> options(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i], args[i + 1]);
        }
        if (args.length % 2 != 0 || !options.containsKey("--ledger")) {
            throw new IllegalArgumentException(
                    "usage: SequenceJob --ledger DIR [--rate N] [--snapshot-ms N]");
        }
        return options;
    }
}

package io.leaderserver.demo;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Counts numbers, a hundred a second, without an end; with {@code --count N} it ends after N of
 * them. Two subtasks exchange records by key, so a cluster of two TaskManagers with one slot each
 * has to use both and the network between them.
 *
 * <p>Uses only what flink-dist has in 1.20 and in 2.x alike.
 */
public final class NumbersJob {
    private static final double NUMBERS_PER_SECOND = 100;
    private static final int KEYS = 16;

    private NumbersJob() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(2);
        env.fromSource(
                        new DataGeneratorSource<>(
                                (GeneratorFunction<Long, Long>) number -> number,
                                count(args),
                                RateLimiterStrategy.perSecond(NUMBERS_PER_SECOND),
                                Types.LONG),
                        WatermarkStrategy.noWatermarks(),
                        "numbers")
                .keyBy(number -> number % KEYS)
                .reduce(Long::sum)
                .name("sums")
                .sinkTo(new DiscardingSink<>());
        env.execute("numbers");
    }

    private static long count(String[] args) {
        if (args.length == 0) {
            return Long.MAX_VALUE;
        }
        if (args.length == 2 && args[0].equals("--count")) {
            return Long.parseLong(args[1]);
        }
        throw new IllegalArgumentException("usage: NumbersJob [--count N]");
    }
}

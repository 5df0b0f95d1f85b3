package io.leaderserver.demo;

import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Counts numbers that come in order, and knows from its own state which one has to be next: a key
 * that has counted {@code n} numbers has seen {@code key + KEYS * i} for every {@code i < n}. A
 * number lost or counted twice in a recovery is seen at the key's next one, and fails the job for
 * good.
 *
 * <p>That shows that reader and counters came back to one moment. Whether it was the latest is for
 * the {@link Ledger}, which hears of each checkpoint that has completed, as a sink would that
 * commits a transaction then: what was settled once must be part of every later beginning.
 */
final class ExactCounter extends KeyedProcessFunction<Long, Long, Long>
        implements CheckpointedFunction, CheckpointListener {
    /** So many that state lies in several files of an incremental checkpoint. */
    private static final long KEYS = 1000;

    private static final long serialVersionUID = 1;

    private final String directory;
    private final long snapshotMs;

    private transient ValueState<Long> counted;
    private transient ListState<long[]> saved;
    private transient Totals totals;
    private transient TreeMap<Long, Totals> unsettled;
    private transient Ledger ledger;

    ExactCounter(String directory, long snapshotMs) {
        this.directory = directory;
        this.snapshotMs = snapshotMs;
    }

    static Long keyOf(Long number) {
        return number % KEYS;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        counted =
                context.getKeyedStateStore()
                        .getState(new ValueStateDescriptor<>("counted", Types.LONG));
        saved =
                context.getOperatorStateStore()
                        .getListState(
                                new ListStateDescriptor<>(
                                        "totals",
                                        PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO));
        totals = new Totals();
        for (long[] each : saved.get()) {
            totals.add(each);
        }
        unsettled = new TreeMap<>();
        int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        ledger = new Ledger(directory, subtask);
        ledger.begins(context.getRestoredCheckpointId().orElse(0), totals);
    }

    @Override
    public void processElement(Long number, Context context, Collector<Long> out)
            throws Exception {
        long key = context.getCurrentKey();
        Long before = counted.value();
        long expected = key + KEYS * (before == null ? 0 : before);
        if (number != expected) {
            ledger.broken(expected, number);
            throw new SuppressRestartsException(
                    new IllegalStateException("expected " + expected + " but got " + number));
        }
        counted.update(before == null ? 1 : before + 1);
        totals.count(number);
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        saved.clear();
        saved.add(totals.values());
        unsettled.put(context.getCheckpointId(), totals.copy());
        Thread.sleep(snapshotMs);
    }

    @Override
    public void notifyCheckpointComplete(long checkpoint) throws Exception {
        Map.Entry<Long, Totals> settled = unsettled.floorEntry(checkpoint);
        if (settled != null && settled.getKey() == checkpoint) {
            ledger.settled(checkpoint, settled.getValue());
        }
        unsettled.headMap(checkpoint, true).clear();
    }
}

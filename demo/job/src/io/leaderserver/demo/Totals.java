package io.leaderserver.demo;

/** How many numbers were counted, their sum, and the highest of them; -1 if there is none. */
final class Totals {
    private long count;
    private long sum;
    private long highest = -1;

    void count(long number) {
        add(new long[] {1, number, number});
    }

    void add(long[] values) {
        count += values[0];
        sum += values[1];
        highest = Math.max(highest, values[2]);
    }

    long[] values() {
        return new long[] {count, sum, highest};
    }

    Totals copy() {
        Totals copy = new Totals();
        copy.add(values());
        return copy;
    }

    @Override
    public String toString() {
        return count + " " + sum + " " + highest;
    }
}

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

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A JVM of its own that runs {@link ChildMain}; what it prints is there to be waited for. */
final class Child implements AutoCloseable {

    /** What {@link ChildMain} said, without the mark. */
    final Events<String> lines;

    /** What else was printed: logs, and words of the JVM. */
    final Events<String> output;

    private final Process process;
    private final PrintStream input;
    private final Thread reader;

    /**
     * @param jvmArguments beside those that all children have
     * @param arguments what to do
     */
    Child(List<String> jvmArguments, String... arguments) throws IOException {
        final List<String> command = new ArrayList<>();
        command.add(System.getProperty("java.home") + "/bin/java");
        command.addAll(List.of("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
        command.addAll(jvmArguments);
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(ChildMain.class.getName());
        command.addAll(Arrays.asList(arguments));
        lines = new Events<>("of " + Arrays.toString(arguments) + " the parent");
        output = new Events<>("of the output the parent");
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        input = new PrintStream(process.getOutputStream(), true);
        reader = new Thread(this::read, "child-output");
        reader.setDaemon(true);
        reader.start();
    }

    private void read() {
        try (BufferedReader printed =
                new BufferedReader(new InputStreamReader(process.getInputStream()))) {
            for (String line = printed.readLine(); line != null; line = printed.readLine()) {
                if (line.startsWith(ChildMain.MARK)) {
                    lines.add(line.substring(ChildMain.MARK.length()));
                } else {
                    output.add(line);
                }
            }
        } catch (IOException e) {
            // It was ended.
        }
    }

    /** Says a line to the child. */
    void say(String line) {
        input.println(line);
    }

    /** Waits until it says a line that begins so, and answers the rest of it. */
    String await(String beginning) {
        return await(lines, beginning);
    }

    /** The same of what else is printed. */
    String awaitOutput(String beginning) {
        return await(output, beginning);
    }

    private static String await(Events<String> from, String beginning) {
        while (true) {
            final String line = from.next();
            if (line.startsWith(beginning)) {
                return line.substring(beginning.length()).trim();
            }
        }
    }

    /** Waits for the end of the process, and answers its exit status. */
    int awaitEnd() throws InterruptedException {
        if (!process.waitFor(2, TimeUnit.MINUTES)) {
            throw new AssertionError("the child has not ended: " + lines.all() + output.all());
        }
        reader.join();
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}

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

    final Events<String> lines;

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
        lines = new Events<>("the output of " + Arrays.toString(arguments));
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        input = new PrintStream(process.getOutputStream(), true);
        reader = new Thread(this::read, "child-output");
        reader.setDaemon(true);
        reader.start();
    }

    private void read() {
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream()))) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                lines.add(line);
            }
        } catch (IOException e) {
            // It was ended.
        }
    }

    /** Says a line to the child. */
    void say(String line) {
        input.println(line);
    }

    /** Waits for a line that begins so, and answers the rest of it. */
    String await(String beginning) {
        while (true) {
            final String line = lines.next();
            if (line.startsWith(beginning)) {
                return line.substring(beginning.length()).trim();
            }
        }
    }

    /** Waits for the end of the process, and answers its exit status. */
    int awaitEnd() throws InterruptedException {
        if (!process.waitFor(Events.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError("the child has not ended; it said: " + lines.all());
        }
        reader.join();
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}

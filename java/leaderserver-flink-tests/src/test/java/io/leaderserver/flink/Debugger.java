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

import com.sun.jdi.Bootstrap;
import com.sun.jdi.ThreadReference;
import com.sun.jdi.VirtualMachine;
import com.sun.jdi.connect.AttachingConnector;
import com.sun.jdi.connect.Connector;
import java.util.List;
import java.util.Map;

/** Stops the Java threads of a child, as a debugger does: native threads go on. */
final class Debugger implements AutoCloseable {

    /** For the child: it prints where it listens first of all. */
    static final List<String> JVM_ARGUMENTS =
            List.of(
                    "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:0",
                    "-Xmx64m");

    private final VirtualMachine machine;

    /** Attaches to a child that was started with {@link #JVM_ARGUMENTS}. */
    Debugger(Child child) throws Exception {
        final String port = child.awaitOutput("Listening for transport dt_socket at address:");
        for (AttachingConnector connector :
                Bootstrap.virtualMachineManager().attachingConnectors()) {
            if (connector.transport().name().equals("dt_socket")
                    && connector.defaultArguments().containsKey("port")) {
                final Map<String, Connector.Argument> arguments = connector.defaultArguments();
                arguments.get("hostname").setValue("127.0.0.1");
                arguments.get("port").setValue(port);
                machine = connector.attach(arguments);
                return;
            }
        }
        throw new AssertionError("this JDK has no debugger that attaches over TCP");
    }

    /** Stops all Java threads. */
    void suspend() {
        machine.suspend();
    }

    /** Stops the only thread whose name matches. */
    void suspend(String name) {
        ThreadReference found = null;
        for (ThreadReference thread : machine.allThreads()) {
            if (thread.name().matches(name)) {
                if (found != null) {
                    throw new AssertionError(name + " is not one thread");
                }
                found = thread;
            }
        }
        if (found == null) {
            throw new AssertionError("there is no thread " + name);
        }
        found.suspend();
    }

    /** Lets all go on. */
    void resume() {
        machine.resume();
    }

    @Override
    public void close() {
        machine.dispose();
    }
}

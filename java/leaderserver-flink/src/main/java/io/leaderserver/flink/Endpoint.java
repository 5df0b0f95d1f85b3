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

import java.util.Locale;
import java.util.Objects;
import org.apache.flink.configuration.IllegalConfigurationException;

/** Which name service, as {@code high-availability.leader-server.endpoint} says it. */
final class Endpoint {

    /** Where the name service runs. */
    enum Kind {
        /** In the calling process: {@code embedded:} or {@code embedded:NAME}. */
        EMBEDDED,
        /** In the JobManager: {@code jobmanager:} or {@code jobmanager://host:port}. */
        JOB_MANAGER,
        /** A LeaderServer of its own, which outlives JobManagers: {@code leader://host:port}. */
        LEADER_SERVER
    }

    private static final String FORMS =
            "give jobmanager:, jobmanager://host:port, leader://host:port, embedded: or"
                    + " embedded:NAME";

    private final Kind kind;
    private final String name;
    private final HostPort address;

    private Endpoint(Kind kind, String name, HostPort address) {
        this.kind = kind;
        this.name = name;
        this.address = address;
    }

    /**
     * Reads an endpoint.
     *
     * @throws IllegalConfigurationException naming key, value and remedy
     */
    static Endpoint parse(String text) {
        final String trimmed = text.trim();
        final int colon = trimmed.indexOf(':');
        if (colon < 0) {
            throw refused(text, FORMS);
        }
        final String rest = trimmed.substring(colon + 1);
        switch (trimmed.substring(0, colon).toLowerCase(Locale.ROOT)) {
            case "jobmanager":
                final HostPort address = rest.isEmpty() ? null : parseAddress(text, rest);
                return new Endpoint(Kind.JOB_MANAGER, null, address);
            case "leader":
                return new Endpoint(Kind.LEADER_SERVER, null, parseAddress(text, rest));
            case "embedded":
                return new Endpoint(Kind.EMBEDDED, parseName(rest), null);
            case "etcd":
            case "zookeeper":
                throw refused(
                        text,
                        "this version has no store for that kind of name service, which Flink needs"
                                + " for jobs and checkpoints; "
                                + FORMS);
            default:
                throw refused(text, "there is no such kind of name service; " + FORMS);
        }
    }

    private static String parseName(String rest) {
        final String name = rest.startsWith("//") ? rest.substring(2) : rest;
        return name.isEmpty() ? null : name;
    }

    private static HostPort parseAddress(String text, String rest) {
        final HostPort address = rest.startsWith("//") ? HostPort.parse(rest.substring(2)) : null;
        if (address == null) {
            throw refused(
                    text, "after the scheme give // with a host, a colon and a port; " + FORMS);
        }
        if (address.port() < 1 || address.port() > HostPort.MAX_PORT) {
            throw refused(text, "give a port from 1 to 65535");
        }
        return address;
    }

    private static IllegalConfigurationException refused(String text, String remedy) {
        return Settings.refused(LeaderServerOptions.ENDPOINT, text, remedy, null);
    }

    Kind kind() {
        return kind;
    }

    /**
     * Whether what is kept in the name service outlives the JobManager, so that all of a cluster's
     * metadata belongs there and into {@code high-availability.storageDir}.
     */
    boolean isDurable() {
        return kind == Kind.LEADER_SERVER;
    }

    /** Whether the name service is reached over the network, at an address or at a default. */
    boolean isRemote() {
        return kind != Kind.EMBEDDED;
    }

    /** Whether nobody outside these services can share the name service. */
    boolean isPrivate() {
        return kind == Kind.EMBEDDED && name == null;
    }

    /** The address said in the endpoint; null where none is. */
    HostPort address() {
        return address;
    }

    @Override
    public String toString() {
        if (kind == Kind.EMBEDDED) {
            return "embedded:" + Objects.toString(name, "");
        }
        final String scheme = kind == Kind.LEADER_SERVER ? "leader:" : "jobmanager:";
        return address == null ? scheme : scheme + "//" + address;
    }
}

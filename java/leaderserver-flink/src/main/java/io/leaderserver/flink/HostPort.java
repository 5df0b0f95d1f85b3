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

/** A host name or address with a port; prints as {@code host:port}, {@code [v6]:port}. */
final class HostPort {

    static final int MAX_PORT = 65535;

    private final String host;
    private final int port;

    HostPort(String host, int port) {
        this.host = withoutBrackets(host);
        this.port = port;
    }

    /**
     * Reads {@code host:port} or {@code [v6]:port}.
     *
     * @return null if it is neither; a port beyond five digits reads as {@link Integer#MAX_VALUE}
     */
    static HostPort parse(String text) {
        final int colon = text.lastIndexOf(':');
        if (colon <= 0) {
            return null;
        }
        final String host = text.substring(0, colon);
        final String digits = text.substring(colon + 1);
        final boolean bracketed = host.startsWith("[") && host.endsWith("]");
        final String bare = withoutBrackets(host);
        if (bare.isEmpty() || bare.matches(".*[\\s/?#@\\[\\]].*")) {
            return null;
        }
        if (bare.indexOf(':') >= 0 != bracketed || !digits.matches("[0-9]+")) {
            return null;
        }
        final boolean tooLong = digits.length() > 5;
        return new HostPort(bare, tooLong ? Integer.MAX_VALUE : Integer.parseInt(digits));
    }

    private static String withoutBrackets(String host) {
        final String trimmed = host.trim();
        return trimmed.startsWith("[") && trimmed.endsWith("]")
                ? trimmed.substring(1, trimmed.length() - 1)
                : trimmed;
    }

    /** Whether a host stands for all interfaces, and so is no address that others can dial. */
    static boolean isWildcard(String host) {
        final String bare = withoutBrackets(host);
        return bare.isEmpty()
                || bare.equals("*")
                || bare.equals("0.0.0.0")
                || bare.matches("(?=.*:)[0:]+");
    }

    String host() {
        return host;
    }

    int port() {
        return port;
    }

    @Override
    public String toString() {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
}

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

import io.leaderserver.TlsMaterial;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.IllegalConfigurationException;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.SecurityOptions;
import org.apache.flink.runtime.highavailability.ClientHighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServices;
import org.apache.flink.runtime.highavailability.HighAvailabilityServicesFactory;
import org.apache.flink.runtime.highavailability.nonha.standalone.StandaloneClientHAServices;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What {@code high-availability.type} names, in JobManagers, TaskManagers and clients alike. {@link
 * LeaderServerOptions} has the other keys.
 */
public final class LeaderServerHaServicesFactory implements HighAvailabilityServicesFactory {

    private static final Logger LOG = LoggerFactory.getLogger(LeaderServerHaServicesFactory.class);

    /** Made by Flink. */
    public LeaderServerHaServicesFactory() {}

    /**
     * Services for a JobManager or a TaskManager: which of them, shows when the first election is
     * asked for. Nothing is connected before something is started.
     *
     * @param configuration the live configuration of the process; with plain {@code jobmanager:} a
     *     JobManager writes the address of its LeaderServer into it
     * @param executor for the input and output of the stores that {@code leader:} brings
     * @throws IllegalConfigurationException naming key, value and remedy
     */
    @Override
    public HighAvailabilityServices createHAServices(
            Configuration configuration, Executor executor) {
        final Settings settings = Settings.of(configuration);
        if (!settings.endpoint().isDurable()) {
            return new LeaderServerNonHaServices(Leadership.open(settings, configuration));
        }
        final StorageDirectory directory = StorageDirectory.of(configuration);
        final Leadership leadership = Leadership.open(settings, configuration);
        return Release.haServices(new Metadata(leadership, directory, configuration, executor));
    }

    /**
     * Services for a client, which looks for the REST endpoint only. Where the LeaderServer can't
     * be asked (its port is picked by a cluster on YARN, or internal TLS is on and this process has
     * no stores), {@code rest.address} and {@code rest.port} are taken instead, if they are set.
     *
     * @throws IllegalConfigurationException naming key, value and remedy
     */
    @Override
    public ClientHighAvailabilityServices createClientHAServices(Configuration configuration) {
        final Settings settings = Settings.of(configuration);
        TlsMaterial tls = null;
        if (settings.endpoint().isRemote()) {
            if (settings.dialled() == null || isPlainOnYarn(settings)) {
                return atRestAddress(configuration, noAddress(settings));
            }
            try {
                tls = InternalTls.load(configuration);
            } catch (IllegalConfigurationException e) {
                return atRestAddress(configuration, e);
            }
        }
        return new LeaderServerClientHaServices(Leadership.openClient(settings, tls));
    }

    private static boolean isPlainOnYarn(Settings settings) {
        return settings.isYarn() && settings.endpoint().address() == null;
    }

    private static IllegalConfigurationException noAddress(Settings settings) {
        return new IllegalConfigurationException(
                "This client can't know where the LeaderServer is: the endpoint is '"
                        + settings.endpoint()
                        + "', "
                        + JobManagerOptions.ADDRESS.key()
                        + " is '"
                        + settings.jobManagerHost()
                        + "' and "
                        + LeaderServerOptions.PORT.key()
                        + " is "
                        + settings.port()
                        + ". Set "
                        + LeaderServerOptions.ENDPOINT.key()
                        + ", or these two, or "
                        + RestOptions.ADDRESS.key()
                        + " and "
                        + RestOptions.PORT.key()
                        + ".");
    }

    /** The REST endpoint as configured; the given exception where it is not. */
    private static ClientHighAvailabilityServices atRestAddress(
            Configuration configuration, IllegalConfigurationException otherwise) {
        final Optional<String> host = configuration.getOptional(RestOptions.ADDRESS);
        final Optional<Integer> port = configuration.getOptional(RestOptions.PORT);
        if (!host.isPresent() || !port.isPresent() || port.get() <= 0) {
            throw otherwise;
        }
        final String scheme = SecurityOptions.isRestSSLEnabled(configuration) ? "https" : "http";
        final String url = scheme + "://" + new HostPort(host.get(), port.get());
        LOG.debug("The cluster is looked for at {}: {}", url, otherwise.getMessage());
        return new StandaloneClientHAServices(url);
    }
}

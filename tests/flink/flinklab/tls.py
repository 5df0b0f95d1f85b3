"""Stores for Flink's internal TLS, made as its manual says: one key, kept and trusted by all.

keytool comes with the JDK; openssl, for the two PEM files that our command line program reads, with
the certificates that every JDK package needs.
"""

import subprocess

PASSWORD = "internal_store_password"


def internal(directory, names=False):
    """Makes a store; returns the configuration that every process of the cluster gets.

    `names` puts host names into the certificate. Flink's manual has none, and it never looked at
    any, until the Netty that is inside 2.3 began to for data connections between TaskManagers.
    """
    store = directory / "internal.keystore"
    command = ["keytool", "-genkeypair", "-alias", "flink.internal", "-keystore", str(store)]
    command += ["-dname", "CN=flink.internal", "-storepass", PASSWORD, "-validity", "30"]
    command += ["-keyalg", "RSA", "-keysize", "2048", "-storetype", "PKCS12"]
    command += ["-ext", "san=dns:localhost,ip:127.0.0.1"] if names else []
    _run(command)
    prefix = "security.ssl.internal."
    return {
        prefix + "enabled": "true",
        prefix + "keystore": store,
        prefix + "truststore": store,
        prefix + "keystore-password": PASSWORD,
        prefix + "key-password": PASSWORD,
        prefix + "truststore-password": PASSWORD,
    }


def command_line(directory):
    """The same for `leaderserver`: its options, after `internal` in that directory."""
    store, key, certificate = (
        str(directory / name) for name in ("internal.keystore", "key.pem", "certificate.pem")
    )
    export = ["openssl", "pkcs12", "-in", store, "-passin", f"pass:{PASSWORD}", "-nodes"]
    _run([*export, "-nocerts", "-out", key])
    _run([*export, "-nokeys", "-out", certificate])
    return ["--tls-cert", certificate, "--tls-key", key, "--tls-ca", certificate]


def _run(command):
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)

"""Stores for Flink's internal TLS, made as its manual says: one key, kept and trusted by all."""

import subprocess

PASSWORD = "internal_store_password"


def internal(directory):
    """Makes a store; returns the configuration that every process of the cluster gets."""
    store = directory / "internal.keystore"
    command = ["keytool", "-genkeypair", "-alias", "flink.internal", "-keystore", str(store)]
    command += ["-dname", "CN=flink.internal", "-storepass", PASSWORD, "-validity", "30"]
    command += ["-keyalg", "RSA", "-keysize", "2048", "-storetype", "PKCS12"]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    prefix = "security.ssl.internal."
    return {
        prefix + "enabled": "true",
        prefix + "keystore": store,
        prefix + "truststore": store,
        prefix + "keystore-password": PASSWORD,
        prefix + "key-password": PASSWORD,
        prefix + "truststore-password": PASSWORD,
    }

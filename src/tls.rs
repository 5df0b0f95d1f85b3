//! TLS for both ends: mutual authentication by trust stores, as Flink's internal TLS.
//!
//! Host names are not checked: whoever has a certificate that the trust store accepts belongs to the
//! cluster. A certificate that is itself in the trust store is accepted even where it is not marked
//! as an authority, as `keytool -genkeypair` makes them.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore,
    ServerConfig, SignatureScheme,
};

use crate::core::error::Error;

/// Key, certificates and what is trusted.
#[derive(Clone)]
pub struct TlsConfig {
    /// The own private key: PKCS#8, PKCS#1 or SEC1, in DER.
    pub key: Vec<u8>,
    /// The own certificate and those that vouch for it, in DER.
    pub chain: Vec<Vec<u8>>,
    /// The certificates that are trusted, in DER.
    pub trusted: Vec<Vec<u8>>,
    /// The SHA-1 or SHA-256 of the only certificate that is accepted.
    pub fingerprint: Option<Vec<u8>>,
}

impl TlsConfig {
    /// Reads PEM files.
    ///
    /// # Errors
    /// [`Error::Tls`] naming the file.
    pub fn from_pem_files(chain: &Path, key: &Path, trusted: &Path) -> Result<Self, Error> {
        let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
        Ok(TlsConfig {
            key: key_der.secret_der().to_vec(),
            chain: certificates(chain)?,
            trusted: certificates(trusted)?,
            fingerprint: None,
        })
    }

    /// For the connecting end.
    ///
    /// # Errors
    /// [`Error::Tls`] if key or certificates can't be used.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self.verifier(provider)?))
            .with_client_auth_cert(self.own_chain(), self.own_key()?)
            .map_err(unusable)?;
        Ok(Arc::new(config))
    }

    /// For the accepting end.
    ///
    /// # Errors
    /// [`Error::Tls`] if key or certificates can't be used.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_client_cert_verifier(Arc::new(self.verifier(provider)?))
            .with_single_cert(self.own_chain(), self.own_key()?)
            .map_err(unusable)?;
        Ok(Arc::new(config))
    }

    fn own_chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect()
    }

    fn own_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        PrivateKeyDer::try_from(self.key.clone())
            .map_err(|error| Error::Tls(format!("the private key can't be used: {error}")))
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Verifier, Error> {
        let mut roots = RootCertStore::empty();
        for der in &self.trusted {
            roots.add(CertificateDer::from(der.clone())).map_err(unusable)?;
        }
        if roots.is_empty() {
            return Err(Error::Tls("the trust store has no certificate".to_owned()));
        }
        let roots = Arc::new(roots);
        let of_servers = WebPkiServerVerifier::builder_with_provider(
            Arc::clone(&roots),
            Arc::clone(&provider),
        );
        let of_clients = WebPkiClientVerifier::builder_with_provider(roots, provider);
        Ok(Verifier {
            of_servers: of_servers.build().map_err(unusable)?,
            of_clients: of_clients.build().map_err(unusable)?,
            trusted: self.trusted.clone(),
            fingerprint: self.fingerprint.clone(),
        })
    }
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable(path, &error))?
        .map(|certificate| certificate.map(|der| der.as_ref().to_vec()))
        .collect();
    let found = found.map_err(|error| unreadable(path, &error))?;
    if found.is_empty() {
        return Err(Error::Tls(format!("'{}' holds no certificate (PEM)", path.display())));
    }
    Ok(found)
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Tls(format!("'{}' can't be read as PEM: {error}", path.display()))
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::Tls(format!("key or certificates can't be used: {error}"))
}

/// Accepts whom the trust store accepts, by whatever name.
#[derive(Debug)]
struct Verifier {
    of_servers: Arc<WebPkiServerVerifier>,
    of_clients: Arc<dyn ClientCertVerifier>,
    trusted: Vec<Vec<u8>>,
    fingerprint: Option<Vec<u8>>,
}

impl Verifier {
    /// Whether the certificate itself is trusted; its holder proves in the handshake that it has
    /// the key.
    fn is_trusted(&self, certificate: &CertificateDer<'_>) -> bool {
        self.trusted.iter().any(|trusted| trusted.as_slice() == certificate.as_ref())
    }

    fn check_fingerprint(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        use ::ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
        let Some(wanted) = &self.fingerprint else { return Ok(()) };
        let algorithm = if wanted.len() == 20 { &SHA1_FOR_LEGACY_USE_ONLY } else { &SHA256 };
        if digest(algorithm, certificate.as_ref()).as_ref() == wanted.as_slice() {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check_fingerprint(end_entity)?;
        if self.is_trusted(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let verified = self.of_servers.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            // The name is looked at last: everything else was found in order.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.of_servers.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.of_servers.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.of_servers.supported_verify_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.of_clients.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check_fingerprint(end_entity)?;
        if self.is_trusted(end_entity) {
            return Ok(ClientCertVerified::assertion());
        }
        self.of_clients.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.of_clients.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.of_clients.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.of_clients.supported_verify_schemes()
    }
}

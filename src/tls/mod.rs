//! TLS with certificates at both ends, as Flink's internal connections have it: whoever holds a
//! certificate that is trusted takes part, host names don't matter.
//!
//! One provider of cryptography, *ring*, named explicitly, so that nothing depends on what another
//! library of the same process has installed.

mod ec;
mod verify;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, InconsistentKeys, InvalidMessage};

use crate::core::error::Error;
use verify::PeerVerifier;

/// Keys and certificates, the same for a server and a client.
#[derive(Clone)]
pub struct TlsConfig {
    /// The private key: PKCS#8 in DER; PKCS#1 and SEC1 are taken, too.
    pub key: Vec<u8>,
    /// Its certificates (X.509, DER), its own first.
    pub chain: Vec<Vec<u8>>,
    /// Certificates of which one must have issued, or be, that of the other end.
    pub trusted: Vec<Vec<u8>>,
    /// SHA-1 (20 bytes) or SHA-256 (32) of the only certificate accepted of the other end. As in
    /// Flink it counts instead of `trusted`.
    pub fingerprint: Option<Vec<u8>>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chain, trusted) = (self.chain.len(), self.trusted.len());
        write!(f, "TlsConfig({chain} certificates, {trusted} trusted)")
    }
}

impl TlsConfig {
    /// Reads PEM files: the certificate with its chain, its private key, and the trusted
    /// certificates.
    ///
    /// # Errors
    /// [`Error::Tls`] naming the file.
    pub fn from_pem_files(cert: &Path, key: &Path, ca: &Path) -> Result<Self, Error> {
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| unusable_file("private key", key, &error))?;
        Ok(TlsConfig {
            key: private.secret_der().to_vec(),
            chain: certificates_of(cert)?,
            trusted: certificates_of(ca)?,
            fingerprint: None,
        })
    }

    /// What a server needs.
    ///
    /// # Errors
    /// [`Error::Tls`] saying which part can't be used.
    pub fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, Error> {
        let (provider, own) = self.own()?;
        let verifier = Arc::new(PeerVerifier::new(self, &provider)?);
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(describe(&error)))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(own);
        // A resumed connection would skip the certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// What a client needs.
    ///
    /// # Errors
    /// As [`TlsConfig::server`].
    pub fn client_config(&self) -> Result<Arc<rustls::ClientConfig>, Error> {
        let (provider, own) = self.own()?;
        let verifier = Arc::new(PeerVerifier::new(self, &provider)?);
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(describe(&error)))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(own);
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(Arc::new(config))
    }

    fn own(&self) -> Result<(Arc<CryptoProvider>, Arc<SingleCertAndKey>), Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain: Vec<CertificateDer<'static>> =
            self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let Some(first) = chain.first() else {
            return Err(Error::Tls("there is no certificate for the private key".to_owned()));
        };
        let parsed = ParsedCertificate::try_from(first).map_err(|error| {
            let error = describe(&error);
            Error::Tls(format!("the certificate of the private key can't be read: {error}"))
        })?;
        let load = |der: &[u8]| {
            let key = PrivateKeyDer::try_from(der).map_err(str::to_owned)?.clone_key();
            provider.key_provider.load_private_key(key).map_err(|error| describe(&error))
        };
        let key = load(&self.key).or_else(|error| {
            // Java leaves out the public half of an elliptic curve's key; ring insists on it.
            let spki = parsed.subject_public_key_info();
            ec::with_public_key(&self.key, &spki).map_or(Err(error), |whole| load(&whole))
        });
        let key = key.map_err(|error| {
            Error::Tls(format!(
                "the private key can't be used: {error}; give RSA (2048 to 4096 bits), EC (P-256, \
                 P-384) or Ed25519, as PKCS#8"
            ))
        })?;
        let own = CertifiedKey::new(chain, key);
        match own.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => {
                return Err(Error::Tls("the certificate is not that of the private key".into()));
            }
        }
        Ok((provider, Arc::new(SingleCertAndKey::from(own))))
    }
}

/// What went wrong, and what is likely to be the reason.
pub fn describe(error: &rustls::Error) -> String {
    use rustls::Error::{
        AlertReceived, InvalidCertificate, NoCertificatesPresented, PeerIncompatible,
    };
    let likely = match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the other end does not speak TLS: switch it on at both ends or at neither"
        }
        AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => "the other end does not trust our certificate: compare the two trust stores",
        AlertReceived(AlertDescription::CertificateRequired) | NoCertificatesPresented => {
            "both ends must show a certificate"
        }
        InvalidCertificate(_) => {
            "the other end's certificate is not trusted: compare the two trust stores"
        }
        AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)
        | PeerIncompatible(_) => "the two ends have no version or cipher suite in common",
        _ => return error.to_string(),
    };
    format!("{error}; {likely}")
}

fn certificates_of(file: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).and_then(|found| found.collect());
    match certificates {
        Ok(found) if found.is_empty() => {
            Err(Error::Tls(format!("there is no certificate in {}", file.display())))
        }
        Ok(found) => Ok(found.iter().map(|certificate| certificate.to_vec()).collect()),
        Err(error) => Err(unusable_file("certificates", file, &error)),
    }
}

fn unusable_file(what: &str, file: &Path, error: &rustls::pki_types::pem::Error) -> Error {
    Error::Tls(format!("the {what} of {} can't be read: {error}", file.display()))
}

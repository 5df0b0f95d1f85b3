//! Whether the other end's certificate is trusted.

use std::sync::Arc;

use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
};

use super::TlsConfig;
use crate::core::error::Error;

/// Accepts a certificate that is itself trusted or was issued by one that is; with a fingerprint,
/// the one certificate that has it. The handshake proves in each case that the other end holds its
/// private key.
///
/// A certificate that is trusted itself is taken as it is, as in Java: self-signed, marked as an
/// authority, or past its date. Everything else is a matter of X.509.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    trusted: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    fingerprint: Option<Vec<u8>>,
    /// For chains of clients; none without a root.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    pub(super) fn new(config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        if config.trusted.is_empty() && config.fingerprint.is_none() {
            return Err(Error::Tls("there is no trusted certificate".to_owned()));
        }
        if let Some(fingerprint) = &config.fingerprint
            && !matches!(fingerprint.len(), 20 | 32)
        {
            return Err(Error::Tls("the fingerprint is neither SHA-1 nor SHA-256".to_owned()));
        }
        let trusted: Vec<CertificateDer<'static>> =
            config.trusted.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let mut roots = RootCertStore::empty();
        let (_, ignored) = roots.add_parsable_certificates(trusted.iter().cloned());
        if ignored > 0 {
            log::warn!("{ignored} of {} trusted certificates can't be read", trusted.len());
        }
        let clients = if roots.is_empty() {
            None
        } else {
            let roots = Arc::new(roots.clone());
            let builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
            Some(builder.build().map_err(|error| Error::Tls(error.to_string()))?)
        };
        let algorithms = provider.signature_verification_algorithms;
        let fingerprint = config.fingerprint.clone();
        Ok(PeerVerifier { trusted, roots, fingerprint, clients, algorithms })
    }

    /// Some: it is decided without a chain.
    fn judge_alone(&self, certificate: &CertificateDer<'_>) -> Option<Result<(), rustls::Error>> {
        if let Some(wanted) = &self.fingerprint {
            let algorithm = match wanted.len() {
                20 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
                _ => &digest::SHA256,
            };
            let matches = digest::digest(algorithm, certificate).as_ref() == wanted.as_slice();
            let refused = CertificateError::ApplicationVerificationFailure;
            return Some(if matches { Ok(()) } else { Err(refused.into()) });
        }
        self.trusted.iter().any(|trusted| trusted == certificate).then_some(Ok(()))
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.judge_alone(end_entity) {
            Some(judged) => judged?,
            None => verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                &self.roots,
                intermediates,
                now,
                self.algorithms.all,
            )?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A client has one certificate and shows that.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match (self.judge_alone(end_entity), &self.clients) {
            (Some(judged), _) => judged.map(|()| ClientCertVerified::assertion()),
            (None, Some(chains)) => chains.verify_client_cert(end_entity, intermediates, now),
            (None, None) => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

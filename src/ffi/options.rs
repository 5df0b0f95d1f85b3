//! Options, keys and certificates as they come in, and what is made of them.

use crate::core::config::{ClientConfig, ServerConfig};
use crate::core::error::Error;
use crate::tls::TlsConfig;

/// The option that belongs to the keys and certificates.
const FINGERPRINT: &str = "tls-fingerprint";

const SHA1_BYTES: usize = 20;
const SHA256_BYTES: usize = 32;

/// Names and values, in order.
pub type Options = Vec<(String, String)>;

/// Keys and certificates, DER: the private key (PKCS#8), the number of certificates in the own
/// chain as one byte, those, then the trusted ones.
pub type TlsMaterial = Vec<Vec<u8>>;

/// What a client is opened with.
///
/// # Errors
/// [`Error::InvalidArgument`] naming the option.
pub fn client(
    options: Options,
    tls: Option<TlsMaterial>,
) -> Result<(ClientConfig, Option<TlsConfig>), Error> {
    let (options, tls) = split(options, tls)?;
    let pairs = options.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Ok((ClientConfig::from_options(pairs)?, tls))
}

/// What a server is started with.
///
/// # Errors
/// [`Error::InvalidArgument`] naming the option.
pub fn server(
    options: Options,
    tls: Option<TlsMaterial>,
) -> Result<(ServerConfig, Option<TlsConfig>), Error> {
    let (options, tls) = split(options, tls)?;
    let pairs = options.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Ok((ServerConfig::from_options(pairs)?, tls))
}

/// Takes the fingerprint out of the options and puts it to the certificates.
fn split(
    options: Options,
    tls: Option<TlsMaterial>,
) -> Result<(Options, Option<TlsConfig>), Error> {
    let (prints, options): (Options, Options) =
        options.into_iter().partition(|(key, _)| key == FINGERPRINT);
    let mut tls = tls.map(tls_config).transpose()?;
    if let Some((_, hex)) = prints.last() {
        let Some(tls) = &mut tls else {
            let remedy = "give a key and certificates, too, or leave it out";
            return Err(Error::invalid(FINGERPRINT, hex, remedy));
        };
        tls.fingerprint = Some(fingerprint(hex)?);
    }
    Ok((options, tls))
}

fn tls_config(material: TlsMaterial) -> Result<TlsConfig, Error> {
    let elements = material.len();
    let wrong = |remedy| Error::invalid("tls", format!("{elements} elements"), remedy);
    let mut material = material.into_iter();
    let (Some(key), Some(count)) = (material.next(), material.next()) else {
        return Err(wrong("give a key, the length of its chain, and certificates"));
    };
    let &[count] = count.as_slice() else {
        return Err(wrong("give the length of the chain as one byte in the second element"));
    };
    let chain: Vec<Vec<u8>> = material.by_ref().take(usize::from(count)).collect();
    if chain.len() < usize::from(count) {
        return Err(wrong("give as many certificates as the second element says"));
    }
    Ok(TlsConfig { key, chain, trusted: material.collect(), fingerprint: None })
}

fn fingerprint(text: &str) -> Result<Vec<u8>, Error> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let byte = |pair: &[u8]| {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        Some((digit(*high)? << 4 | digit(*low)?) as u8)
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes
        .filter(|bytes| [SHA1_BYTES, SHA256_BYTES].contains(&bytes.len()))
        .ok_or_else(|| Error::invalid(FINGERPRINT, text, "give a SHA-1 or SHA-256 in hex"))
}

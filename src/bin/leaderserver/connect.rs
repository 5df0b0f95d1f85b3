//! Opens a client as the arguments say, and puts their names into its errors.

use leaderserver::client::LeaderClient;
use leaderserver::core::config::ClientConfig;
use leaderserver::core::error::Error;
use leaderserver::core::ids::Name;
use leaderserver::core::wire::status::Status;
use leaderserver::tls::TlsConfig;

use crate::args::{ConnectArgs, TlsArgs};
use crate::output::Failure;

/// A client for one namespace, or an observer.
pub fn open(
    options: &ConnectArgs,
    namespace: Option<&Name>,
    label: &str,
) -> Result<LeaderClient, Failure> {
    let config = ClientConfig {
        endpoint: Some(options.endpoint.clone()),
        namespace: namespace.cloned(),
        name: Name::new("name", &format!("{label} (pid {})", std::process::id()))?,
        stall_timeout: None,
        operation_timeout: options.timeout,
        ..ClientConfig::default()
    };
    Ok(LeaderClient::open(config, tls(&options.tls)?)?)
}

/// The keys and certificates named, if any are.
pub fn tls(options: &TlsArgs) -> Result<Option<TlsConfig>, Failure> {
    let (Some(cert), Some(key), Some(ca)) = (&options.tls_cert, &options.tls_key, &options.tls_ca)
    else {
        // The parser takes all three or none.
        return Ok(None);
    };
    Ok(Some(TlsConfig::from_pem_files(cert, key, ca)?))
}

/// Asks for the status.
pub fn status(client: &LeaderClient, options: &ConnectArgs) -> Result<Status, Failure> {
    let mut status = client.status(options.timeout).map_err(|error| match error {
        Error::Unreachable { .. } => Failure::new(format!("--endpoint: {error}")),
        error => Failure::new(format!("{}: {error}", options.endpoint)),
    })?;
    // Who asks is not what was asked for.
    let own = client.config().name.as_str();
    for namespace in &mut status.namespaces {
        namespace.sessions.retain(|session| session.name != own);
    }
    Ok(status)
}

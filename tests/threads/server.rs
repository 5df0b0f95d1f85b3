//! In place of the server, which is no part of these models.

use leaderserver::core::config::ServerConfig;
use leaderserver::core::error::Error;
use leaderserver::tls::TlsConfig;

#[derive(Clone)]
pub(crate) struct LeaderServer;

impl LeaderServer {
    pub(crate) fn start(_: ServerConfig, _: Option<TlsConfig>) -> Result<LeaderServer, Error> {
        Ok(LeaderServer)
    }

    pub(crate) fn local_port(&self) -> Option<u16> {
        None
    }

    pub(crate) fn stop(&self) {}

    pub(crate) fn stop_in_background(&self) {}
}

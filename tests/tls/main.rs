//! TLS between a LeaderServer and its clients: who is let in, and what the others are told.
//!
//! The keys beside this file are for these tests alone and open nothing. `rsa`, `ec`, `ec384` and
//! `expired` are self-signed as `keytool -genkeypair` makes them, the keys in the very form in which
//! Java hands them out (without the public half, for elliptic curves); `ca` and `issued` were made
//! with `openssl`.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use leaderserver::client::LeaderClient;
use leaderserver::core::config::{ClientConfig, Endpoint, ServerConfig};
use leaderserver::core::error::Error;
use leaderserver::core::ids::Name;
use leaderserver::server::LeaderServer;
use leaderserver::tls::TlsConfig;

const PATIENCE: Duration = Duration::from_secs(30);

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// The identity of this name, which trusts the others.
fn identity(own: &str, trusted: &[&str]) -> TlsConfig {
    let pem = |kind| file(&format!("{own}.{kind}"));
    let mut config = TlsConfig::from_pem_files(&pem("pem"), &pem("key"), &pem("pem"))
        .expect("the files of the tests are valid");
    config.trusted = trusted.iter().map(|name| certificate(name)).collect();
    config
}

fn certificate(name: &str) -> Vec<u8> {
    let pem = file(&format!("{name}.pem"));
    let key = file(&format!("{name}.key"));
    let config = TlsConfig::from_pem_files(&pem, &key, &pem).expect("the files are valid");
    config.chain.into_iter().next().expect("a certificate")
}

fn start(tls: Option<TlsConfig>) -> LeaderServer {
    let listen = Some(("127.0.0.1".to_owned(), 0));
    let config = ServerConfig { listen, cold: true, ..ServerConfig::default() };
    LeaderServer::start(config, tls).expect("a free port is found")
}

fn open(server: &LeaderServer, tls: Option<TlsConfig>) -> Result<LeaderClient, Error> {
    let port = server.local_port().expect("it listens");
    let config = ClientConfig {
        endpoint: Some(Endpoint::LeaderServer { host: "127.0.0.1".to_owned(), port }),
        namespace: Some(Name::new("namespace", "/tls").expect("a literal name is valid")),
        ..ClientConfig::default()
    };
    LeaderClient::open(config, tls)
}

fn assert_let_in(server: TlsConfig, client: TlsConfig) {
    let server = start(Some(server));
    let client = open(&server, Some(client)).expect("the keys can be used");
    let status = client.status(PATIENCE).expect("it is let in");
    assert_eq!(status.connections, 1);
}

/// The client is not let in, and says why.
fn assert_kept_out(server: Option<TlsConfig>, client: Option<TlsConfig>, words: &str) {
    let logged = Logged::start();
    let server = start(server);
    let client = open(&server, client).expect("the keys can be used");
    let port = server.local_port().expect("it listens").to_string();
    let refused = client.status(Duration::from_secs(1));
    assert!(matches!(refused, Err(Error::Unreachable { .. })), "{refused:?}");
    assert_eq!(server.status().expect("it runs").namespaces, [], "no session was opened");
    logged.wait_for(&port, words);
}

#[test]
fn self_signed_certificates_that_trust_each_other() {
    assert_let_in(identity("rsa", &["ec"]), identity("ec", &["rsa"]));
    assert_let_in(identity("ec", &["ec384"]), identity("ec384", &["ec"]));
}

/// One key store for the whole cluster, as Flink's manual has it.
#[test]
fn one_certificate_for_all() {
    for own in ["rsa", "ec", "ec384"] {
        assert_let_in(identity(own, &[own]), identity(own, &[own]));
    }
}

#[test]
fn an_authority_vouches_for_both_ends() {
    assert_let_in(identity("issued", &["ca"]), identity("issued", &["ca"]));
}

/// It is in the trust store itself, and so is what others would refuse: an authority's own
/// certificate, and one past its date. Java takes both.
#[test]
fn a_trusted_certificate_is_taken_as_it_is() {
    assert_let_in(identity("ca", &["ca"]), identity("ca", &["ca"]));
    assert_let_in(identity("expired", &["ec"]), identity("ec", &["expired"]));
}

#[test]
fn a_fingerprint_names_the_only_certificate() {
    let certificate = certificate("rsa");
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate).as_ref().to_vec();
    let sha256 = digest(&SHA256, &certificate).as_ref().to_vec();
    for fingerprint in [sha1, sha256] {
        let mut client = identity("ec", &[]);
        client.fingerprint = Some(fingerprint.clone());
        assert_let_in(identity("rsa", &["ec"]), client.clone());

        // Trusted, but not the one.
        let mut client = identity("ec", &["ec"]);
        client.fingerprint = Some(fingerprint);
        assert_kept_out(Some(identity("ec", &["ec"])), Some(client), "trust");
    }
}

#[test]
fn a_server_that_is_not_trusted() {
    let (server, client) = (identity("rsa", &["ec"]), identity("ec", &["ca"]));
    assert_kept_out(Some(server), Some(client), "the other end's certificate is not trusted");
}

#[test]
fn a_client_that_is_not_trusted() {
    let (server, client) = (identity("rsa", &["ca"]), identity("ec", &["rsa"]));
    assert_kept_out(Some(server), Some(client), "the other end does not trust our certificate");
}

#[test]
fn tls_at_the_server_only() {
    assert_kept_out(Some(identity("ec", &["ec"])), None, "TLS");
}

#[test]
fn tls_at_the_client_only() {
    assert_kept_out(None, Some(identity("ec", &["ec"])), "TLS");
}

#[test]
fn keys_that_can_not_be_used_are_refused_at_once() {
    type Change = fn(&mut TlsConfig);
    let cases: [(&str, Change); 6] = [
        ("private key can't be used", |tls| tls.key = b"no key".to_vec()),
        ("not that of the private key", |tls| tls.chain = vec![certificate("ec384")]),
        ("there is no certificate", |tls| tls.chain.clear()),
        ("can't be read", |tls| tls.chain = vec![b"no certificate".to_vec()]),
        ("no trusted certificate", |tls| tls.trusted.clear()),
        ("neither SHA-1 nor SHA-256", |tls| tls.fingerprint = Some(vec![1, 2, 3])),
    ];
    for (words, change) in cases {
        let mut tls = identity("rsa", &["rsa"]);
        change(&mut tls);
        for error in [tls.server_config().map(|_| ()), tls.client_config().map(|_| ())] {
            let error = error.expect_err(words);
            assert!(matches!(error, Error::Tls(_)), "{error:?}");
            assert!(error.to_string().contains(words), "'{error}' says '{words}'");
        }
    }
}

#[test]
fn a_file_that_can_not_be_read_is_named() {
    let (pem, key, source) = (file("ec.pem"), file("ec.key"), file("main.rs"));
    for (cert, key, ca) in [(&source, &key, &pem), (&pem, &source, &pem), (&pem, &key, &source)] {
        let error = TlsConfig::from_pem_files(cert, key, ca).expect_err("no PEM file");
        assert!(error.to_string().contains("main.rs"), "{error}");
    }
}

// --- What was logged

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logged {
    from: usize,
}

impl Logged {
    fn start() -> Logged {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            log::set_logger(&Recorder).expect("the only logger of this process");
            log::set_max_level(log::LevelFilter::Debug);
        });
        Logged { from: LINES.lock().len() }
    }

    /// Waits until something was said of the client at this port, in these words.
    fn wait_for(&self, port: &str, words: &str) {
        let begin = Instant::now();
        loop {
            let lines = LINES.lock()[self.from..].to_vec();
            if lines.iter().any(|line| line.contains(port) && line.contains(words)) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "'{words}' was not said: {lines:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.target().starts_with("leaderserver")
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            LINES.lock().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

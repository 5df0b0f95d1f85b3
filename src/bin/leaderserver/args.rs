//! Arguments, with the checks that need nothing but their text.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use leaderserver::core::config::{DEFAULT_PORT, Endpoint, split_host_port};
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Name, PROCESS_ELECTION};
use leaderserver::core::store::StoreLimits;

const EXAMPLES: &str = "\
Examples:
  leaderserver serve --listen 0.0.0.0:6130
  leaderserver status --endpoint leader://host:6130
  leaderserver watch dispatcher --namespace /default --json

`leaderserver COMMAND --help` says more.";

const SERVE_EXAMPLES: &str = "\
Prints `listening on HOST:PORT` once it serves. SIGINT and SIGTERM stop it in good order, a second
one at once. With --data its state is durable: whatever it answered is on the disk, and started again
on the same directory it goes on where it was. Without, the state is in memory. On no or a new
directory it grants leadership only when the clients of an earlier server are sure to have given
theirs up (--max-session-timeout; skipped with --cold).

Examples:
  leaderserver serve
  leaderserver serve --data /var/lib/leaderserver
  leaderserver serve --listen 127.0.0.1:0 --cold
  leaderserver serve --listen [::]:6130 --namespace /default --max-connections 20000
  leaderserver serve --tls-cert cert.pem --tls-key key.pem --tls-ca ca.pem";

const STATUS_EXAMPLES: &str = "\
Works against any LeaderServer, the one inside a JobManager included.

Examples:
  leaderserver status
  leaderserver status --endpoint leader://host:6130 --namespace /default
  leaderserver status --endpoint jobmanager://host:6130 --json
  LEADERSERVER_ENDPOINT=leader://host:6130 leaderserver status";

const WATCH_EXAMPLES: &str = "\
Shows the present leader of each component, then every change, until interrupted. Without a
COMPONENT it follows all that `status` shows, and looks there for new ones every second. When the
name service can't be reached for 10 s, `no leader` is shown until it can.

Examples:
  leaderserver watch dispatcher resourcemanager --namespace /default
  leaderserver watch --endpoint leader://host:6130 --json";

const RESIGN_EXAMPLES: &str = "\
The leader says itself that it has stepped down, and only then the next in line is granted; it stands
again at the end of the line. Prints who leads afterwards. --namespace may be left out where the
election is led in one namespace only.

Examples:
  leaderserver resign --endpoint leader://host:6130
  leaderserver resign dispatcher --namespace /default --timeout 5s";

const TRANSFER_EXAMPLES: &str = "\
As `resign`, but the candidate named is next, wherever it stands in line; `leaderserver status` shows
names and sessions. If it is gone when the leader has stepped down, the next in line leads, and this
fails.

Examples:
  leaderserver transfer --to 17
  leaderserver transfer dispatcher --to '4711@host' --namespace /default";

const CHECK_EXAMPLES: &str = "\
Changes nothing. Fails if anything is damaged, and names the file. A server may be running on the
directory; after one that was stopped in good order every byte is compared, after one that was killed
all that its records depend on.

Examples:
  leaderserver check /var/lib/leaderserver
  leaderserver check leaderserver.backup --json";

const BACKUP_EXAMPLES: &str = "\
All records as of one moment, with checksums over every byte. A server may be running on the directory
and goes on meanwhile: it hands the backup out itself, to whoever may use its directory.

Examples:
  leaderserver backup /var/lib/leaderserver leaderserver-monday.backup";

const RESTORE_EXAMPLES: &str = "\
What the directory then holds is the store as it was backed up and the fences of its elections, under
a new incarnation and without sessions: clients of earlier servers can't take it for what they knew,
and checkpoints named in it may be older than the last. A server on it grants leadership only when the
clients of an earlier server are sure to have given theirs up (serve --cold skips this).

Examples:
  leaderserver restore leaderserver-monday.backup /var/lib/leaderserver-new";

/// A name service for leadership.
#[derive(Parser)]
#[command(name = "leaderserver", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Logs more; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Logs warnings and errors only; twice: errors only
    #[arg(short, long, global = true, action = clap::ArgAction::Count,
          conflicts_with = "verbose")]
    pub quiet: u8,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Runs a LeaderServer
    Serve(ServeArgs),
    /// Shows who leads, who stands in line, and which sessions there are
    Status(StatusArgs),
    /// Shows the leader of components, and every change
    Watch(WatchArgs),
    /// Asks the leader of an election to step down
    Resign(ResignArgs),
    /// Asks the leader of an election to step down in favour of another candidate
    Transfer(TransferArgs),
    /// Looks whether a data directory or a backup is sound
    Check(CheckArgs),
    /// Writes a backup of a data directory, also while a server runs on it
    Backup(BackupArgs),
    /// Makes a new data directory from a backup
    Restore(RestoreArgs),
}

#[derive(Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value_t = default_listen(),
          value_parser = listen)]
    pub listen: String,

    /// Keeps its state in this directory, over restarts and power failures; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The longest session time-out that clients may ask for (500ms, 10s, 2m)
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = duration)]
    pub max_session_timeout: Duration,

    /// Grants at once: you say that no earlier server has living clients
    #[arg(long)]
    pub cold: bool,

    /// Serves this namespace only
    #[arg(long, value_name = "NS", value_parser = namespace)]
    pub namespace: Option<Name>,

    /// The most connections at a time [default: 50000, or what `ulimit -n` allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,

    /// The most keys that the store of a namespace holds
    #[arg(long, value_name = "N", default_value_t = StoreLimits::default().keys,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_store_keys: u64,

    /// The most bytes that the store of a namespace holds
    #[arg(long, value_name = "BYTES", default_value_t = StoreLimits::default().bytes,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_store_bytes: u64,

    #[command(flatten)]
    pub tls: TlsArgs,
}

#[derive(Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArgs {
    #[command(flatten)]
    pub connect: ConnectArgs,

    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = WATCH_EXAMPLES)]
pub struct WatchArgs {
    /// Which components; all that there are if none is named
    #[arg(value_name = "COMPONENT", value_parser = component)]
    pub components: Vec<Name>,

    #[command(flatten)]
    pub connect: ConnectArgs,

    /// Prints one JSON object for each change, on a line of its own
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = RESIGN_EXAMPLES)]
pub struct ResignArgs {
    /// Which election: with per-component the component's name
    #[arg(value_name = "ELECTION", value_parser = election, default_value = PROCESS_ELECTION)]
    pub election: Name,

    #[command(flatten)]
    pub connect: ConnectArgs,

    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = TRANSFER_EXAMPLES)]
pub struct TransferArgs {
    /// Which election: with per-component the component's name
    #[arg(value_name = "ELECTION", value_parser = election, default_value = PROCESS_ELECTION)]
    pub election: Name,

    /// Who is next: a candidate's name or the number of its session
    #[arg(long, value_name = "CANDIDATE", value_parser = candidate)]
    pub to: Name,

    #[command(flatten)]
    pub connect: ConnectArgs,

    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// A data directory, or a backup
    #[arg(value_name = "DIR")]
    pub path: PathBuf,

    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = BACKUP_EXAMPLES)]
pub struct BackupArgs {
    /// The data directory
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,

    /// The file to write, which must not be there
    #[arg(value_name = "FILE")]
    pub to: PathBuf,

    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = RESTORE_EXAMPLES)]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    pub from: PathBuf,

    /// The data directory to make, which must be empty or not there
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,

    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Which name service, and how it is reached.
#[derive(Args)]
pub struct ConnectArgs {
    /// The name service: leader://host:port or jobmanager://host:port
    #[arg(long, value_name = "ENDPOINT", env = "LEADERSERVER_ENDPOINT", value_parser = endpoint,
          default_value_t = default_endpoint())]
    pub endpoint: Endpoint,

    /// The namespace (in Flink: high-availability.cluster-id) [default: all there are]
    #[arg(long, value_name = "NS", value_parser = namespace)]
    pub namespace: Option<Name>,

    /// How long to wait for an answer (500ms, 10s, 2m)
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = positive_duration)]
    pub timeout: Duration,

    #[command(flatten)]
    pub tls: TlsArgs,
}

/// Both ends of TLS show a certificate and trust those of one authority.
#[derive(Args)]
pub struct TlsArgs {
    /// The certificate chain to show, for TLS
    #[arg(long, value_name = "PEM", requires_all = ["tls_key", "tls_ca"])]
    pub tls_cert: Option<PathBuf>,

    /// Its private key
    #[arg(long, value_name = "PEM", requires_all = ["tls_cert", "tls_ca"])]
    pub tls_key: Option<PathBuf>,

    /// The certificates to trust at the other end
    #[arg(long, value_name = "PEM", requires_all = ["tls_cert", "tls_key"])]
    pub tls_ca: Option<PathBuf>,
}

fn default_listen() -> String {
    format!("0.0.0.0:{DEFAULT_PORT}")
}

fn default_endpoint() -> Endpoint {
    Endpoint::LeaderServer { host: "localhost".to_owned(), port: DEFAULT_PORT }
}

fn listen(text: &str) -> Result<String, String> {
    match split_host_port(text) {
        Some((_, Some(_))) => Ok(text.to_owned()),
        _ => Err("give HOST:PORT, as in 0.0.0.0:6130 or [::]:6130".to_owned()),
    }
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    match Endpoint::parse(text) {
        Ok(endpoint @ Endpoint::LeaderServer { .. }) => Ok(endpoint),
        Ok(Endpoint::Embedded(_)) => Err("that one lives inside another process: give \
             leader://host:port or jobmanager://host:port"
            .to_owned()),
        Err(error) if text.starts_with("leader://") || text.starts_with("jobmanager://") => {
            Err(remedy(error))
        }
        Err(_) => Err("give leader://host:port or jobmanager://host:port".to_owned()),
    }
}

fn namespace(text: &str) -> Result<Name, String> {
    Name::new("namespace", text).map_err(remedy)
}

fn component(text: &str) -> Result<Name, String> {
    Name::new("component", text).map_err(remedy)
}

fn election(text: &str) -> Result<Name, String> {
    Name::new("election", text).map_err(remedy)
}

fn candidate(text: &str) -> Result<Name, String> {
    Name::new("to", text).map_err(remedy)
}

/// What to do instead: option and value are named by the parser.
fn remedy(error: Error) -> String {
    match error {
        Error::InvalidArgument { remedy, .. } => remedy,
        error => error.to_string(),
    }
}

/// Reads `500ms`, `10s`, `2m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(365 * 24 * 3600);
    let advice = || "give a whole number and a unit, as in 500ms, 10s, 2m or 1h".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| advice())?;
    let millis = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return Err(advice()),
    };
    let duration = number.checked_mul(millis).map(Duration::from_millis);
    duration.filter(|duration| *duration <= MOST).ok_or_else(|| "give at most a year".to_owned())
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("give more than 0".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10 s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for bad in ["", "10", "s", "-1s", "1.5s", "10 weeks", "99999999999999999999s", "9999h9"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("8761h").expect_err("more than a year").contains("year"));
    }

    #[test]
    fn endpoints_are_those_that_can_be_reached_from_outside() {
        assert!(endpoint("leader://host:1").is_ok());
        assert!(endpoint("jobmanager://host").is_ok());
        for bad in ["embedded:", "embedded:a", "host:1", "leader://", "leader://h:0", "http://h"] {
            assert!(endpoint(bad).is_err_and(|text| text.contains("give")), "{bad}");
        }
    }
}

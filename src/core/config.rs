//! What a client and a server are told, checked once.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Error;
use super::ids::Name;
use super::store::StoreLimits;

/// The least grace under which P1 holds for a process that lives on without its connection (R4).
pub const LEAST_SAFE_GRACE: Duration = Duration::from_millis(100);

/// The least session time-out that is accepted.
pub const MIN_SESSION_TIMEOUT: Duration = Duration::from_millis(100);

/// The port of a LeaderServer where none is said.
pub const DEFAULT_PORT: u16 = 6130;

/// Session time-out and disconnect grace, which belong together (R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Silence after which a session ends.
    pub session_timeout: Duration,
    /// How long after an observed disconnect a session may be resumed.
    pub disconnect_grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            session_timeout: Duration::from_secs(10),
            disconnect_grace: Duration::from_secs(1),
        }
    }
}

impl Timing {
    /// Checks the rules of R4.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming `session-timeout` or `disconnect-grace`.
    pub fn check(&self) -> Result<(), Error> {
        if self.session_timeout < MIN_SESSION_TIMEOUT {
            return Err(Error::invalid(
                "session-timeout",
                millis(self.session_timeout),
                format!("give at least {}", millis(MIN_SESSION_TIMEOUT)),
            ));
        }
        if self.disconnect_grace > self.session_timeout / 2 {
            return Err(Error::invalid(
                "disconnect-grace",
                millis(self.disconnect_grace),
                format!("give at most half of session-timeout ({})", millis(self.session_timeout)),
            ));
        }
        Ok(())
    }

    /// How long a renewal counts for the client, from when it was sent. The server waits for the
    /// whole session time-out from when it received it: the difference covers clocks that run up to
    /// 1 in 1000 apart, ten times over.
    pub fn lease(&self) -> Duration {
        self.session_timeout - self.session_timeout / 50
    }

    /// How long the client leads after it last found its connection open (R2).
    pub fn link_lease(&self) -> Duration {
        self.disconnect_grace * 4 / 5
    }

    /// Between two looks at whether the connection is open (R2).
    pub fn link_check(&self) -> Duration {
        self.disconnect_grace / 4
    }

    /// Whether P1 covers a process that lives on without its connection (R4).
    pub fn grace_is_safe(&self) -> bool {
        self.disconnect_grace >= LEAST_SAFE_GRACE
    }

    /// Between two heartbeats.
    pub fn heartbeat(&self) -> Duration {
        self.session_timeout * 2 / 5
    }

    /// An unanswered heartbeat this old makes the connection a silent one, and another is tried.
    pub fn silence(&self) -> Duration {
        self.session_timeout / 5
    }
}

/// How the components of a process share elections (R17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One election for all components of the process.
    #[default]
    PerProcess,
    /// An election for each component, of the same name.
    PerComponent,
}

impl Mode {
    /// The word used in configurations and status.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::PerProcess => "per-process",
            Mode::PerComponent => "per-component",
        }
    }

    /// The election that fences a component.
    pub fn election_of(self, component: &Name) -> Name {
        match self {
            Mode::PerProcess => Name::process_election(),
            Mode::PerComponent => component.clone(),
        }
    }
}

/// Which name service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// In the calling process; shared by all who say the same name, private without one.
    Embedded(Option<Name>),
    /// A LeaderServer.
    LeaderServer {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

impl Endpoint {
    /// Reads `embedded:[NAME]` or `leader://host[:port]` (`jobmanager://…` says the same).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming `endpoint`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(name) = text.strip_prefix("embedded:") {
            let name = name.strip_prefix("//").unwrap_or(name);
            return match name {
                "" => Ok(Endpoint::Embedded(None)),
                name => Ok(Endpoint::Embedded(Some(Name::new("endpoint", name)?))),
            };
        }
        let authority =
            text.strip_prefix("leader://").or_else(|| text.strip_prefix("jobmanager://"));
        let Some(authority) = authority else {
            return Err(Error::invalid(
                "endpoint",
                text,
                "give embedded:, embedded:NAME or leader://host:port",
            ));
        };
        let (host, port) = split_host_port(authority)
            .ok_or_else(|| Error::invalid("endpoint", text, "give leader://host:port"))?;
        match port {
            Some(0) => Err(Error::invalid("endpoint", text, "give a port from 1 to 65535")),
            port => Ok(Endpoint::LeaderServer { host, port: port.unwrap_or(DEFAULT_PORT) }),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::Embedded(None) => f.write_str("embedded:"),
            Endpoint::Embedded(Some(name)) => write!(f, "embedded:{name}"),
            Endpoint::LeaderServer { host, port } if host.contains(':') => {
                write!(f, "leader://[{host}]:{port}")
            }
            Endpoint::LeaderServer { host, port } => write!(f, "leader://{host}:{port}"),
        }
    }
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`; the host comes without brackets.
pub fn split_host_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        match rest {
            "" => (host, None),
            rest => (host, Some(rest.strip_prefix(':')?)),
        }
    } else {
        match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let bare = !text.starts_with('[');
    let bad = |c: char| c.is_whitespace() || "/?#@[]".contains(c) || (bare && c == ':');
    if host.is_empty() || host.contains(bad) {
        return None;
    }
    let port = match port {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    Some((host.to_owned(), port))
}

/// What the client's session machine is told.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The name service; none: unbound until attached to a server of this process.
    pub endpoint: Option<Endpoint>,
    /// The namespace.
    pub namespace: Option<Name>,
    /// A label for status and logs.
    pub name: Name,
    /// What is asked for; the server's answer holds.
    pub timing: Timing,
    /// How long events may go unfetched before leadership is given up (P9); none: for ever.
    pub stall_timeout: Option<Duration>,
    /// Whether the stall time-out spares contenders on a private server of this process.
    pub stall_exempt: bool,
    /// How long a retriever without the name service keeps its value (R18); none: for ever.
    pub retrieval_timeout: Option<Duration>,
    /// How long what needs an answer waits.
    pub operation_timeout: Duration,
    /// How elections are shared.
    pub mode: Mode,
}

impl Default for ClientConfig {
    fn default() -> Self {
        let timing = Timing::default();
        ClientConfig {
            endpoint: None,
            namespace: None,
            name: Name::new("name", "client").expect("a literal name is valid"),
            timing,
            stall_timeout: Some(Duration::from_secs(60)),
            stall_exempt: false,
            retrieval_timeout: Some(timing.session_timeout),
            operation_timeout: Duration::from_secs(30),
            mode: Mode::PerProcess,
        }
    }
}

impl ClientConfig {
    /// Reads names and values as they come over the C ABI and JNI. Durations are milliseconds.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the option, its value and what to give instead.
    pub fn from_options<'a>(
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Error> {
        let mut config = ClientConfig::default();
        let mut retrieval = None;
        for (key, value) in options {
            match key {
                "endpoint" => config.endpoint = Some(Endpoint::parse(value)?),
                "namespace" => config.namespace = Some(Name::new("namespace", value)?),
                "name" => config.name = Name::new("name", value)?,
                "session-timeout" => {
                    config.timing.session_timeout = parse_millis("session-timeout", value)?;
                }
                "disconnect-grace" => {
                    config.timing.disconnect_grace = parse_millis("disconnect-grace", value)?;
                }
                "stall-timeout" => {
                    let timeout = parse_millis("stall-timeout", value)?;
                    config.stall_timeout = (!timeout.is_zero()).then_some(timeout);
                }
                "stall-exempt" => config.stall_exempt = parse_bool("stall-exempt", value)?,
                "retrieval-timeout" if value == "-1" => retrieval = Some(None),
                "retrieval-timeout" => {
                    retrieval = Some(Some(parse_millis("retrieval-timeout", value)?));
                }
                "operation-timeout" => {
                    config.operation_timeout = parse_millis("operation-timeout", value)?;
                }
                "election" => config.mode = parse_mode(value)?,
                _ => return Err(unknown_option(key, value)),
            }
        }
        config.retrieval_timeout = retrieval.unwrap_or(Some(config.timing.session_timeout));
        config.timing.check()?;
        Ok(config)
    }
}

/// What a server is told.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen; none: clients of this process only.
    pub listen: Option<(String, u16)>,
    /// The only namespace served; none: any.
    pub namespace: Option<Name>,
    /// The longest session time-out accepted.
    pub max_session_timeout: Duration,
    /// Whether the operator says that no earlier server has living clients (R12).
    pub cold: bool,
    /// How many connections at the most.
    pub max_connections: usize,
    /// Bytes that may wait for a client that doesn't read, before it is cut. A client has up to
    /// four reads on their way, of up to a value (1 MiB) each.
    pub max_unread: usize,
    /// How much the store of each namespace may hold.
    pub store_limits: StoreLimits,
    /// The directory in which its state outlives it; none: it remembers nothing.
    pub data: Option<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: None,
            namespace: None,
            max_session_timeout: Duration::from_secs(30),
            cold: false,
            max_connections: 50_000,
            max_unread: 8 * 1024 * 1024,
            store_limits: StoreLimits::default(),
            data: None,
        }
    }
}

impl ServerConfig {
    /// Reads names and values as they come over the C ABI and JNI. Durations are milliseconds.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the option, its value and what to give instead.
    pub fn from_options<'a>(
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Error> {
        let mut config = ServerConfig::default();
        for (key, value) in options {
            match key {
                "listen" => match split_host_port(value) {
                    Some((host, Some(port))) => config.listen = Some((host, port)),
                    _ => return Err(Error::invalid(key, value, "give host:port")),
                },
                "namespace" => config.namespace = Some(Name::new("namespace", value)?),
                "max-session-timeout" => {
                    config.max_session_timeout = parse_millis("max-session-timeout", value)?;
                }
                "cold" => config.cold = parse_bool("cold", value)?,
                "max-connections" => config.max_connections = parse_size(key, value)?,
                "max-unread" => config.max_unread = parse_size(key, value)?,
                "data" if value.is_empty() => {
                    return Err(Error::invalid(key, value, "give a directory"));
                }
                "data" => config.data = Some(PathBuf::from(value)),
                "max-store-keys" => config.store_limits.keys = parse_size(key, value)? as u64,
                "max-store-bytes" => config.store_limits.bytes = parse_size(key, value)? as u64,
                _ => return Err(unknown_option(key, value)),
            }
        }
        if config.max_session_timeout < MIN_SESSION_TIMEOUT {
            return Err(Error::invalid(
                "max-session-timeout",
                millis(config.max_session_timeout),
                format!("give at least {}", millis(MIN_SESSION_TIMEOUT)),
            ));
        }
        Ok(config)
    }
}

fn millis(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

fn parse_millis(key: &'static str, value: &str) -> Result<Duration, Error> {
    // A year: beyond that somebody meant another unit.
    const MOST: u64 = 365 * 24 * 3600 * 1000;
    match value.parse::<u64>() {
        Ok(number) if number <= MOST => Ok(Duration::from_millis(number)),
        _ => Err(Error::invalid(key, value, "give a whole number of milliseconds, up to a year")),
    }
}

fn parse_size(key: &str, value: &str) -> Result<usize, Error> {
    match value.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Error::invalid(key, value, "give a whole number above 0")),
    }
}

fn parse_bool(key: &'static str, value: &str) -> Result<bool, Error> {
    value.parse().map_err(|_| Error::invalid(key, value, "give true or false"))
}

fn parse_mode(value: &str) -> Result<Mode, Error> {
    match value {
        "per-process" => Ok(Mode::PerProcess),
        "per-component" => Ok(Mode::PerComponent),
        _ => Err(Error::invalid("election", value, "give per-process or per-component")),
    }
}

fn unknown_option(key: &str, value: &str) -> Error {
    Error::invalid(key, value, "there is no such option: check its spelling")
}

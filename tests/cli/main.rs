//! The command line, run as its users run it: the built binary, its streams and its exit status.

#![allow(clippy::unwrap_used)]

mod data;
mod leadership;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use leaderserver::client::{Confirmation, Contender, LeaderClient, Polled};
use leaderserver::core::config::{ClientConfig, Endpoint};
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{LeaderSessionId, Name};

const PATIENCE: Duration = Duration::from_secs(30);

fn leaderserver(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leaderserver"));
    command.args(arguments).env_remove("LEADERSERVER_ENDPOINT").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    leaderserver(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs what must succeed; answers its stdout.
fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs what must fail; answers its stderr.
fn fail(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    assert_ne!(output.status.code(), Some(101), "{arguments:?} panicked");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

/// A process that runs on; its stdout comes line by line.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child =
            leaderserver(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Running { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("no line came")
    }

    fn signal(&self, signal: i32) {
        // SAFETY: a signal to a child that was not waited for yet.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    fn ended(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on a free port.
fn serve(options: &[&str]) -> (Running, String) {
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--cold"];
    arguments.extend_from_slice(options);
    let server = Running::start(&arguments);
    let line = server.line();
    let address = line.strip_prefix("listening on ").expect("it says where it listens");
    let endpoint = format!("leader://{address}");
    (server, endpoint)
}

/// A candidate in this process.
struct Candidate {
    client: LeaderClient,
    contender: Contender,
}

impl Candidate {
    fn stand(endpoint: &str, namespace: &str, component: &str) -> Self {
        Self::named(endpoint, namespace, component, "jm-1\u{1b}[2J")
    }

    fn named(endpoint: &str, namespace: &str, component: &str, name: &str) -> Self {
        let config = ClientConfig {
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            namespace: Some(Name::new("namespace", namespace).unwrap()),
            name: Name::new("name", name).unwrap(),
            ..ClientConfig::default()
        };
        let client = LeaderClient::open(config, None).unwrap();
        let contender = client.register(component, 7).unwrap();
        Candidate { client, contender }
    }

    fn lead(&self, address: &'static str) -> LeaderSessionId {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.client.poll(&mut [0], PATIENCE) == Polled::Ready(1)
                && let Some(Callback::Grant(id)) = self.contender.take()
            {
                self.contender.done();
                let confirmed = self.contender.confirm(id, Bytes::from_static(address.as_bytes()));
                assert_eq!(confirmed, Confirmation::Confirmed);
                return id;
            }
        }
        panic!("not granted");
    }

    fn close(&self) {
        if self.contender.close(false).is_some() {
            self.contender.done();
        }
    }
}

#[test]
fn status_is_readable_and_says_everything() {
    let (_server, endpoint) = serve(&[]);
    let candidate = Candidate::stand(&endpoint, "/default", "dispatcher");
    let id = candidate.lead("akka://jm-1:6123/user/rpc/dispatcher");
    let second = Candidate::stand(&endpoint, "/default", "dispatcher");
    second.client.status(PATIENCE).unwrap();
    for arguments in [&["--namespace", "/default"][..], &[]] {
        let mut all = vec!["status", "--endpoint", endpoint.as_str()];
        all.extend_from_slice(arguments);
        let shown = succeed(&all);
        for part in [
            endpoint.as_str(),
            "in memory",
            "namespace /default (elections per-process)",
            &id.epoch.to_string(),
            "*jm-1\\u{1b}[2J (session 1), jm-1",
            &id.to_string(),
            "akka://jm-1:6123/user/rpc/dispatcher",
            "127.0.0.1:",
            "10 s",
        ] {
            assert!(shown.contains(part), "'{part}' is not in:\n{shown}");
        }
        assert!(!shown.contains('\u{1b}'), "names must not move the cursor");
        assert!(!shown.contains("leaderserver status"), "who asks is not shown:\n{shown}");
    }
}

#[test]
fn status_as_json_is_one_object() {
    let (_server, endpoint) = serve(&[]);
    let candidate = Candidate::stand(&endpoint, "/default", "dispatcher");
    let id = candidate.lead("address");
    let output = leaderserver(&["status", "--json"])
        .env("LEADERSERVER_ENDPOINT", endpoint.replace("leader://", "jobmanager://"))
        .output()
        .unwrap();
    let shown = text(&output.stdout);
    assert_eq!(shown.lines().count(), 1);
    let status: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(status["endpoint"], endpoint);
    let namespace = &status["namespaces"][0];
    assert_eq!(namespace["namespace"], "/default");
    assert_eq!(namespace["elections"][0]["epoch"], id.epoch.0);
    assert_eq!(namespace["elections"][0]["candidates"][0]["leader"], true);
    assert_eq!(namespace["components"][0]["address"], "address");
    assert_eq!(namespace["components"][0]["leader_session_id"], id.to_string());
    assert_eq!(namespace["sessions"].as_array().unwrap().len(), 1);
}

/// As a JobManager's server: it serves one namespace, and nobody need name it.
#[test]
fn a_server_of_one_namespace_refuses_the_others() {
    let (_server, endpoint) = serve(&["--namespace", "/only"]);
    let shown = succeed(&["status", "--endpoint", &endpoint]);
    assert!(shown.contains("namespace /only\n  nobody stands"), "{shown}");
    let said = fail(&["status", "--endpoint", &endpoint, "--namespace", "/other"]);
    assert!(said.contains("/other") && said.contains("/only"), "{said}");
    let said = fail(&["watch", "x", "--endpoint", &endpoint, "--namespace", "/other"]);
    assert!(said.contains("/other") && said.contains("/only"), "{said}");
}

#[test]
fn watch_tells_every_change() {
    let (_server, endpoint) = serve(&[]);
    let arguments = ["--endpoint", &endpoint, "--namespace", "/default"];
    let json = Running::start(&[&["watch", "dispatcher", "--json"], &arguments[..]].concat());
    let human = Running::start(&[&["watch", "dispatcher"], &arguments[..]].concat());
    let object = |line: String| serde_json::from_str::<Value>(&line).unwrap();
    let none = object(json.line());
    assert_eq!((&none["component"], &none["address"]), (&"dispatcher".into(), &Value::Null));
    assert!(human.line().ends_with("  dispatcher  no leader"));

    let candidate = Candidate::stand(&endpoint, "/default", "dispatcher");
    let id = candidate.lead("akka://jm-1");
    let told = object(json.line());
    assert_eq!(told["leader_session_id"], id.to_string());
    assert_eq!((&told["epoch"], &told["address"]), (&id.epoch.0.into(), &"akka://jm-1".into()));
    assert!(told["time"].as_str().unwrap().ends_with('Z'));
    assert!(human.line().ends_with(&format!("  dispatcher  {id}  akka://jm-1")));

    candidate.close();
    assert_eq!(object(json.line())["leader_session_id"], Value::Null);
    assert!(human.line().ends_with("no leader"));
}

#[test]
fn watch_without_names_follows_whatever_comes() {
    let (_server, endpoint) = serve(&[]);
    let said = fail(&["watch", "--endpoint", &endpoint]);
    assert!(said.contains("--namespace"), "{said}");
    let first = Candidate::stand(&endpoint, "/default", "dispatcher");
    first.lead("one");
    let watch = Running::start(&["watch", "--endpoint", &endpoint]);
    assert!(watch.line().contains("dispatcher"));
    let late = first.client.register("late", 7).unwrap();
    let late = Candidate { client: first.client.clone(), contender: late };
    late.lead("two");
    assert!(watch.line().contains("late"));

    let other = Candidate::stand(&endpoint, "/another", "dispatcher");
    other.lead("three");
    let said = fail(&["watch", "--endpoint", &endpoint]);
    assert!(said.contains("/another, /default"), "{said}");
}

#[test]
fn whoever_reads_no_more_ends_it_quietly() {
    let (_server, endpoint) = serve(&[]);
    for command in [&["status"][..], &["watch", "x", "--namespace", "n"]] {
        let mut child = leaderserver(command)
            .args(["--endpoint", &endpoint])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "");
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(output.status.signal(), Some(libc::SIGPIPE), "{command:?}: {}", output.status);
    }
}

#[test]
fn signals_stop_it_in_good_order() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let (mut server, endpoint) = serve(&[]);
        let candidate = Candidate::stand(&endpoint, "/default", "dispatcher");
        candidate.lead("address");
        server.signal(signal);
        let (status, said) = server.ended();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("stopping"), "{said}");
        let address = endpoint.strip_prefix("leader://").unwrap();
        TcpListener::bind(address).expect("the port is free again");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = fail(&["serve", "--listen", &address]);
    for part in ["--listen", &address, "in use", "give"] {
        assert!(said.contains(part), "'{part}' is not in: {said}");
    }
}

#[test]
fn nobody_there_is_said_in_time() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("leader://{free}");
    for command in [&["status"][..], &["watch"], &["watch", "x", "--namespace", "n"]] {
        let started = Instant::now();
        let options = ["--endpoint", &endpoint, "--timeout", "300ms", "-q"];
        let said = fail(&[command, &options].concat());
        assert!(started.elapsed() < PATIENCE);
        for part in ["--endpoint", &endpoint, "300ms", "is it running", "refused"] {
            assert!(said.contains(part), "'{part}' is not in: {said}");
        }
    }
}

#[test]
fn arguments_that_can_t_be_used_are_named_with_a_remedy() {
    let cases: [(&[&str], &[&str]); 9] = [
        (&["status", "--endpoint", "embedded:x"], &["--endpoint", "embedded:x", "leader://host"]),
        (&["status", "--endpoint", "host:99999"], &["--endpoint", "host:99999", "leader://host"]),
        (&["status", "--endpoint", "leader://h:0"], &["--endpoint", "leader://h:0", "1 to 65535"]),
        (&["status", "--timeout", "10"], &["--timeout", "'10'", "500ms"]),
        (&["status", "--tls-cert", "a.pem"], &["--tls-key", "--tls-ca"]),
        (&["serve", "--listen", "host"], &["--listen", "'host'", "HOST:PORT"]),
        (
            &["serve", "--listen", "127.0.0.1:0", "--max-session-timeout", "5ms"],
            &["max-session-timeout", "5 ms", "at least"],
        ),
        (&["watch", ""], &["COMPONENT", "not empty"]),
        (
            &["serve", "--tls-cert", "/no/cert", "--tls-key", "/no/key", "--tls-ca", "/no/ca"],
            &["/no/", "No such file"],
        ),
    ];
    for (arguments, parts) in cases {
        let said = fail(arguments);
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: '{part}' is not in: {said}");
        }
    }
}

#[test]
fn help_and_version_are_everywhere() {
    assert!(succeed(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
    let top = succeed(&["--help"]);
    for command in ["serve", "status", "watch", "resign", "transfer", "check", "backup", "restore"]
    {
        assert!(top.contains(command), "{top}");
        let shown = succeed(&[command, "--help"]);
        for part in ["Usage:", "Examples:", &format!("leaderserver {command}")] {
            assert!(shown.contains(part), "{shown}");
        }
    }
}

/// Both ends of TLS show a certificate that the other one trusts; without one nobody is let in.
#[test]
fn tls_guards_both_ends() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-tls");
    std::fs::create_dir_all(&folder).unwrap();
    let (cert, key) = self_signed(&folder);
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let tls = ["--tls-cert", cert, "--tls-key", key, "--tls-ca", cert];
    let (_server, endpoint) = serve(&tls);
    let shown = succeed(&[&["status", "--endpoint", &endpoint], &tls[..]].concat());
    assert!(shown.contains("LeaderServer"));
    let said = fail(&["status", "--endpoint", &endpoint, "--timeout", "1s"]);
    assert!(said.contains(&endpoint), "{said}");
}

fn self_signed(folder: &Path) -> (PathBuf, PathBuf) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=leaderserver", "-days", "2", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", text(&made.stderr));
    (cert, key)
}

//! A program in C, a client in Java and the command line, in one election on one server.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::agent::{Agent, Role};
use crate::built::Language;
use crate::check::check;
use crate::history::{History, Id, Leader};
use crate::server::{Server, Watching, hand_over};
use crate::timing::{PATIENCE, Timing};
use crate::view::View;

/// Waits until somebody leads whose leadership is not `before`, and all who watch know.
fn next(view: &mut View, history: &History, watchers: &[usize], before: Option<Id>) -> Leader {
    let started = Instant::now();
    loop {
        let leader = view.published("dispatcher").filter(|leader| Some(leader.id) != before);
        let knows = |life: &usize| view.told(*life, "dispatcher") == Some(&leader);
        if let Some(leader) = leader.clone().filter(|_| watchers.iter().all(knows)) {
            return leader;
        }
        assert!(started.elapsed() < PATIENCE, "nobody leads:\n{}", history.text());
        view.wait(history, PATIENCE);
    }
}

/// Needs neither namespaces nor rights. The C program leads, resigns by itself to the Java client,
/// which the command line has hand over to the C program again; the Java client is told to lead by
/// name, and leaves. All of them see each of it, and none loses what another wrote.
#[test]
fn a_c_program_a_java_client_and_the_command_line_hand_leadership_to_each_other() {
    let name = format!("real-{}-meeting", std::process::id());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let endpoint = format!("leader://{listen}");
    let (history, mut view) = (Arc::new(History::default()), View::default());
    let mut server = Server::new(&listen, &directory.join("data"), &directory.join("server.log"));
    server.start(None, &history);

    let start = |language, name: &str, life| {
        let role = Role::new(language, name, &endpoint, Timing::LONG);
        let log = directory.join(format!("{name}.log"));
        let agent = Agent::start(&role, life, None, &log, &history);
        agent.tell("watch dispatcher");
        agent
    };
    let c = start(Language::C, "in-c", 1);
    let java = start(Language::Java, "in-java", 2);
    c.contend(&history, 1, "dispatcher");
    let at = (endpoint.as_str(), "real");
    let leader = next(&mut view, &history, &[1, 2], None);
    assert_eq!(leader.address, format!("in-c/1/{}", leader.id.epoch));
    // It asks for what it can't be told of before it has connected.
    let watching = Watching::start(3, at, &["dispatcher"], None, &history);
    java.contend(&history, 2, "dispatcher");
    next(&mut view, &history, &[1, 2, 3], None);

    // The Java client stands in line, once it is seen to be transferred to.
    let transfer = |to| hand_over(at, "dispatcher", Some(to), None, &history).join().unwrap();
    let started = Instant::now();
    while !transfer("in-java") {
        assert!(started.elapsed() < PATIENCE, "it does not stand in line");
    }
    let second = next(&mut view, &history, &[1, 2, 3], Some(leader.id));
    assert_eq!(second.address, format!("in-java/2/{}", second.id.epoch));

    assert!(hand_over(at, "dispatcher", None, None, &history).join().unwrap());
    let third = next(&mut view, &history, &[1, 2, 3], Some(second.id));
    assert_eq!(third.address, format!("in-c/1/{}", third.id.epoch));

    c.tell(&format!("resign dispatcher {}", third.id.epoch));
    let fourth = next(&mut view, &history, &[1, 2, 3], Some(third.id));
    assert_eq!(fourth.address, format!("in-java/2/{}", fourth.id.epoch));

    java.tell("close 2");
    let fifth = next(&mut view, &history, &[1, 2, 3], Some(fourth.id));
    assert_eq!(fifth.address, format!("in-c/1/{}", fifth.id.epoch));

    drop((c, java, watching));
    server.kill();
    let found = check(&history.events());
    assert!(found.is_empty(), "{found:#?}\n{}", history.text());
    std::fs::remove_dir_all(directory).unwrap();
}

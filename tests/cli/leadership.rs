//! `leaderserver resign` and `transfer`.

use leaderserver::client::Polled;
use leaderserver::core::contenders::Callback;
use serde_json::Value;

use crate::{Candidate, PATIENCE, fail, serve, succeed};

/// Takes what happens to somebody while commands run, until its client is closed.
fn follow(candidate: &Candidate) {
    while candidate.client.poll(&mut [0], PATIENCE) != Polled::Closed {
        if let Some(callback) = candidate.contender.take() {
            candidate.contender.done();
            assert!(!matches!(callback, Callback::Failed(_)), "{callback:?}");
        }
    }
}

#[test]
fn a_leadership_is_resigned_and_transferred() {
    let (_server, endpoint) = serve(&[]);
    let [a, b, c] = ["a", "b", "c"].map(|label| {
        let candidate = Candidate::named(&endpoint, "/default", "dispatcher", label);
        // It stands in line once the name service has answered what was asked after it.
        candidate.client.status(PATIENCE).unwrap();
        candidate
    });
    a.lead("there");
    std::thread::scope(|scope| {
        for candidate in [&a, &b, &c] {
            scope.spawn(|| follow(candidate));
        }
        commands(&endpoint);
        for candidate in [&a, &b, &c] {
            candidate.client.close(PATIENCE);
        }
    });
}

fn commands(endpoint: &str) {
    let at = ["--endpoint", endpoint];
    let said = succeed(&[&["resign"], &at[..]].concat());
    assert!(said.starts_with("b (session "), "{said}");
    assert!(said.contains("election 'process' of /default under epoch "), "{said}");
    let said = succeed(&[&["transfer", "process", "--to", "a", "--json"], &at[..]].concat());
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["before"]["name"], &said["after"]["name"]), (&"b".into(), &"a".into()));
    assert!(said["after"]["epoch"].as_u64() > said["before"]["epoch"].as_u64(), "{said}");
    let again = succeed(&[&["transfer", "--to", "a", "--json"], &at[..]].concat());
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["after"], said["after"], "who leads already keeps its epoch");

    let said = fail(&[&["transfer", "--to", "nobody"], &at[..]].concat());
    assert!(said.contains("'nobody' is no candidate of election 'process'"), "{said}");
    for command in [&["resign", "other"][..], &["resign", "other", "--namespace", "/default"]] {
        let said = fail(&[command, &at[..]].concat());
        assert!(said.contains("nobody leads election 'other'"), "{said}");
    }
    let other = Candidate::named(endpoint, "/other", "dispatcher", "d");
    other.lead("elsewhere");
    let said = fail(&[&["resign"], &at[..]].concat());
    assert!(said.contains("--namespace") && said.contains("/default, /other"), "{said}");
}

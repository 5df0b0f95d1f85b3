//! `leaderserver resign` and `leaderserver transfer`.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use leaderserver::client::LeaderClient;
use leaderserver::core::ids::{Epoch, Name};
use leaderserver::core::wire::status::{ElectionStatus, Status};
use serde_json::json;

use crate::args::{ConnectArgs, ResignArgs, TransferArgs};
use crate::connect;
use crate::output::Failure;
use crate::text::printable;

/// Between two looks at whether the leader has stepped down.
const LOOK: Duration = Duration::from_millis(50);

/// Asks the leader to step down, and waits until it has.
pub fn resign(options: &ResignArgs) -> Result<(), Failure> {
    step_down(&options.connect, &options.election, None, options.json)
}

/// Asks the leader to step down in favour of somebody, and waits until that one leads.
pub fn transfer(options: &TransferArgs) -> Result<(), Failure> {
    step_down(&options.connect, &options.election, Some(&options.to), options.json)
}

fn step_down(
    options: &ConnectArgs,
    election: &Name,
    to: Option<&Name>,
    json: bool,
) -> Result<(), Failure> {
    let until = Instant::now() + options.timeout;
    let namespace = namespace(options, election)?;
    let label = "leaderserver resign";
    let client = connect::open(options, Some(&namespace), label)?;
    let changed = ask(&client, options, election, to, until);
    client.close(Duration::from_secs(1));
    let (before, after) = changed?;
    let text = shown(election, &namespace, &before, &after, json);
    writeln!(io::stdout().lock(), "{text}")?;
    match (to, leader(&after)) {
        (Some(to), Some(leads)) if !is_candidate(leads, to) => Err(Failure::new(format!(
            "--to: '{to}' was gone when the leader had stepped down, so the next in line leads"
        ))),
        _ => Ok(()),
    }
}

/// The namespace named, or the only one in which somebody leads that election.
fn namespace(options: &ConnectArgs, election: &Name) -> Result<Name, Failure> {
    if let Some(namespace) = &options.namespace {
        return Ok(namespace.clone());
    }
    let client = connect::open(options, None, "leaderserver resign")?;
    let status = connect::status(&client, options);
    client.close(Duration::from_secs(1));
    let status = status?;
    let led = status.namespaces.iter().filter(|namespace| {
        let elections = &namespace.elections;
        elections.iter().any(|e| e.election == election.as_str() && e.epoch > 0)
    });
    let names: Vec<&str> = led.map(|namespace| namespace.namespace.as_str()).collect();
    match names[..] {
        [only] => Ok(Name::new("namespace", only)?),
        [] => Err(Failure::new(format!(
            "nobody leads election '{election}': `leaderserver status` shows what there is"
        ))),
        _ => Err(Failure::new(format!(
            "--namespace: say which one is meant, for election '{election}' is led in {}",
            names.join(", ")
        ))),
    }
}

/// Asks, and waits; answers the election as it was before and as it is afterwards.
fn ask(
    client: &LeaderClient,
    options: &ConnectArgs,
    election: &Name,
    to: Option<&Name>,
    until: Instant,
) -> Result<(ElectionStatus, ElectionStatus), Failure> {
    let before = find(&connect::status(client, options)?, election);
    let Some(before) = before.filter(|before| before.epoch > 0) else {
        return Err(Failure::new(format!("nobody leads election '{election}'")));
    };
    if let (Some(to), Some(leads)) = (to, leader(&before))
        && is_candidate(leads, to)
    {
        return Ok((before.clone(), before));
    }
    let epoch = Some(Epoch(before.epoch));
    client.resign(election.as_str(), epoch, to.map(Name::as_str), options.timeout)?;
    loop {
        let after = find(&connect::status(client, options)?, election);
        let after = after.unwrap_or_else(|| empty(election));
        let nobody_stands = after.candidates.is_empty();
        if after.epoch != before.epoch && (after.epoch > 0 || nobody_stands) {
            return Ok((before, after));
        }
        if Instant::now() >= until {
            let who = leader(&before).map_or(String::new(), describe);
            return Err(Failure::new(format!(
                "--timeout: {who} was asked and has not stepped down within {:?}: is it stopped, or \
                 cut off? It is asked again when it is back",
                options.timeout
            )));
        }
        thread::sleep(LOOK);
    }
}

fn find(status: &Status, election: &Name) -> Option<ElectionStatus> {
    let elections = status.namespaces.iter().flat_map(|namespace| &namespace.elections);
    elections.into_iter().find(|found| found.election == election.as_str()).cloned()
}

fn empty(election: &Name) -> ElectionStatus {
    ElectionStatus { election: election.to_string(), ..ElectionStatus::default() }
}

/// Name and session of who leads.
fn leader(election: &ElectionStatus) -> Option<(&str, u64)> {
    let found = election.candidates.iter().find(|candidate| candidate.leader);
    found.map(|candidate| (candidate.name.as_str(), candidate.session))
}

fn is_candidate((name, session): (&str, u64), to: &Name) -> bool {
    name == to.as_str() || session.to_string() == to.as_str()
}

fn describe((name, session): (&str, u64)) -> String {
    format!("{} (session {session})", printable(name))
}

fn shown(
    election: &Name,
    namespace: &Name,
    before: &ElectionStatus,
    after: &ElectionStatus,
    json: bool,
) -> String {
    if json {
        let who = |election: &ElectionStatus| match leader(election) {
            Some((name, session)) => {
                json!({"name": name, "session": session, "epoch": election.epoch})
            }
            None => json!(null),
        };
        return json!({
            "namespace": namespace.as_str(),
            "election": election.as_str(),
            "before": who(before),
            "after": who(after),
        })
        .to_string();
    }
    let of =
        format!("election '{}' of {}", printable(election.as_str()), printable(namespace.as_str()));
    match leader(after) {
        Some(leads) => {
            format!("{} leads {of} under epoch {}", describe(leads), after.epoch)
        }
        None => format!("nobody leads {of} any more: nobody else stands"),
    }
}

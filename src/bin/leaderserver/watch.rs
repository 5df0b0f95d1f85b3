//! `leaderserver watch`.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use leaderserver::client::{LeaderClient, Polled, Watch};
use leaderserver::clock;
use leaderserver::core::ids::{LeaderInformation, Name};
use leaderserver::core::wire::status::Status;
use serde_json::json;

use crate::args::{ConnectArgs, WatchArgs};
use crate::connect;
use crate::output::{self, Failure};
use crate::text::{printable, utc};

/// Between two looks for components that are new.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What is followed.
struct Followed {
    client: LeaderClient,
    namespace: Name,
    /// A cookie is an index into this.
    watches: Vec<(Name, Watch)>,
    names: BTreeSet<Name>,
}

/// Follows components until interrupted, or until nobody reads any more.
pub fn run(options: &WatchArgs) -> Result<(), Failure> {
    let namespace = namespace(&options.connect)?;
    let client = connect::open(&options.connect, Some(&namespace), "leaderserver watch")?;
    // Unreachable, or refused: said before it is waited for in vain.
    let status = connect::status(&client, &options.connect)?;
    let mut followed = Followed { client, namespace, watches: Vec::new(), names: BTreeSet::new() };
    if options.components.is_empty() {
        followed.add_all_of(&status)?;
    }
    for component in &options.components {
        followed.add(component)?;
    }
    followed.follow(options)
}

/// The namespace named, or the only one there is.
fn namespace(options: &ConnectArgs) -> Result<Name, Failure> {
    if let Some(namespace) = &options.namespace {
        return Ok(namespace.clone());
    }
    let observer = connect::open(options, None, "leaderserver watch")?;
    let status = connect::status(&observer, options)?;
    observer.close(Duration::from_secs(1));
    match status.namespaces.as_slice() {
        [only] => Ok(Name::new("namespace", &only.namespace)?),
        [] => Err(Failure::new(format!(
            "--namespace: {} knows no namespace yet: name the one to watch",
            options.endpoint
        ))),
        several => {
            let names: Vec<String> = several.iter().map(|n| printable(&n.namespace)).collect();
            Err(Failure::new(format!(
                "--namespace: {} serves several: name one of {}",
                options.endpoint,
                names.join(", ")
            )))
        }
    }
}

impl Followed {
    fn add(&mut self, component: &Name) -> Result<(), Failure> {
        if self.names.insert(component.clone()) {
            let watch = self.client.watch(component.as_str(), self.watches.len() as u64)?;
            self.watches.push((component.clone(), watch));
        }
        Ok(())
    }

    fn add_all_of(&mut self, status: &Status) -> Result<(), Failure> {
        let namespace = self.namespace.clone();
        let own = status.namespaces.iter().filter(|found| found.namespace == namespace.as_str());
        for component in own.flat_map(|namespace| &namespace.components) {
            self.add(&Name::new("component", &component.component)?)?;
        }
        Ok(())
    }

    fn follow(&mut self, options: &WatchArgs) -> Result<(), Failure> {
        let mut cookies = [0; 64];
        let mut looked_at = Instant::now();
        while !output::reader_is_gone() {
            let Polled::Ready(count) = self.client.poll(&mut cookies, LOOK_AGAIN) else {
                return Ok(());
            };
            for &cookie in &cookies[..count] {
                let Some((component, watch)) = self.watches.get(cookie as usize) else { continue };
                if let Some(leader) = watch.take() {
                    self.show(component, leader.as_ref(), options.json)?;
                }
            }
            if options.components.is_empty() && looked_at.elapsed() >= LOOK_AGAIN {
                looked_at = Instant::now();
                // Without the name service there is nothing new: the next look tries again.
                if let Ok(status) = self.client.status(LOOK_AGAIN) {
                    self.add_all_of(&status)?;
                }
            }
        }
        Err(io::Error::from(io::ErrorKind::BrokenPipe).into())
    }

    fn show(
        &self,
        component: &Name,
        leader: Option<&LeaderInformation>,
        as_json: bool,
    ) -> io::Result<()> {
        let time = utc(clock::wall_micros());
        let id = leader.map(|leader| leader.id.to_string());
        let address = leader.map(|leader| String::from_utf8_lossy(&leader.address).into_owned());
        let mut out = io::stdout().lock();
        if as_json {
            let line = json!({
                "time": time,
                "namespace": self.namespace.as_str(),
                "component": component.as_str(),
                "leader_session_id": id,
                "epoch": leader.map(|leader| leader.id.epoch.0),
                "address": address,
            });
            writeln!(out, "{line}")?;
        } else {
            let component = printable(component.as_str());
            match (id, address) {
                (Some(id), Some(address)) => {
                    writeln!(out, "{time}  {component}  {id}  {}", printable(&address))?;
                }
                _ => writeln!(out, "{time}  {component}  no leader")?,
            }
        }
        out.flush()
    }
}

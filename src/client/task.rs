//! The task that owns the session machine: carries its inputs in and its outputs out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Shared;
use super::engine::{Link, LinkEvent, LinkEvents, NameService};
use crate::clock;
use crate::core::config::ClientConfig;
use crate::core::contenders::Command;
use crate::core::error::Error;
use crate::core::ids::{ConnectionId, Name};
use crate::core::session::{Answer, ConnectFailure, Output, RequestKind, Session};
use crate::core::store::StoreError;
use crate::core::time::Moment;
use crate::core::wire::message::ClientMessage;

/// What handles ask of the task.
pub(super) enum Ask {
    Command(Command),
    Watch(Name),
    Unwatch(Name),
    Request {
        kind: RequestKind,
        timeout: Duration,
        reply: Reply,
    },
    /// Another name service; none: unbound.
    Engine(Option<Arc<dyn NameService>>),
    State(SyncSender<ClientState>),
    /// Events are fetched again.
    Pulse,
    /// The session is to end, with a goodbye that is waited for so long.
    Close(SyncSender<()>, Duration),
}

type Reply = SyncSender<Result<Answer, Error>>;

/// Where a client stands.
#[derive(Clone, Debug, Serialize)]
pub struct ClientState {
    /// The name service it is bound to; empty: none yet.
    pub endpoint: String,
    /// The namespace; empty for an observer.
    pub namespace: String,
    /// Whether the name service is connected.
    pub connected: bool,
    /// The session there; 0: none.
    pub session: u64,
    /// What was settled for it, in milliseconds.
    pub session_timeout_ms: u64,
    /// What was settled for it, in milliseconds.
    pub disconnect_grace_ms: u64,
    /// The elections stood in.
    pub elections: Vec<ElectionState>,
    /// How many contenders are registered.
    pub contenders: usize,
    /// How many watches are open.
    pub watches: usize,
}

/// One election a client stands in.
#[derive(Clone, Debug, Serialize)]
pub struct ElectionState {
    /// Its name.
    pub election: String,
    /// Under which epoch the client leads it; 0: it does not.
    pub epoch: u64,
}

pub(super) struct ClientTask {
    session: Session,
    engine: Option<Arc<dyn NameService>>,
    shared: Arc<Shared>,
    links: HashMap<ConnectionId, Box<dyn Link>>,
    reports: UnboundedSender<(ConnectionId, LinkEvent)>,
    inbox: Option<UnboundedReceiver<(ConnectionId, LinkEvent)>>,
    replies: HashMap<u64, Reply>,
    namespace: Option<Name>,
    stall_timeout: Option<Duration>,
    stall_exempt: bool,
    stalled: bool,
}

/// Sleeps are cut to this while a deadline is near: timers stand still while the machine is
/// suspended, the clock of the machines does not.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

impl ClientTask {
    pub(super) fn new(
        config: &ClientConfig,
        session: Session,
        engine: Option<Arc<dyn NameService>>,
        shared: Arc<Shared>,
    ) -> Self {
        let (reports, inbox) = unbounded_channel();
        ClientTask {
            session,
            engine,
            shared,
            links: HashMap::new(),
            reports,
            inbox: Some(inbox),
            replies: HashMap::new(),
            namespace: config.namespace.clone(),
            stall_timeout: config.stall_timeout,
            stall_exempt: config.stall_exempt,
            stalled: false,
        }
    }

    pub(super) async fn run(mut self, mut asks: UnboundedReceiver<Ask>) {
        let mut inbox = self.inbox.take().expect("run is called once");
        loop {
            let sleep = self.next_sleep();
            tokio::select! {
                biased;
                Some((conn, event)) = inbox.recv() => self.link_event(conn, event),
                ask = asks.recv() => match ask {
                    Some(Ask::Close(reply, patience)) => {
                        return self.close(inbox, &reply, patience).await;
                    }
                    Some(ask) => self.ask(ask),
                    None => return,
                },
                () = sleep_for(sleep) => {}
            }
            self.check_stall();
            let now = clock::now();
            if self.session.poll_timeout().is_some_and(|moment| moment <= now) {
                self.session.handle_timeout(now);
            }
            self.carry_out();
        }
    }

    fn next_sleep(&self) -> Option<Duration> {
        let stall = self.stall_at().map(|moment| moment + Duration::from_millis(1));
        let next = self.session.poll_timeout().into_iter().chain(stall).min()?;
        Some(next.since(clock::now()).min(LONGEST_SLEEP))
    }

    fn ask(&mut self, ask: Ask) {
        let now = clock::now();
        match ask {
            Ask::Command(command) => self.session.handle_command(now, command),
            Ask::Watch(component) => self.session.handle_watch(now, component),
            Ask::Unwatch(component) => self.session.handle_unwatch(now, &component),
            Ask::Request { kind, timeout, reply } => {
                let request = self.session.handle_request(now, kind, timeout);
                self.replies.insert(request, reply);
            }
            Ask::Engine(engine) => {
                // The farewell goes over the connections of the former engine.
                self.session.handle_endpoint_changed(now, engine.is_some());
                self.part_from_engine(engine);
            }
            Ask::State(reply) => {
                let _ = reply.send(self.state());
            }
            Ask::Pulse => {
                self.stalled = false;
                self.session.handle_stalled(now, false);
            }
            Ask::Close(..) => unreachable!("the loop takes it"),
        }
    }

    /// Carries out what is left for the former engine, then changes over.
    fn part_from_engine(&mut self, engine: Option<Arc<dyn NameService>>) {
        let mut connects = Vec::new();
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Connect { conn } => connects.push(conn),
                output => self.carry_out_one(output),
            }
        }
        self.engine = engine;
        for conn in connects {
            self.carry_out_one(Output::Connect { conn });
        }
    }

    fn link_event(&mut self, conn: ConnectionId, event: LinkEvent) {
        let now = clock::now();
        match event {
            LinkEvent::Connected(peer, link) => {
                self.links.insert(conn, link);
                self.session.handle_connected(now, conn, peer);
            }
            LinkEvent::Failed(failure) => {
                self.session.handle_connect_failed(now, conn, &failure);
            }
            LinkEvent::Message(message) => self.session.handle_message(now, conn, message),
            LinkEvent::Disconnected(reason) => {
                self.links.remove(&conn);
                self.session.handle_disconnected(now, conn, &reason);
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            self.carry_out_one(output);
        }
    }

    fn carry_out_one(&mut self, output: Output) {
        let registry = &self.shared.registry;
        match output {
            Output::Connect { conn } => self.connect(conn),
            Output::Send { conn, message } => {
                if let Some(link) = self.links.get_mut(&conn) {
                    link.send(message);
                }
            }
            Output::Close { conn } => {
                self.links.remove(&conn);
            }
            Output::CheckOpen { conn } => {
                let looked_at = clock::now();
                if self.links.get(&conn).is_some_and(|link| link.is_open()) {
                    self.session.handle_open(clock::now(), conn, looked_at);
                }
            }
            Output::Deadlines(deadlines) => registry.deadlines(deadlines),
            Output::Granted { election, standing, id } => {
                log::info!("{}: leads election '{election}' under epoch {}", self.whom(), id.epoch);
                registry.granted(&election, standing, id);
            }
            Output::Revoked { election, epoch, reason } => {
                registry.revoked(&election, epoch, &reason);
                log::info!(
                    "{}: leads election '{election}' no longer, epoch {epoch} is given up: {reason}",
                    self.whom()
                );
            }
            Output::Failed { election, error } => {
                // Told once per contender; each attempt is logged ever more rarely anyway.
                if registry.failed(election.as_ref(), &error) {
                    log::error!("{}: {error}", self.whom());
                }
            }
            Output::Value { component, leader } => registry.value(&component, leader),
            Output::Answer { request, result } => self.answer(request, result),
            Output::Log(level, text) => log::log!(level, "{}: {text}", self.whom()),
        }
    }

    fn connect(&mut self, conn: ConnectionId) {
        let events = LinkEvents::new(conn, self.reports.clone());
        match &self.engine {
            Some(engine) => engine.connect(conn, events),
            None => {
                let reason = "no name service is known yet".to_owned();
                let failure = ConnectFailure { refused: Vec::new(), reason };
                events.report(LinkEvent::Failed(failure));
            }
        }
    }

    fn answer(&mut self, request: u64, result: Result<Answer, Error>) {
        let Some(reply) = self.replies.remove(&request) else { return };
        let result = result.map_err(|error| match error {
            Error::Unreachable { after, .. } => {
                Error::Unreachable { endpoint: self.endpoint(), after }
            }
            Error::Store(StoreError::NotApplied(reason)) => {
                StoreError::NotApplied(self.with_endpoint(&reason)).into()
            }
            Error::Store(StoreError::UnknownOutcome(reason)) => {
                StoreError::UnknownOutcome(self.with_endpoint(&reason)).into()
            }
            error => error,
        });
        // Whoever asked may have given up.
        let _ = reply.send(result);
    }

    // --- The stall time-out (P9, R9)

    fn stall_at(&self) -> Option<Moment> {
        let spared = self.stall_exempt && self.engine.as_ref().is_some_and(|e| e.is_private());
        let timeout = self.stall_timeout.filter(|_| !spared && !self.stalled)?;
        self.shared.registry.contends().then(|| self.shared.registry.fetched_at() + timeout)
    }

    fn check_stall(&mut self) {
        let now = clock::now();
        if self.stall_at().is_some_and(|moment| moment < now) {
            self.stalled = true;
            self.session.handle_stalled(now, true);
            self.shared.registry.set_stalled();
            let timeout = self.stall_timeout.unwrap_or_default();
            log::warn!(
                "{}: events were not fetched for {timeout:?}: stands in no election until they are",
                self.whom()
            );
        }
    }

    // --- The end

    /// The name service closes the connection when it has the goodbye, and a durable one only when
    /// that is recorded: until then a successor might be kept waiting for this client.
    async fn close(
        mut self,
        mut inbox: UnboundedReceiver<(ConnectionId, LinkEvent)>,
        reply: &SyncSender<()>,
        patience: Duration,
    ) {
        self.session.handle_close(clock::now());
        let mut parting = None;
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Close { conn } if parting == Some(conn) => {}
                Output::Send { conn, message: ClientMessage::Goodbye } => {
                    parting = Some(conn);
                    self.carry_out_one(Output::Send { conn, message: ClientMessage::Goodbye });
                }
                output => self.carry_out_one(output),
            }
        }
        let until = tokio::time::Instant::now() + patience;
        while let Some(conn) = parting.filter(|conn| self.links.contains_key(conn)) {
            match tokio::time::timeout_at(until, inbox.recv()).await {
                Ok(Some((from, LinkEvent::Disconnected(_)))) if from == conn => break,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        // Dropping the links writes what was sent and closes them.
        self.links.clear();
        let _ = reply.send(());
    }

    fn endpoint(&self) -> String {
        self.engine.as_ref().map_or_else(|| "no endpoint".to_owned(), |e| e.endpoint())
    }

    fn with_endpoint(&self, reason: &str) -> String {
        format!("{reason} ({})", self.endpoint())
    }

    fn whom(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace} at {}", self.endpoint()),
            None => self.endpoint(),
        }
    }

    fn state(&self) -> ClientState {
        let (contenders, watches) = self.shared.registry.counts();
        let session = self.session.session();
        let timing = session.map(|(_, timing)| timing);
        ClientState {
            endpoint: self.engine.as_ref().map_or_else(String::new, |e| e.endpoint()),
            namespace: self.namespace.as_ref().map_or_else(String::new, Name::to_string),
            connected: self.session.is_connected(),
            session: session.map_or(0, |(id, _)| id.0),
            session_timeout_ms: timing.map_or(0, |t| t.session_timeout.as_millis() as u64),
            disconnect_grace_ms: timing.map_or(0, |t| t.disconnect_grace.as_millis() as u64),
            elections: self
                .session
                .elections()
                .map(|(name, id)| ElectionState {
                    election: name.to_string(),
                    epoch: id.map_or(0, |id| id.epoch.0),
                })
                .collect(),
            contenders,
            watches,
        }
    }
}

async fn sleep_for(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

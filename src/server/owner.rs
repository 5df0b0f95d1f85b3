//! The task that owns the name service's machine: carries its inputs in and its outputs out.

use std::collections::{HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Shared;
use super::connection::{Acceptance, Connections, refuse};
use super::listener;
use super::recorder::Recorder;
use crate::clock;
use crate::core::error::{Error, Refusal};
use crate::core::ids::ConnectionId;
use crate::core::name_service::{ConnectionEnd, DataStatus, NameService, Output, Peer};
use crate::core::time::Moment;
use crate::core::wire::codec::encode_server;
use crate::core::wire::message::{ClientMessage, ServerMessage};
use crate::core::wire::status::Status;
use crate::net::Channel;
use crate::runtime;

/// How long a connection may be open before it says hello.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// How many inputs are taken before time is looked at.
const BATCH: usize = 256;

/// Coming back later than this, the whole process stood still, and what clients said meanwhile lies
/// unread; it is heard for so long before any of them is found to have been silent.
const LATE: Duration = Duration::from_millis(100);
const HEARING: Duration = Duration::from_millis(200);

/// How long a stopping server waits for its disk.
const RECORD_PATIENCE: Duration = Duration::from_secs(5);

/// Longer than every connection takes to part.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// What the owner is sent.
#[derive(Debug)]
pub(super) enum Input {
    /// A connection was opened.
    Connected { conn: ConnectionId, outlet: Outlet, peer: Peer },
    /// A message arrived, in a frame of this size.
    Message { conn: ConnectionId, size: usize, message: ClientMessage },
    /// A connection ended; the last input of it.
    Disconnected { conn: ConnectionId, end: ConnectionEnd },
    /// A batch of records is durable, or why it is not.
    Committed(Result<(), String>),
    /// How the data directory is.
    Data(DataStatus),
    /// Somebody asks for the status.
    Status(SyncSender<Box<Status>>),
    /// The server is to stop.
    Stop,
}

/// Where messages to a client go.
#[derive(Debug)]
pub(super) enum Outlet {
    /// To this process.
    Local(UnboundedSender<ServerMessage>),
    /// Over the network.
    Remote { channel: Arc<Channel>, greeted: bool },
}

pub(super) struct Owner {
    machine: NameService,
    /// None: nothing is durable.
    recorder: Option<Recorder>,
    inbox: UnboundedReceiver<Input>,
    shared: Arc<Shared>,
    outlets: HashMap<ConnectionId, Outlet>,
    /// Until when each connection must have said hello, in order.
    greetings: VecDeque<(Moment, ConnectionId)>,
    /// Set after a late return: nobody's time is over before that.
    hearing_until: Option<Moment>,
    listener: Option<Listener>,
}

struct Listener {
    /// Its drop stops the task.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// Ends with the last connection.
    ended: Receiver<()>,
}

impl Owner {
    pub(super) fn new(
        machine: NameService,
        recorder: Option<Recorder>,
        inbox: UnboundedReceiver<Input>,
        shared: Arc<Shared>,
    ) -> Self {
        Owner {
            machine,
            recorder,
            inbox,
            shared,
            outlets: HashMap::new(),
            greetings: VecDeque::new(),
            hearing_until: None,
            listener: None,
        }
    }

    /// Begins to accept connections.
    pub(super) fn listen(&mut self, listener: TcpListener, acceptance: Acceptance) {
        let (alive, ended) = channel(1);
        let connections = Connections {
            serving: Arc::new(AtomicUsize::new(0)),
            refusing: Arc::new(AtomicUsize::new(0)),
            alive,
        };
        let (stop, stopped) = oneshot::channel();
        let accepting = listener::accept(listener, acceptance, connections, stopped);
        let task = runtime::handle().spawn(accepting);
        self.listener = Some(Listener { stop, task, ended });
    }

    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        // What there was to be said before anybody was connected.
        self.carry_out(clock::now());
        loop {
            let sleep = self.next_sleep();
            tokio::select! {
                biased;
                _ = self.inbox.recv_many(&mut batch, BATCH) => {}
                () = sleep_for(sleep) => {}
            }
            let now = clock::now();
            for input in batch.drain(..) {
                match input {
                    Input::Stop => return self.stop(now).await,
                    input => self.handle(now, input),
                }
                self.carry_out(now);
            }
            self.look_at_time(now);
            self.carry_out(now);
            self.record(now);
        }
    }

    fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Connected { conn, outlet, peer } => {
                if matches!(outlet, Outlet::Remote { .. }) {
                    self.greetings.push_back((now + GREETING_TIMEOUT, conn));
                }
                self.outlets.insert(conn, outlet);
                self.machine.handle_connected(now, conn, peer);
            }
            Input::Message { conn, size, message } => {
                // Closed by us: what it had said before it knew means nothing (R6).
                let Some(outlet) = self.outlets.get_mut(&conn) else { return };
                if let Outlet::Remote { channel, greeted } = outlet {
                    *greeted = true;
                    channel.processed(size);
                }
                self.machine.handle_message(now, conn, message);
            }
            Input::Disconnected { conn, end } => {
                self.outlets.remove(&conn);
                self.machine.handle_disconnected(now, conn, end);
            }
            Input::Committed(Ok(())) => self.machine.handle_committed(now),
            Input::Committed(Err(reason)) => self.machine.handle_commit_failed(now, &reason),
            Input::Data(data) => self.machine.handle_data_status(data),
            Input::Status(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(Box::new(self.machine.status(now, None)));
            }
            Input::Stop => unreachable!("the loop takes it"),
        }
    }

    // --- Time

    fn next_due(&self) -> Option<Moment> {
        let greeting = self.greetings.front().map(|&(moment, _)| moment);
        self.machine.poll_timeout().into_iter().chain(greeting).min()
    }

    fn next_sleep(&self) -> Option<Duration> {
        let due = self.next_due()?.max(self.hearing_until.unwrap_or_default());
        Some(due.since(clock::now()).min(clock::LONGEST_SLEEP))
    }

    fn look_at_time(&mut self, now: Moment) {
        let Some(due) = self.next_due().filter(|due| *due <= now) else {
            self.hearing_until = None;
            return;
        };
        let late = now.since(due) > LATE;
        let until = *self.hearing_until.get_or_insert(if late { now + HEARING } else { now });
        if until > now {
            return;
        }
        self.hearing_until = None;
        if self.machine.poll_timeout().is_some_and(|moment| moment <= now) {
            self.machine.handle_timeout(now);
        }
        while let Some(&(moment, conn)) = self.greetings.front()
            && moment <= now
        {
            self.greetings.pop_front();
            self.look_at_greeting(now, conn);
        }
    }

    fn look_at_greeting(&mut self, now: Moment, conn: ConnectionId) {
        let Some(Outlet::Remote { channel, greeted: false }) = self.outlets.get(&conn) else {
            return;
        };
        log::debug!("closed a connection that did not say hello within {GREETING_TIMEOUT:?}");
        let reason = format!("no hello came within {GREETING_TIMEOUT:?}");
        refuse(channel, Refusal::Protocol, reason);
        self.close(now, conn);
    }

    // --- Records

    /// Hands the next batch to the disk, if it is idle.
    fn record(&mut self, now: Moment) {
        let Some(recorder) = &self.recorder else { return };
        let Some(batch) = self.machine.poll_commit(now) else { return };
        if !recorder.commit(batch) {
            self.machine.handle_commit_failed(now, "the thread that writes to the disk has ended");
        }
    }

    /// Waits until all is recorded that was done so far; not for a disk that takes nothing.
    async fn record_the_rest(&mut self) {
        let until = tokio::time::Instant::now() + RECORD_PATIENCE;
        while !self.machine.is_recorded() {
            let input = tokio::time::timeout_at(until, self.inbox.recv()).await;
            let Ok(Some(input)) = input else { break };
            let failed = matches!(input, Input::Committed(Err(_)));
            let now = clock::now();
            if !matches!(input, Input::Stop) {
                self.handle(now, input);
            }
            self.carry_out(now);
            if failed {
                break;
            }
            self.record(now);
        }
        if !self.machine.is_recorded() {
            log::error!("stopped before the last changes were recorded: nobody has seen them");
        }
    }

    // --- Outputs

    fn carry_out(&mut self, now: Moment) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send { to, message } => self.send(now, to, message),
                Output::Broadcast { to, message } => self.broadcast(now, &to, message),
                Output::Close { conn } => self.close(now, conn),
                Output::Log(event) => log::log!(event.level(), "{event}"),
            }
        }
    }

    fn send(&mut self, now: Moment, to: ConnectionId, message: ServerMessage) {
        match self.outlets.get(&to) {
            // Who does not listen any more says so itself.
            Some(Outlet::Local(outlet)) => drop(outlet.send(message)),
            Some(Outlet::Remote { channel, .. }) => match encode_server(&message) {
                Ok(frame) => channel.send(frame),
                Err(error) => self.cannot_send(now, to, message, &error),
            },
            None => {}
        }
    }

    fn broadcast(&mut self, now: Moment, to: &[ConnectionId], message: ServerMessage) {
        let mut encoded: Option<Bytes> = None;
        for &conn in to {
            match self.outlets.get(&conn) {
                Some(Outlet::Local(outlet)) => drop(outlet.send(message.clone())),
                Some(Outlet::Remote { channel, .. }) => {
                    let frame = match &encoded {
                        Some(frame) => frame.clone(),
                        None => match encode_server(&message) {
                            Ok(frame) => encoded.insert(frame).clone(),
                            Err(error) => {
                                self.cannot_send(now, conn, message.clone(), &error);
                                continue;
                            }
                        },
                    };
                    channel.send(frame);
                }
                None => {}
            }
        }
    }

    /// What does not fit into a frame.
    fn cannot_send(
        &mut self,
        now: Moment,
        to: ConnectionId,
        message: ServerMessage,
        error: &Error,
    ) {
        if let ServerMessage::Status { request, .. } = message {
            let reason = format!("{error}: ask for the status of one namespace");
            let code = Refusal::Limit;
            return self.send(
                now,
                to,
                ServerMessage::Failure { request, election: None, code, reason },
            );
        }
        log::error!("closing a connection that can't be told what it must know: {error}");
        self.close(now, to);
    }

    /// Closes a connection from this end, once what was sent to it is written.
    fn close(&mut self, now: Moment, conn: ConnectionId) {
        if let Some(Outlet::Remote { channel, .. }) = self.outlets.remove(&conn) {
            channel.close();
        }
        self.machine.handle_disconnected(now, conn, ConnectionEnd::Other);
    }

    // --- The end

    async fn stop(mut self, now: Moment) {
        // R3: whoever finds the port closed may rely on it that nothing is granted any more.
        self.machine.handle_stopping(now);
        self.carry_out(now);
        self.record(now);
        self.record_the_rest().await;
        self.stop_listening().await;
        if let Some(recorder) = self.recorder.take() {
            recorder.finish().await;
        }
    }

    async fn stop_listening(&mut self) {
        let Some(Listener { stop, task, mut ended }) = self.listener.take() else { return };
        drop(stop);
        // It fails only if it panicked, and then the listener is closed as well.
        let _ = task.await;
        // What was accepted meanwhile.
        self.inbox.close();
        while let Ok(input) = self.inbox.try_recv() {
            if let Input::Connected { conn, outlet, .. } = input {
                self.outlets.insert(conn, outlet);
            }
        }
        self.close_all();
        if tokio::time::timeout(STOP_PATIENCE, ended.recv()).await.is_err() {
            log::error!("connections of a stopped server are still open");
        }
    }

    fn close_all(&mut self) {
        for outlet in std::mem::take(&mut self.outlets).into_values() {
            if let Outlet::Remote { channel, .. } = outlet {
                channel.close();
            }
        }
    }
}

/// At the end of [`Owner::run`], and if it panics.
impl Drop for Owner {
    fn drop(&mut self) {
        self.inbox.close();
        self.close_all();
        *self.shared.stopped.lock() = true;
        self.shared.has_stopped.notify_all();
    }
}

async fn sleep_for(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

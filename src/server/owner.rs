//! The task that owns the name service machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};

use super::connection::Acceptor;
use super::outbox::Outbox;
use crate::clock;
use crate::core::ids::ConnectionId;
use crate::core::name_service::{ConnectionEnd, NameService, Output, Peer};
use crate::core::time::Moment;
use crate::core::wire::codec;
use crate::core::wire::message::{ClientMessage, ServerMessage};
use crate::core::wire::status::Status;
use crate::runtime;

/// What comes to the owner.
pub(super) enum Input {
    Connected(ConnectionId, Peer, Arc<Outbox>),
    LocalConnected(ConnectionId, UnboundedSender<ServerMessage>),
    Message(ConnectionId, ClientMessage),
    Disconnected(ConnectionId, ConnectionEnd),
    Status(SyncSender<Box<Status>>),
    Stop(SyncSender<()>),
}

pub(super) struct Owner {
    machine: NameService,
    sinks: HashMap<ConnectionId, Sink>,
    max_unread: usize,
}

enum Sink {
    Remote(Arc<Outbox>),
    Local(UnboundedSender<ServerMessage>),
}

/// Sleeps are cut to this: timers stand still while the machine is suspended, the clock does not.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How many inputs are taken at once.
const BATCH: usize = 256;

impl Owner {
    pub(super) fn new(machine: NameService, max_unread: usize) -> Self {
        Owner { machine, sinks: HashMap::new(), max_unread }
    }

    pub(super) async fn run(
        mut self,
        mut local: UnboundedReceiver<Input>,
        mut remote: Receiver<Input>,
        acceptor: Option<Acceptor>,
    ) {
        let accepting = acceptor.map(|acceptor| runtime::handle().spawn(acceptor.run()));
        let mut remote_open = accepting.is_some();
        let mut batch = Vec::new();
        let stopped = 'serve: loop {
            tokio::select! {
                biased;
                input = local.recv() => match input {
                    Some(input) => batch.push(input),
                    None => break 'serve None,
                },
                count = remote.recv_many(&mut batch, BATCH), if remote_open => {
                    remote_open = count > 0;
                }
                () = tokio::time::sleep(self.next_sleep()), if self.machine.poll_timeout().is_some() => {}
            }
            for input in batch.drain(..) {
                if let Some(reply) = self.handle(input) {
                    break 'serve Some(reply);
                }
                self.carry_out();
            }
            self.keep_time();
        };
        // R3: granting ends before the listener closes.
        self.machine.handle_stopping(clock::now());
        self.carry_out();
        if let Some(accepting) = accepting {
            accepting.abort();
            // Cancelled or ended: the listener is closed.
            let _ = accepting.await;
        }
        for sink in self.sinks.values() {
            if let Sink::Remote(outbox) = sink {
                outbox.close();
            }
        }
        if let Some(reply) = stopped {
            let _ = reply.send(());
        }
    }

    fn keep_time(&mut self) {
        let now = clock::now();
        if self.machine.poll_timeout().is_some_and(|moment| moment <= now) {
            self.machine.handle_timeout(now);
            self.carry_out();
        }
    }

    fn next_sleep(&self) -> Duration {
        let next = self.machine.poll_timeout().unwrap_or(Moment::NEVER);
        next.since(clock::now()).min(LONGEST_SLEEP)
    }

    fn handle(&mut self, input: Input) -> Option<SyncSender<()>> {
        let now = clock::now();
        match input {
            Input::Connected(conn, peer, outbox) => {
                self.sinks.insert(conn, Sink::Remote(outbox));
                self.machine.handle_connected(now, conn, peer);
            }
            Input::LocalConnected(conn, to_client) => {
                self.sinks.insert(conn, Sink::Local(to_client));
                self.machine.handle_connected(now, conn, Peer::Local);
            }
            Input::Message(conn, message) => self.machine.handle_message(now, conn, message),
            Input::Disconnected(conn, end) => {
                self.sinks.remove(&conn);
                self.machine.handle_disconnected(now, conn, end);
            }
            Input::Status(reply) => {
                let _ = reply.send(Box::new(self.machine.status(now, None)));
            }
            Input::Stop(reply) => return Some(reply),
        }
        None
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send { to, message } => self.send(&[to], message),
                Output::Broadcast { to, message } => self.send(&to, message),
                Output::Close { conn } => self.close(conn),
                Output::Log(event) => {
                    log::log!(target: "leaderserver::server", event.level(), "{event}");
                }
            }
        }
    }

    /// Encodes once, however many it goes to.
    fn send(&mut self, to: &[ConnectionId], message: ServerMessage) {
        let mut encoded = None;
        for conn in to {
            match self.sinks.get(conn) {
                Some(Sink::Local(to_client)) => {
                    // Its end comes as a disconnect of its own.
                    let _ = to_client.send(message.clone());
                }
                Some(Sink::Remote(outbox)) => {
                    let frame = encoded.get_or_insert_with(|| codec::encode_server(&message));
                    match frame {
                        Ok(frame) => {
                            if !outbox.send(frame.clone()) {
                                log::debug!("more than {} bytes wait for a client", self.max_unread);
                            }
                        }
                        Err(error) => {
                            log::error!("an answer can't be sent: {error}");
                            outbox.close();
                        }
                    }
                }
                None => {}
            }
        }
    }

    fn close(&mut self, conn: ConnectionId) {
        match self.sinks.get(&conn) {
            Some(Sink::Remote(outbox)) => outbox.close(),
            Some(Sink::Local(_)) => {
                // Dropping the sender is the end of what the client reads.
                self.sinks.remove(&conn);
            }
            None => {}
        }
    }
}

//! What can be done with a handle, the same for every language. Each function may be called from
//! any thread with any number; none panics.
//!
//! Where a function answers an option, none says that there is no such handle, or no more.

mod store;

use std::os::fd::OwnedFd;
use std::time::Duration;

use bytes::Bytes;

use super::handle::{Kind, Object, Parts, Table};
use super::options::{self, Options, TlsMaterial};
use super::panic;
use crate::client::leadership::{self, CellRef};
use crate::client::{Confirmation, Contender, LeaderClient, Polled, Watch};
use crate::core::contenders::Callback;
use crate::core::error::Error;
use crate::core::ids::{Epoch, LeaderInformation, LeaderSessionId};
use crate::core::store::Fence;
use crate::server::LeaderServer;
use crate::sync::shared;

pub use store::{
    CREATE, DELETE, DELETE_PREFIX, DELETE_VERSION, REPLACE, check_values, client_election_of,
    operation, store_get, store_page, store_write,
};

shared! {
    static SERVERS: Table<LeaderServer> = Table::new();
    static CLIENTS: Table<LeaderClient> = Table::new();
    static CONTENDERS: Table<Owned<Contender>> = Table::new();
    static WATCHES: Table<Owned<Watch>> = Table::new();
}

/// The longest wait of [`client_poll`].
const LONGEST_POLL: Duration = Duration::from_secs(1);

/// Something that ends with its client.
struct Owned<T> {
    client: u64,
    object: T,
}

impl Object for LeaderServer {
    const KIND: Kind = Kind::Server;
    const NAME: &'static str = "server";

    /// Without waiting: what is broken may never say that it has stopped.
    fn abandon(&self) {
        self.stop_in_background();
    }
}

impl Object for LeaderClient {
    const KIND: Kind = Kind::Client;
    const NAME: &'static str = "client";

    /// Nobody will hear of its events: it must not lead on.
    fn abandon(&self) {
        self.close(Duration::ZERO);
    }
}

impl Object for Owned<Contender> {
    const KIND: Kind = Kind::Contender;
    const NAME: &'static str = "contender";

    fn abandon(&self) {
        if self.object.close(false).is_some() {
            self.object.done();
        }
    }
}

impl Object for Owned<Watch> {
    const KIND: Kind = Kind::Watch;
    const NAME: &'static str = "watch";

    fn abandon(&self) {
        self.object.close();
    }
}

/// How many handles there are: clients, servers, contenders, watches. For tests that look for
/// what is left over.
pub fn counts() -> [usize; 4] {
    [CLIENTS.len(), SERVERS.len(), CONTENDERS.len(), WATCHES.len()]
}

// --- Server

/// Starts a server.
///
/// # Errors
/// As [`LeaderServer::start`], and [`Error::InvalidArgument`].
pub fn server_start(options: Options, tls: Option<TlsMaterial>) -> Result<u64, Error> {
    panic::guard(|| {
        let (config, tls) = options::server(options, tls)?;
        Ok(SERVERS.insert(LeaderServer::start(config, tls)?))
    })
}

/// The port bound, if any.
///
/// # Errors
/// [`Error::Internal`].
pub fn server_port(server: u64) -> Result<Option<u16>, Error> {
    Ok(SERVERS.call(server, |server| Ok(server.local_port()))?.flatten())
}

/// Whether there is such a server.
pub fn server_exists(server: u64) -> bool {
    SERVERS.contains(server)
}

/// Stops a server; returns when its port is free, also if another thread is stopping it.
///
/// # Errors
/// [`Error::Internal`]; the handle is gone all the same.
pub fn server_stop(server: u64) -> Result<(), Error> {
    if SERVERS.remove_failed(server) {
        return Ok(());
    }
    let stopped = SERVERS.call(server, |server| {
        server.stop();
        Ok(())
    });
    SERVERS.remove(server);
    stopped.map(drop)
}

// --- Client

/// Opens a client.
///
/// # Errors
/// As [`LeaderClient::open`], and [`Error::InvalidArgument`].
pub fn client_open(options: Options, tls: Option<TlsMaterial>) -> Result<u64, Error> {
    panic::guard(|| {
        let (config, tls) = options::client(options, tls)?;
        Ok(CLIENTS.insert(LeaderClient::open(config, tls)?))
    })
}

/// Moves a client to a server of this process. Does nothing if either is closed.
///
/// # Errors
/// [`Error::Internal`].
pub fn client_attach(client: u64, server: u64) -> Result<(), Error> {
    match SERVERS.call(server, |server| Ok(server.clone()))? {
        Some(server) => unless_closed(CLIENTS.call(client, |client| client.attach(&server))),
        None => Ok(()),
    }
}

/// Undoes [`client_attach`].
///
/// # Errors
/// [`Error::Internal`].
pub fn client_detach(client: u64) -> Result<(), Error> {
    unless_closed(CLIENTS.call(client, LeaderClient::detach))
}

/// Waits for events, for `timeout` or a second at the most, and holds nothing meanwhile.
///
/// # Errors
/// [`Error::Internal`].
pub fn client_poll(
    client: u64,
    cookies: &mut [u64],
    timeout: Duration,
) -> Result<Option<usize>, Error> {
    let timeout = timeout.min(LONGEST_POLL);
    match CLIENTS.call(client, |client| Ok(client.poll(cookies, timeout)))? {
        Some(Polled::Ready(count)) => Ok(Some(count)),
        Some(Polled::Closed) | None => Ok(None),
    }
}

/// A descriptor that can be read while the client has events, as
/// [`LeaderClient::event_descriptor`].
///
/// # Errors
/// [`Error::Io`], [`Error::Closed`], [`Error::Internal`].
pub fn client_event_descriptor(client: u64) -> Result<OwnedFd, Error> {
    let descriptor = CLIENTS.call(client, LeaderClient::event_descriptor)?;
    descriptor.ok_or(Error::Closed("the client"))
}

/// Whether there is such a client.
pub fn client_exists(client: u64) -> bool {
    CLIENTS.contains(client)
}

/// Asks the leader of an election to step down; answers the status, as JSON, from when it was
/// asked.
///
/// # Errors
/// As [`LeaderClient::resign`].
pub fn client_resign(
    client: u64,
    election: &str,
    epoch: Option<Epoch>,
    target: Option<&str>,
    timeout: Duration,
) -> Result<String, Error> {
    let resigned =
        CLIENTS.call(client, |client| json(&client.resign(election, epoch, target, timeout)?))?;
    resigned.ok_or(Error::Closed("the client"))
}

/// Where a client stands, as JSON.
///
/// # Errors
/// [`Error::Internal`].
pub fn client_state(client: u64) -> Result<Option<String>, Error> {
    let state = CLIENTS.call(client, |client| client.state().as_ref().map(json).transpose())?;
    Ok(state.flatten())
}

/// The name service's status, as JSON. Waits for it.
///
/// # Errors
/// As [`LeaderClient::status`].
pub fn client_status(client: u64, timeout: Duration) -> Result<String, Error> {
    let status = CLIENTS.call(client, |client| json(&client.status(timeout)?))?;
    status.ok_or(Error::Closed("the client"))
}

/// Closes a client, with all its contenders and watches.
///
/// # Errors
/// [`Error::Internal`]; the handle is gone all the same.
pub fn client_close(client: u64, timeout: Duration) -> Result<(), Error> {
    let closed = if CLIENTS.remove_failed(client) {
        Ok(None)
    } else {
        CLIENTS.call(client, |client| {
            client.close(timeout);
            Ok(())
        })
    };
    CLIENTS.remove(client);
    CONTENDERS.remove_where(|contender| contender.client == client);
    WATCHES.remove_where(|watch| watch.client == client);
    closed.map(drop)
}

// --- Contenders

/// Registers a contender. Its handle names the cell in which its leadership is read.
///
/// # Errors
/// As [`LeaderClient::register`].
pub fn contender_open(client: u64, component: &str, cookie: u64) -> Result<u64, Error> {
    let object = CLIENTS.call(client, |client| client.register(component, cookie))?;
    let object = object.ok_or(Error::Closed("the client"))?;
    let CellRef { slot, generation } = object.cell();
    let contender = CONTENDERS.insert_at(slot, generation, Owned { client, object });
    // A close at the same time may have missed it.
    if !CLIENTS.contains(client) {
        CONTENDERS.remove(contender);
        return Err(Error::Closed("the client"));
    }
    Ok(contender)
}

/// Begins the next callback, if one is due and none runs.
///
/// # Errors
/// [`Error::Internal`].
pub fn contender_take(contender: u64) -> Result<Option<Callback>, Error> {
    let taken = CONTENDERS.call(contender, |owned| {
        let callback = owned.object.take();
        Ok((callback, owned.object.is_finished()))
    })?;
    Ok(retire(contender, taken))
}

/// The callback has returned. Says nothing of a contender that has failed.
///
/// # Errors
/// [`Error::Internal`].
pub fn contender_done(contender: u64) -> Result<(), Error> {
    if CONTENDERS.has_failed(contender) {
        return Ok(());
    }
    let done = CONTENDERS.call(contender, |owned| {
        owned.object.done();
        Ok((None, owned.object.is_finished()))
    })?;
    retire(contender, done);
    Ok(())
}

/// Closes a registration. The handle stays until the callbacks that run or are due are done.
///
/// # Errors
/// [`Error::Internal`]; the handle is gone then.
pub fn contender_close(contender: u64, inside_callback: bool) -> Result<Option<Callback>, Error> {
    if CONTENDERS.remove_failed(contender) {
        return Ok(None);
    }
    let closed = CONTENDERS.call(contender, |owned| {
        let callback = owned.object.close(inside_callback);
        Ok((callback, owned.object.is_finished()))
    });
    if closed.is_err() {
        CONTENDERS.remove(contender);
    }
    Ok(retire(contender, closed?))
}

/// Confirms leadership.
///
/// # Errors
/// [`Error::Internal`].
pub fn contender_confirm(
    contender: u64,
    id: LeaderSessionId,
    address: Bytes,
) -> Result<Confirmation, Error> {
    let confirmed = CONTENDERS.call(contender, |owned| Ok(owned.object.confirm(id, address)))?;
    Ok(confirmed.unwrap_or(Confirmation::Closed))
}

/// The election and epoch of the grant that a contender was told last; inside, none: it was told of
/// none, or of its end.
///
/// # Errors
/// [`Error::Internal`].
pub fn contender_fence(contender: u64) -> Result<Option<Option<Fence>>, Error> {
    CONTENDERS.call(contender, |owned| {
        Ok(owned.object.store().and_then(|store| store.fences().first().cloned()))
    })
}

/// Whether there is such a contender: one that was closed stays until its callbacks are done.
pub fn contender_exists(contender: u64) -> bool {
    CONTENDERS.contains(contender)
}

/// Whether a contender leads under `id` at this moment: no look-up, no lock, only the cell that the
/// handle names.
#[inline]
pub fn has_leadership(contender: u64, id: LeaderSessionId) -> bool {
    let Parts { kind, generation, slot } = Parts::of(contender);
    kind == Kind::Contender as u8
        && panic::catch(|| leadership::has_leadership(CellRef { slot, generation }, id)) == Ok(true)
}

// --- Watches

/// Starts to watch a component.
///
/// # Errors
/// As [`LeaderClient::watch`].
pub fn watch_open(client: u64, component: &str, cookie: u64) -> Result<u64, Error> {
    let object = CLIENTS.call(client, |client| client.watch(component, cookie))?;
    let object = object.ok_or(Error::Closed("the client"))?;
    let watch = WATCHES.insert(Owned { client, object });
    // A close at the same time may have missed it.
    if !CLIENTS.contains(client) {
        WATCHES.remove(watch);
        return Err(Error::Closed("the client"));
    }
    Ok(watch)
}

/// The present value, if it is not the one taken last; inside, none: there is no leader.
///
/// # Errors
/// [`Error::Internal`].
pub fn watch_take(watch: u64) -> Result<Option<Option<LeaderInformation>>, Error> {
    Ok(WATCHES.call(watch, |owned| Ok(owned.object.take()))?.flatten())
}

/// Whether there is such a watch.
pub fn watch_exists(watch: u64) -> bool {
    WATCHES.contains(watch)
}

/// Ends a watch.
///
/// # Errors
/// [`Error::Internal`]; the handle is gone all the same.
pub fn watch_close(watch: u64) -> Result<(), Error> {
    if WATCHES.remove_failed(watch) {
        return Ok(());
    }
    let closed = WATCHES.call(watch, |owned| {
        owned.object.close();
        Ok(())
    });
    WATCHES.remove(watch);
    closed.map(drop)
}

/// Takes out the handle of a contender that is finished: closed, with nothing left to be run.
fn retire(contender: u64, answer: Option<(Option<Callback>, bool)>) -> Option<Callback> {
    let (callback, finished) = answer?;
    if finished {
        CONTENDERS.remove(contender);
    }
    callback
}

/// Being closed is no error where the contract says that nothing happens then.
fn unless_closed(result: Result<Option<()>, Error>) -> Result<(), Error> {
    match result {
        Ok(_) | Err(Error::Closed(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(format!("no JSON: {error}")))
}

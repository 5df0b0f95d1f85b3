//! Accepting connections, and the task of each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Sender;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::outbox::{End, Next, Outbox};
use super::owner::Input;
use crate::core::error::{Error, Refusal};
use crate::core::ids::ConnectionId;
use crate::core::name_service::{ConnectionEnd, Peer};
use crate::core::wire::codec;
use crate::core::wire::frame::FrameReader;
use crate::core::wire::message::{Addresses, ServerMessage};
use crate::runtime;

/// How long a client may take to say hello, its TLS handshake included.
const HELLO: Duration = Duration::from_secs(10);

/// How long a closing connection may take to write what waits.
const FAREWELL: Duration = Duration::from_secs(2);

/// How much is read at once.
const CHUNK: usize = 4096;

/// What one server allows.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) unread: usize,
}

/// Accepts connections.
pub(super) struct Acceptor {
    listener: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    tls: Option<TlsAcceptor>,
    inputs: Sender<Input>,
    numbers: Arc<AtomicU64>,
    open: AtomicUsize,
    limits: Limits,
}

impl Acceptor {
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        inputs: Sender<Input>,
        numbers: Arc<AtomicU64>,
        limits: Limits,
    ) -> Self {
        let open = AtomicUsize::new(0);
        let shared = Arc::new(Shared { tls, inputs, numbers, open, limits });
        Acceptor { listener, shared }
    }

    /// Accepts for ever; dropping the future closes the listener.
    pub(super) async fn run(self) {
        let mut pause = Duration::ZERO;
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    pause = Duration::ZERO;
                    self.accepted(stream);
                }
                Err(error) => {
                    // Out of descriptors, mostly: what is open goes on.
                    if pause.is_zero() {
                        log::error!("can't accept connections: {error}");
                    }
                    pause = (pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    fn accepted(&self, stream: TcpStream) {
        let limit = self.shared.limits.connections;
        if self.shared.open.fetch_add(1, Ordering::AcqRel) >= limit {
            self.shared.open.fetch_sub(1, Ordering::AcqRel);
            log::warn!("a connection is refused: {limit} are open (max-connections)");
            let reason = format!("the server has {limit} connections open, its limit");
            refuse(&stream, Refusal::Limit, reason);
            return;
        }
        let shared = Arc::clone(&self.shared);
        runtime::handle().spawn(async move {
            let _open = Open(Arc::clone(&shared));
            if let Err(error) = serve(stream, &shared).await {
                log::debug!("a connection failed before it was open: {error}");
            }
        });
    }
}

/// Counts a connection as open while it lives.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

fn refuse(stream: &TcpStream, code: Refusal, reason: String) {
    if let Ok(frame) = codec::encode_server(&ServerMessage::Refused { code, reason }) {
        // Into an empty socket buffer; whoever can't take it does not hear why.
        let _ = stream.try_write(&frame);
    }
}

async fn serve(stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let addresses = Addresses {
        local: plain(stream.local_addr()?),
        peer: plain(stream.peer_addr()?),
    };
    match &shared.tls {
        None => serve_plain(stream, addresses, shared).await,
        Some(acceptor) => {
            let handshake = acceptor.accept(stream);
            let stream = tokio::time::timeout(HELLO, handshake).await??;
            serve_tls(stream, addresses, shared).await;
        }
    }
    Ok(())
}

/// An IPv4 client of a listener on all interfaces shows as IPv4, as it sees itself.
fn plain(address: std::net::SocketAddr) -> String {
    std::net::SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}

async fn serve_plain(stream: TcpStream, addresses: Addresses, shared: &Shared) {
    let stream = Arc::new(stream);
    let outbox = Arc::new(Outbox::new(Some(Arc::clone(&stream)), shared.limits.unread));
    let Some(conn) = begin(&outbox, addresses, shared).await else { return };
    let mut reader = Reader { conn, outbox: &outbox, shared, frames: FrameReader::default() };
    let end = tokio::select! {
        end = reader.read_plain(&stream) => end,
        ended = outbox.write_to(&stream) => match ended {
            Ok(End::Cut) => {
                log::warn!("{} does not read what it is sent: cut", peer_name(&stream));
                ConnectionEnd::Other
            }
            Ok(End::Close) => ConnectionEnd::Other,
            Err(error) => end_of(&error),
        }
    };
    finish(conn, &outbox, end, shared, async {
        let _ = outbox.write_to(&stream).await;
    })
    .await;
}

fn peer_name(stream: &TcpStream) -> String {
    stream.peer_addr().map_or_else(|_| "a client".to_owned(), plain)
}

async fn serve_tls(stream: TlsStream<TcpStream>, addresses: Addresses, shared: &Shared) {
    let outbox = Arc::new(Outbox::new(None, shared.limits.unread));
    let Some(conn) = begin(&outbox, addresses, shared).await else { return };
    let (mut read, mut write) = tokio::io::split(stream);
    let mut reader = Reader { conn, outbox: &outbox, shared, frames: FrameReader::default() };
    let end = tokio::select! {
        end = reader.read_tls(&mut read) => end,
        _ = write_tls(&mut write, &outbox) => ConnectionEnd::Other,
    };
    finish(conn, &outbox, end, shared, async {
        let _ = write_tls(&mut write, &outbox).await;
        let _ = write.shutdown().await;
    })
    .await;
}

async fn write_tls(write: &mut WriteHalf<TlsStream<TcpStream>>, outbox: &Outbox) -> io::Result<End> {
    loop {
        match outbox.next() {
            Next::Wait => outbox.changed().await,
            Next::End(end) => return Ok(end),
            Next::Write(frame) => {
                write.write_all(&frame).await?;
                write.flush().await?;
                outbox.advance(frame.len());
            }
        }
    }
}

async fn begin(
    outbox: &Arc<Outbox>,
    addresses: Addresses,
    shared: &Shared,
) -> Option<ConnectionId> {
    let conn = ConnectionId(shared.numbers.fetch_add(1, Ordering::Relaxed));
    let connected = Input::Connected(conn, Peer::Remote(addresses), Arc::clone(outbox));
    shared.inputs.send(connected).await.ok().map(|()| conn)
}

/// Reports the end, then lets what waits be written, for a bounded time.
async fn finish(
    conn: ConnectionId,
    outbox: &Outbox,
    end: ConnectionEnd,
    shared: &Shared,
    farewell: impl Future<Output = ()>,
) {
    // What we ended ourselves is not the peer's end, whatever was seen afterwards (R1).
    let end = if outbox.is_ended() { ConnectionEnd::Other } else { end };
    let _ = shared.inputs.send(Input::Disconnected(conn, end)).await;
    outbox.close();
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

struct Reader<'a> {
    conn: ConnectionId,
    outbox: &'a Outbox,
    shared: &'a Shared,
    frames: FrameReader,
}

impl Reader<'_> {
    async fn read_plain(&mut self, stream: &TcpStream) -> ConnectionEnd {
        let hello = tokio::time::Instant::now() + HELLO;
        let mut said = false;
        loop {
            // Waits without a buffer: an idle connection has none.
            let readable = stream.readable();
            let ready = if said {
                readable.await
            } else {
                match tokio::time::timeout_at(hello, readable).await {
                    Ok(ready) => ready,
                    Err(_) => return self.refuse(Error::Io("hello was not said in time".into())),
                }
            };
            if let Err(error) = ready {
                return end_of(&error);
            }
            self.frames.buffer().reserve(CHUNK);
            match stream.try_read_buf(self.frames.buffer()) {
                Ok(0) => return ConnectionEnd::Peer,
                Ok(_) => match self.take_frames().await {
                    Ok(any) => said |= any,
                    Err(end) => return end,
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.frames.release_if_empty();
                }
                Err(error) => return end_of(&error),
            }
        }
    }

    async fn read_tls(&mut self, read: &mut ReadHalf<TlsStream<TcpStream>>) -> ConnectionEnd {
        let hello = tokio::time::Instant::now() + HELLO;
        let mut said = false;
        loop {
            let reading = read.read_buf(self.frames.buffer());
            let got = if said {
                reading.await
            } else {
                match tokio::time::timeout_at(hello, reading).await {
                    Ok(got) => got,
                    Err(_) => return self.refuse(Error::Io("hello was not said in time".into())),
                }
            };
            match got {
                Ok(0) => return ConnectionEnd::Peer,
                Ok(_) => match self.take_frames().await {
                    Ok(any) => said |= any,
                    Err(end) => return end,
                },
                // The peer's FIN without a farewell of TLS is a FIN all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return ConnectionEnd::Peer;
                }
                Err(error) => return end_of(&error),
            }
        }
    }

    /// Hands in all whole frames. While the owner is busy the connection is not read.
    async fn take_frames(&mut self) -> Result<bool, ConnectionEnd> {
        let mut any = false;
        loop {
            let frame = match self.frames.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(any),
                Err(error) => return Err(self.refuse(error)),
            };
            let message = codec::decode_client(frame).map_err(|error| self.refuse(error))?;
            any = true;
            let input = Input::Message(self.conn, message);
            if self.shared.inputs.send(input).await.is_err() {
                return Err(ConnectionEnd::Other);
            }
        }
    }

    fn refuse(&self, error: Error) -> ConnectionEnd {
        let reason = match error {
            Error::Refused { reason, .. } => reason,
            error => error.to_string(),
        };
        log::warn!("a connection is closed, what it sent is not understood: {reason}");
        let refused = ServerMessage::Refused { code: Refusal::Protocol, reason };
        if let Ok(frame) = codec::encode_server(&refused) {
            self.outbox.send(frame);
        }
        ConnectionEnd::Other
    }
}

/// How a failure counts (R1): only a reset that was received is the peer's end, whichever call was
/// told of it.
fn end_of(error: &io::Error) -> ConnectionEnd {
    match error.kind() {
        io::ErrorKind::ConnectionReset => ConnectionEnd::Peer,
        _ => ConnectionEnd::Other,
    }
}

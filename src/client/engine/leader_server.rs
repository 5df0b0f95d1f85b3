//! The engine for a LeaderServer reached over TCP, with or without TLS.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{Link, LinkEvent, LinkEvents, NameService};
use crate::core::config::Endpoint;
use crate::core::error::Error;
use crate::core::ids::ConnectionId;
use crate::core::name_service::Peer;
use crate::core::session::ConnectFailure;
use crate::core::wire::codec;
use crate::core::wire::frame::FrameReader;
use crate::core::wire::message::{Addresses, ClientMessage};
use crate::runtime;
use crate::tls::TlsConfig;

/// How long one address may take to answer, before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a closing connection may take to write what was sent.
const FAREWELL: Duration = Duration::from_secs(2);

/// A LeaderServer somewhere.
pub struct RemoteServer {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl RemoteServer {
    /// The LeaderServer at `host:port`. Names are resolved at each connection.
    ///
    /// # Errors
    /// [`Error::Tls`] for keys or certificates that can't be used.
    pub fn new(host: String, port: u16, tls: Option<TlsConfig>) -> Result<Self, Error> {
        let tls = tls.map(|tls| tls.client_config()).transpose()?.map(TlsConnector::from);
        Ok(RemoteServer { host, port, tls })
    }
}

impl NameService for RemoteServer {
    fn endpoint(&self) -> String {
        Endpoint::LeaderServer { host: self.host.clone(), port: self.port }.to_string()
    }

    fn connect(&self, _conn: ConnectionId, events: LinkEvents) {
        let (host, port, tls) = (self.host.clone(), self.port, self.tls.clone());
        runtime::handle().spawn(async move {
            match open(&host, port).await {
                Ok(stream) => {
                    if let Err(error) = serve(stream, tls, &events).await {
                        let reason = error.to_string();
                        let failure = ConnectFailure { refused: Vec::new(), reason };
                        events.report(LinkEvent::Failed(failure));
                    }
                }
                Err(failure) => {
                    events.report(LinkEvent::Failed(failure));
                }
            }
        });
    }
}

/// Tries every address of the host in turn.
async fn open(host: &str, port: u16) -> Result<TcpStream, ConnectFailure> {
    let mut refused = Vec::new();
    let fail = |refused, reason: String| Err(ConnectFailure { refused, reason });
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return fail(refused, format!("'{host}' can't be resolved: {error}")),
    };
    let mut reason = format!("'{host}' has no address");
    for address in addresses {
        let attempt = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        match attempt {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    refused.push(address.to_string());
                }
                reason = format!("{address}: {error}");
            }
            Err(_) => reason = format!("{address}: no answer within {CONNECT_TIMEOUT:?}"),
        }
    }
    fail(refused, reason)
}

/// Carries a connection until it ends. An error is one from before it was open.
async fn serve(
    stream: TcpStream,
    tls: Option<TlsConnector>,
    events: &LinkEvents,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let addresses = Addresses {
        local: stream.local_addr()?.to_string(),
        peer: stream.peer_addr()?.to_string(),
    };
    let probe = stream.as_fd().try_clone_to_owned()?;
    let peer = Peer::Remote(addresses);
    let outbox = Arc::new(Outbox::default());
    match tls {
        None => {
            let (reader, writer) = stream.into_split();
            let writer = Arc::new(writer);
            let link =
                TcpLink { outbox: Arc::clone(&outbox), direct: Some(Arc::clone(&writer)), probe };
            runtime::handle().spawn(write_plain(writer, Arc::clone(&outbox)));
            carry(reader, peer, link, outbox, events).await;
        }
        Some(connector) => {
            // No name is checked: both sides know each other by their trust stores.
            let name = ServerName::IpAddress(stream.peer_addr()?.ip().into());
            let stream = connector.connect(name, stream).await?;
            let (reader, writer) = tokio::io::split(stream);
            let link = TcpLink { outbox: Arc::clone(&outbox), direct: None, probe };
            runtime::handle().spawn(write_stream(writer, Arc::clone(&outbox)));
            carry(reader, peer, link, outbox, events).await;
        }
    }
    Ok(())
}

async fn carry(
    reader: impl AsyncRead + Unpin,
    peer: Peer,
    link: TcpLink,
    outbox: Arc<Outbox>,
    events: &LinkEvents,
) {
    if !events.report(LinkEvent::Connected(peer, Box::new(link))) {
        return;
    }
    let reason = tokio::select! {
        reason = read(reader, events) => reason,
        // Our own side has closed: nobody wants to hear more.
        () = outbox.ended() => "closed".to_owned(),
    };
    outbox.close();
    events.report(LinkEvent::Disconnected(reason));
}

async fn read(mut reader: impl AsyncRead + Unpin, events: &LinkEvents) -> String {
    let mut frames = FrameReader::for_answers();
    loop {
        match reader.read_buf(frames.buffer()).await {
            Ok(0) => return "the name service closed it".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        loop {
            let message = match frames.next_frame() {
                Ok(Some(frame)) => codec::decode_server(frame),
                Ok(None) => break,
                Err(error) => return format!("not understood: {error}"),
            };
            match message {
                Ok(message) => {
                    if !events.report(LinkEvent::Message(message)) {
                        return "closed".to_owned();
                    }
                }
                Err(error) => return format!("not understood: {error}"),
            }
        }
    }
}

/// What waits to be written.
#[derive(Default)]
struct Outbox {
    waiting: Mutex<VecDeque<Bytes>>,
    filled: Notify,
    closed: AtomicBool,
    ended: Notify,
}

impl Outbox {
    /// No more is sent; what waits is still written.
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.filled.notify_one();
        self.ended.notify_one();
    }

    async fn ended(&self) {
        while !self.closed.load(Ordering::Acquire) {
            self.ended.notified().await;
        }
    }

    /// What to write next; none when it is closed and empty.
    async fn next(&self) -> Option<Bytes> {
        loop {
            let first = self.waiting.lock().front().cloned();
            if first.is_some() {
                return first;
            }
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            self.filled.notified().await;
        }
    }

    /// `written` bytes of the first frame are gone.
    fn advance(&self, written: usize) {
        let mut waiting = self.waiting.lock();
        if let Some(first) = waiting.front_mut() {
            first.advance(written.min(first.len()));
            if first.is_empty() {
                waiting.pop_front();
            }
        }
    }
}

async fn write_plain(writer: Arc<OwnedWriteHalf>, outbox: Arc<Outbox>) {
    let write = async {
        while let Some(frame) = outbox.next().await {
            writer.writable().await?;
            match writer.try_write(&frame) {
                Ok(written) => outbox.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok::<(), io::Error>(())
    };
    finish(write, &outbox).await;
}

async fn write_stream(mut writer: impl AsyncWrite + Unpin, outbox: Arc<Outbox>) {
    let write = async {
        while let Some(frame) = outbox.next().await {
            writer.write_all(&frame).await?;
            writer.flush().await?;
            outbox.advance(frame.len());
        }
        writer.shutdown().await
    };
    finish(write, &outbox).await;
}

/// Lets the writing go on until it is done, or for a bounded time once our side has closed.
async fn finish(write: impl Future<Output = io::Result<()>>, outbox: &Outbox) {
    let ended = async {
        outbox.ended().await;
        // A word that the other reader of this notification may have waited for, too.
        outbox.ended.notify_one();
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        _ = write => {}
        () = ended => {}
    }
    outbox.close();
}

struct TcpLink {
    outbox: Arc<Outbox>,
    /// Plain TCP is written to at once where nothing waits.
    direct: Option<Arc<OwnedWriteHalf>>,
    probe: OwnedFd,
}

impl Link for TcpLink {
    fn send(&mut self, message: ClientMessage) {
        let mut frame = match codec::encode_client(&message) {
            Ok(frame) => frame,
            Err(error) => {
                log::error!("a message can't be sent: {error}");
                return;
            }
        };
        let mut waiting = self.outbox.waiting.lock();
        if waiting.is_empty()
            && let Some(writer) = &self.direct
            && let Ok(written) = writer.try_write(&frame)
        {
            frame.advance(written);
        }
        if !frame.is_empty() {
            waiting.push_back(frame);
            self.outbox.filled.notify_one();
        }
    }

    fn is_open(&self) -> bool {
        let mut look =
            libc::pollfd { fd: self.probe.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
        // SAFETY: one valid pollfd, and no waiting.
        let found = unsafe { libc::poll(&mut look, 1, 0) };
        found == 0
    }
}

impl Drop for TcpLink {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

//! A proxy between one client and the server: delays, holds back in one direction or both, releases,
//! cuts with FIN or RST, leaves a half open, refuses.
//!
//! What is held back is delivered when it is released, unless the connection is cut before: as TCP
//! does over a path that is broken for a while, or for good.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use socket2::{Domain, Socket, Type};

use crate::knife;

/// Between two looks at what is asked of the proxy.
const LOOK: Duration = Duration::from_millis(3);

/// To the server, and to the client.
pub const UP: usize = 0;
pub const DOWN: usize = 1;

pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    target: SocketAddr,
    path: Mutex<Path>,
    changed: Condvar,
    open: Mutex<Vec<Arc<Pair>>>,
    ended: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Path {
    held: [bool; 2],
    delay: [Duration; 2],
    refusing: bool,
}

struct Pair {
    client: TcpStream,
    server: TcpStream,
    gone: AtomicBool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Fin,
    Rst,
    /// The client hears of it, the server does not.
    HalfOpen,
}

impl Proxy {
    pub fn start(host: IpAddr, target: SocketAddr) -> Self {
        let listener = listen((host, 0).into());
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            target,
            path: Mutex::default(),
            changed: Condvar::new(),
            open: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || shared.accept(listener, address));
        Proxy { address, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn hold(&self, up: bool, down: bool) {
        self.change(|path| path.held = [up, down]);
    }

    pub fn delay(&self, up: Duration, down: Duration) {
        self.change(|path| path.delay = [up, down]);
    }

    /// No more connections, as if nobody listened.
    pub fn refuse(&self, refusing: bool) {
        self.change(|path| path.refusing = refusing);
    }

    pub fn mend(&self) {
        self.change(|path| *path = Path::default());
    }

    pub fn cut(&self, how: Cut) {
        let mut open = self.state.open.lock();
        open.iter().for_each(|pair| pair.cut(how));
        if how != Cut::HalfOpen {
            open.clear();
        }
    }

    fn change(&self, change: impl FnOnce(&mut Path)) {
        change(&mut self.state.path.lock());
        self.state.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.cut(Cut::Fin);
        self.mend();
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// From an address by which [`knife`] tells it from a direct connection.
fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

impl Pair {
    fn cut(&self, how: Cut) {
        match how {
            Cut::Fin => {
                let _ = self.client.shutdown(Shutdown::Both);
                let _ = self.server.shutdown(Shutdown::Both);
            }
            Cut::Rst => {
                knife::reset(&self.client);
                knife::reset(&self.server);
            }
            Cut::HalfOpen => {
                let _ = self.client.shutdown(Shutdown::Both);
            }
        }
        self.gone.store(true, Ordering::SeqCst);
    }
}

impl State {
    fn accept(self: &Arc<Self>, first: TcpListener, address: SocketAddr) {
        let mut listener = Some(first);
        while !self.ended.load(Ordering::SeqCst) {
            let refusing = self.path.lock().refusing;
            if refusing {
                listener = None;
            } else if listener.is_none() {
                listener = Some(listen(address));
            }
            let accepted = listener.as_ref().map(TcpListener::accept);
            let Some(Ok((client, _))) = accepted else {
                if let Some(Err(error)) = accepted {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                }
                thread::sleep(LOOK);
                continue;
            };
            let Ok(server) = connect(address.ip(), self.target) else {
                knife::reset(&client);
                continue;
            };
            for stream in [&client, &server] {
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
            }
            let pair = Arc::new(Pair { client, server, gone: AtomicBool::new(false) });
            self.open.lock().push(Arc::clone(&pair));
            for direction in [UP, DOWN] {
                let (state, pair) = (Arc::clone(self), Arc::clone(&pair));
                thread::spawn(move || state.carry(&pair, direction));
            }
        }
    }

    fn carry(&self, pair: &Pair, direction: usize) {
        let (mut from, mut to) = (&pair.client, &pair.server);
        if direction == DOWN {
            (from, to) = (to, from);
        }
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer);
            if !self.passes(pair, direction) {
                return;
            }
            let passed = match read {
                Ok(0) => return drop(to.shutdown(Shutdown::Write)),
                Ok(read) => to.write_all(&buffer[..read]),
                Err(error) => Err(error),
            };
            if passed.is_err() {
                return pair.cut(Cut::Rst);
            }
        }
    }

    /// Waits while the direction is held back; false: the connection was cut meanwhile.
    fn passes(&self, pair: &Pair, direction: usize) -> bool {
        let mut path = self.path.lock();
        let delay = path.delay[direction];
        if !delay.is_zero() {
            drop(path);
            thread::sleep(delay);
            path = self.path.lock();
        }
        while path.held[direction] && !pair.gone.load(Ordering::SeqCst) {
            self.changed.wait_for(&mut path, LOOK);
        }
        !pair.gone.load(Ordering::SeqCst)
    }
}

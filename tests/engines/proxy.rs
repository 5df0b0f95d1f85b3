//! Faults: a TCP proxy that cuts, silences and refuses, and a knife for direct connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A proxy in front of a port of this machine.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    mode: Mutex<Mode>,
    changed: Condvar,
    open: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Carrying,
    /// Connections stay open, nothing is carried.
    Silent,
    /// No connections.
    Cut,
}

/// Between two looks at what was asked of the proxy.
const LOOK: Duration = Duration::from_millis(5);

impl Proxy {
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || shared.accept(&listener, target));
        Proxy { port, state }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends all connections, once.
    pub fn cut_once(&self) {
        for stream in self.state.open.lock().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends all connections, and new ones at once, until mended.
    pub fn cut(&self) {
        *self.state.mode.lock() = Mode::Cut;
        self.cut_once();
    }

    /// Carries nothing, in neither direction, until mended; then what was sent meanwhile.
    pub fn silence(&self) {
        *self.state.mode.lock() = Mode::Silent;
    }

    pub fn mend(&self) {
        *self.state.mode.lock() = Mode::Carrying;
        self.state.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.cut();
        self.state.changed.notify_all();
    }
}

impl State {
    fn accept(self: &Arc<Self>, listener: &TcpListener, target: u16) {
        while !self.ended.load(Ordering::SeqCst) {
            let client = match listener.accept() {
                Ok((client, _)) => client,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(LOOK);
                    continue;
                }
                Err(_) => return,
            };
            if *self.mode.lock() == Mode::Cut {
                continue;
            }
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            for stream in [&client, &server] {
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
            }
            self.carry(&client, &server);
            self.carry(&server, &client);
        }
    }

    fn carry(self: &Arc<Self>, from: &TcpStream, to: &TcpStream) {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        self.open.lock().push(from.try_clone().unwrap());
        let state = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                state.wait_while_silent();
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }

    fn wait_while_silent(&self) {
        let mut mode = self.mode.lock();
        while *mode == Mode::Silent {
            self.changed.wait_for(&mut mode, LOOK);
        }
    }
}

/// Ends every connection that this process has opened to a port, under its owners' hands. Answers
/// how many there were.
pub fn sever_connections_to(port: u16) -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = descriptors.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.collect::<Vec<i32>>().into_iter().filter(|&number| sever(number, port)).count()
}

fn sever(descriptor: i32, port: u16) -> bool {
    // SAFETY: a copy of its own, so that a number used again meanwhile does no harm; the address
    // is valid for writing its length.
    unsafe {
        let copy = libc::dup(descriptor);
        if copy < 0 {
            return false;
        }
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        let mut length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let found = libc::getpeername(copy, (&raw mut address).cast(), &mut length) == 0
            && i32::from(address.sin_family) == libc::AF_INET
            && u16::from_be(address.sin_port) == port;
        if found {
            libc::shutdown(copy, libc::SHUT_RDWR);
        }
        libc::close(copy);
        found
    }
}

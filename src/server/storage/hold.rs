//! Keeping still for a backup: the holder of a directory listens on a socket in it.
//!
//! Who asks is told a commit, and may read the files up to that one as long as the connection stands:
//! nothing is folded meanwhile, while commits go on. Then it says that it is done, and is told that
//! the files were still all the while. So a backup costs the server neither memory nor time.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::block::{BLOCK, Block, halves, seal, unseal, whole};
use super::error::StorageError;
use super::fold::Shared;
use super::marker::Point;
use super::paths::Paths;

const LETTERS: &[u8; 8] = b"ls still";
const KEPT: &[u8; 5] = b"kept\n";
/// Nobody is kept still for longer: the log grows meanwhile.
const LONGEST: Duration = Duration::from_secs(600);
/// For what takes no time.
const SHORT: Duration = Duration::from_secs(10);

/// The listener's thread. Dropped, it lets go whoever it keeps still for.
#[derive(Debug)]
pub struct Listener {
    waker: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub fn start(paths: &Paths, shared: Arc<Shared>) -> io::Result<Listener> {
        let listener = bind(paths)?;
        let (waker, woken) = UnixStream::pair()?;
        let thread = thread::Builder::new()
            .name("ls-backup".to_owned())
            .spawn(move || run(&listener, &woken, &shared))?;
        Ok(Listener { waker: Some(waker), thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.waker = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A path to the socket that is short enough for an address, however long the directory's is.
fn address(directory: &File) -> io::Result<SockAddr> {
    SockAddr::unix(format!("/proc/self/fd/{}/socket", directory.as_raw_fd()))
}

fn bind(paths: &Paths) -> io::Result<UnixListener> {
    // That of a holder that was killed.
    match fs::remove_file(&paths.socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let directory = File::open(&paths.directory)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Before it is bound, so that there is no moment at which others may connect.
    // SAFETY: the descriptor is open.
    if unsafe { libc::fchmod(socket.as_raw_fd(), 0o600) } != 0 {
        return Err(io::Error::last_os_error());
    }
    socket.bind(&address(&directory)?)?;
    socket.listen(8)?;
    Ok(socket.into())
}

fn run(listener: &UnixListener, woken: &UnixStream, shared: &Shared) {
    while readable(listener, woken, None) {
        if let Ok((connection, _)) = listener.accept() {
            // Its end is the asker's own affair.
            let _ = keep_still(connection, woken, shared);
        }
    }
}

fn keep_still(mut asker: UnixStream, woken: &UnixStream, shared: &Shared) -> io::Result<()> {
    asker.set_write_timeout(Some(SHORT))?;
    asker.set_read_timeout(Some(SHORT))?;
    let _still = shared.still.lock();
    let point = *shared.committed.lock();
    let [low, high] = halves(point.chain);
    asker.write_all(&seal(LETTERS, &[point.number, low, high]))?;
    if readable(&asker, woken, Some(LONGEST)) && asker.read(&mut [0])? == 1 {
        asker.write_all(KEPT)?;
    }
    Ok(())
}

/// Waits until there is something to read. False if it is time to stop, or took too long.
fn readable(what: &impl AsRawFd, woken: &UnixStream, longest: Option<Duration>) -> bool {
    let wait = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut both = [wait(what.as_raw_fd()), wait(woken.as_raw_fd())];
    let longest = longest.map_or(-1, |longest| longest.as_millis() as libc::c_int);
    loop {
        // SAFETY: the pointer is to as many structures as it says, which outlive the call.
        let ready = unsafe { libc::poll(both.as_mut_ptr(), both.len() as libc::nfds_t, longest) };
        if ready < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        return ready > 0 && both[1].revents == 0;
    }
}

/// A holder that keeps still.
pub struct Hold {
    connection: UnixStream,
    /// Up to where the files may be read.
    pub point: Point,
}

impl Hold {
    /// Asks the holder of the directory. Waits while it folds.
    pub fn ask(paths: &Paths) -> Result<Hold, StorageError> {
        ask(&paths.directory)
            .map_err(|error| StorageError::io("ask the holder of", &paths.directory, error))
    }

    /// Makes sure that it kept still until now.
    pub fn end(mut self, directory: &Path) -> Result<(), StorageError> {
        let mut answer = [0; KEPT.len()];
        let kept = self
            .connection
            .write_all(b"\n")
            .and_then(|()| self.connection.read_exact(&mut answer))
            .and_then(|()| if answer == *KEPT { Ok(()) } else { Err(foreign()) });
        kept.map_err(|error| {
            StorageError::io("finish reading, for its server stopped:", directory, error)
        })
    }
}

fn ask(directory: &Path) -> io::Result<Hold> {
    let opened = File::open(directory)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.connect(&address(&opened)?)?;
    let mut connection = UnixStream::from(socket);
    connection.set_read_timeout(Some(LONGEST))?;
    connection.set_write_timeout(Some(SHORT))?;
    let mut block = [0; BLOCK];
    connection.read_exact(&mut block)?;
    match unseal(LETTERS, &block) {
        Block::Sealed(fields) => {
            let point = Point { number: fields[0], chain: whole(&fields[1..3]) };
            Ok(Hold { connection, point })
        }
        _ => Err(foreign()),
    }
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it answers in another way")
}

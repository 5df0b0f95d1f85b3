//! Network namespaces without names: what lives in one holds it, and when the last file and process
//! is gone so is the namespace, however this program ends. So there is nothing to clean up.
//!
//! Each has one interface, `wire0`, whose packets come out here (a TUN device) and are carried by
//! [`crate::wire`]. That needs neither bridges nor what a kernel may lack (netem, nftables), and a
//! path can be cut in one direction, be slow, or lose and repeat packets, by a seed. What is at
//! both ends is the kernel's TCP. A space may also have a small disk in memory that only those see
//! who are started in it.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{Error, Result};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

const INTERFACE: &str = "wire0";

/// What is needed, said where it is missing.
const NEEDED: &str = "this test makes network namespaces and TUN devices: run it as root, or where \
                      users may have namespaces of their own with `unshare --user --map-root-user \
                      --mount make test-real`; /dev/net/tun must be there and writable";

/// A network namespace, and perhaps a disk.
pub struct Space {
    net: File,
    /// The other end of its interface: one packet at a time.
    pub wire: File,
    /// Belongs to the namespace: by it, its interface is set.
    control: UdpSocket,
    disk: Option<Disk>,
}

/// A disk of some MiB, seen by those who are started in its space; and by us.
struct Disk {
    mounts: File,
    root: File,
    at: PathBuf,
}

impl Space {
    pub fn new(address: Ipv4Addr, disk: Option<&Path>) -> Self {
        let disk = disk.map(Path::to_owned);
        // Namespaces are a thread's own; what it leaves behind are the files.
        let made = thread::spawn(move || Self::make(address, disk.as_deref())).join();
        made.expect("it does not panic").unwrap_or_else(|error| panic!("{error}: {NEEDED}"))
    }

    fn make(address: Ipv4Addr, disk: Option<&Path>) -> Result<Self> {
        // SAFETY: it concerns this thread only, which shares neither with another.
        done(unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS) })?;
        let wire = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        let mut request = request(INTERFACE);
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as i16;
        ask(wire.as_raw_fd(), libc::TUNSETIFF as _, &mut request)?;
        let control = UdpSocket::bind("0.0.0.0:0")?;
        let net = File::open("/proc/thread-self/ns/net")?;
        let disk = disk.map(Disk::mount).transpose()?;
        let space = Space { net, wire, control, disk };
        space.set_up("lo", true)?;
        space.set_up(INTERFACE, true)?;
        space.set_address(libc::SIOCSIFADDR as _, address)?;
        space.set_address(libc::SIOCSIFNETMASK as _, Ipv4Addr::new(255, 255, 255, 0))?;
        Ok(space)
    }

    fn set_address(&self, what: libc::Ioctl, address: Ipv4Addr) -> Result<()> {
        let mut request = request(INTERFACE);
        let socket_address = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
            sin_zero: [0; 8],
        };
        // SAFETY: both are plain bytes, of the same size.
        request.ifr_ifru.ifru_addr =
            unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(socket_address) };
        ask(self.control.as_raw_fd(), what, &mut request)
    }

    fn set_up(&self, interface: &str, up: bool) -> Result<()> {
        let mut request = request(interface);
        request.ifr_ifru.ifru_flags = if up { libc::IFF_UP as i16 } else { 0 };
        ask(self.control.as_raw_fd(), libc::SIOCSIFFLAGS as _, &mut request)
    }

    /// Takes the interface down, which its users see at once, or up again.
    pub fn set_link(&self, up: bool) {
        self.set_up(INTERFACE, up).expect("the interface is there");
    }

    /// Has a program run in here, and not outlive the thread that starts it.
    pub fn enter(&self, program: &mut Command) {
        let net = self.net.as_raw_fd();
        let mounts = self.disk.as_ref().map(|disk| disk.mounts.as_raw_fd());
        // SAFETY: between fork and exec there are only system calls; the files are open until then.
        unsafe {
            program.pre_exec(move || {
                done(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
                if let Some(mounts) = mounts {
                    done(libc::setns(mounts, libc::CLONE_NEWNS))?;
                }
                done(libc::setns(net, libc::CLONE_NEWNET))
            });
        }
    }

    /// A file on the disk, as seen from here.
    pub fn on_disk(&self, name: &str) -> PathBuf {
        let disk = self.disk.as_ref().expect("it has a disk");
        PathBuf::from(format!("/proc/self/fd/{}/{name}", disk.root.as_raw_fd()))
    }
}

impl Disk {
    fn mount(at: &Path) -> Result<Self> {
        let text = |text: &str| CString::new(text).expect("no zero bytes");
        let (tmpfs, root) = (text("tmpfs"), text("/"));
        let (path, size) = (text(at.to_str().expect("a path is text")), text("size=24m"));
        let (none, private) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
        // SAFETY: all texts outlive the calls.
        unsafe {
            done(libc::mount(none, root.as_ptr(), none, private, none.cast()))?;
            let (data, name) = (size.as_ptr().cast(), tmpfs.as_ptr());
            done(libc::mount(name, path.as_ptr(), name, 0, data))?;
        }
        let mounts = File::open("/proc/thread-self/ns/mnt")?;
        Ok(Disk { mounts, root: File::open(at)?, at: at.to_owned() })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The directory it lies on, which is empty to all others.
        let _ = std::fs::remove_dir(&self.at);
    }
}

fn request(interface: &str) -> libc::ifreq {
    // SAFETY: zeros are an empty name and a number.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

fn ask(file: RawFd, what: libc::Ioctl, request: &mut libc::ifreq) -> Result<()> {
    // SAFETY: all that is asked for takes or fills an ifreq.
    done(unsafe { libc::ioctl(file, what, &raw mut *request) })
}

fn done(result: libc::c_int) -> Result<()> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

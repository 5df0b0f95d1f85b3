//! One tokio runtime per loaded library, made at first use.

use std::cell::Cell;
use std::io::Read;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle, Runtime};

/// The name of its threads.
const THREAD_NAME: &str = "leaderserver";

/// Host names are looked up on threads of their own, for the system's resolver blocks.
const MAX_BLOCKING_THREADS: usize = 8;

static WORKERS: AtomicUsize = AtomicUsize::new(1);

/// Never dropped: the tasks end with the process.
static RUNTIME: OnceCell<Runtime> = OnceCell::new();

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// The runtime, which is made if there is none yet.
///
/// # Panics
/// If the system gives it no thread or no descriptor.
pub fn handle() -> &'static Handle {
    let runtime = RUNTIME.get_or_init(|| {
        without_signals(|| {
            Builder::new_multi_thread()
                .worker_threads(WORKERS.load(Ordering::Relaxed))
                .max_blocking_threads(MAX_BLOCKING_THREADS)
                .thread_name(THREAD_NAME)
                .on_thread_start(|| {
                    block_signals();
                    IS_WORKER.with(|is_worker| is_worker.set(true));
                })
                .enable_all()
                .build()
                .expect("the system gives a thread and descriptors for the runtime")
        })
    });
    runtime.handle()
}

/// How many worker threads the runtime has, one where this is not called. Counts before the first
/// use only; answers whether it did.
pub fn set_workers(workers: usize) -> bool {
    WORKERS.store(workers.max(1), Ordering::Relaxed);
    RUNTIME.get().is_none()
}

/// Whether the calling thread is one of the runtime's, where nobody may wait for a task.
pub fn is_worker() -> bool {
    IS_WORKER.with(Cell::get)
}

/// Starts a thread of the library's own, which runs no handler of the host's signals.
///
/// # Errors
/// The system has no thread.
pub fn spawn_thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let builder = thread::Builder::new().name(THREAD_NAME.to_owned());
    without_signals(|| builder.spawn(work)).map(drop)
}

/// Runs `work` with signals blocked, for the threads it starts: the handlers of whoever embeds the
/// library then run on threads of theirs, and a write to a closed connection ends nothing.
fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    let before = block_signals();
    let result = work();
    // SAFETY: the mask is one that the system gave.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    result
}

/// Blocks all signals on this thread but those that its own faults raise, and the profiler's.
/// Answers the mask it had.
fn block_signals() -> libc::sigset_t {
    let kept = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGPROF,
    ];
    let mut blocked = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are of this frame; the first is made, the second written by the system.
    unsafe {
        libc::sigfillset(blocked.as_mut_ptr());
        for signal in kept {
            libc::sigdelset(blocked.as_mut_ptr(), signal);
        }
        libc::sigemptyset(before.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, blocked.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    }
}

/// Randomness of the system, for the generators of the machines.
pub fn random_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    // By number, for glibc has a function for it only since 2.25.
    // SAFETY: the pointer and the length are those of `seed`.
    let got = unsafe { libc::syscall(libc::SYS_getrandom, seed.as_mut_ptr(), seed.len(), 0) };
    if usize::try_from(got) != Ok(seed.len()) {
        // Linux before 3.17; up to 256 bytes are given whole or not at all.
        std::fs::File::open("/dev/urandom")
            .and_then(|mut random| random.read_exact(&mut seed))
            .expect("every Linux has getrandom or /dev/urandom");
    }
    seed
}

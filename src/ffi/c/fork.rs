//! Notices that the process was forked: the child has none of our threads, and locks as they were.
//!
//! The kernel is asked to hand a certain page to a child as zeros. So nothing runs at a fork, and a
//! look costs as much as a look at memory. Before Linux 4.14 the number of the process is compared.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The page begins with this number in the process that made it.
const HERE: u32 = 0x6c65_6164;

static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Begins to look, at the first call; answers whether this is a child of the process that did.
#[inline]
pub(super) fn is_child() -> bool {
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: the page stays mapped for ever, here and in every child.
    match unsafe { page.as_ref() } {
        Some(mark) => mark.load(Ordering::Relaxed) != HERE,
        None => compare_numbers(),
    }
}

#[cold]
fn compare_numbers() -> bool {
    let here = std::process::id();
    match PROCESS.compare_exchange(0, here, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            // Two threads that come here at once find one number; one of them gets here.
            PAGE.store(page(), Ordering::Release);
            false
        }
        Err(first) => first != here,
    }
}

/// A page with the mark; null where the kernel can't clear it in a child.
fn page() -> *mut AtomicU32 {
    let length = size_of::<AtomicU32>();
    // SAFETY: a new private mapping, which the kernel rounds up to a page; nothing else knows it.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(ptr::null_mut(), length, access, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return ptr::null_mut();
        }
        if libc::madvise(page, length, libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(page, length);
            return ptr::null_mut();
        }
        let mark = page.cast::<AtomicU32>();
        (*mark).store(HERE, Ordering::Release);
        mark
    }
}

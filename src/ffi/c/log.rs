//! Log records: fetched, or by callback.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::answer::{Failure, answer};
use super::buffers::{self, Lent};
use super::constants::{LS_HAS_CALLBACK, LS_IO, LS_TIMEOUT};
use super::read;
use super::registrations::UserData;
use super::types::{ls_error, ls_finalizer, ls_log_callback, ls_log_record};
use crate::ffi::{log, panic};
use crate::runtime;

/// Between two looks for records: whoever logs wakes nobody.
const INTERVAL: Duration = Duration::from_millis(100);

static SINK: Mutex<Option<Arc<Sink>>> = Mutex::new(None);

/// Who gets the records.
struct Sink {
    callback: ls_log_callback,
    user: UserData,
    stopped: Mutex<bool>,
    stop: Condvar,
}

/// Sets what is logged: LS_LOG_OFF (as at first) to LS_LOG_TRACE; what lies outside counts as the
/// nearest. Records wait in the library until they are fetched or called back: the last 4096. One
/// setting for all that use this copy of the library. Does not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_log_set_level(level: i32, error: *mut ls_error) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            log::set_level(level);
            Ok(())
        })
    }
}

/// Takes the oldest log record. Does not wait.
///
/// LS_TIMEOUT: there is none. LS_HAS_CALLBACK: they go to a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_log_next(record: *mut ls_log_record, error: *mut ls_error) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::sized(record, |record| &raw const (*record).size, "record")?;
            if SINK.lock().is_some() {
                return Err(Failure::new(LS_HAS_CALLBACK, "log records go to a callback"));
            }
            let Some(record) = log::take() else {
                return Err(Failure::new(LS_TIMEOUT, "there is no log record"));
            };
            (*place).level = log::number_of(record.level);
            let target = buffers::hand_out(record.target.as_bytes());
            buffers::replace(&raw mut (*place).target, target);
            let message = buffers::hand_out(record.message.as_bytes());
            buffers::replace(&raw mut (*place).message, message);
            Ok(())
        })
    }
}

/// Has log records called back on a thread of the library, within a tenth of a second, one at a
/// time; in place of the callback set before, if any, whose last call may still be running. A null
/// `callback` ends it. Every function may be called from inside. The record is the library's, and is
/// gone when the callback returns.
///
/// `finalizer`, which may be null, is called with `user_data` once, after another call has ended
/// this and the last callback has returned. Where this call fails it is not called, nor with a null
/// `callback`.
///
/// LS_IO: no thread; the callback set before stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_log_on_record(
    callback: ls_log_callback,
    user_data: *mut c_void,
    finalizer: ls_finalizer,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let mut new = None;
            // Held until it is set, so that a record that is called back at once finds it set.
            let mut place = SINK.lock();
            if callback.is_some() {
                let user = UserData::new(user_data, finalizer);
                let (stopped, stop) = (Mutex::new(false), Condvar::new());
                let sink = Arc::new(Sink { callback, user, stopped, stop });
                let runner = Arc::clone(&sink);
                if let Err(io) = runtime::spawn_thread(move || runner.run()) {
                    // The thread's copy went with the closure.
                    if let Some(sink) = Arc::into_inner(sink) {
                        sink.user.give_back();
                    }
                    return Err(Failure::new(LS_IO, format!("no thread for the log: {io}")));
                }
                new = Some(sink);
            }
            let old = std::mem::replace(&mut *place, new);
            drop(place);
            if let Some(old) = old {
                *old.stopped.lock() = true;
                old.stop.notify_all();
            }
            Ok(())
        })
    }
}

impl Sink {
    fn run(&self) {
        let mut stopped = self.stopped.lock();
        while !*stopped {
            drop(stopped);
            // A panic is logged where it is caught.
            let _ = panic::catch(|| self.drain());
            stopped = self.stopped.lock();
            if !*stopped {
                self.stop.wait_for(&mut stopped, INTERVAL);
            }
        }
    }

    fn drain(&self) {
        let Some(callback) = self.callback else { return };
        while !*self.stopped.lock() {
            let Some(taken) = log::take() else { return };
            let (target, message) =
                (Lent::new(taken.target.as_bytes()), Lent::new(taken.message.as_bytes()));
            let record = ls_log_record {
                size: size_of::<ls_log_record>(),
                level: log::number_of(taken.level),
                reserved: 0,
                target: target.bytes(),
                message: message.bytes(),
            };
            // SAFETY: the header says what it must be, and that the record is lent.
            unsafe { callback(self.user.pointer(), &record) };
        }
    }
}

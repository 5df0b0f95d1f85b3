//! Watches.

use std::ffi::{c_char, c_void};

use super::answer::answer;
use super::registrations::{UserData, What};
use super::types::{ls_client, ls_error, ls_finalizer, ls_watch};
use super::{read, registrations};
use crate::ffi::handle::Kind;
use crate::ffi::objects;

/// Watches a component: its leader, or that it has none, comes at once as an event, and then every
/// change, or a later one. Never the same twice running, never an older after a newer. Does not
/// wait.
///
/// `user_data` and `finalizer` as for ls_contender_open().
///
/// LS_CLOSED, LS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_watch_open(
    client: ls_client,
    component: *const c_char,
    component_length: usize,
    user_data: *mut c_void,
    finalizer: ls_finalizer,
    watch: *mut ls_watch,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::output(watch, "watch")?;
            let component = read::name(component, component_length, "component")?;
            let at = registrations::of(read::kind(client, Kind::Client, "client")?)?;
            let user = UserData::new(user_data, finalizer);
            *place = at
                .open(What::Watch, user, |cookie| objects::watch_open(client, component, cookie))?;
            Ok(())
        })
    }
}

/// Ends a watch. A callback that is on its way is not waited for. Does nothing if it was closed, and
/// nothing for 0.
///
/// LS_INTERNAL: it is closed all the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_watch_close(watch: ls_watch, error: *mut ls_error) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let Some(watch) = read::kind_to_close(watch, Kind::Watch, "watch")? else {
                return Ok(());
            };
            let registered = registrations::find(watch);
            let closed = objects::watch_close(watch);
            if let Some((at, registration)) = registered {
                at.retire(&registration);
            }
            Ok(closed?)
        })
    }
}

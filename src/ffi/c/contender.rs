//! Contenders.

use std::ffi::{c_char, c_void};

use bytes::Bytes;

use super::answer::{Failure, answer};
use super::constants::{LS_ALREADY_CONFIRMED, LS_NOT_LEADER, LS_TOO_LARGE};
use super::registrations::{News, UserData, What};
use super::types::{
    ls_bytes, ls_client, ls_contender, ls_error, ls_finalizer, ls_leader_session_id,
};
use super::{buffers, callbacks, fork, read, registrations};
use crate::client::Confirmation;
use crate::core::ids::MAX_ADDRESS;
use crate::ffi::handle::Kind;
use crate::ffi::objects;

/// Contends for the leadership of a component: registers it, and joins its election with the first.
/// From then on events come: LS_EVENT_GRANT and LS_EVENT_REVOKE in turn, each grant with a larger
/// epoch, and LS_EVENT_FAILED. Does not wait.
///
/// `user_data` comes back with each event. `finalizer`, which may be null, is called with it once,
/// when no event of this contender is due or being called back any more: after it or its client was
/// closed, on the thread that ends last. An event that was fetched before still has the pointer.
/// Where this call fails it is not called.
///
/// LS_ALREADY_REGISTERED: by this client; nothing has changed. LS_CLOSED, LS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_contender_open(
    client: ls_client,
    component: *const c_char,
    component_length: usize,
    user_data: *mut c_void,
    finalizer: ls_finalizer,
    contender: *mut ls_contender,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::output(contender, "contender")?;
            let component = read::name(component, component_length, "component")?;
            let at = registrations::of(read::kind(client, Kind::Client, "client")?)?;
            let user = UserData::new(user_data, finalizer);
            *place = at.open(What::Contender, user, |cookie| {
                objects::contender_open(client, component, cookie)
            })?;
            Ok(())
        })
    }
}

/// Publishes the address under which the component can be reached, under the leadership `id` that
/// LS_EVENT_GRANT brought. Any bytes, 256 KiB at the most. Does not wait: what is lost on the way
/// is said again.
///
/// LS_NOT_LEADER: it does not lead, or not under that id any more; nothing has happened.
/// LS_ALREADY_CONFIRMED: nothing has changed. LS_TOO_LARGE, LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_contender_confirm(
    contender: ls_contender,
    id: ls_leader_session_id,
    address: *const c_char,
    address_length: usize,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let contender = read::kind(contender, Kind::Contender, "contender")?;
            let address = read::bytes(address.cast(), address_length, MAX_ADDRESS, "address")?;
            let address = Bytes::copy_from_slice(address);
            match objects::contender_confirm(contender, read::session_id(id), address)? {
                Confirmation::Confirmed => Ok(()),
                Confirmation::NotLeader => Err(not_leader()),
                Confirmation::Closed => Err(read::closed("the contender")),
                Confirmation::AlreadyConfirmed => {
                    let text = "the contender has confirmed this leadership";
                    Err(Failure::new(LS_ALREADY_CONFIRMED, text))
                }
                Confirmation::TooLong => Err(Failure::new(LS_TOO_LARGE, "the address is too long")),
            }
        })
    }
}

/// Whether a contender leads under `id` at this moment: a look at memory and at the clock, so that
/// it may be called before every step of the work. False for anything that is not an open
/// contender, and in a forked child.
#[unsafe(no_mangle)]
pub extern "C" fn ls_has_leadership(contender: ls_contender, id: ls_leader_session_id) -> bool {
    objects::has_leadership(contender, read::session_id(id)) && !fork::is_child()
}

/// Writes the epoch of the grant that the contender was told last, and has not been told the end
/// of: what writes to the store are to carry that it decides from now on. `election`, which may be
/// null, gets the name of the election, to be freed with ls_bytes_free(). Does not wait.
///
/// LS_NOT_LEADER: it was told of none, or of its end. LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_contender_epoch(
    contender: ls_contender,
    epoch: *mut u64,
    election: *mut ls_bytes,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let epoch = read::output(epoch, "epoch")?;
            let election = read::optional_output(election, "election")?;
            let contender = read::kind(contender, Kind::Contender, "contender")?;
            let fence = objects::contender_fence(contender)?;
            let fence = fence.ok_or_else(|| read::closed("the contender"))?;
            let fence = fence.ok_or_else(not_leader)?;
            if let Some(election) = election {
                election.write(buffers::hand_out(fence.election.as_str().as_bytes()));
            }
            *epoch = fence.epoch.0;
            Ok(())
        })
    }
}

fn not_leader() -> Failure {
    Failure::new(LS_NOT_LEADER, "the contender does not lead under that id, or not any more")
}

/// Closes a contender: from when this begins it does not lead, and what it has published is
/// withdrawn. When the client's last contender in an election closes, the client leaves it.
///
/// With ls_next_event() there is no LS_EVENT_REVOKE for that: stop what only the leader may do
/// first. With callbacks a contender that leads is told in this very call, on this thread; where
/// one of its callbacks is running on another, this does not wait, and the LS_EVENT_REVOKE follows
/// there.
///
/// Does nothing if it was closed, and nothing for 0. LS_INTERNAL: it is closed all the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_contender_close(contender: ls_contender, error: *mut ls_error) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || match read::kind_to_close(contender, Kind::Contender, "contender")? {
            Some(contender) => close(contender),
            None => Ok(()),
        })
    }
}

fn close(contender: u64) -> Result<(), Failure> {
    let registered = registrations::find(contender);
    let closed = objects::contender_close(contender, callbacks::is_inside(contender));
    let Some((at, registration)) = registered else { return Ok(closed.map(drop)?) };
    if let Ok(Some(callback)) = &closed {
        if let Some(callbacks) = at.callbacks() {
            callbacks.run(&registration, &News::of_callback(callback.clone()));
        }
        objects::contender_done(contender)?;
    }
    at.retire(&registration);
    Ok(closed.map(drop)?)
}

//! Contenders.

use bytes::Bytes;
use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass, JLongArray, JObjectArray, JString};
use jni::sys::{jboolean, jint, jlong};

use super::convert;
use super::throw::{Failure, Throw};
use crate::client::Confirmation;
use crate::core::contenders::Callback;
use crate::core::ids::MAX_ADDRESS;
use crate::ffi::{objects, status};

/// `static native long contenderOpen(long client, String component, long cookie)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_contenderOpen<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    component: JString<'local>,
    cookie: jlong,
) -> jlong {
    env.with_env(|env| -> Result<_, Failure> {
        let component = convert::text(env, &component, "component")?;
        Ok(objects::contender_open(client as u64, &component, cookie as u64)? as jlong)
    })
    .resolve::<Throw>()
}

/// `static native int contenderTake(long contender, long[] id, String[] message)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_contenderTake<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    contender: jlong,
    id: JLongArray<'local>,
    message: JObjectArray<'local, JString<'local>>,
) -> jint {
    env.with_env(|env| -> Result<_, Failure> {
        convert::takes_longs(env, &id, "id", 2)?;
        convert::takes_objects(env, &message, "message", 1)?;
        let (answer, reason) = match objects::contender_take(contender as u64)? {
            None => return Ok(super::NOTHING),
            Some(Callback::Grant(granted)) => {
                convert::put_id(env, &id, granted)?;
                return Ok(super::GRANT);
            }
            Some(Callback::Revoke(reason)) => (super::REVOKE, reason),
            Some(Callback::Failed(error)) => {
                id.set_region(env, 0, &[jlong::from(status::code(&error))])?;
                (super::FAILED, error.to_string())
            }
        };
        convert::put_reason(env, &message, &reason);
        Ok(answer)
    })
    .resolve::<Throw>()
}

/// `static native void contenderDone(long contender)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_contenderDone<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    contender: jlong,
) {
    env.with_env(|_| -> Result<_, Failure> { Ok(objects::contender_done(contender as u64)?) })
        .resolve::<Throw>()
}

/// `static native int contenderClose(long contender, boolean insideCallback, String[] message)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_contenderClose<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    contender: jlong,
    inside_callback: jboolean,
    message: JObjectArray<'local, JString<'local>>,
) -> jint {
    env.with_env(|env| -> Result<_, Failure> {
        convert::takes_objects(env, &message, "message", 1)?;
        match objects::contender_close(contender as u64, inside_callback)? {
            Some(Callback::Revoke(reason)) => convert::put_reason(env, &message, &reason),
            _ => return Ok(super::NOTHING),
        }
        Ok(super::REVOKE)
    })
    .resolve::<Throw>()
}

/// `static native int contenderConfirm(long contender, long idHigh, long idLow, byte[] address)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_contenderConfirm<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    contender: jlong,
    id_high: jlong,
    id_low: jlong,
    address: JByteArray<'local>,
) -> jint {
    env.with_env(|env| -> Result<_, Failure> {
        // One more than may be is enough to be refused.
        let address = Bytes::from(convert::bytes(env, &address, "address", MAX_ADDRESS + 1)?);
        let id = convert::session_id(id_high, id_low);
        Ok(match objects::contender_confirm(contender as u64, id, address)? {
            Confirmation::Confirmed => super::CONFIRMED,
            Confirmation::NotLeader => super::NOT_LEADER,
            Confirmation::Closed => super::CLOSED,
            Confirmation::AlreadyConfirmed => super::ALREADY_CONFIRMED,
            Confirmation::TooLong => super::ADDRESS_TOO_LONG,
        })
    })
    .resolve::<Throw>()
}

/// `static native boolean hasLeadership(long contender, long idHigh, long idLow)`
///
/// The one call that is made often: it uses neither the JVM nor a table.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_hasLeadership<'local>(
    _env: EnvUnowned<'local>,
    _class: JClass<'local>,
    contender: jlong,
    id_high: jlong,
    id_low: jlong,
) -> jboolean {
    objects::has_leadership(contender as u64, convert::session_id(id_high, id_low))
}

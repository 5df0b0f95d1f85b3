//! Watches.

use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass, JLongArray, JObjectArray, JString};
use jni::sys::{jint, jlong};

use super::convert;
use super::throw::{Failure, Throw};
use crate::ffi::objects;

/// `static native long watchOpen(long client, String component, long cookie)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_watchOpen<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    component: JString<'local>,
    cookie: jlong,
) -> jlong {
    env.with_env(|env| -> Result<_, Failure> {
        let component = convert::text(env, &component, "component")?;
        Ok(objects::watch_open(client as u64, &component, cookie as u64)? as jlong)
    })
    .resolve::<Throw>()
}

/// `static native int watchTake(long watch, long[] id, byte[][] address)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_watchTake<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    watch: jlong,
    id: JLongArray<'local>,
    address: JObjectArray<'local, JByteArray<'local>>,
) -> jint {
    env.with_env(|env| -> Result<_, Failure> {
        convert::takes_longs(env, &id, "id", 2)?;
        convert::takes_objects(env, &address, "address", 1)?;
        let Some(leader) = objects::watch_take(watch as u64)? else { return Ok(super::NO_CHANGE) };
        let Some(leader) = leader else { return Ok(super::NO_LEADER) };
        let bytes = env.byte_array_from_slice(&leader.address)?;
        address.set_element(env, 0, &bytes)?;
        convert::put_id(env, &id, leader.id)?;
        Ok(super::LEADER)
    })
    .resolve::<Throw>()
}

/// `static native void watchClose(long watch)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_watchClose<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    watch: jlong,
) {
    env.with_env(|_| -> Result<_, Failure> { Ok(objects::watch_close(watch as u64)?) })
        .resolve::<Throw>()
}

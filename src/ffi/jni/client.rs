//! LeaderClient.

use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass, JLongArray, JObjectArray, JString};
use jni::sys::{jint, jlong};

use super::convert;
use super::throw::{Failure, Throw};
use crate::ffi::objects;

/// How many cookies one poll hands out at the most.
const MAX_COOKIES: usize = 1024;

/// `static native long clientOpen(String[] options, byte[][] tls)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientOpen<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    options: JObjectArray<'local, JString<'local>>,
    tls: JObjectArray<'local, JByteArray<'local>>,
) -> jlong {
    env.with_env(|env| -> Result<_, Failure> {
        let (options, tls) = (convert::options(env, &options)?, convert::tls(env, &tls)?);
        Ok(objects::client_open(options, tls)? as jlong)
    })
    .resolve::<Throw>()
}

/// `static native void clientAttach(long client, long server)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientAttach<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    server: jlong,
) {
    env.with_env(|_| -> Result<_, Failure> {
        Ok(objects::client_attach(client as u64, server as u64)?)
    })
    .resolve::<Throw>()
}

/// `static native void clientDetach(long client)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientDetach<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
) {
    env.with_env(|_| -> Result<_, Failure> { Ok(objects::client_detach(client as u64)?) })
        .resolve::<Throw>()
}

/// `static native int clientPoll(long client, long[] cookies, int timeoutMs)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientPoll<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    cookies: JLongArray<'local>,
    timeout_ms: jint,
) -> jint {
    env.with_env(|env| -> Result<_, Failure> {
        let room = convert::takes_longs(env, &cookies, "cookies", 1)?;
        let mut ready = vec![0; room.min(MAX_COOKIES)];
        let timeout = convert::millis(timeout_ms);
        let Some(count) = objects::client_poll(client as u64, &mut ready, timeout)? else {
            return Ok(-1);
        };
        let ready: Vec<jlong> =
            ready.into_iter().take(count).map(|cookie| cookie as jlong).collect();
        cookies.set_region(env, 0, &ready)?;
        Ok(count as jint)
    })
    .resolve::<Throw>()
}

/// `static native String clientState(long client)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientState<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
) -> JString<'local> {
    env.with_env(|env| -> Result<_, Failure> {
        let Some(state) = objects::client_state(client as u64)? else { return Ok(JString::null()) };
        Ok(env.new_string(state)?)
    })
    .resolve::<Throw>()
}

/// `static native String clientStatus(long client, int timeoutMs)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientStatus<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    timeout_ms: jint,
) -> JString<'local> {
    env.with_env(|env| -> Result<_, Failure> {
        let status = objects::client_status(client as u64, convert::millis(timeout_ms))?;
        Ok(env.new_string(status)?)
    })
    .resolve::<Throw>()
}

/// `static native void clientClose(long client, int timeoutMs)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientClose<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    timeout_ms: jint,
) {
    env.with_env(|_| -> Result<_, Failure> {
        Ok(objects::client_close(client as u64, convert::millis(timeout_ms))?)
    })
    .resolve::<Throw>()
}

//! LeaderServer.

use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass, JObjectArray, JString};
use jni::sys::{jint, jlong};

use super::convert;
use super::throw::{Failure, Throw};
use crate::ffi::objects;

/// `static native long serverStart(String[] options, byte[][] tls)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_serverStart<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    options: JObjectArray<'local, JString<'local>>,
    tls: JObjectArray<'local, JByteArray<'local>>,
) -> jlong {
    env.with_env(|env| -> Result<_, Failure> {
        let (options, tls) = (convert::options(env, &options)?, convert::tls(env, &tls)?);
        Ok(objects::server_start(options, tls)? as jlong)
    })
    .resolve::<Throw>()
}

/// `static native int serverPort(long server)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_serverPort<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    server: jlong,
) -> jint {
    env.with_env(|_| -> Result<_, Failure> {
        Ok(objects::server_port(server as u64)?.map_or(0, jint::from))
    })
    .resolve::<Throw>()
}

/// `static native void serverStop(long server)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_serverStop<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    server: jlong,
) {
    env.with_env(|_| -> Result<_, Failure> { Ok(objects::server_stop(server as u64)?) })
        .resolve::<Throw>()
}

//! Version and log records.

use jni::EnvUnowned;
use jni::objects::{JClass, JObjectArray, JString};
use jni::sys::jint;

use super::convert;
use super::throw::{Failure, Throw};
use crate::ffi::log;

/// `static native int abiVersion()`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_abiVersion<'local>(
    _env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> jint {
    super::ABI_VERSION
}

/// `static native String version()`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_version<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JString<'local> {
    env.with_env(|env| -> Result<_, Failure> { Ok(env.new_string(env!("CARGO_PKG_VERSION"))?) })
        .resolve::<Throw>()
}

/// `static native void logLevel(int level)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_logLevel<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    level: jint,
) {
    env.with_env(|_| -> Result<_, Failure> {
        log::set_level(level);
        Ok(())
    })
    .resolve::<Throw>()
}

/// `static native int logTake(String[] out)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_logTake<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    out: JObjectArray<'local, JString<'local>>,
) -> jint {
    env.with_env(|env| -> Result<_, Failure> {
        convert::takes_objects(env, &out, "out", 2)?;
        let Some(record) = log::take() else { return Ok(0) };
        let (target, message) = (env.new_string(record.target)?, env.new_string(record.message)?);
        out.set_element(env, 0, &target)?;
        out.set_element(env, 1, &message)?;
        Ok(log::number_of(record.level))
    })
    .resolve::<Throw>()
}

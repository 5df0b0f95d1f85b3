//! From errors and panics to Java exceptions.

use std::any::Any;

use jni::errors::{Error as JniError, ErrorPolicy, JniError as JniCode};
use jni::objects::{JThrowable, JValue};
use jni::strings::JNIStr;
use jni::sys::jlong;
use jni::{Env, jni_sig, jni_str};

use crate::core::error::Error;
use crate::ffi::{panic, status};

/// Why a native gives up.
#[derive(Debug)]
pub(super) enum Failure {
    /// A `LeaderServerException`.
    Error(Error),
    /// A `NullPointerException` naming the parameter.
    Null(String),
    /// Something of the JVM: its own exception if one is pending.
    Jni(JniError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

impl From<JniError> for Failure {
    fn from(error: JniError) -> Self {
        Failure::Jni(error)
    }
}

/// Throws, and answers 0, false or null beside. The stock policies lose the text of a formatted
/// panic and throw without a code.
pub(super) struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        throw(env, failure)?;
        Ok(T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let text = panic::text_of(payload);
        log::error!("panic: {text}");
        throw(env, Failure::Error(Error::Internal(text)))?;
        Ok(T::default())
    }
}

fn throw(env: &mut Env<'_>, failure: Failure) -> jni::errors::Result<()> {
    const OUT_OF_MEMORY: &JNIStr = jni_str!("java/lang/OutOfMemoryError");
    if env.exception_check() {
        return Ok(());
    }
    match failure {
        Failure::Error(error) => throw_error(env, &error),
        Failure::Null(parameter) => {
            throw_plain(env, jni_str!("java/lang/NullPointerException"), &parameter)
        }
        Failure::Jni(JniError::JniCall(JniCode::NoMemory)) => {
            throw_plain(env, OUT_OF_MEMORY, "in a native method of leaderserver")
        }
        Failure::Jni(error) => throw_error(env, &Error::Internal(format!("JNI: {error}"))),
    }
}

/// Throws `LeaderServerException(int, String, long)`. `FindClass` asks the class loader of
/// `Natives`; the context class loader, which other ways of the `jni` crate ask, may be anything.
fn throw_error(env: &mut Env<'_>, error: &Error) -> jni::errors::Result<()> {
    let class = env.find_class(jni_str!("io/leaderserver/LeaderServerException"))?;
    let message = env.new_string(error.to_string())?;
    let (code, version) = (status::code(error), status::version(error) as jlong);
    let arguments = [JValue::Int(code), JValue::Object(&message), JValue::Long(version)];
    let exception = env.new_object(class, jni_sig!("(ILjava/lang/String;J)V"), &arguments)?;
    // SAFETY: a local reference of this frame, handed over, to an object whose class was found
    // just now by the name of an exception.
    let exception = unsafe { JThrowable::from_raw(env, exception.into_raw()) };
    throw_object(env, exception)
}

/// Throws an exception of the JDK with a message.
fn throw_plain(env: &mut Env<'_>, class: &JNIStr, message: &str) -> jni::errors::Result<()> {
    let class = env.find_class(class)?;
    let message = env.new_string(message)?;
    let arguments = [JValue::Object(&message)];
    let exception = env.new_object(class, jni_sig!("(Ljava/lang/String;)V"), &arguments)?;
    // SAFETY: as above.
    let exception = unsafe { JThrowable::from_raw(env, exception.into_raw()) };
    throw_object(env, exception)
}

fn throw_object(env: &mut Env<'_>, exception: JThrowable<'_>) -> jni::errors::Result<()> {
    match env.throw(exception) {
        // This is how `throw` says that it worked.
        Ok(()) | Err(JniError::JavaException) => Ok(()),
        Err(error) => Err(error),
    }
}

//! The fenced store.

use bytes::Bytes;
use jni::objects::{JByteArray, JClass, JIntArray, JLongArray, JObjectArray, JString};
use jni::refs::IntoAuto;
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};

use super::convert;
use super::throw::{Failure, Throw};
use crate::core::ids::{Epoch, Name};
use crate::core::store::{Fence, MAX_FENCES, MAX_OPERATIONS, Operation, PageEntry};
use crate::ffi::objects;

/// `static native String clientElectionOf(long client, String component)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_clientElectionOf<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    component: JString<'local>,
) -> JString<'local> {
    env.with_env(|env| -> Result<_, Failure> {
        let component = convert::text(env, &component, "component")?;
        Ok(env.new_string(objects::client_election_of(client as u64, &component)?)?)
    })
    .resolve::<Throw>()
}

/// `static native byte[] storeGet(long client, String election, String key, int timeoutMs,
/// long[] version)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_storeGet<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    election: JString<'local>,
    key: JString<'local>,
    timeout_ms: jint,
    version: JLongArray<'local>,
) -> JByteArray<'local> {
    env.with_env(|env| -> Result<_, Failure> {
        convert::takes_longs(env, &version, "version", 1)?;
        let election = convert::text(env, &election, "election")?;
        let (key, timeout) = (convert::text(env, &key, "key")?, convert::millis(timeout_ms));
        let Some(entry) = objects::store_get(client as u64, &election, &key, timeout)? else {
            return Ok(JByteArray::null());
        };
        let value = env.byte_array_from_slice(&entry.value)?;
        version.set_region(env, 0, &[entry.version.0 as jlong])?;
        Ok(value)
    })
    .resolve::<Throw>()
}

/// `static native boolean storeList(long client, String election, String prefix, String after,
/// int timeoutMs, String[] keys, long[] versions, byte[][] values)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_storeList<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    election: JString<'local>,
    prefix: JString<'local>,
    after: JString<'local>,
    timeout_ms: jint,
    keys: JObjectArray<'local, JString<'local>>,
    versions: JLongArray<'local>,
    values: JObjectArray<'local, JByteArray<'local>>,
) -> jboolean {
    env.with_env(|env| -> Result<_, Failure> {
        let rows = Rows { keys, versions, values };
        let room = rows.room(env)?;
        let election = convert::text(env, &election, "election")?;
        let prefix = convert::text(env, &prefix, "prefix")?;
        let after = convert::text_or_null(env, &after, "after")?;
        let (after, timeout) = (after.as_deref(), convert::millis(timeout_ms));
        let with_values = !rows.values.is_null();
        let (client, election) = (client as u64, &election);
        let page = objects::store_page(client, election, &prefix, after, with_values, timeout)?;
        let fitting = &page.entries[..page.entries.len().min(room)];
        rows.put(env, fitting)?;
        Ok(page.more || fitting.len() < page.entries.len())
    })
    .resolve::<Throw>()
}

/// `static native void storeWrite(long client, String[] fenced, long[] epochs, int[] kinds,
/// String[] elections, String[] keys, long[] versions, byte[][] values, int timeoutMs,
/// long[] written)`
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_leaderserver_Natives_storeWrite<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    client: jlong,
    fenced: JObjectArray<'local, JString<'local>>,
    epochs: JLongArray<'local>,
    kinds: JIntArray<'local>,
    elections: JObjectArray<'local, JString<'local>>,
    keys: JObjectArray<'local, JString<'local>>,
    versions: JLongArray<'local>,
    values: JObjectArray<'local, JByteArray<'local>>,
    timeout_ms: jint,
    written: JLongArray<'local>,
) {
    env.with_env(|env| -> Result<_, Failure> {
        convert::takes_longs(env, &written, "written", 2)?;
        let fences = fences(env, &fenced, &epochs)?;
        let changes = Changes { kinds, elections, keys, versions, values };
        let (operations, timeout) = (changes.operations(env)?, convert::millis(timeout_ms));
        let answer = objects::store_write(client as u64, fences, operations, timeout)?;
        let answer = [answer.revision.0 as jlong, answer.deleted as jlong];
        Ok(written.set_region(env, 0, &answer)?)
    })
    .resolve::<Throw>()
}

/// The arrays that take a page.
struct Rows<'local> {
    keys: JObjectArray<'local, JString<'local>>,
    versions: JLongArray<'local>,
    /// Or null.
    values: JObjectArray<'local, JByteArray<'local>>,
}

impl Rows<'_> {
    /// How many entries they take.
    fn room(&self, env: &Env<'_>) -> Result<usize, Failure> {
        let keys = convert::takes_objects(env, &self.keys, "keys", 1)?;
        let versions = convert::takes_longs(env, &self.versions, "versions", 1)?;
        let room = keys.min(versions);
        if self.values.is_null() {
            return Ok(room);
        }
        Ok(room.min(convert::takes_objects(env, &self.values, "values", 1)?))
    }

    fn put(&self, env: &mut Env<'_>, entries: &[PageEntry]) -> Result<(), Failure> {
        for (index, entry) in entries.iter().enumerate() {
            let key = env.new_string(entry.key.as_str())?.auto();
            self.keys.set_element(env, index, &key)?;
            if !self.values.is_null() {
                let value = env.byte_array_from_slice(&entry.value)?.auto();
                self.values.set_element(env, index, &value)?;
            }
        }
        if entries.len() < self.keys.len(env)? {
            self.keys.set_element(env, entries.len(), JString::null())?;
        }
        let versions: Vec<jlong> = entries.iter().map(|entry| entry.version.0 as jlong).collect();
        Ok(self.versions.set_region(env, 0, &versions)?)
    }
}

/// The arrays that tell what is to be changed, a column each.
struct Changes<'local> {
    kinds: JIntArray<'local>,
    elections: JObjectArray<'local, JString<'local>>,
    keys: JObjectArray<'local, JString<'local>>,
    versions: JLongArray<'local>,
    values: JObjectArray<'local, JByteArray<'local>>,
}

impl Changes<'_> {
    fn operations(&self, env: &mut Env<'_>) -> Result<Vec<Operation>, Failure> {
        // One more than may be is enough to be refused.
        let kinds = convert::ints(env, &self.kinds, "kinds", MAX_OPERATIONS + 1)?;
        let count = self.kinds.len(env)?;
        convert::has_objects(env, &self.elections, "elections", count)?;
        convert::has_objects(env, &self.keys, "keys", count)?;
        convert::has_objects(env, &self.values, "values", count)?;
        let versions = convert::longs(env, &self.versions, "versions", count, kinds.len())?;
        let lengths = self.lengths(env, &kinds)?;
        objects::check_values(lengths.iter().copied())?;
        let mut operations = Vec::with_capacity(kinds.len());
        for (index, kind) in kinds.into_iter().enumerate() {
            let election = convert::element_text(env, &self.elections, "elections", index)?;
            let key = convert::element_text(env, &self.keys, "keys", index)?;
            let value = self.value(env, index, lengths[index])?;
            let version = versions[index] as u64;
            operations.push(objects::operation(kind, &election, &key, version, value)?);
        }
        Ok(operations)
    }

    /// How long the values are; 0 where none is needed.
    fn lengths(&self, env: &mut Env<'_>, kinds: &[jint]) -> Result<Vec<usize>, Failure> {
        let mut length = |(index, kind): (usize, &jint)| {
            if ![objects::CREATE, objects::REPLACE].contains(kind) {
                return Ok(0);
            }
            let value = self.values.get_element(env, index)?.auto();
            convert::length(env, &value, &format!("values[{index}]"))
        };
        kinds.iter().enumerate().map(&mut length).collect()
    }

    fn value(&self, env: &mut Env<'_>, index: usize, length: usize) -> Result<Bytes, Failure> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let value = self.values.get_element(env, index)?.auto();
        Ok(convert::bytes(env, &value, &format!("values[{index}]"), length)?.into())
    }
}

fn fences<'local>(
    env: &mut Env<'local>,
    fenced: &JObjectArray<'local, JString<'local>>,
    epochs: &JLongArray<'local>,
) -> Result<Vec<Fence>, Failure> {
    let count = convert::takes_objects(env, fenced, "fenced", 0)?;
    // One more than may be is enough to be refused.
    let epochs = convert::longs(env, epochs, "epochs", count, MAX_FENCES + 1)?;
    let mut fence = |(index, epoch): (usize, jlong)| {
        let election = convert::element_text(env, fenced, "fenced", index)?;
        let election = Name::new("election", &election)?;
        Ok(Fence { election, epoch: Epoch(epoch as u64) })
    };
    epochs.into_iter().enumerate().map(&mut fence).collect()
}

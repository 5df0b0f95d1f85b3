//! The natives against `Natives.java`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use leaderserver::ffi::{jni, objects};

use crate::{int_constants, java_source, read};

#[test]
fn natives_have_the_signatures_that_java_declares() {
    let java = java_natives(&java_source("Natives.java"));
    let mut rust = BTreeMap::new();
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi/jni")) {
        for (name, signature) in rust_natives(&read(&file)) {
            assert!(rust.insert(name.clone(), signature).is_none(), "{name} is there twice");
        }
    }
    assert!(java.len() > 10, "the parser finds the natives");
    assert_eq!(rust, java);
}

#[test]
fn natives_answer_the_numbers_that_java_declares() {
    let java = int_constants(&java_source("Natives.java"));
    let rust = [
        ("ABI_VERSION", jni::ABI_VERSION),
        ("NOTHING", jni::NOTHING),
        ("GRANT", jni::GRANT),
        ("REVOKE", jni::REVOKE),
        ("FAILED", jni::FAILED),
        ("CONFIRMED", jni::CONFIRMED),
        ("NOT_LEADER", jni::NOT_LEADER),
        ("CLOSED", jni::CLOSED),
        ("ALREADY_CONFIRMED", jni::ALREADY_CONFIRMED),
        ("ADDRESS_TOO_LONG", jni::ADDRESS_TOO_LONG),
        ("NO_CHANGE", jni::NO_CHANGE),
        ("LEADER", jni::LEADER),
        ("NO_LEADER", jni::NO_LEADER),
        ("CREATE", objects::CREATE),
        ("REPLACE", objects::REPLACE),
        ("DELETE", objects::DELETE),
        ("DELETE_VERSION", objects::DELETE_VERSION),
        ("DELETE_PREFIX", objects::DELETE_PREFIX),
    ];
    assert_eq!(BTreeMap::from(rust.map(|(name, number)| (name.to_owned(), number))), java);
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there");
    entries.map(|entry| entry.expect("readable").path()).collect()
}

/// Name to what the Rust function must take and answer.
fn java_natives(java: &str) -> BTreeMap<String, String> {
    let mut natives = BTreeMap::new();
    for declaration in java.split("static native ").skip(1) {
        let (head, rest) = declaration.split_once('(').expect("a parameter list");
        let (parameters, _) = rest.split_once(')').expect("its end");
        let (answer, name) = head.rsplit_once(' ').expect("a type and a name");
        let types = parameters.split(',').map(str::trim).filter(|parameter| !parameter.is_empty());
        let types: Vec<_> = types
            .map(|parameter| rust_type(parameter.rsplit_once(' ').expect("a type and a name").0))
            .collect();
        let signature = format!("({}) -> {}", types.join(", "), rust_type(answer));
        assert!(natives.insert(name.to_owned(), signature).is_none(), "{name} is overloaded");
    }
    natives
}

fn rust_type(java: &str) -> &'static str {
    match java {
        "void" => "()",
        "int" => "jint",
        "long" => "jlong",
        "boolean" => "jboolean",
        "String" => "JString<'local>",
        "int[]" => "JIntArray<'local>",
        "long[]" => "JLongArray<'local>",
        "byte[]" => "JByteArray<'local>",
        "String[]" => "JObjectArray<'local, JString<'local>>",
        "byte[][]" => "JObjectArray<'local, JByteArray<'local>>",
        other => panic!("say what {other} is in Rust"),
    }
}

fn rust_natives(rust: &str) -> Vec<(String, String)> {
    const HEAD: &str =
        "#[unsafe(no_mangle)]\npub extern \"system\" fn Java_io_leaderserver_Natives_";
    assert_eq!(rust.matches("no_mangle").count(), rust.matches(HEAD).count());
    let functions = rust.split(HEAD).skip(1).map(|function| {
        let (head, rest) = function.split_once("(\n").expect("a parameter a line");
        let (parameters, rest) = rest.split_once("\n)").expect("its end");
        let name = head.strip_suffix("<'local>").expect("one life time");
        let types: Vec<_> = parameters
            .lines()
            .map(|line| line.trim_end_matches(',').split_once(": ").expect("name and type").1)
            .collect();
        assert_eq!(types[..2], ["EnvUnowned<'local>", "JClass<'local>"], "{name}");
        let answer = rest.split_once(" {").expect("a body").0;
        let answer = answer.strip_prefix(" -> ").unwrap_or("()");
        (name.to_owned(), format!("({}) -> {answer}", types[2..].join(", ")))
    });
    functions.collect()
}

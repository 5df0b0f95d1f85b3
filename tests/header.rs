//! `include/leaderserver.h` is what cbindgen makes of `src/ffi/c`, and says what it should.
//!
//! With `LEADERSERVER_BLESS=1` (`make fix`) the header is written; without, it is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs;
use std::path::Path;

use leaderserver::ffi::c::constants;

/// In the order in which they are to be read.
const SOURCES: [&str; 10] = [
    "constants",
    "types",
    "library",
    "server",
    "client",
    "contender",
    "watch",
    "events",
    "store",
    "transaction",
];

/// The last source, which is about something else.
const LOG: &str = "log";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn committed() -> String {
    fs::read_to_string(root().join("include/leaderserver.h")).unwrap_or_default()
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml"));
    let mut builder = cbindgen::Builder::new().with_config(config.expect("it can be read"));
    for source in SOURCES.iter().chain([&LOG]) {
        builder = builder.with_src(root().join(format!("src/ffi/c/{source}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().expect("cbindgen takes the sources").write(&mut header);
    let header = String::from_utf8(header).expect("a header is text");
    // Comments come with a space at the end of their empty lines.
    let lines = header.lines().map(str::trim_end);
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_header_is_what_the_sources_make() {
    let file = root().join("include/leaderserver.h");
    let generated = generated();
    if std::env::var_os("LEADERSERVER_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&file, generated).expect("the source tree can be written");
        return;
    }
    let same = generated == committed();
    assert!(same, "{} is not what src/ffi/c makes: run `make fix`", file.display());
}

/// Every exported function is in the header, and each of the header's is listed here: what is not
/// was added, or renamed, and belongs into the changelog's section on the ABI.
#[test]
fn the_functions_are_those_of_the_list() {
    let header = committed();
    let declared: BTreeSet<&str> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/', '}']) && !line.starts_with("typedef"))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(head, _)| head.rsplit([' ', '*']).next())
        .collect();
    let list = fs::read_to_string(root().join("tests/c/functions.txt")).expect("it is there");
    let list: BTreeSet<&str> = list.lines().collect();
    assert_eq!(declared, list);
}

/// Written out once more, so that none changes unseen.
#[test]
fn status_numbers_never_change() {
    let list = [
        "LS_OK",
        "LS_INVALID_ARGUMENT",
        "LS_ALREADY_REGISTERED",
        "LS_CLOSED",
        "LS_UNREACHABLE",
        "LS_REFUSED",
        "LS_ADDRESS_IN_USE",
        "LS_IO",
        "LS_TLS",
        "LS_INTERNAL",
        "LS_TOO_LARGE",
        "LS_UNSUPPORTED",
        "LS_FENCED",
        "LS_EXISTS",
        "LS_NOT_FOUND",
        "LS_CHANGED",
        "LS_LIMIT",
        "LS_NOT_APPLIED",
        "LS_UNKNOWN_OUTCOME",
        "LS_STORAGE",
        "LS_TIMEOUT",
        "LS_FORKED",
        "LS_HAS_CALLBACK",
        "LS_NOT_LEADER",
        "LS_ALREADY_CONFIRMED",
        "LS_END",
    ];
    let numbers: BTreeMap<String, String> = committed()
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, number)| (name.to_owned(), number.to_owned()))
        .collect();
    for (number, name) in list.iter().enumerate() {
        assert_eq!(numbers.get(*name), Some(&number.to_string()), "{name}");
        let text = leaderserver::ffi::c::library::ls_status_name(number as i32);
        // SAFETY: it answers a constant that ends with a zero byte.
        assert_eq!(unsafe { CStr::from_ptr(text) }.to_str(), Ok(*name));
    }
    assert_eq!(constants::NAMES.len(), list.len());
}

#[test]
fn the_header_is_of_this_release() {
    use constants::{LS_VERSION_MAJOR, LS_VERSION_MINOR, LS_VERSION_PATCH};
    let header = format!("{LS_VERSION_MAJOR}.{LS_VERSION_MINOR}.{LS_VERSION_PATCH}");
    assert_eq!(header, env!("CARGO_PKG_VERSION"));
}

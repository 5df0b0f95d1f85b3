//! The C library from C, C++ and Python: the programs beside this file and those of `examples/c`,
//! built against the header and the shared library with every warning an error.
//!
//! What a program finds wrong it says, and ends with a status other than 0; it prints `done` last.

mod panics;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

use leaderserver::core::config::ServerConfig;
use leaderserver::server::LeaderServer;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with the shared library under the names that linker and loader look for.
fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = env::current_exe().expect("a test has a file");
        let built = test.with_file_name("libleaderserver.so");
        assert!(built.exists(), "{} is built with the tests", built.display());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c");
        fs::create_dir_all(&folder).expect("the target folder can be written");
        for name in ["libleaderserver.so", "libleaderserver.so.0"] {
            let link = folder.join(name);
            let _ = fs::remove_file(&link);
            symlink(&built, &link).expect("the target folder can be written");
        }
        folder
    })
}

fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn succeeded(what: &str, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{text}\n{errors}", output.status);
    text
}

/// Builds a program; answers where it is.
fn build(compiler: &str, standard: &str, source: &str) -> PathBuf {
    let source = root().join(source);
    let program = libraries().join(source.file_stem().expect("it is a file"));
    let output = Command::new(compiler)
        .args([standard, "-g", "-D_GNU_SOURCE", "-pthread"])
        .args(WARNINGS)
        .arg("-I")
        .arg(root().join("include"))
        .args([source.as_os_str(), OsStr::new("-o"), program.as_os_str(), OsStr::new("-L")])
        .arg(libraries())
        .arg("-lleaderserver")
        .arg(format!("-Wl,-rpath,{}", libraries().display()))
        .output()
        .expect("a compiler is there");
    succeeded(&format!("{compiler} {}", source.display()), &output);
    program
}

fn build_c(source: &str) -> PathBuf {
    build("cc", "-std=c11", source)
}

fn run(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("it can be run");
    let text = succeeded(&program.display().to_string(), &output);
    assert!(text.ends_with("done\n"), "{}: {text}", program.display());
}

#[test]
fn the_header_alone_compiles_as_every_c_and_cpp() {
    let c = ["-std=c99", "-std=c11", "-std=c17", "-std=c2x"];
    let cpp = ["-std=c++11", "-std=c++14", "-std=c++17", "-std=c++20"];
    let uses = "#include <leaderserver.h>\nint main(void) { ls_event event = LS_EVENT_INIT; \
                ls_error error = LS_ERROR_INIT; ls_entry entry = LS_ENTRY_INIT; \
                ls_log_record record = LS_LOG_RECORD_INIT; (void)event; (void)error; (void)entry; \
                (void)record; return LS_OK; }\n";
    let mut compiled = 0;
    for (language, standards, compilers) in
        [("c", c, ["gcc", "clang"]), ("c++", cpp, ["g++", "clang++"])]
    {
        let file = libraries().join(format!("alone.{language}"));
        fs::write(&file, uses).expect("the target folder can be written");
        for compiler in compilers.into_iter().filter(|compiler| has(compiler)) {
            for standard in standards {
                let output = Command::new(compiler)
                    .args([standard, "-fsyntax-only", "-x", language])
                    .args(WARNINGS)
                    .arg("-I")
                    .arg(root().join("include"))
                    .arg(&file)
                    .output()
                    .expect("a compiler is there");
                succeeded(&format!("{compiler} {standard}"), &output);
                compiled += 1;
            }
        }
    }
    assert!(compiled >= 8, "there is a C and a C++ compiler");
}

#[test]
fn every_function_answers_misuse_with_a_status() {
    run(&build_c("tests/c/misuse.c"), &[]);
}

#[test]
fn closing_races_with_everything() {
    run(&build_c("tests/c/races.c"), &[]);
}

#[test]
fn a_callback_that_blocks_delays_only_itself() {
    run(&build_c("tests/c/callbacks.c"), &[]);
}

#[test]
fn a_descriptor_is_readable_while_there_are_events() {
    run(&build_c("tests/c/descriptor.c"), &[]);
}

#[test]
fn a_fork_gets_a_status_and_signals_stay_the_hosts() {
    run(&build_c("tests/c/fork.c"), &[]);
}

#[test]
fn an_embedded_server_serves_two_clients() {
    run(&build_c("examples/c/embedded.c"), &[]);
}

#[test]
fn a_worker_fences_its_writes() {
    let (_server, endpoint) = server();
    run(&build_c("examples/c/fenced.c"), &[&endpoint, "fenced"]);
}

#[test]
fn cpp_closes_what_it_opens() {
    run(&build("c++", "-std=c++17", "examples/c/raii.cpp"), &["embedded:", "cpp"]);
}

#[test]
fn python_needs_nothing_but_ctypes() {
    let library = libraries().join("libleaderserver.so");
    let script = root().join("examples/c/leader.py");
    let library = library.to_str().expect("a path is text");
    let script = script.to_str().expect("a path is text");
    run(Path::new("python3"), &[script, library, "embedded:", "python"]);
}

/// Leaders that are killed, or resign, and a retriever in an event loop that sees who is next.
#[test]
fn leaders_hand_over_and_a_retriever_follows() {
    let (_server, endpoint) = server();
    let (leader, retriever) = (build_c("examples/c/leader.c"), build_c("examples/c/retriever.c"));
    let mut watching = Running::start(&retriever, &[&endpoint, "hand", "printer"]);
    watching.waits_for("no leader");
    // 0 steps: without end.
    let start =
        |address, steps| Running::start(&leader, &[&endpoint, "hand", "printer", address, steps]);
    let mut first = start("room 1", "0");
    first.waits_for("step 1");
    watching.waits_for("leader room 1");
    let second = start("room 2", "0");
    // Killed: nobody says goodbye.
    drop(first);
    watching.waits_for("leader room 2");
    let mut third = start("room 3", "3");
    drop(second);
    third.waits_for("step 3");
    third.waits_for("not leading any more");
    assert!(third.child.wait().expect("it ends").success());
    watching.waits_for("no leader");
    drop(watching.child.stdin.take());
    assert!(watching.child.wait().expect("it ends").success());
}

/// A server on a port of its own.
fn server() -> (LeaderServer, String) {
    let options = [("listen", "127.0.0.1:0"), ("cold", "true")];
    let config = ServerConfig::from_options(options).expect("they are right");
    let server = LeaderServer::start(config, None).expect("there is a free port");
    let port = server.local_port().expect("it listens");
    (server, format!("leader://127.0.0.1:{port}"))
}

/// A program that runs on; killed at the end of the test if it still does.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be run");
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        Running { child, output }
    }

    /// Reads to a line that begins so.
    fn waits_for(&mut self, start: &str) {
        let mut seen = String::new();
        loop {
            let line = seen.len();
            let read = self.output.read_line(&mut seen).expect("a program prints text");
            assert!(read > 0, "it ended before '{start}': {seen}");
            if seen[line..].starts_with(start) {
                return;
            }
            if !seen[line..].starts_with("step") {
                continue;
            }
            seen.truncate(line);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.output.read_to_end(&mut Vec::new());
    }
}

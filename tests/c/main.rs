//! The C library from C, C++ and Python: the programs beside this file and those of `examples/c`,
//! built against the header and the shared library with every warning an error.
//!
//! What a program finds wrong it says, and ends with a status other than 0; it prints `done` last.

mod panics;
mod programs;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use leaderserver::core::config::ServerConfig;
use leaderserver::server::LeaderServer;

use programs::{
    Running, WARNINGS, build_c, build_cpp, command, faults, folder, root, run, succeeded,
};

#[test]
fn the_header_alone_compiles_as_every_c_and_cpp() {
    let c = ["-std=c99", "-std=c11", "-std=c17", "-std=c2x"];
    let cpp = ["-std=c++11", "-std=c++14", "-std=c++17", "-std=c++20"];
    let uses = "#include <leaderserver.h>\nint main(void) { ls_event event = LS_EVENT_INIT; \
                ls_error error = LS_ERROR_INIT; ls_entry entry = LS_ENTRY_INIT; \
                ls_log_record record = LS_LOG_RECORD_INIT; (void)event; (void)error; (void)entry; \
                (void)record; return LS_OK; }\n";
    for (language, standards, compilers) in
        [("c", c, ["gcc", "clang"]), ("c++", cpp, ["g++", "clang++"])]
    {
        let file = folder().join(format!("alone.{language}"));
        fs::write(&file, uses).expect("the target folder can be written");
        for compiler in compilers {
            for standard in standards {
                let output = Command::new(compiler)
                    .args([standard, "-fsyntax-only", "-x", language])
                    .args(WARNINGS)
                    .arg("-I")
                    .arg(root().join("include"))
                    .arg(&file)
                    .output();
                let output = output.unwrap_or_else(|error| panic!("{compiler}: {error}"));
                succeeded(&format!("{compiler} {standard}"), &output);
            }
        }
    }
}

#[test]
fn every_function_answers_misuse_with_a_status() {
    let program = concat!(include_str!("misuse.c"), include_str!("calls.h"));
    let is_other = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let named: BTreeSet<&str> = program.split(is_other).collect();
    for function in include_str!("functions.txt").lines() {
        assert!(named.contains(function), "misuse.c leaves out {function}");
    }
    run(&build_c("tests/c/misuse.c"), &[]);
}

#[test]
fn closing_races_with_everything() {
    run(&build_c("tests/c/races.c"), &[]);
}

#[test]
fn all_at_once_and_closed_under_all() {
    run(&build_c("tests/c/stress.c"), &[]);
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
fn a_fork_gets_a_status() {
    run(&build_c("tests/c/fork.c"), &[]);
}

#[test]
fn signals_stay_the_hosts() {
    run(&build_c("tests/c/signals.c"), &[]);
}

#[test]
fn peers_that_go_away_end_no_host() {
    run(&build_c("tests/c/pipe.c"), &[]);
}

#[test]
fn lists_come_in_pages() {
    run(&build_c("tests/c/lists.c"), &[]);
}

#[test]
fn outputs_are_written_on_success_only() {
    run(&build_c("tests/c/outputs.c"), &[]);
}

#[test]
fn log_records_are_fetched_or_called_back() {
    run(&build_c("tests/c/logs.c"), &[]);
}

#[test]
fn keys_and_certificates_come_from_c() {
    let keys = root().join("tests/tls");
    run(&build_c("tests/c/tls.c"), &[keys.to_str().expect("a path is text")]);
}

#[test]
fn a_host_with_own_threads_may_run_out_of_them() {
    run(&build_c("tests/c/threads.c"), &[]);
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
    run(&build_cpp("examples/c/raii.cpp"), &["embedded:", "cpp"]);
}

#[test]
fn python_needs_nothing_but_ctypes() {
    let library = folder().join("libleaderserver.so");
    let script = root().join("examples/c/leader.py");
    let library = library.to_str().expect("a path is text");
    let script = script.to_str().expect("a path is text");
    run(Path::new("python3"), &[script, library, "embedded:", "python"]);
}

/// Under a checker: what it is for does not get past it. So it looks at the library's memory.
#[test]
fn a_checker_catches_faults() {
    for fault in faults() {
        let output = command(&build_c("tests/c/faulty.c"), &[&fault]).output();
        let output = output.expect("it can be run");
        assert!(!output.status.success(), "{fault} was not caught");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("==") && !text.contains("not so"), "{fault}: {text}");
    }
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
    third.ends();
    watching.waits_for("no leader");
    watching.ends();
}

/// A server on a port of its own.
fn server() -> (LeaderServer, String) {
    let options = [("listen", "127.0.0.1:0"), ("cold", "true")];
    let config = ServerConfig::from_options(options).expect("they are right");
    let server = LeaderServer::start(config, None).expect("there is a free port");
    let port = server.local_port().expect("it listens");
    (server, format!("leader://127.0.0.1:{port}"))
}

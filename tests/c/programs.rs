//! Builds and runs C programs, against the library that was built with the tests.
//!
//! `tools/sanitize` has the same programs built and run under a checker, by the environment:
//!
//! | variable | what it is |
//! |---|---|
//! | `LEADERSERVER_CC`, `LEADERSERVER_CXX` | the compilers, in place of `cc` and `c++` |
//! | `LEADERSERVER_C_LIBRARY` | the shared library, in place of the one built with the tests |
//! | `LEADERSERVER_C_FLAGS` | what the compilers get besides, for compiling and linking |
//! | `LEADERSERVER_C_RUNNER` | the command that runs a program |
//! | `LEADERSERVER_C_FAULTS` | faults of `tests/c/faulty.c` that must not get past the checker |

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with the shared library under the names that linker and loader look for, for the
/// programs.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let (built, folder) = match env::var_os("LEADERSERVER_C_LIBRARY") {
            Some(library) => {
                let library = PathBuf::from(library);
                let folder = library.with_file_name("c");
                (library, folder)
            }
            None => {
                let test = env::current_exe().expect("a test has a file");
                let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c");
                (test.with_file_name("libleaderserver.so"), folder)
            }
        };
        assert!(built.exists(), "{} is not there", built.display());
        fs::create_dir_all(&folder).expect("the target folder can be written");
        for name in ["libleaderserver.so", "libleaderserver.so.0"] {
            let link = folder.join(name);
            let _ = fs::remove_file(&link);
            symlink(&built, &link).expect("the target folder can be written");
        }
        folder
    })
}

/// The words of a variable.
fn words(variable: &str) -> Vec<String> {
    let text = env::var(variable).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// The faults that are to be caught; none where there is no checker.
pub fn faults() -> Vec<String> {
    words("LEADERSERVER_C_FAULTS")
}

pub fn succeeded(what: &str, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{text}\n{errors}", output.status);
    text
}

/// Builds a program; answers where it is.
fn build(compiler: String, standard: &str, source: &str) -> PathBuf {
    let source = root().join(source);
    let program = folder().join(source.file_stem().expect("it is a file"));
    let output = Command::new(&compiler)
        .args([standard, "-g", "-D_GNU_SOURCE", "-pthread"])
        .args(WARNINGS)
        .arg("-I")
        .arg(root().join("include"))
        .args([source.as_os_str(), OsStr::new("-o"), program.as_os_str(), OsStr::new("-L")])
        .arg(folder())
        .arg("-lleaderserver")
        .arg(format!("-Wl,-rpath,{}", folder().display()))
        .args(words("LEADERSERVER_C_FLAGS"))
        .output()
        .expect("a compiler is there");
    succeeded(&format!("{compiler} {}", source.display()), &output);
    program
}

pub fn build_c(source: &str) -> PathBuf {
    build(env::var("LEADERSERVER_CC").unwrap_or_else(|_| "cc".to_owned()), "-std=c11", source)
}

pub fn build_cpp(source: &str) -> PathBuf {
    build(env::var("LEADERSERVER_CXX").unwrap_or_else(|_| "c++".to_owned()), "-std=c++17", source)
}

/// A program, or the command that runs it.
pub fn command(program: &Path, arguments: &[&str]) -> Command {
    let runner = words("LEADERSERVER_C_RUNNER");
    let mut words = runner.iter().map(OsStr::new).chain([program.as_os_str()]);
    let mut command = Command::new(words.next().expect("the program, if there is nothing else"));
    command.args(words).args(arguments);
    command
}

/// Runs a program, which must say that it was done.
pub fn run(program: &Path, arguments: &[&str]) {
    let output = command(program, arguments).output().expect("it can be run");
    let text = succeeded(&program.display().to_string(), &output);
    assert!(text.ends_with("done\n"), "{}: {text}", program.display());
}

/// A program that runs on; killed at the end of the test if it still does.
pub struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = command(program, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be run");
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        Running { child, output }
    }

    /// Reads to a line that begins so.
    pub fn waits_for(&mut self, start: &str) {
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

    /// Ends its input, and waits until it has ended, too: without a complaint.
    pub fn ends(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.output.read_to_end(&mut Vec::new());
    }
}

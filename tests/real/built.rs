//! What the processes run: the program and the library as they are shipped, the agents built
//! against them.
//!
//! `REAL_BUILT` names another folder with `leaderserver` and `libleaderserver.so`, to see what the
//! checks make of a library that was broken on purpose.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

pub struct Built {
    pub program: PathBuf,
    library: PathBuf,
    agent: PathBuf,
    classes: PathBuf,
    ours: PathBuf,
}

/// How an agent is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Events are fetched.
    C,
    /// Events are called back.
    CallbackC,
    Java,
}

impl Built {
    pub fn get() -> &'static Self {
        static BUILT: OnceLock<Built> = OnceLock::new();
        BUILT.get_or_init(Built::make)
    }

    fn make() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shipped = env::var_os("REAL_BUILT")
            .map_or_else(|| root.join("target/release"), |folder| root.join(folder));
        let (program, library) = (shipped.join("leaderserver"), shipped.join("libleaderserver.so"));
        let classes = root.join("java/leaderserver/target/classes");
        for needed in [&program, &library, &classes] {
            assert!(needed.exists(), "{} is not there: `make build` makes it", needed.display());
        }
        // Another run may be under way: what it uses is replaced, and never written to.
        let ours = Path::new(env!("CARGO_TARGET_TMPDIR")).join(match env::var_os("REAL_BUILT") {
            None => "real-built",
            Some(_) => "real-built-elsewhere",
        });
        let fresh = ours.join(std::process::id().to_string());
        fs::create_dir_all(&fresh).unwrap();
        for name in ["libleaderserver.so", "libleaderserver.so.0"] {
            symlink(&library, fresh.join(name)).unwrap();
        }
        run(Command::new("cc")
            .args(["-std=c11", "-g", "-D_GNU_SOURCE", "-pthread"])
            .args(WARNINGS)
            .arg("-I")
            .arg(root.join("include"))
            .arg(root.join("tests/real/agent.c"))
            .arg("-o")
            .arg(fresh.join("agent"))
            .arg("-L")
            .arg(&fresh)
            .arg("-lleaderserver")
            .arg(format!("-Wl,-rpath,{}", ours.display())));
        run(Command::new("javac")
            .args(["-Xlint:all", "-Werror", "-cp"])
            .arg(&classes)
            .arg("-d")
            .arg(&fresh)
            .arg(root.join("tests/real/Agent.java")));
        for made in fs::read_dir(&fresh).unwrap() {
            let made = made.unwrap();
            fs::rename(made.path(), ours.join(made.file_name())).unwrap();
        }
        fs::remove_dir(&fresh).unwrap();
        let agent = ours.join("agent");
        Built { program, library, agent, classes, ours }
    }

    /// An agent, but for its arguments.
    pub fn agent(&self, language: Language) -> Command {
        if language != Language::Java {
            return Command::new(&self.agent);
        }
        let mut java = Command::new("java");
        // Small and soon there, for many of them run.
        java.args(["-Xmx48m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"])
            .arg(format!("-Dleaderserver.library.path={}", self.library.display()))
            .arg("-cp")
            .arg(format!("{}:{}", self.classes.display(), self.ours.display()))
            .arg("Agent");
        java
    }
}

/// Runs what must succeed; answers what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let Output { status, stdout, stderr } = &output;
    let said = String::from_utf8_lossy(stderr);
    assert!(status.success(), "{command:?}: {status}\n{said}");
    String::from_utf8_lossy(stdout).into_owned()
}

//! The command line: `leaderserver serve | status | watch | …`.
//!
//! What was asked for goes to stdout, everything else to stderr; the exit status is 0 only on
//! success, 1 for a failure, 2 for arguments that can't be used.

mod args;
mod connect;
mod data;
mod logging;
mod output;
mod resign;
mod serve;
mod signals;
mod status;
mod text;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::install(cli.verbose, cli.quiet);
    let result = match cli.command {
        Command::Serve(options) => serve::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Watch(options) => watch::run(&options),
        Command::Resign(options) => resign::resign(&options),
        Command::Transfer(options) => resign::transfer(&options),
        Command::Check(options) => data::check(&options),
        Command::Backup(options) => data::backup(&options),
        Command::Restore(options) => data::restore(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // `leaderserver status | head`: whoever reads has seen enough.
        Err(failure) if failure.is_closed_pipe() => signals::die_of_closed_pipe(),
        Err(Failure(reason)) => {
            logging::complain(&reason.to_string());
            ExitCode::FAILURE
        }
    }
}

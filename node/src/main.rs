//! The `carnet` program: reads the command line, runs it, says how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    carnet::cli::run()
}

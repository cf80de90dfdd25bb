//! `cargo xtask test` runs every check and test; `cargo xtask figures` measures every figure the project promises.
//!
//! Only what cargo itself cannot say lives here. Standard output belongs to results: steps and verdicts.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a command line that prints results and waits for other programs")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod figures;
mod run;
mod test;
mod tools;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Test everything; measure every figure.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what the tests need where it is missing, then runs every check and test.
    Test {
        /// Run only the steps whose name contains this.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
    /// Measures each figure against its baseline in the same run; prints value, bar and verdict.
    Figures {
        /// Measure only this figure.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
        /// One JSON object a line and figure.
        #[arg(long)]
        json: bool,
        /// List the figures and their bars, measure nothing.
        #[arg(long)]
        list: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test { only } => test::run(only.as_deref()),
        Command::Figures { only, json, list } => figures::run(only.as_deref(), json, list),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

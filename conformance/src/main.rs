//! `carnet-conformance`: runs the suite against an implementation.

#![allow(clippy::print_stdout, reason = "the report is the result")]

use std::path::PathBuf;
use std::process::ExitCode;

use carnet_conformance::{Case, author, folder, run};
use clap::Parser;

/// Judges an implementation of the Carnet profile against committed cases. See spec/09-conformance.md.
#[derive(Debug, Parser)]
#[command(version)]
enum Cli {
    /// Run cases. Exit code 0: all passed; 2: some did not; 1: the suite could not be run.
    Run {
        /// The implementation: a program and its first arguments, as one text.
        #[arg(long, value_name = "COMMAND")]
        implementation: String,
        /// Only cases whose name holds this.
        #[arg(long)]
        case: Option<String>,
        /// Only cases that show this rule.
        #[arg(long)]
        rule: Option<String>,
        /// Where the cases are.
        #[arg(long, default_value = "conformance/cases")]
        cases: PathBuf,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the cases anew from their authors. Only for who changes the suite: the committed bytes are what judges.
    Author {
        /// Where the cases are.
        #[arg(long, default_value = "conformance/cases")]
        cases: PathBuf,
    },
}

fn main() -> ExitCode {
    match go(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("carnet-conformance: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn go(cli: Cli) -> anyhow::Result<bool> {
    match cli {
        Cli::Author { cases } => {
            for authored in author() {
                folder(&cases, &authored)?;
            }
            Ok(true)
        }
        Cli::Run { implementation, case, rule, cases, json } => {
            let wanted = |found: &Case| {
                case.as_ref().is_none_or(|part| found.name.contains(part)) && rule.as_ref().is_none_or(|rule| found.rules.contains(rule))
            };
            let cases: Vec<Case> = Case::read_all(&cases)?.into_iter().filter(wanted).collect();
            anyhow::ensure!(!cases.is_empty(), "no case matches");
            let command: Vec<String> = implementation.split_whitespace().map(str::to_owned).collect();
            let report = run(&command, &cases);
            if json {
                println!("{}", serde_json::to_string(&report)?);
            } else {
                for outcome in report.outcomes.iter().filter(|outcome| !outcome.passed) {
                    println!("FAILED {}: {}", outcome.case, outcome.wrong.as_deref().unwrap_or_default());
                }
                println!("{} passed, {} failed", report.passed(), report.failed());
            }
            Ok(report.failed() == 0)
        }
    }
}

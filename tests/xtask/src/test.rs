//! Every check and test, each a named, timed step. A failing step does not hide the ones after it.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{run, tools};

/// A step that passed, with what there is to say of it.
struct Passed(String);

struct Step {
    name: &'static str,
    run: fn() -> Result<Passed>,
}

/// In the order of how soon they tell something.
const STEPS: [Step; 8] = [
    Step { name: "tools", run: || tools::packages(&tools::FOR_TESTS).map(Passed) },
    Step { name: "format", run: || passes(cargo(&["fmt", "--all", "--check"])) },
    Step { name: "bans, licences, sources", run: deny },
    Step {
        name: "clippy",
        run: || passes(cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])),
    },
    Step { name: "tests", run: || passes(cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])) },
    Step {
        name: "documentation",
        run: || {
            let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
            doc.env("RUSTDOCFLAGS", "-D warnings");
            passes(doc)
        },
    },
    Step { name: "demonstration", run: demonstration },
    Step { name: "independent reader", run: python },
];

/// Runs the steps whose name contains `only`; true if none failed.
///
/// # Errors
/// If `only` names no step.
pub fn run(only: Option<&str>) -> Result<bool> {
    let chosen: Vec<&Step> = STEPS.iter().filter(|step| only.is_none_or(|part| step.name.contains(part))).collect();
    if chosen.is_empty() {
        bail!("no such step; there are: {}", STEPS.map(|step| step.name).join("; "));
    }
    let (mut lines, mut failed) = (Vec::new(), 0);
    for step in &chosen {
        println!("\n=== {}", step.name);
        let start = Instant::now();
        let outcome = (step.run)();
        let seconds = start.elapsed().as_secs_f64();
        let (word, detail) = match outcome {
            Ok(Passed(detail)) => ("passed", detail),
            Err(error) => {
                failed += 1;
                ("FAILED", format!("{error:#}"))
            }
        };
        let line = format!("{word:8} {seconds:7.1} s  {}  {detail}", step.name);
        println!("{line}");
        lines.push(line);
    }
    println!("\n=== all steps");
    lines.iter().for_each(|line| println!("{line}"));
    println!("{} passed, {failed} failed", chosen.len() - failed);
    Ok(failed == 0)
}

fn cargo(words: &[&str]) -> Command {
    let mut cargo = run::cargo();
    cargo.args(words);
    cargo
}

/// Runs `command` with its output passed on; an error names the command to run again.
fn passes(mut command: Command) -> Result<Passed> {
    let again = run::shown(&command);
    let status = command.status().with_context(|| format!("could not start: {again}"))?;
    if !status.success() {
        bail!("{status}; rerun: {again}");
    }
    Ok(Passed(String::new()))
}

fn deny() -> Result<Passed> {
    let mut deny = run::command(tools::cargo_deny()?);
    // Advisories are a separate command, since their database needs a network: `cargo deny check advisories`.
    deny.args(["--workspace", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    passes(deny)
}

/// The demonstration, with the program that the tests were run with: building a second, optimised one would double the time on two cores.
fn demonstration() -> Result<Passed> {
    passes(cargo(&["build", "--locked", "--quiet", "-p", "carnet"]))?;
    let mut demo = run::command(run::target().join("debug/carnet"));
    demo.arg("demo");
    passes(demo)
}

/// The second reader of the profile, in its own virtual environment below the target folder.
fn python() -> Result<Passed> {
    let mut python = run::command("sh");
    python
        .arg(run::root().join("examples/python/run-tests.sh"))
        .env("CARNET_PYTHON_VENV", run::target().join("python-reader"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    passes(python)
}

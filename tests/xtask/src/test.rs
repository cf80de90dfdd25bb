//! Every check and test, each a named, timed step. A failing step does not hide the ones after it.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{run, tools};

enum Verdict {
    Passed(String),
    Skipped(String),
}

struct Step {
    name: &'static str,
    run: fn() -> Result<Verdict>,
}

/// In the order of how soon they tell something.
const STEPS: [Step; 9] = [
    Step { name: "tools", run: || tools::packages(&tools::FOR_TESTS).map(Verdict::Passed) },
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
    Step { name: "release build", run: || passes(cargo(&["build", "--release", "--locked", "--quiet", "-p", "carnet"])) },
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
    let (mut lines, mut failed, mut skipped) = (Vec::new(), 0, 0);
    for step in &chosen {
        println!("\n=== {}", step.name);
        let start = Instant::now();
        let outcome = (step.run)();
        let seconds = start.elapsed().as_secs_f64();
        let (word, detail) = match outcome {
            Ok(Verdict::Passed(detail)) => ("passed", detail),
            Ok(Verdict::Skipped(why)) => {
                skipped += 1;
                ("skipped", why)
            }
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
    println!("{} passed, {failed} failed, {skipped} skipped", chosen.len() - failed - skipped);
    Ok(failed == 0)
}

fn cargo(words: &[&str]) -> Command {
    let mut cargo = run::cargo();
    cargo.args(words);
    cargo
}

/// Runs `command` with its output passed on; an error names the command to run again.
fn passes(mut command: Command) -> Result<Verdict> {
    let again = run::shown(&command);
    let status = command.status().with_context(|| format!("could not start: {again}"))?;
    if !status.success() {
        bail!("{status}; rerun: {again}");
    }
    Ok(Verdict::Passed(String::new()))
}

fn deny() -> Result<Verdict> {
    let mut deny = run::command(tools::cargo_deny()?);
    // Advisories are a separate command, since their database needs a network: `cargo deny check advisories`.
    deny.args(["--workspace", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    passes(deny)
}

fn demonstration() -> Result<Verdict> {
    let program = run::target().join("release/carnet");
    let help = run::command(&program)
        .arg("--help")
        .output()
        .with_context(|| format!("{} does not start; run: cargo build --release -p carnet", program.display()))?;
    // A line of the help starts with the name of each subcommand.
    if !String::from_utf8_lossy(&help.stdout).lines().any(|line| line.trim_start().starts_with("demo")) {
        return Ok(Verdict::Skipped("this carnet has no demo".to_owned()));
    }
    let mut demo = run::command(program);
    demo.arg("demo");
    passes(demo)
}

fn python() -> Result<Verdict> {
    let folder = run::root().join("examples/python");
    let tests = std::fs::read_dir(&folder).map(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("test") && name.ends_with(".py")
        })
    });
    if !tests.unwrap_or(false) {
        return Ok(Verdict::Skipped("examples/python has no test*.py".to_owned()));
    }
    let mut python = run::command("python3");
    python.args(["-m", "unittest", "discover", "-v", "-s", "."]).current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1");
    passes(python)
}

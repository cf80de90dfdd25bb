//! The figures that the project promises, each with its bar and its baseline measured in the same run.
//!
//! A figure is measured by a bench program, an example of a crate (`node/examples/bench_*.rs`), that is run in release
//! as `bench FIGURE` and prints, as its last line on standard output, one JSON object:
//!
//! ```json
//! {"figure": "transfer-cpu", "value": 1.17, "baseline": {"cpu_seconds_a_gib": 2.9}, "details": {}}
//! ```
//!
//! `value` is what the bar speaks of (a ratio, mostly); `baseline` and `details` are printed as they are. Where the
//! baseline is another program (rsync, Orthanc), that program is run here.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::run;

mod anchors;
mod dicom;
mod orthanc;
mod rsync;

/// Which side of the bar is good.
#[derive(Clone, Copy)]
enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtMost(bar) => value <= bar,
            Self::AtLeast(bar) => value >= bar,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::AtMost(bar) => format!("at most {bar}"),
            Self::AtLeast(bar) => format!("at least {bar}"),
        }
    }
}

/// One promise.
struct Figure {
    name: &'static str,
    /// What is measured, and against what.
    what: &'static str,
    bar: Bar,
    unit: &'static str,
    measure: fn(&Figure) -> Result<Measured>,
}

/// What a measurement gave.
enum Measured {
    Value {
        value: f64,
        details: Value,
    },
    /// The program that measures it is not written yet; `details` has what could be measured all the same.
    Missing {
        why: String,
        details: Value,
    },
}

const FIGURES: &[Figure] = &[
    Figure {
        name: "transfer-cpu",
        what: "durable, verified node-to-node transfer of 256 MiB payloads: CPU of both ends against bare quinn + SHA-256 + AES-GCM + write with fsync",
        bar: Bar::AtMost(1.3),
        unit: "times",
        measure: |figure| bench(figure, "carnet", "bench_figures"),
    },
    Figure {
        name: "transfer-wan",
        what: "the same at MTU 1500, 150 ms, 0.5 % loss: throughput against bare quinn with the same congestion control",
        bar: Bar::AtLeast(0.85),
        unit: "times",
        measure: |figure| bench(figure, "carnet", "bench_figures"),
    },
    Figure {
        name: "transfer-anchors",
        what: "1 GiB node to node: time against the faster of rsync --fsync over ssh aes128-gcm and Orthanc's peer store",
        bar: Bar::AtMost(1.0),
        unit: "times",
        measure: anchors::measure,
    },
    Figure {
        name: "refetched",
        what: "chunks fetched again after a cut at any point, a stream",
        bar: Bar::AtMost(2.0),
        unit: "chunks",
        measure: |figure| bench(figure, "carnet", "bench_figures"),
    },
    Figure {
        name: "transfer-memory",
        what: "resident memory of either node above idle while it moves a 2 GiB payload",
        bar: Bar::AtMost(96.0),
        unit: "MiB",
        measure: |figure| bench(figure, "carnet", "bench_figures"),
    },
    Figure {
        name: "import-portal-cpu",
        what: "import of a portal file of 1,064 spectra: CPU against reading its XML events, hashing and signing once a record",
        bar: Bar::AtMost(3.0),
        unit: "times",
        measure: |figure| bench(figure, "carnet", "bench_figures"),
    },
    Figure {
        name: "bulk-fsyncs",
        what: "small spectra imported in bulk, durable: fsyncs a record",
        bar: Bar::AtMost(0.1),
        unit: "fsyncs",
        measure: |figure| bench(figure, "carnet", "bench_figures"),
    },
    Figure {
        name: "listing",
        what: "catalogue listing of the 50 newest of 1,000,000 records (and flat from 10,000 on: see details)",
        bar: Bar::AtMost(10.0),
        unit: "ms",
        measure: |figure| bench(figure, "carnet", "bench_catalogue"),
    },
];

/// Measures the figures, or the one called `only`; true if every one measured keeps its bar and none is missing.
///
/// # Errors
/// If there is no figure of that name. A measurement that fails is reported as such and is not met.
pub fn run(only: Option<&str>, as_json: bool, list: bool) -> Result<bool> {
    let chosen: Vec<&Figure> = FIGURES.iter().filter(|f| only.is_none_or(|name| f.name == name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = FIGURES.iter().map(|f| f.name).collect();
        bail!("no such figure; there are: {}", names.join(", "));
    }
    let mut all_met = true;
    for figure in chosen {
        if list {
            println!("{:18} {:>14} {:7} {}", figure.name, figure.bar.shown(), figure.unit, figure.what);
            continue;
        }
        let (value, verdict, details) = match (figure.measure)(figure) {
            Ok(Measured::Value { value, details }) => (Some(value), if figure.bar.met(value) { "met" } else { "MISSED" }, details),
            Ok(Measured::Missing { why, details }) => (None, "NOT MEASURED", json!({ "why": why, "details": details })),
            Err(error) => (None, "FAILED", json!({ "why": format!("{error:#}") })),
        };
        all_met &= verdict == "met";
        if as_json {
            let line = json!({
                "figure": figure.name, "value": value, "bar": figure.bar.shown(), "unit": figure.unit,
                "verdict": verdict.to_lowercase(), "what": figure.what, "details": details,
            });
            println!("{line}");
        } else {
            let value = value.map_or("-".to_owned(), |v| format!("{v:.3}"));
            println!("{:18} {value:>9} {:7} {:>14}  {verdict}", figure.name, figure.unit, figure.bar.shown());
            println!("    {}", figure.what);
            println!("    {details}");
        }
    }
    Ok(all_met)
}

/// Whether the bench program exists.
fn bench_exists(package: &str, example: &str) -> bool {
    let folder = if package == "carnet" { "node" } else { package };
    let examples = run::root().join(folder).join("examples");
    examples.join(format!("{example}.rs")).is_file() || examples.join(example).join("main.rs").is_file()
}

/// Measures by a bench program.
fn bench(figure: &Figure, package: &str, example: &str) -> Result<Measured> {
    if !bench_exists(package, example) {
        let why = format!("{package} has no example {example}");
        return Ok(Measured::Missing { why, details: Value::Null });
    }
    let printed = run_bench(package, example, figure.name)?;
    let value = printed["value"].as_f64().ok_or_else(|| anyhow!("{example} printed no number as value: {printed}"))?;
    let details = json!({ "baseline": printed["baseline"], "details": printed["details"] });
    Ok(Measured::Value { value, details })
}

/// Builds the bench program in release, runs it, and reads the last line that it prints.
fn run_bench(package: &str, example: &str, figure: &str) -> Result<Value> {
    let mut build = run::cargo();
    build.args(["build", "--release", "--quiet", "--locked", "-p", package, "--example", example]);
    if package == "carnet" {
        // What is measured is the program itself, in processes of its own.
        build.args(["--bin", "carnet"]);
    }
    if !build.status()?.success() {
        bail!("does not build; rerun: {}", run::shown(&build));
    }
    // Run by itself, so that neither cargo's time nor its environment is part of the measurement.
    let mut program = run::command(run::target().join("release/examples").join(example));
    program.arg(figure).stderr(std::process::Stdio::inherit());
    let output = program.output().with_context(|| format!("could not start {example}"))?;
    if !output.status.success() {
        bail!("{} for {figure}; rerun: {}", output.status, run::shown(&program));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let value: Value = serde_json::from_str(last).with_context(|| format!("{example}'s last line is not JSON: {last}"))?;
    if value["figure"] != figure {
        bail!("{example} was asked for {figure} and measured {}", value["figure"]);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_met_at_its_edge_and_missed_past_it() {
        assert!(Bar::AtMost(1.3).met(1.3) && !Bar::AtMost(1.3).met(1.300_001));
        assert!(Bar::AtLeast(0.85).met(0.85) && !Bar::AtLeast(0.85).met(0.849_999));
        assert!(!Bar::AtMost(1.0).met(f64::NAN), "what could not be measured is not met");
    }

    #[test]
    fn each_figure_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), FIGURES.len());
    }
}

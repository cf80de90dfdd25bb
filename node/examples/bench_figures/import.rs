//! Import: CPU for a portal file, syncs for many small ones.
//!
//! `import-portal-cpu`: `carnet import passthrough.n42` into a fresh node against a process that reads the same file, goes through
//! its raw XML events, hashes the bytes once and signs once. Both are whole processes, so both have a process's start; only ours
//! opens a node. The kernel's count has ticks of 10 ms, so each is run many times and the sums are compared.
//!
//! `bulk-fsyncs`: syncs counted by strace, those of the start included, over an import of 2,000 spectra that the bench makes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::nodes::{Site, cpu_of_children, ground, median, program, rounded};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

/// Runs of each side in one round, whose CPU is summed.
const RUNS: usize = 10;
const SPECTRA: usize = 2_000;
const CHANNELS: usize = 1024;

/// Reads, goes through the events, hashes, signs: what no import can leave out.
pub fn baseline(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let mut reader = quick_xml::Reader::from_reader(bytes.as_slice());
    let mut events = 0u64;
    while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {
        events += 1;
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let signature = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap().sign(digest.as_ref());
    std::hint::black_box((events, signature));
}

/// The portal file among the real data: not ours to copy, so it must be there.
fn portal_file() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let data = std::env::var_os("CARNET_REAL_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let mut folders = vec![data.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_name().to_str() {
                Some("passthrough.n42") => return entry.path(),
                _ if entry.path().is_dir() => folders.push(entry.path()),
                _ => {}
            }
        }
    }
    panic!("passthrough.n42 is not below {}; set CARNET_REAL_DATA", data.display());
}

pub fn portal(rounds: usize) -> Value {
    let file = portal_file();
    let folder = ground("import");
    let fresh = Site::init(folder.path().join("fresh"), "NL", "127.0.0.1", None);
    let ours = std::env::current_exe().unwrap();
    let (mut importing, mut reading) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let copies: Vec<Site> = (0..RUNS).map(|run| fresh.copied(folder.path().join(run.to_string()))).collect();
        let before = cpu_of_children();
        for _ in 0..RUNS {
            assert!(Command::new(&ours).arg("read-events").arg(&file).status().unwrap().success());
        }
        let between = cpu_of_children();
        for copy in &copies {
            assert!(copy.command(&["import", file.to_str().unwrap()]).status().unwrap().success());
        }
        importing.push((cpu_of_children() - between) / RUNS as f64);
        reading.push((between - before) / RUNS as f64);
        for copy in copies {
            fs::remove_dir_all(copy.home).unwrap();
        }
    }
    // What opening and closing a node costs by itself: part of ours, and told apart here.
    let idle = fresh.copied(folder.path().join("idle"));
    let before = cpu_of_children();
    for _ in 0..RUNS {
        idle.run(&["status"]);
    }
    let status = (cpu_of_children() - before) / RUNS as f64;
    let ratios: Vec<f64> = importing.iter().zip(&reading).map(|(importing, reading)| importing / reading).collect();
    json!({
        "figure": "import-portal-cpu",
        "value": median(&ratios),
        "baseline": { "cpu_ms": median(&reading) * 1e3 },
        "details": {
            "cpu_ms": median(&importing) * 1e3, "rounds": rounded(&ratios), "of_which_opening_a_node_ms": status * 1e3,
            "file_bytes": fs::metadata(&file).unwrap().len(), "runs_a_round": RUNS,
        },
    })
}

/// A spectrum in the IAEA's SPE format, like no other one.
fn spectrum(number: usize) -> String {
    let mut text = format!("$SPEC_ID:\nsample {number}\n$MEAS_TIM:\n60 61\n$DATA:\n0 {}\n", CHANNELS - 1);
    let mut state = number as u64 * 2 + 1;
    for channel in 0..CHANNELS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let counts = (state >> 33) % (2 + 4000 / (channel as u64 + 8));
        writeln!(text, "{counts:8}").unwrap();
    }
    text.push_str("$ENER_FIT:\n0.0 2.93\n");
    text
}

pub fn syncs() -> Value {
    let folder = ground("syncs");
    let site = Site::init(folder.path().join("node"), "NL", "127.0.0.1", None);
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    for number in 0..SPECTRA {
        fs::write(files.join(format!("{number:04}.spe")), spectrum(number)).unwrap();
    }
    let plain = site.copied(folder.path().join("plain"));
    let begun = std::time::Instant::now();
    let imported = plain.run(&["import", files.to_str().unwrap()]);
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(imported.iter().filter(|line| line["status"] == "imported").count(), SPECTRA);
    let counts = folder.path().join("counts");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range,msync,syncfs", "-o"]).arg(&counts).arg(program());
    strace.arg("--home").arg(&site.home).arg("--json").arg("import").arg(&files);
    let traced = strace.output().expect("strace is needed: apt-get install strace");
    assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stderr));
    // Columns: time, seconds, microseconds a call, calls, [errors], name.
    let text = fs::read_to_string(&counts).unwrap();
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|words| words.len() >= 5 && words.last().is_some_and(|name| name.contains("sync")));
    let calls: u64 = rows.filter_map(|words| words[3].parse::<u64>().ok()).sum();
    assert!(calls > 0, "strace counted nothing: {text}");
    json!({
        "figure": "bulk-fsyncs",
        "value": calls as f64 / SPECTRA as f64,
        "baseline": { "one_sync_a_record": 1.0 },
        "details": { "syncs": calls, "records": SPECTRA, "records_a_second_untraced": (SPECTRA as f64 / seconds).round() },
    })
}

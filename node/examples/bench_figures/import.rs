//! Import: CPU for a portal file, syncs for many small ones.
//!
//! `import-portal-cpu`: `carnet import` of a folder with copies of `passthrough.n42`, each a record, into a fresh node, against a
//! process that reads the same files, goes through their raw XML events, hashes the bytes once and signs once. Both are whole
//! processes from start to end; only ours opens a node, which is told apart in the details and is in the value all the same.
//! There are many copies because the kernel counts in ticks of 10 ms, and because it is the import that is measured.
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

/// Portal files in one run of each side.
const COPIES: usize = 32;
const SPECTRA: usize = 2_000;
const CHANNELS: usize = 1024;

/// Reads, goes through the events, hashes, signs: what no import can leave out.
pub fn baseline(paths: &[&str]) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    paths.iter().for_each(|path| read_events(path.as_ref(), &key));
}

fn read_events(path: &Path, key: &Ed25519KeyPair) {
    let bytes = fs::read(path).unwrap();
    let mut reader = quick_xml::Reader::from_reader(bytes.as_slice());
    let mut events = 0u64;
    while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {
        events += 1;
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let signature = key.sign(digest.as_ref());
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

/// Copies of the file that differ in a comment at the end: the same file twice would be one record.
fn copies(folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let (bytes, files) = (fs::read(portal_file()).unwrap(), folder.join("files"));
    fs::create_dir(&files).unwrap();
    let named = (0..COPIES).map(|number| files.join(format!("{number}.n42"))).collect::<Vec<_>>();
    for (number, path) in named.iter().enumerate() {
        fs::write(path, [&bytes[..], format!("<!-- {number} -->").as_bytes()].concat()).unwrap();
    }
    (files, named)
}

pub fn portal(rounds: usize) -> Value {
    let folder = ground("import");
    let (files, named) = copies(folder.path());
    let fresh = Site::init(folder.path().join("fresh"), "NL", "127.0.0.1", None);
    let ours = std::env::current_exe().unwrap();
    // CPU of a child from its start to its end, and how many files it had.
    let spent = |mut child: Command, files: usize| {
        let before = cpu_of_children();
        assert!(child.status().unwrap().success());
        (cpu_of_children() - before) / files as f64 * 1e3
    };
    let (mut importing, mut reading, mut opening) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let copy = fresh.copied(folder.path().join(round.to_string()));
        let mut baseline = Command::new(&ours);
        baseline.arg("read-events").args(&named);
        reading.push(spent(baseline, COPIES));
        importing.push(spent(copy.command(&["import", files.to_str().unwrap()]), COPIES));
        opening.push(spent(copy.command(&["status"]), 1));
        fs::remove_dir_all(copy.home).unwrap();
    }
    let ratios: Vec<f64> = importing.iter().zip(&reading).map(|(importing, reading)| importing / reading).collect();
    json!({
        "figure": "import-portal-cpu",
        "value": median(&ratios),
        "baseline": { "cpu_ms_a_file": median(&reading) },
        "details": {
            "cpu_ms_a_file": median(&importing), "rounds": rounded(&ratios), "files": COPIES,
            "file_bytes": fs::metadata(&named[0]).unwrap().len(), "opening_a_node_cpu_ms": median(&opening),
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

//! The demonstration, as a person runs it: it goes as told, and leaves nothing behind however it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn demo(temp: &Path) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_carnet"));
    demo.args(["demo", "--json"]).env("TMPDIR", temp);
    demo
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

fn lives(process: u64) -> bool {
    // A process that ended but was not waited for yet is a zombie, not alive.
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn gone_soon(processes: &[u64]) -> bool {
    let begun = Instant::now();
    while processes.iter().any(|process| lives(*process)) {
        if begun.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

#[test]
fn it_goes_as_told_and_a_refused_file_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("holiday.txt");
    std::fs::write(&file, "no scan").unwrap();
    let folders = tempfile::tempdir().unwrap();
    let output = demo(folders.path()).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    for event in ["shared", "received", "fetched", "verified", "refused", "outcome-received", "withdrawn", "tampered", "audited", "done"] {
        assert!(events.contains(&event), "{event} is missing in {events:?}");
    }
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    for kind in ["image", "spectrum", "signal", "declaration", "intelligence"] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
    let refused = lines.iter().find(|line| line["event"] == "refused").unwrap();
    assert_eq!(refused["alike"], true);
    assert!(is_empty(folders.path()), "the folders are removed");
}

#[test]
fn nothing_is_left_when_it_is_stopped_half_way() {
    for signal in ["-INT", "-KILL"] {
        let folders = tempfile::tempdir().unwrap();
        let mut running = demo(folders.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut nodes = Vec::new();
        for line in BufReader::new(running.stdout.take().unwrap()).lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            nodes.extend(line["process"].as_u64());
            if nodes.len() == 3 {
                break;
            }
        }
        Command::new("kill").args([signal, &running.id().to_string()]).status().unwrap();
        let status = running.wait().unwrap();
        assert!(!status.success());
        assert!(gone_soon(&nodes), "nodes go on after {signal}");
        // Who is killed outright cannot tidy up its folder; who is stopped does.
        assert!(signal == "-KILL" || is_empty(folders.path()), "folders are left after {signal}");
    }
}

//! `kill -9` at any moment: what was acknowledged is there afterwards, and nothing half-written is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use carnet_tests::federation::{Administration, Federation};
use carnet_tests::proxy::Proxy;
use carnet_tests::{Chance, fixtures, wait_until};
use serde_json::Value;

/// Bytes of the payload that is moved.
const SIZE: usize = 24 << 20;
/// What a cut may cost: two chunks on each of four streams.
const AGAIN: u64 = (2 * 4) << 20;

#[test]
fn nothing_acknowledged_is_lost_when_an_import_is_killed() {
    let mut chance = Chance::from_environment("nothing_acknowledged_is_lost_when_an_import_is_killed");
    let federation = Federation::strangers(&["NL"]);
    let a = federation.of("NL");
    let mut files = 0;
    for number in 0..200 {
        federation.file(&format!("in/{}/{number:03}.n42", number / 25), &fixtures::n42(number));
        files += 1;
        if number % 5 == 0 {
            // Above 64 KiB these are staged, below they live in the catalogue: both ways are cut.
            federation.file(&format!("in/{}/{number:03}.png", number / 25), &fixtures::png(300, 250, number));
            files += 1;
        }
    }
    let folder = federation.folder.path().join("in");
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..8 {
        // Something new in each round, behind what was begun before.
        let part = folder.join(round.to_string());
        let mut child = a.command(&["import", part.to_str().unwrap()]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after some acknowledgements, or within the first: a slow machine and a fast one are both cut in the middle.
        let mut lines: Vec<String> = out.by_ref().map_while(Result::ok).take(chance.below(25) as usize).collect();
        std::thread::sleep(Duration::from_millis(chance.below(40)));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.extend(out.map_while(Result::ok));
        for line in lines {
            // The last line may be cut: then nobody was told.
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            assert_ne!(line["status"], "refused", "{line}");
            acknowledged.insert(line["file"].as_str().unwrap().to_owned(), line["record"].as_str().unwrap().to_owned());
        }
        let held: BTreeSet<String> = a.records().into_iter().collect();
        let lost: Vec<_> = acknowledged.iter().filter(|(_, record)| !held.contains(*record)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        a.verify();
        let status = a.one(&["status"]);
        assert_eq!(status["log_size"], status["records"]["own"], "each own record is one entry of the log");
        eprintln!("round {round}: {} of {files} acknowledged, {} held", acknowledged.len(), held.len());
    }
    let last = a.ok(&["import", folder.to_str().unwrap()]);
    assert_eq!(last.len(), files);
    for line in &last {
        if let Some(before) = acknowledged.get(line["file"].as_str().unwrap()) {
            assert_eq!((line["status"].as_str(), line["record"].as_str()), (Some("duplicate"), Some(before.as_str())));
        }
    }
    assert_eq!(a.records().len(), files, "each file is one record, however often it was begun");
    a.verify();
    assert_eq!(a.one(&["status"])["transfers_open"], 0);
}

/// NL with one large payload that DE may have, reached over a path that counts.
fn with_large(federation: &Federation) -> (&Administration, &Administration, Proxy, String) {
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    let path = Proxy::to(a.quic);
    a.partner(b, &[]);
    b.partner(a, &[&path.endpoint()]);
    let file = federation.file("large.uff-native", &fixtures::noise(SIZE, 1));
    let record = a.import(&file, &["--opaque", "--share-native", "--releasable-to", "DE"]);
    a.serve();
    b.ok(&["fetch"]);
    (a, b, path, record)
}

/// Starts a fetch and kills it once so many bytes came over the path.
fn fetch_killed_after(b: &Administration, record: &str, path: &Proxy, bytes: u64) {
    let before = path.down();
    let mut child = b.command(&["fetch", record]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("bytes come", 30, || (path.down() - before >= bytes || child.try_wait().unwrap().is_some()).then_some(()));
    child.kill().ok();
    child.wait().unwrap();
}

fn staged(b: &Administration) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(b.home.join("store/staging")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

fn payload_is_here(b: &Administration, record: &str) -> bool {
    b.show(record)["payloads"][0]["here"].as_bool().unwrap()
}

#[test]
fn a_transfer_that_is_killed_goes_on_from_what_it_had() {
    let mut chance = Chance::from_environment("a_transfer_that_is_killed_goes_on_from_what_it_had");
    let federation = Federation::strangers(&["NL", "DE"]);
    let (_a, b, path, record) = with_large(&federation);
    let began = path.down();
    let kills = 3;
    for kill in 1..=kills {
        let now = SIZE as u64 * kill / 5 + chance.below(2 << 20);
        fetch_killed_after(b, &record, &path, now.saturating_sub(path.down() - began).max(1 << 20));
        assert!(!payload_is_here(b, &record), "half a payload is not visible");
        b.verify();
    }
    b.ok(&["fetch", &record]);
    let again = (path.down() - began).saturating_sub(SIZE as u64);
    eprintln!("after {kills} kills {} KiB more than the payload crossed the path", again >> 10);
    // Packets have headers, and the list of chunks comes again each time.
    assert!(again <= kills * AGAIN + SIZE as u64 / 20, "{again} bytes were fetched again");
    assert!(payload_is_here(b, &record));
    assert!(staged(b).is_empty(), "nothing is left behind");
    assert_eq!(b.one(&["status"])["transfers_open"], 0);
    b.verify();
}

#[test]
fn one_flipped_byte_in_a_partial_file_costs_its_chunk_and_no_more() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (_a, b, path, record) = with_large(&federation);
    fetch_killed_after(b, &record, &path, SIZE as u64 / 2);
    let partial = staged(b).pop().expect("a partial file");
    // Two copies of the same node: one of them with a flipped byte.
    let copy = |name: &str| {
        let home = federation.folder.path().join(name);
        let copied = std::process::Command::new("cp").arg("-a").arg(&b.home).arg(&home).status().unwrap();
        assert!(copied.success());
        b.twin(&home)
    };
    let (whole, flipped) = (copy("whole"), copy("flipped"));
    let file = flipped.home.join("store/staging").join(partial.file_name().unwrap());
    let mut bytes = std::fs::read(&file).unwrap();
    let at = (bytes.len() / 8..bytes.len()).find(|at| bytes[*at..*at + 64].iter().filter(|byte| **byte != 0).count() > 40).unwrap() + 30;
    bytes[at] ^= 0x10;
    std::fs::write(&file, bytes).unwrap();
    let took = |one: &Administration| {
        let before = path.down();
        one.ok(&["fetch", &record]);
        one.verify();
        assert!(payload_is_here(one, &record));
        path.down() - before
    };
    let (plain, healed) = (took(&whole), took(&flipped));
    let more = healed as i64 - plain as i64;
    eprintln!("{} KiB without the flip, {} KiB with it: {} KiB more", plain >> 10, healed >> 10, more >> 10);
    assert!(more > 900 << 10, "the flipped byte went unnoticed");
    assert!(more < 1400 << 10, "more than its chunk was fetched again");
}

#[test]
fn a_server_that_is_killed_in_mid_transfer_is_asked_again_for_the_rest() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b, path, record) = with_large(&federation);
    let began = path.down();
    let mut child = b.command(&["fetch", &record]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("half of it came", 30, || (path.down() - began > SIZE as u64 / 2).then_some(()));
    a.kill();
    let status = wait_until("the fetch gives up", 45, || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1), "the network is at fault");
    assert!(!payload_is_here(b, &record));
    a.serve();
    b.ok(&["fetch", &record]);
    let again = (path.down() - began).saturating_sub(SIZE as u64);
    eprintln!("after the server's death {} KiB more than the payload crossed the path", again >> 10);
    assert!(again <= AGAIN + SIZE as u64 / 20, "{again} bytes were fetched again");
    b.verify();
    a.verify();
}

#[test]
fn a_serving_node_that_is_killed_has_lost_nothing() {
    let federation = Federation::new(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    a.serve();
    let mut made = Vec::new();
    for round in 0..3 {
        b.serve();
        for number in 0..4 {
            let seed = 100 + round * 10 + number;
            made.push(a.import(&federation.file(&format!("{seed}.n42"), &fixtures::n42(seed)), &["--releasable-to", "DE"]));
        }
        std::thread::sleep(Duration::from_millis(150 * round));
        b.kill();
        b.verify();
        let status = b.one(&["status"]);
        assert_eq!(status["log_size"], status["records"]["own"], "each receipt is one entry");
    }
    b.serve();
    made.iter().for_each(|record| b.wait_for(record));
    b.verify();
}

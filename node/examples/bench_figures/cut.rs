//! What is fetched a second time after a cut.
//!
//! A payload goes through a relay of ours that counts every byte that reaches the fetching node and, at a chosen count, cuts:
//! `kill -9` of the fetching process, or silence on the wire. Then the same command runs again to its end. Whatever both attempts
//! took beyond what an uncut fetch takes was fetched twice: chunks in pieces, chunks on the wire, chunks in buffers, and one more
//! handshake.

use std::time::Duration;

use super::nodes::{Site, ground, median, noise_file, rounded};
use super::relay::{Path, Relay};
use carnet::peer::fetch::STREAMS;
use serde_json::{Value, json};

const PAYLOAD_MIB: usize = 256;
const MIB: f64 = (1 << 20) as f64;
/// Where the cuts are, in parts of the payload.
const CUTS: [f64; 9] = [0.001, 0.02, 0.11, 0.27, 0.43, 0.5, 0.66, 0.83, 0.97];
/// Where the wire goes silent instead.
const SILENCES: [f64; 2] = [0.31, 0.77];

pub fn again() -> Value {
    let folder = ground("cut");
    let from = Site::init(folder.path().join("from"), "NL", "127.0.0.1", None);
    let to = Site::init(folder.path().join("to"), "BE", "127.0.0.1", None);
    let relay = Relay::start("127.0.0.1:0".parse().unwrap(), from.quic.parse().unwrap(), Path::default());
    from.pin(&to, None);
    to.pin(&from, Some(&relay.address.to_string()));
    let file = folder.path().join("payload");
    noise_file(&file, 5, PAYLOAD_MIB);
    from.run(&["import", "--opaque", "--share-native", "--releasable-to", "BE", file.to_str().unwrap()]);
    let _serving = from.serve();

    let fetch = |site: &Site| {
        let mut fetching = site.spawn(&["fetch", "--payloads"]);
        let status = fetching.0.wait().unwrap();
        // What is still on its way is the last of an orderly end.
        std::thread::sleep(Duration::from_millis(100));
        status
    };
    let mut uncut = Vec::new();
    for round in 0..3 {
        let fresh = to.copied(folder.path().join(format!("uncut-{round}")));
        relay.begin();
        assert!(fetch(&fresh).success(), "a fetch without a cut failed");
        uncut.push(relay.delivered());
        std::fs::remove_dir_all(&fresh.home).unwrap();
    }
    let whole = median(&uncut);
    let mut again = Vec::new();
    let cuts = CUTS.iter().map(|part| (*part, true)).chain(SILENCES.iter().map(|part| (*part, false)));
    for (part, kill) in cuts {
        let at = (part * PAYLOAD_MIB as f64 * MIB) as u64;
        let fresh = to.copied(folder.path().join(format!("cut-{part}")));
        relay.begin();
        let mut fetching = fresh.spawn(&["fetch", "--payloads"]);
        if kill {
            while relay.delivered() < at as f64 {
                std::thread::sleep(Duration::from_micros(200));
            }
            fetching.0.kill().unwrap();
            assert!(!fetching.0.wait().unwrap().success(), "killed too late");
            std::thread::sleep(Duration::from_millis(300));
        } else {
            relay.silent_after(at);
            assert!(!fetching.0.wait().unwrap().success(), "a fetch without a wire cannot end well");
        }
        let first = relay.delivered();
        relay.begin();
        assert!(fetch(&fresh).success(), "the fetch after the cut failed");
        let twice = (first + relay.delivered() - whole) / MIB / STREAMS as f64;
        eprintln!("{} after {:.1} MiB: {twice:.2} chunks a stream again", if kill { "killed" } else { "silence" }, first / MIB);
        again.push(twice);
        std::fs::remove_dir_all(&fresh.home).unwrap();
    }
    json!({
        "figure": "refetched",
        "value": again.iter().copied().fold(0.0, f64::max),
        "baseline": { "uncut_mib_on_the_wire": whole / MIB, "payload_mib": PAYLOAD_MIB },
        "details": {
            "chunks_a_stream_again": rounded(&again), "killed_at": CUTS, "silent_from": SILENCES, "streams": STREAMS,
            "uncut_spread_mib": (uncut.iter().copied().fold(0.0, f64::max) - uncut.iter().copied().fold(f64::MAX, f64::min)) / MIB,
        },
    })
}

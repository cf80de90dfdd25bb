//! A payload over a long link that loses packets: MTU 1500, 150 ms there and back, 0.5 % lost each way.
//!
//! Ours is `carnet fetch` from its start to its end, durable: process, handshake, feed, request, receipt. The baseline is bare quinn with
//! the node's own transport limits, and so the same congestion control, from its dialling to its last byte, written nowhere.

use std::time::Instant;

use super::bulk;
use super::link::{Link, NEAR, ROUTER};
use super::nodes::{Site, ground, median, noise_file, rounded, settle};
use serde_json::{Value, json};

const PAYLOAD_MIB: usize = 256;
/// One way, in milliseconds.
const DELAY_MS: u64 = 75;
/// Of a million, each way.
const LOST: u64 = 5_000;
/// Bytes a second: 400 Mbit/s.
const RATE: u64 = 50_000_000;
const PATH: [u64; 3] = [DELAY_MS, LOST, RATE];

pub fn throughput(rounds: usize) -> Value {
    let mib = PAYLOAD_MIB;
    let link = match Link::new() {
        Ok(link) => link,
        Err(why) => {
            eprintln!("not measured: this machine allows no network namespaces ({why}); run as root where they are allowed");
            std::process::exit(1);
        }
    };
    let folder = ground("wan");
    let from = Site::init(folder.path().join("from"), "NL", NEAR, Some(&link.near));
    let to = Site::init(folder.path().join("to"), "BE", "127.0.0.1", Some(&link.far));
    from.pin(&to, None);
    // A relay for the node, always at the same port, and for the baseline one at each run's.
    let (_relay, relayed) = link.relay(&format!("{ROUTER}:0"), &from.quic, PATH);
    to.pin(&from, Some(&relayed));
    let file = folder.path().join("payload");
    noise_file(&file, 7, mib);
    from.run(&["import", "--opaque", "--share-native", "--releasable-to", "BE", file.to_str().unwrap()]);
    let _serving = from.serve();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let home = folder.path().join(format!("to-{round}"));
        let fresh = to.copied(home.clone());
        settle();
        let begun = Instant::now();
        fresh.spawn(&["fetch", "--payloads"]).ended();
        ours.push(mib as f64 / begun.elapsed().as_secs_f64());
        std::fs::remove_dir_all(home).unwrap();
        bare.push(mib as f64 / bulk::over(&link, mib, PATH).seconds);
        eprintln!("MiB a second: ours {:?} bare {:?}", ours.last(), bare.last());
    }
    let ratios: Vec<f64> = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
    json!({
        "figure": "transfer-wan",
        "value": median(&ours) / median(&bare),
        "baseline": { "mib_a_second": median(&bare), "rounds": rounded(&bare) },
        "details": {
            "mib_a_second": median(&ours), "rounds": rounded(&ours), "ratios": rounded(&ratios), "payload_mib": mib,
            "link": { "mtu": 1500, "round_trip_ms": 2 * DELAY_MS, "lost_of_a_million_each_way": LOST, "mbit_a_second": RATE * 8 / 1_000_000 },
        },
    })
}

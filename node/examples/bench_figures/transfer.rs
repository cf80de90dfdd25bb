//! A gibibyte in four payloads from node to node on loopback: CPU of both ends, memory, time.
//!
//! One node serves (`carnet serve`), the other fetches (`carnet fetch`), each its own process. CPU is what the kernel counted for
//! the serving process over the transfer and for the fetching process from its start to its end, so opening the node, the
//! handshake, the feed, receipts and syncs are all in it. See `bulk.rs` for the baseline.

use std::path::Path;
use std::time::{Duration, Instant};

use super::bulk;
use super::nodes::{Running, Site, cpu, ground, median, memory, noise_file, reset_peak, rounded, settle};
use serde_json::{Value, json};

const PAYLOADS: usize = 4;
const PAYLOAD_MIB: usize = 256;
const BIG_MIB: usize = 2048;

/// Two nodes that know each other; the first has payloads for the second, which has never been used.
struct Pair {
    from: Site,
    to: Site,
    folder: tempfile::TempDir,
}

impl Pair {
    fn new(payloads: usize, mib: usize) -> Self {
        let folder = ground("transfer");
        let from = Site::init(folder.path().join("from"), "NL", "127.0.0.1", None);
        let to = Site::init(folder.path().join("to"), "BE", "127.0.0.1", None);
        from.pin(&to, None);
        to.pin(&from, Some(&from.quic));
        let files = folder.path().join("files");
        std::fs::create_dir(&files).unwrap();
        for number in 0..payloads {
            noise_file(&files.join(number.to_string()), number as u64, mib);
        }
        if payloads > 0 {
            import(&from, &files);
        }
        Self { from, to, folder }
    }
}

fn import(site: &Site, path: &Path) {
    site.run(&["import", "--opaque", "--share-native", "--releasable-to", "BE", path.to_str().unwrap()]);
    std::fs::remove_dir_all(path).unwrap();
}

/// One transfer into a fresh copy of the receiving node.
struct Transfer {
    sending: f64,
    receiving: f64,
    seconds: f64,
}

fn transfer(pair: &Pair, serving: &Running) -> Transfer {
    let home = pair.folder.path().join("copy");
    let to = pair.to.copied(home.clone());
    settle();
    let (before, begun) = (cpu(serving.pid()), Instant::now());
    let mut fetching = to.spawn(&["fetch", "--payloads"]);
    let receiving = fetching.ended();
    let seconds = begun.elapsed().as_secs_f64();
    // The serving end has said its last word when the connection is closed.
    std::thread::sleep(Duration::from_millis(200));
    let sending = cpu(serving.pid()) - before;
    let held: u64 = walk(&home.join("store/payloads"));
    assert!(held >= (PAYLOADS * PAYLOAD_MIB) as u64 * (1 << 20), "not everything was fetched: {held} bytes");
    std::fs::remove_dir_all(home).unwrap();
    Transfer { sending, receiving, seconds }
}

fn walk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { entry.metadata().unwrap().len() }).sum()
}

pub fn costs(rounds: usize) -> Value {
    let pair = Pair::new(PAYLOADS, PAYLOAD_MIB);
    let serving = pair.from.serve();
    let (mut ours, mut bare, mut quinn, mut parts, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = pair.folder.path().join("bare");
        std::fs::create_dir(&folder).unwrap();
        settle();
        let worked = bulk::measure(PAYLOADS * PAYLOAD_MIB, Some(&folder));
        std::fs::remove_dir_all(folder).unwrap();
        quinn.push(bulk::measure(PAYLOADS * PAYLOAD_MIB, None).cpu);
        let transfer = transfer(&pair, &serving);
        ours.push(transfer.sending + transfer.receiving);
        parts.push([transfer.sending, transfer.receiving]);
        times.push([transfer.seconds, worked.seconds]);
        bare.push(worked.cpu);
        eprintln!("ours {:?} bare {:?} quinn alone {:?}", ours.last(), bare.last(), quinn.last());
    }
    let ratios: Vec<f64> = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
    json!({
        "figure": "transfer-cpu",
        "value": median(&ratios),
        "baseline": { "cpu_s_a_gib": median(&bare), "quinn_alone_cpu_s_a_gib": median(&quinn) },
        "details": {
            "cpu_s_a_gib": median(&ours), "rounds": rounded(&ratios), "sending_and_receiving": parts, "seconds_ours_and_bare": times,
        },
    })
}

pub fn seconds() -> Value {
    let pair = Pair::new(PAYLOADS, PAYLOAD_MIB);
    let serving = pair.from.serve();
    let transfer = transfer(&pair, &serving);
    let details = json!({ "cpu_s": transfer.sending + transfer.receiving, "mib": PAYLOADS * PAYLOAD_MIB });
    json!({ "figure": "transfer-anchors", "value": transfer.seconds, "baseline": {}, "details": details })
}

/// Both ends serve; the receiving one takes payloads by itself as soon as they are announced.
pub fn resident() -> Value {
    let pair = Pair::new(0, 0);
    // In its own file, since an environment would go to both.
    let config = pair.to.home.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("fetch = \"records\"", "fetch = \"all\"");
    assert!(text.contains("fetch = \"all\""), "the configuration has another shape than expected");
    std::fs::write(&config, text).unwrap();
    let ends = [pair.from.serve(), pair.to.serve()];
    std::thread::sleep(Duration::from_secs(3));
    let files = pair.folder.path().join("files");
    noise_file(&files.join("big"), 99, BIG_MIB);
    let idle: Vec<f64> = ends.iter().map(|end| memory(end.pid(), "VmRSS")).collect();
    ends.iter().for_each(|end| reset_peak(end.pid()));
    import(&pair.from, &files);
    let begun = Instant::now();
    while pair.to.counter("carnet_payloads_received_total") < 1.0 {
        assert!(begun.elapsed() < Duration::from_secs(300), "the payload did not arrive");
        std::thread::sleep(Duration::from_millis(100));
    }
    let peak: Vec<f64> = ends.iter().map(|end| memory(end.pid(), "VmHWM")).collect();
    let above: Vec<f64> = peak.iter().zip(&idle).map(|(peak, idle)| peak - idle).collect();
    json!({
        "figure": "transfer-memory",
        "value": above.iter().copied().fold(0.0, f64::max),
        "baseline": { "idle_mib_sending_and_receiving": rounded(&idle) },
        "details": {
            "peak_mib_sending_and_receiving": rounded(&peak), "above_idle_mib": rounded(&above), "payload_mib": BIG_MIB,
            "seconds_after_import": begun.elapsed().as_secs_f64(),
        },
    })
}

//! Every figure that is measured on running nodes, one program for all of them: `bench_figures FIGURE [ROUNDS]`.
//!
//! Each node is a process of its own, the `carnet` program that was built with this one. Where the baseline needs processes too
//! (bare quinn's two ends, reading a file's events), they are this program, started again with other words. The last line printed
//! is the figure as one JSON object, `{"figure", "value", "baseline", "details"}`; `cargo xtask figures` holds it against its bar.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement: a failure ends it")]

mod bulk;
mod cut;
mod import;
mod link;
mod nodes;
mod relay;
mod transfer;
mod wan;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let rounds = |usual: usize| words.get(1).map_or(usual, |text| text.parse().unwrap());
    let printed = match words.first().copied().unwrap_or_default() {
        "bulk-send" | "bulk-receive" => return bulk::end(&words),
        "relay" => return relay::run(&words[1..]),
        "read-events" => return import::baseline(&words[1..]),
        "transfer-cpu" => transfer::costs(rounds(7)),
        "transfer-memory" => transfer::resident(),
        "transfer-anchors" => transfer::seconds(),
        "transfer-wan" => wan::throughput(rounds(5)),
        "refetched" => cut::again(),
        "import-portal-cpu" => import::portal(rounds(5)),
        "bulk-fsyncs" => import::syncs(),
        other => panic!("no figure `{other}` here; see the list in main.rs"),
    };
    println!("{printed}");
}

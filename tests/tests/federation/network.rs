//! Bad networks: whatever the path does, both ends agree in the end. The path is a UDP proxy of the harness, since `tc netem` needs
//! a kernel module that many machines lack.

use std::time::Duration;

use carnet_tests::federation::{Administration, Federation};
use carnet_tests::proxy::{Faults, Proxy};
use carnet_tests::{fixtures, wait_until};

/// DE reaches NL over a path; NL does not dial.
fn over_a_path(federation: &Federation) -> (&Administration, &Administration, Proxy) {
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    let path = Proxy::to(a.quic);
    a.partner(b, &[]);
    b.partner(a, &[&path.endpoint()]);
    (a, b, path)
}

#[test]
fn loss_delay_and_disorder_change_nothing_but_the_time() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b, path) = over_a_path(&federation);
    path.set(Faults { loss: 20, delay: Duration::from_millis(15), reorder: 10, ..Faults::default() });
    let large = a.import(&federation.file("large", &fixtures::noise(6 << 20, 3)), &["--opaque", "--share-native", "--releasable-to", "DE"]);
    a.serve();
    b.serve();
    let records: Vec<String> =
        (0..20).map(|seed| a.import(&federation.file(&format!("{seed}.n42"), &fixtures::n42(seed)), &["--releasable-to", "DE"])).collect();
    records.iter().for_each(|record| b.wait_for(record));
    b.ok(&["fetch", &large]);
    let outcome = b.one(&["outcome", &large, "--decision", "released", "--examined", "scan", "--reason", "random"]);
    a.wait_for(outcome["record"].as_str().unwrap());
    b.verify();
    a.verify();
}

#[test]
fn a_cut_in_mid_transfer_costs_at_most_two_chunks_a_stream() {
    const SIZE: u64 = 24 << 20;
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b, path) = over_a_path(&federation);
    let file = federation.file("large", &fixtures::noise(SIZE as usize, 4));
    let record = a.import(&file, &["--opaque", "--share-native", "--releasable-to", "DE"]);
    a.serve();
    b.ok(&["fetch"]);
    let began = path.down();
    path.set(Faults { cut_after: Some(SIZE / 2), ..Faults::default() });
    let ran = b.run(&["fetch", &record]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("NL"), "the message names the partner: {}", ran.err);
    assert_eq!(b.show(&record)["payloads"][0]["here"], false);
    // Until the cut half of it had come; what the server sent into the cut came nowhere, and is not fetched a second time.
    let came = SIZE / 2;
    path.set(Faults::default());
    let resumed = path.down();
    b.ok(&["fetch", &record]);
    let again = (path.down() - resumed + came).saturating_sub(SIZE);
    eprintln!("{} MiB in the first attempt, then {} KiB too many", (resumed - began) >> 20, again >> 10);
    assert!(again <= (8 << 20) + SIZE / 20, "{again} bytes were fetched again");
    b.verify();
}

#[test]
fn a_slow_line_is_slow_and_no_more() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b, path) = over_a_path(&federation);
    let file = federation.file("large", &fixtures::noise((2 << 20) + 5, 4));
    let record = a.import(&file, &["--opaque", "--share-native", "--releasable-to", "DE"]);
    a.serve();
    b.ok(&["fetch"]);
    // Half a megabit a second: a chunk takes longer than a silent partner is waited for.
    path.set(Faults { rate: Some(60_000), delay: Duration::from_millis(100), ..Faults::default() });
    b.ok(&["fetch", &record]);
    b.verify();
}

#[test]
fn a_one_way_partition_heals() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b, path) = over_a_path(&federation);
    a.serve();
    b.serve();
    let import = |seed: u64| a.import(&federation.file(&format!("{seed}.n42"), &fixtures::n42(seed)), &["--releasable-to", "DE"]);
    b.wait_for(&import(1));
    for (round, faults) in
        [Faults { block_down: true, ..Faults::default() }, Faults { block_up: true, ..Faults::default() }].into_iter().enumerate()
    {
        path.set(faults);
        let records: Vec<String> = (0..3).map(|number| import(10 + round as u64 * 10 + number)).collect();
        std::thread::sleep(Duration::from_secs(3));
        assert!(!b.has(&records[2]), "nothing gets through");
        path.set(Faults::default());
        for record in &records {
            wait_until("the partition heals", 40, || b.has(record).then_some(()));
        }
    }
    b.verify();
}

#[test]
fn a_partner_that_is_away_for_long_is_found_again() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b, path) = over_a_path(&federation);
    path.set(Faults { block_up: true, ..Faults::default() });
    a.serve();
    b.serve();
    let record = a.import(&federation.file("x.n42", &fixtures::n42(1)), &["--releasable-to", "DE"]);
    // Past the first attempts, so that it is a later one that succeeds.
    std::thread::sleep(Duration::from_secs(12));
    assert!(!b.has(&record));
    path.set(Faults::default());
    wait_until("the partner is found again", 40, || b.has(&record).then_some(()));
}

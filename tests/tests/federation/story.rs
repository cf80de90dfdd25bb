//! The main job, and what belongs to it: who gets what, when, and who does not.

use carnet_tests::federation::{Administration, Federation};
use carnet_tests::peer::{self, Driven};
use carnet_tests::{fixtures, wait_until};
use serde_json::Value;

/// Payloads that are here, of those in `show`.
fn here(shown: &Value) -> Vec<(String, bool)> {
    let payloads = shown["payloads"].as_array().unwrap();
    payloads.iter().map(|payload| (payload["role"].as_str().unwrap().to_owned(), payload["here"].as_bool().unwrap())).collect()
}

fn owned(pairs: &[(&str, bool)]) -> Vec<(String, bool)> {
    pairs.iter().map(|(role, here)| ((*role).to_owned(), *here)).collect()
}

/// The code with which `node` refuses what `asked` asks for.
fn refused(by: &Administration, link: &carnet::peer::Link, driven: &Driven, asked: &carnet_protocol::wire::Asked) -> String {
    let frames = driven.ask(link, asked).unwrap();
    assert_eq!(frames.len(), 1, "{} answers with a refusal and nothing else", by.country);
    peer::refusal(&frames).unwrap()
}

#[test]
fn a_scan_crosses_the_border_and_its_outcome_comes_back_and_a_third_sees_nothing() {
    let federation = Federation::new(&["NL", "DE", "BE"]);
    let [a, b, c] = &federation.all[..] else { panic!() };
    federation.all.iter().for_each(Administration::serve);
    let image = a.import(&federation.file("scan.png", &fixtures::png(200, 100, 1)), &["--inspection", "NL-2026-1"]);
    let spectrum = a.import(&federation.file("portal.n42", &fixtures::n42(1)), &["--inspection", "NL-2026-1"]);
    assert_eq!(a.ok(&["share", "NL-2026-1", "--to", "DE"]).len(), 2, "both records of the inspection");

    b.wait_for(&image);
    b.wait_for(&spectrum);
    let shown = b.show(&image);
    assert_eq!(
        (shown["administration"].as_str(), shown["own"].as_bool(), shown["verified"].as_bool()),
        (Some("NL"), Some(false), Some(true))
    );
    assert_eq!(here(&shown), owned(&[("plane", false), ("native", false)]), "announced without its pixels");
    for record in [&image, &spectrum] {
        let lines = b.ok(&["fetch", record]);
        assert_eq!(lines[0]["status"], "fetched");
        assert_eq!(lines[1]["status"], "stays-home", "{lines:?}");
    }
    assert_eq!(here(&b.show(&image)), owned(&[("plane", true), ("native", false)]));
    b.verify();

    let outcome =
        b.one(&["outcome", &image, "--decision", "seized", "--examined", "full", "--reason", "risk", "--found", "drugs:40:bricks"]);
    let outcome = outcome["record"].as_str().unwrap().to_owned();
    a.wait_for(&outcome);
    let children = a.show(&image)["children"].clone();
    assert!(children.as_array().unwrap().iter().any(|child| child["record"] == outcome.as_str()), "{children}");
    assert_eq!(a.show(&outcome)["content"]["found"][0]["category"], "drugs");
    a.verify();

    // The third: no record, and for what exists the same answer as for what does not.
    assert!(c.records().is_empty());
    c.kill();
    let driven = Driven::open(c);
    let (link, _carrier) = driven.connect(a).unwrap();
    let nothing = "ab".repeat(32);
    let unknown = refused(a, &link, &driven, &peer::record(&nothing));
    assert_eq!(unknown, "request.not-available");
    for record in [&image, &spectrum, &outcome] {
        assert_eq!(refused(a, &link, &driven, &peer::record(record)), unknown);
        assert_eq!(refused(a, &link, &driven, &peer::payload(record, 0)), unknown);
    }
    assert_eq!(refused(a, &link, &driven, &peer::payload(&nothing, 0)), unknown);
    // The refusals are counted for the operator.
    let refusals = a.one(&["status"])["refusals_last_7_days"].clone();
    let of_c = refusals.as_array().unwrap().iter().find(|refusal| refusal["partner"] == "BE").cloned().unwrap();
    assert_eq!((of_c["reason"].as_str(), of_c["count"].as_u64()), (Some("request.not-available"), Some(8)));
}

#[test]
fn the_native_file_stays_at_home_unless_it_is_shared() {
    let federation = Federation::new(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    let file = federation.file("scan.png", &fixtures::png(64, 64, 2));
    let record = a.import(&file, &["--releasable-to", "DE"]);
    a.serve();
    b.ok(&["fetch", "--payloads"]);
    assert_eq!(here(&b.show(&record)), owned(&[("plane", true), ("native", false)]));
    a.ok(&["share", &record, "--to", "DE", "--with-native"]);
    b.ok(&["fetch", "--payloads"]);
    assert_eq!(here(&b.show(&record)), owned(&[("plane", true), ("native", true)]));
    b.verify();
}

#[test]
fn personal_data_stays_at_home_unless_it_is_named() {
    let federation = Federation::new(&["NL", "DE", "BE"]);
    let [a, b, c] = &federation.all[..] else { panic!() };
    let record = a.import(&federation.file("declaration.json", &fixtures::declaration(1)), &["--inspection", "NL-2026-2"]);
    let own = a.one(&["show", &record, "--personal"]);
    assert_eq!((own["personal_fields"].as_u64(), own["personal"]["consignee"].as_str()), (Some(2), Some("Invented Trading 1")));
    a.ok(&["share", &record, "--to", "DE"]);
    a.ok(&["share", &record, "--to", "BE", "--personal", "consignee"]);
    a.serve();
    for (partner, sees) in [(b, None), (c, Some("Invented Trading 1"))] {
        partner.ok(&["fetch", "--payloads", "--from", "NL"]);
        let shown = partner.one(&["show", &record, "--personal"]);
        assert_eq!(shown["personal_fields"].as_u64(), Some(2), "the commitments are there");
        assert_eq!(shown["personal"]["consignee"].as_str(), sees);
        assert!(shown["personal"]["consignor"].is_null(), "nobody named this one");
        partner.verify();
    }
    let refused = a.run(&["share", &record, "--to", "DE", "--personal", "shoe-size"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
}

#[test]
fn what_is_withdrawn_is_served_no_more_and_marked_at_the_partner() {
    let federation = Federation::new(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    a.serve();
    b.serve();
    let record = a.import(&federation.file("a.n42", &fixtures::n42(3)), &["--releasable-to", "DE"]);
    b.wait_for(&record);
    let withdrawal = a.one(&["withdraw", &record, "--from", "DE", "--reason", "wrong container"]);
    assert_eq!(withdrawal["record"], record.as_str());
    wait_until("the record is marked withdrawn at the partner", 20, || b.show(&record)["withdrawn"].as_bool()?.then_some(()));
    let fetched = b.run(&["fetch", &record]);
    assert_eq!(fetched.lines[0]["status"], "request.not-available", "{}{}", fetched.out, fetched.err);
    b.kill();
    let driven = Driven::open(b);
    let (link, _carrier) = driven.connect(a).unwrap();
    assert_eq!(refused(a, &link, &driven, &peer::record(&record)), "request.not-available");
    a.verify();
    b.verify();
}

#[test]
fn a_partner_that_was_offline_catches_up_and_a_late_release_of_an_early_record_is_not_missed() {
    let federation = Federation::new(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    let import = |seed: u64, more: &[&str]| a.import(&federation.file(&format!("{seed}.n42"), &fixtures::n42(seed)), more);
    // Logged first, released last.
    let early = import(10, &[]);
    a.serve();
    b.serve();
    let first = import(11, &["--releasable-to", "DE"]);
    b.wait_for(&first);
    b.stop();
    let missed: Vec<String> = (12..15).map(|seed| import(seed, &["--releasable-to", "DE"])).collect();
    b.serve();
    missed.iter().for_each(|record| b.wait_for(record));
    assert!(!b.has(&early));
    a.ok(&["share", &early, "--to", "DE"]);
    b.wait_for(&early);
    let partner = b.one(&["partner", "list"]);
    let head = a.one(&["partner", "list"])["released"].clone();
    assert_eq!(partner["taken"], head, "the cursor stands at the feed's head");
    b.verify();
}

#[test]
fn a_partner_without_an_endpoint_is_pulled_over_its_own_connection() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    // NL cannot dial DE; what DE makes reaches NL all the same, over the connection that DE opened.
    a.partner(b, &[]);
    b.partner(a, &[&a.endpoint()]);
    a.serve();
    b.serve();
    let record = b.import(&federation.file("x.n42", &fixtures::n42(4)), &["--releasable-to", "NL"]);
    a.wait_for(&record);
    let later = b.import(&federation.file("y.n42", &fixtures::n42(5)), &["--releasable-to", "NL"]);
    a.wait_for(&later);
}

#[test]
fn of_several_endpoints_a_dead_one_does_no_harm() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    a.partner(b, &[]);
    let dead = format!("127.0.0.1:{}", carnet_tests::federation::free_port());
    b.partner(a, &[&dead, &a.endpoint()]);
    let record = a.import(&federation.file("x.n42", &fixtures::n42(6)), &["--releasable-to", "DE"]);
    a.serve();
    b.serve();
    wait_until("the second endpoint is tried", 40, || b.has(&record).then_some(()));
    // And by the command line too.
    let later = a.import(&federation.file("y.n42", &fixtures::n42(7)), &["--releasable-to", "DE"]);
    b.stop();
    b.ok(&["fetch", "--payloads"]);
    assert!(b.has(&later));
}

#[test]
fn partners_are_pinned_by_fingerprint_alone() {
    let federation = Federation::strangers(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    let root = b.root();
    let add = |words: &[&str]| a.run(&[&["partner", "add", "--root", root.to_str().unwrap()], words].concat());
    assert_eq!(add(&[]).code, 2, "without a fingerprint nobody is pinned");
    assert_eq!(add(&["--fingerprint", &"00".repeat(32)]).code, 2);
    assert!(a.ok(&["partner", "list"]).is_empty());
    assert_eq!(add(&["--fingerprint", &b.fingerprint()]).code, 0);
    a.ok(&["partner", "remove", "DE"]);
    assert!(a.ok(&["partner", "list"]).is_empty());
}

#[test]
fn a_server_that_is_asked_to_stop_stops_soon_and_in_order() {
    let federation = Federation::new(&["NL", "DE"]);
    federation.all.iter().for_each(Administration::serve);
    wait_until("they are connected", 20, || federation.of("NL").log().contains("partner").then_some(()));
    for one in &federation.all {
        let took = one.stop();
        assert!(took.as_secs() < 15, "{took:?}");
    }
}

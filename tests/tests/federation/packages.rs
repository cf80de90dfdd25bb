//! Packages: what leaves in one, and that no change to one goes unseen.

use std::path::Path;

use carnet_tests::federation::{Administration, Federation, Ran};
use carnet_tests::{Chance, fixtures};

fn export(from: &Administration, to: &str, target: &[&str], out: &Path) -> Ran {
    from.run(&[&["export", "--to", to, "--out", out.to_str().unwrap()], target].concat())
}

#[test]
fn a_package_for_a_partner_leaves_out_what_the_partner_may_not_have() {
    let federation = Federation::new(&["NL", "DE", "BE"]);
    let [a, b, c] = &federation.all[..] else { panic!() };
    let shared = a.import(&federation.file("a.png", &fixtures::png(80, 60, 1)), &["--releasable-to", "DE", "--inspection", "NL-2026-7"]);
    let kept = a.import(&federation.file("b.n42", &fixtures::n42(2)), &["--inspection", "NL-2026-7"]);
    let out = federation.folder.path().join("for-de.uff");
    let ran = export(a, "DE", &["NL-2026-7"], &out);
    assert_eq!(ran.code, 2, "something was left out: {}{}", ran.out, ran.err);
    let line = &ran.lines[0];
    assert_eq!((line["records"].as_u64(), line["payloads"].as_u64()), (Some(1), Some(1)), "no native file: {line}");
    assert_eq!(line["left_out"][0], kept.as_str());
    // The partner verifies it with the root that it pinned, and finds what it may have and nothing else.
    let verified = b.run(&["verify", out.to_str().unwrap()]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let last = verified.lines.last().unwrap();
    assert_eq!((last["status"].as_str(), last["detail"].as_str()), (Some("good"), Some("1 records")), "{last}");
    assert!(a.one(&["export", "--to", "DE", "--out", out.to_str().unwrap(), &shared])["left_out"].as_array().unwrap().is_empty());
    let whole = federation.folder.path().join("own.uff");
    let own = a.one(&["export", "--own", "--out", whole.to_str().unwrap(), "NL-2026-7"]);
    assert_eq!((own["records"].as_u64(), own["payloads"].as_u64()), (Some(2), Some(4)));
    assert_eq!(c.run(&["verify", whole.to_str().unwrap()]).code, 0);
    // Who did not pin the maker believes nothing of it.
    let stranger = Administration::new("FR", &federation.folder.path().join("FR"));
    let doubted = stranger.run(&["verify", out.to_str().unwrap()]);
    assert_eq!(doubted.code, 2, "{}", doubted.out);
    assert!(doubted.out.contains("chain."), "{}", doubted.out);
}

#[test]
fn any_change_to_a_package_is_found_and_named() {
    let mut chance = Chance::from_environment("any_change_to_a_package_is_found_and_named");
    let federation = Federation::new(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    let first = a.import(&federation.file("a.png", &fixtures::png(60, 40, 1)), &["--releasable-to", "DE"]);
    let second = a.import(&federation.file("b.n42", &fixtures::n42(2)), &["--releasable-to", "DE"]);
    let out = federation.folder.path().join("good.uff");
    assert_eq!(export(a, "DE", &[&first, &second], &out).code, 0);
    let good = std::fs::read(&out).unwrap();
    assert_eq!(b.run(&["verify", out.to_str().unwrap()]).code, 0);
    let refused = |bytes: &[u8], what: &str| {
        let path = federation.file("bad.uff", bytes);
        let ran = b.run(&["verify", path.to_str().unwrap()]);
        assert_eq!(ran.code, 2, "{what}: {}{}", ran.out, ran.err);
        let reasons: Vec<_> = ran.lines.iter().filter_map(|line| line["reason"].as_str().map(str::to_owned)).collect();
        assert!(!reasons.is_empty(), "{what}: no reason: {}", ran.out);
        reasons
    };
    let flips: Vec<usize> = (0..12).chain((0..48).map(|_| chance.below(good.len() as u64) as usize)).chain([good.len() - 1]).collect();
    for at in flips {
        let mut bad = good.clone();
        bad[at] ^= 1 << chance.below(8);
        refused(&bad, &format!("a flipped bit in byte {at}"));
    }
    for length in
        [0, 1, 4, 5, 40, good.len() / 2, good.len() - 1].into_iter().chain((0..8).map(|_| chance.below(good.len() as u64) as usize))
    {
        let reasons = refused(&good[..length], &format!("cut to {length} bytes"));
        assert!(reasons.iter().any(|reason| reason.contains("package.")), "{reasons:?}");
    }
    assert!(refused(&[&good[..], &[0]].concat(), "a byte more")[0].contains("package.trailer"));
    refused(&[&good[..], &good[..]].concat(), "the package twice");
}

#[test]
fn a_package_is_whole_or_not_there() {
    let federation = Federation::new(&["NL", "DE"]);
    let (a, b) = (federation.of("NL"), federation.of("DE"));
    let record = a.import(&federation.file("a.n42", &fixtures::n42(1)), &["--releasable-to", "DE"]);
    a.ok(&["withdraw", &record]);
    let out = federation.folder.path().join("gone.uff");
    let ran = export(a, "DE", &[&record], &out);
    assert_eq!(ran.code, 2, "what was withdrawn does not leave: {}{}", ran.out, ran.err);
    assert_eq!(ran.lines[0]["records"], 0);
    // What is not here is left out as well, in the same words: what may not leave and what there is not are one answer.
    let none = federation.folder.path().join("none.uff");
    let missing = b.run(&["export", "--to", "NL", "--out", none.to_str().unwrap(), &record]);
    assert_ne!(missing.code, 0);
    // A folder that cannot be written leaves nothing under the right name.
    let nowhere = a.run(&["export", "--own", "--out", "/nonexistent/folder/x.uff", &record]);
    assert_eq!(nowhere.code, 1, "{}", nowhere.err);
}

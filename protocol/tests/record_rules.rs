//! The envelope and its content: each rule of REC-010 and REC-020 with its code, each limit at its edge and one past it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use carnet_protocol::cbor::{self, Raw, Real};
use carnet_protocol::digest::Digest;
use carnet_protocol::image::MAX_SIDE;
use carnet_protocol::limits::{MAX_AXES, MAX_LIST, MAX_NAME, MAX_OPENING_COUNT, MAX_OPENINGS, MAX_PARENTS, MAX_PAYLOADS, MAX_TEXT};
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::{
    Annotation, Channel, Content, Declaration, Found, Grading, Handling, Image, Instrument, Intelligence, Item, Kind, Opening, Outcome,
    Parent, ParentRole, Receipt, Received, Record, Region, Release, Series, SignalAxis, Spectrum, View, Withdrawal, check_openings,
};
use carnet_protocol::signed::Statement as _;
use common::{Administration, NOW, country, payload};
use proptest::prelude::*;

fn base() -> Record {
    let mut record = Administration::new("NL", 1).record(1, &["BE"]);
    record.payloads.push(payload("decoded", "text/plain", b"abc"));
    record
}

fn judge(record: &Record) -> Result<Record, Fault> {
    let bytes = record.encode();
    cbor::scan(&bytes)?;
    Record::decode(&bytes)
}

fn code(record: &Record) -> Option<Reason> {
    judge(record).err().map(|fault| fault.reason)
}

fn with(change: impl FnOnce(&mut Record)) -> Record {
    let mut record = base();
    change(&mut record);
    record
}

fn of(content: Content) -> Record {
    let (kind, content) = content.into_parts();
    with(|r| (r.kind, r.content) = (kind, content))
}

#[test]
fn the_envelope_names_its_faults() {
    assert_eq!(code(&base()), None);
    let long = "n".repeat(MAX_NAME + 1);
    let cases: Vec<(&str, Record, Reason)> = vec![
        ("version", with(|r| r.version = 2), Reason::RecordVersion),
        ("inspection", with(|r| r.inspection = "nl-1".into()), Reason::RecordIdentifier),
        ("office", with(|r| r.maker.office = Some("NL1".into())), Reason::RecordIdentifier),
        ("site", with(|r| r.maker.site = Some("NLRT1".into())), Reason::RecordIdentifier),
        ("node", with(|r| r.maker.node = String::new()), Reason::RecordLimit),
        ("log", with(|r| r.maker.log = long.clone()), Reason::RecordIdentifier),
        ("escape", with(|r| r.maker.node = "nl\u{1b}[2J".into()), Reason::RecordLimit),
        ("line break in a name", with(|r| r.maker.node = "a\nb".into()), Reason::RecordLimit),
        (
            "instrument",
            with(|r| r.maker.instrument = Some(Instrument { serial: Some(long.clone()), ..Default::default() })),
            Reason::RecordLimit,
        ),
        ("commitments", with(|r| r.commitments = vec![Digest([2; 32]), Digest([1; 32])]), Reason::RecordStructure),
        ("commitment twice", with(|r| r.commitments = vec![Digest([2; 32]); 2]), Reason::RecordStructure),
        ("releasable", with(|r| r.handling.releasable_to = vec![country("NL"), country("BE")]), Reason::RecordStructure),
        ("groups", with(|r| r.handling.groups = vec!["a".into(), "a".into()]), Reason::RecordStructure),
        ("purpose", with(|r| r.handling.purpose = vec![String::new()]), Reason::RecordLimit),
        ("basis", with(|r| r.handling.legal_basis = Some(long.clone())), Reason::RecordLimit),
        ("role", with(|r| r.payloads[0].role = String::new()), Reason::RecordLimit),
        ("size", with(|r| r.payloads[0].size = carnet_protocol::payload::MAX_PAYLOAD + 1), Reason::PayloadTooLarge),
        (
            "own handling",
            with(|r| r.payloads[0].handling = Some(Handling { groups: vec![String::new()], ..Default::default() })),
            Reason::RecordLimit,
        ),
        ("content", with(|r| r.content = Raw::of(&7u8)), Reason::RecordContent),
        ("kind", with(|r| r.kind = Kind::Other("Not A Word".into())), Reason::RecordStructure),
        ("the largest payload", with(|r| r.payloads[0].size = carnet_protocol::payload::MAX_PAYLOAD), Reason::Busy),
        ("the longest name", with(|r| r.maker.node = "n".repeat(MAX_NAME)), Reason::Busy),
    ];
    for (what, record, wanted) in cases {
        // `Busy` stands for good here.
        assert_eq!(code(&record).unwrap_or(Reason::Busy), wanted, "{what}");
    }
}

#[test]
fn counts_at_their_edges() {
    let parent = Parent { record: Digest([1; 32]), role: ParentRole::About };
    let digests = |count: usize| (0..count).map(|n| Digest::of(&n.to_be_bytes())).collect::<std::collections::BTreeSet<_>>();
    for past in [0, 1] {
        let wanted = (past == 1).then_some(Reason::RecordLimit);
        assert_eq!(code(&with(|r| r.parents = vec![parent.clone(); MAX_PARENTS + past])), wanted);
        assert_eq!(code(&with(|r| r.payloads = vec![r.payloads[0].clone(); MAX_PAYLOADS + past])), wanted);
        assert_eq!(code(&with(|r| r.commitments = digests(MAX_OPENING_COUNT + past).into_iter().collect())), wanted);
        assert_eq!(code(&with(|r| r.handling.derivatives = vec!["x".into(); MAX_LIST + past])), wanted);
        assert_eq!(
            code(&of(Content::Annotation(Annotation { text: "t".repeat(MAX_TEXT + past), category: None, regions: vec![] }))),
            wanted
        );
        let axes = vec![SignalAxis { name: "time".into(), unit: "s".into(), length: 3 }; MAX_AXES + past];
        let series = Series { synthetic: true, acquired: None, source: "csv".into(), payload: 0, axes, containers: vec![] };
        assert_eq!(code(&of(Content::Signal(series))), wanted);
        let declaration = Declaration { items: vec![Item::default(); MAX_LIST + past], ..Default::default() };
        assert_eq!(code(&of(Content::Declaration(Box::new(declaration)))), wanted);
    }
}

fn image(change: impl FnOnce(&mut Image)) -> Record {
    let channel = Channel {
        energy: "6 MV".into(),
        meaning: "raw".into(),
        stored_bits: 16,
        payload: 0,
        samples: Digest([9; 32]),
        polarity: None,
        slope: None,
        intercept: None,
    };
    let view = View {
        name: "side".into(),
        width: 2,
        height: 2,
        pitch_along: Real::new(5.0),
        pitch_across: None,
        geometry: None,
        channels: vec![channel],
    };
    let mut image =
        Image { synthetic: false, projected: false, acquired: None, source: "dicos".into(), views: vec![view], containers: vec![] };
    change(&mut image);
    of(Content::Image(image))
}

#[test]
fn images() {
    assert_eq!(code(&image(|_| ())), None);
    assert_eq!(code(&image(|i| i.views[0].channels[0].stored_bits = 8)), None);
    assert_eq!(code(&image(|i| (i.views[0].width, i.views[0].height) = (1 << 14, 1 << 14))), None);
    assert_eq!(code(&image(|i| i.views[0].width = MAX_SIDE)), None);
    assert_eq!(code(&image(|i| i.views[0].height = MAX_SIDE + 1)), Some(Reason::RecordLimit));
    type Change = fn(&mut Image);
    let cases: [(Change, Reason); 9] = [
        (|i| i.source = String::new(), Reason::RecordLimit),
        (|i| i.views[0].name = String::new(), Reason::RecordLimit),
        (|i| i.views[0].width = 0, Reason::RecordLimit),
        (|i| (i.views[0].width, i.views[0].height) = ((1 << 14) + 1, 1 << 14), Reason::RecordLimit),
        (|i| i.views[0].pitch_along = Real::new(0.0), Reason::RecordContent),
        (|i| i.views[0].channels[0].stored_bits = 7, Reason::RecordLimit),
        (|i| i.views[0].channels[0].stored_bits = 17, Reason::RecordLimit),
        (|i| i.views[0].channels[0].payload = 1, Reason::RecordContent),
        (|i| i.containers = vec!["CSQU3054384".into()], Reason::RecordIdentifier),
    ];
    for (change, wanted) in cases {
        assert_eq!(code(&image(change)), Some(wanted));
    }
}

#[test]
fn other_kinds() {
    let spectrum = |payload| {
        of(Content::Spectrum(Spectrum {
            synthetic: false,
            acquired: None,
            source: "spe".into(),
            payload,
            measurements: 1,
            detectors: 1,
            channels: 1024,
            neutrons: false,
            containers: vec!["CSQU3054383".into()],
        }))
    };
    assert_eq!((code(&spectrum(0)), code(&spectrum(1))), (None, Some(Reason::RecordContent)));
    let tip = |grading: Grading, source: &str, information: &str| {
        let (source, information) = (source.into(), information.into());
        code(&of(Content::Intelligence(Intelligence { text: "tip".into(), grading, source, information, containers: vec![] })))
    };
    assert_eq!(tip(Grading::FourByFour, "X", "4"), None);
    assert_eq!(tip(Grading::FourByFour, "D", "4"), Some(Reason::RecordContent));
    assert_eq!(tip(Grading::SixBySix, "F", "6"), None);
    assert_eq!(tip(Grading::SixBySix, "X", "6"), Some(Reason::RecordContent));
    assert_eq!(tip(Grading::Other("5x5".into()), "A", "1"), Some(Reason::RecordContent));
    let outcome = |decision: &str, examined: &str, reason: &str| {
        let found = vec![Found { category: "cigarettes".into(), description: None, mass: Real::new(2.5), pieces: Some(10) }];
        let (decision, examined, reason) = (decision.into(), examined.into(), reason.into());
        code(&of(Content::Outcome(Outcome { decision, examined, reason, found, decided: Some(NOW), remarks: None })))
    };
    assert_eq!(outcome("seized", "full", "tip"), None);
    for bad in [("burnt", "full", "tip"), ("seized", "some", "tip"), ("seized", "full", "boredom")] {
        assert_eq!(outcome(bad.0, bad.1, bad.2), Some(Reason::RecordContent));
    }
    let region = |corners: usize| {
        let regions = vec![Region { view: 0, corners: vec![Real::default(); corners] }];
        code(&of(Content::Annotation(Annotation { text: "here".into(), category: None, regions })))
    };
    assert_eq!((region(6), region(4), region(7)), (None, Some(Reason::RecordContent), Some(Reason::RecordContent)));
    let release = |payloads: Vec<u32>| {
        code(&of(Content::Release(Release { record: Digest([1; 32]), to: country("BE"), payloads, until: None, personal: vec![] })))
    };
    assert_eq!(
        (release(vec![0, 2]), release(vec![2, 0]), release(vec![1, 1])),
        (None, Some(Reason::RecordContent), Some(Reason::RecordContent))
    );
    let receipt = |payloads: Vec<u32>| {
        let received = vec![Received { record: Digest([1; 32]), entry: Digest([2; 32]), index: 0, log_size: 1, payloads }];
        code(&of(Content::Receipt(Receipt { from: country("BE"), received })))
    };
    assert_eq!((receipt(vec![0, 1]), receipt(vec![1, 0])), (None, Some(Reason::RecordContent)));
    let withdrawal = Withdrawal { record: Digest([1; 32]), from: None, reason: Some("shared in error".into()) };
    assert_eq!(code(&of(Content::Withdrawal(withdrawal))), None);
}

/// Of two faults the one of the earlier step of REC-010.
#[test]
fn the_first_fault_is_named() {
    type Change = fn(&mut Record);
    let steps: [(Reason, Change); 9] = [
        (Reason::RecordVersion, |r| r.version = 9),
        (Reason::RecordStructure, |r| r.kind = Kind::Other("NO".into())),
        (Reason::RecordIdentifier, |r| r.inspection = "?".into()),
        (Reason::RecordLimit, |r| r.maker.node = String::new()),
        (Reason::RecordStructure, |r| r.commitments = vec![Digest([1; 32]); 2]),
        (Reason::HandlingUnknown, |r| r.handling.tlp = carnet_protocol::record::Tlp::Other("purple".into())),
        (Reason::RecordLimit, |r| r.payloads[0].role = String::new()),
        (Reason::PayloadTooLarge, |r| r.payloads[0].size = u64::MAX),
        (Reason::RecordContent, |r| r.content = Raw::of(&0u8)),
    ];
    for (at, (wanted, change)) in steps.iter().enumerate() {
        assert_eq!(code(&with(change)), Some(*wanted), "step {at}");
        for (later, (_, other)) in steps.iter().enumerate().skip(at + 1) {
            let both = with(|r| {
                other(r);
                change(r);
            });
            assert_eq!(code(&both), Some(*wanted), "step {at} before {later}");
        }
    }
}

#[test]
fn openings() {
    let opening = |n: u8, value: &str| Opening::of_text(Digest([n; 32]), "consignor", value);
    let of = |openings: &[Opening]| -> (Vec<Digest>, Vec<Vec<u8>>) {
        let mut commitments: Vec<Digest> = openings.iter().map(Opening::commitment).collect();
        commitments.sort_unstable();
        (commitments, openings.iter().map(cbor::encode).collect())
    };
    let (commitments, bytes) = of(&[opening(1, "A"), opening(2, "B")]);
    assert_eq!(check_openings(&commitments, &bytes).unwrap().len(), 2);
    // One withheld, all withheld.
    assert_eq!(check_openings(&commitments, &bytes[1..]).unwrap()[0].text().as_deref(), Some("B"));
    assert!(check_openings(&commitments, &[]).unwrap().is_empty());
    let refused = |openings: &[Vec<u8>]| check_openings(&commitments, openings).unwrap_err().reason;
    assert_eq!(refused(&[bytes[0].clone(), bytes[0].clone()]), Reason::OpeningUnknown);
    assert_eq!(refused(&[cbor::encode(&opening(1, "C"))]), Reason::OpeningUnknown);
    assert_eq!(refused(&[vec![0x80]]), Reason::OpeningStructure);
    assert_eq!(refused(&[vec![0x9f, 0xff]]), Reason::CborIndefinite);
    let mut four = bytes[0].clone();
    four[0] = 0x84;
    four.push(0x00);
    assert_eq!(refused(&[four]), Reason::OpeningStructure);
    for at in 0..bytes[0].len() {
        for bit in 0..8 {
            let mut changed = bytes[0].clone();
            changed[at] ^= 1 << bit;
            assert!(check_openings(&commitments, &[changed]).is_err(), "bit {bit} of byte {at}");
        }
    }
    // The limits, together: as many as are allowed, as large as is allowed.
    let each = MAX_OPENINGS / MAX_OPENING_COUNT;
    let overhead = cbor::encode(&opening(1, &"x".repeat(200))).len() - 200;
    let many: Vec<Opening> = (0..MAX_OPENING_COUNT).map(|n| opening(n as u8, &"x".repeat(each - overhead))).collect();
    let (commitments, mut bytes) = of(&many);
    assert_eq!(bytes.iter().map(Vec::len).sum::<usize>(), MAX_OPENINGS);
    check_openings(&commitments, &bytes).unwrap();
    bytes[0].push(0);
    assert_eq!(check_openings(&commitments, &bytes).unwrap_err().reason, Reason::RecordLimit);
    let short = vec![cbor::encode(&opening(1, "x")); MAX_OPENING_COUNT + 1];
    assert_eq!(check_openings(&commitments, &short).unwrap_err().reason, Reason::RecordLimit);
}

prop_compose! {
    fn records()(
        salt in any::<[u8; 32]>(),
        word in "[a-z0-9-]{1,32}",
        made in any::<i64>(),
        parents in prop::collection::vec((any::<[u8; 32]>(), "[a-z-]{1,32}"), 0..4),
        sizes in prop::collection::vec(0..1u64 << 36, 0..4),
        release in prop::collection::btree_set(prop::sample::select(vec!["BE", "DE", "FR", "GB", "UA"]), 0..5),
        text in "\\PC{0,200}",
        mass in any::<f64>(),
        instrument in prop::option::of("[A-Za-z0-9 ]{1,20}"),
        commitments in prop::collection::btree_set(any::<[u8; 32]>(), 0..4),
        retain in prop::option::of(any::<i64>()),
        which in 0..4,
    ) -> Record {
        let content = match which {
            0 => Content::Annotation(Annotation { text, category: Some("cash".into()), regions: vec![] }),
            1 => Content::Declaration(Box::new(Declaration {
                items: vec![Item { number: 1, description: Some(text), gross_mass: Real::new(mass), ..Item::default() }],
                routing: vec![country("UA"), country("PL")],
                ..Declaration::default()
            })),
            2 => Content::Release(Release {
                record: Digest(salt),
                to: country("BE"),
                payloads: vec![1, 3],
                personal: vec!["consignor".into(), "driver".into()],
                until: retain.map(carnet_protocol::time::Timestamp),
            }),
            _ => Content::Other,
        };
        let mut record = Administration::new("NL", 1).record(1, &release.into_iter().collect::<Vec<_>>());
        (record.kind, record.content) = content.into_parts();
        if which == 3 {
            record.kind = word.parse().unwrap();
            if !matches!(record.kind, Kind::Other(_)) {
                record.kind = Kind::Other("something-new".into());
            }
        }
        record.salt = Digest(salt);
        record.made = carnet_protocol::time::Timestamp(made);
        record.parents = parents.into_iter().map(|(id, role)| Parent { record: Digest(id), role: role.parse().unwrap() }).collect();
        record.payloads = sizes
            .into_iter()
            .map(|size| carnet_protocol::record::PayloadRef { size, ..payload("plane", "application/octet-stream", b"") })
            .collect();
        record.maker.instrument = instrument.map(|model| Instrument { model: Some(model), ..Instrument::default() });
        record.commitments = commitments.into_iter().map(Digest).collect();
        record.handling.retain_until = retain.map(carnet_protocol::time::Timestamp);
        record
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_signed_comes_back(record in records()) {
        let nl = Administration::new("NL", 1);
        let signed = nl.sign(&record);
        prop_assert_eq!(signed.claimed(), &record);
        let again = carnet_protocol::signed::Signed::<Record>::parse(signed.bytes()).unwrap();
        prop_assert_eq!(again.claimed(), &record);
        prop_assert_eq!(again.id(), signed.id());
        cbor::scan(&record.encode()).unwrap();
    }

    #[test]
    fn changed_bytes_are_judged_without_panic(record in records(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..8)) {
        let nl = Administration::new("NL", 1);
        for bytes in [record.encode(), nl.sign(&record).bytes().to_vec()] {
            let mut changed = bytes;
            for (index, what, byte) in &edits {
                let at = index.index(changed.len().max(1));
                match what {
                    _ if changed.is_empty() => changed.push(*byte),
                    0 => changed[at] = *byte,
                    1 => drop(changed.remove(at)),
                    2 => changed.insert(at, *byte),
                    _ => changed.truncate(at),
                }
            }
            // A decoder is only ever handed what the scanner took, but must not panic on anything.
            let _ = Record::decode(&changed);
            let _ = carnet_protocol::signed::Signed::<Record>::parse(&changed);
            let _ = Opening::decode(&changed);
            let _ = carnet_protocol::log::LogProof::decode(&changed);
            let _ = carnet_protocol::wire::Request::decode(&changed);
        }
    }

    #[test]
    fn any_bytes_are_scanned_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let scanned = cbor::scan(&bytes);
        let _ = Record::decode(&bytes);
        let _ = carnet_protocol::signed::Signed::<Record>::parse(&bytes);
        let _ = cbor::map_fields(&bytes);
        let _ = cbor::array_items(&bytes);
        if let Err(fault) = scanned {
            prop_assert!(fault.at.unwrap() <= bytes.len() as u64);
        }
    }
}

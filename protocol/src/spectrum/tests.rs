#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::{Category, Detector, FindingKind, Instrument, VendorFinding};
use super::*;
use proptest::prelude::*;

fn real(value: f64) -> Real {
    Real::new(value).unwrap()
}

fn example() -> SpectrumView {
    SpectrumView {
        version: VERSION,
        instrument: Instrument { maker: Some("Example".into()), model: Some("P-1".into()), ..Instrument::default() },
        detectors: vec![Detector { name: "A1".into(), category: Some(Category::Gamma), kind: Some("NaI".into()), description: None }],
        calibrations: vec![Calibration { polynomial: Some(vec![real(0.0), real(3.0)]), ..Calibration::default() }],
        measurements: vec![Measurement {
            sample: 1,
            class: MeasurementClass::Foreground,
            start: Some(1_264_291_704_078),
            real_time: Some(real(0.25)),
            live_time: Some(real(0.24)),
            detector: Some(0),
            calibration: Some(0),
            gamma: Some(Row::of(vec![22.0, 5.0, 0.0, 0.0, 2.0], MAX_CHANNELS).unwrap()),
            neutrons: Some(real(3.0)),
            occupied: Some(true),
            ..Measurement::default()
        }],
        findings: vec![VendorFinding {
            kind: FindingKind::Nuclide,
            name: "Cs-137".into(),
            confidence: Some(real(90.0)),
            ..VendorFinding::default()
        }],
    }
}

#[test]
fn a_view_comes_back() {
    let view = example();
    let bytes = view.to_cbor().unwrap();
    assert_eq!(SpectrumView::from_cbor(&bytes).unwrap(), view);
}

#[test]
fn unknown_fields_and_nulls_are_refused() {
    // {0: 1, 1: {}, 2: [], 3: [], 4: [], 5: []} is the least view; then with a field 6, and with a null maker.
    let least = [0xa6, 0, 1, 1, 0xa0, 2, 0x80, 3, 0x80, 4, 0x80, 5, 0x80];
    assert!(SpectrumView::from_cbor(&least).is_ok());
    let unknown = [0xa7, 0, 1, 1, 0xa0, 2, 0x80, 3, 0x80, 4, 0x80, 5, 0x80, 6, 0];
    assert!(matches!(SpectrumView::from_cbor(&unknown), Err(ViewError::Structure(_))));
    let null = [0xa6, 0, 1, 1, 0xa1, 0, 0xf6, 2, 0x80, 3, 0x80, 4, 0x80, 5, 0x80];
    assert!(matches!(SpectrumView::from_cbor(&null), Err(ViewError::Structure(_))));
    assert!(matches!(SpectrumView::from_cbor(&[0xbf, 0xff]), Err(ViewError::Encoding(_))));
}

#[test]
fn rules_are_enforced_both_ways() {
    type Break = fn(&mut SpectrumView);
    let cases: [(&str, Break); 9] = [
        ("SPEC-002", |view| view.version = 2),
        ("SPEC-041", |view| view.measurements[0].detector = Some(1)),
        ("SPEC-042", |view| view.measurements[0].live_time = Some(real(-1.0))),
        ("SPEC-043", |view| (view.measurements[0].start, view.measurements[0].local_time) = (None, true)),
        ("SPEC-044", |view| view.measurements[0].position = Some(Pair(real(91.0), real(0.0)))),
        ("SPEC-046", |view| (view.measurements[0].gamma, view.measurements[0].neutrons) = (None, None)),
        ("SPEC-047", |view| view.instrument.maker = Some(String::new())),
        ("SPEC-048", |view| view.findings[0].confidence = Some(real(100.5))),
        ("SPEC-050", |view| view.calibrations[0].boundaries = Some(vec![real(1.0)])),
    ];
    for (broken, change) in cases {
        let mut view = example();
        change(&mut view);
        assert!(matches!(view.to_cbor(), Err(ViewError::Rule { rule, .. }) if rule == broken), "{broken}");
        assert!(SpectrumView::from_cbor(&crate::cbor::encode(&view)).is_err(), "{broken}");
    }
}

#[test]
fn limits_hold_at_the_edge_and_one_past_it() {
    let mut view = example();
    view.measurements[0].title = Some("x".repeat(MAX_TEXT));
    assert!(view.to_cbor().is_ok());
    view.measurements[0].title = Some("x".repeat(MAX_TEXT + 1));
    assert!(matches!(view.to_cbor(), Err(ViewError::Limit { .. })));

    let mut view = example();
    view.findings = vec![view.findings[0].clone(); MAX_FINDINGS];
    assert!(view.to_cbor().is_ok());
    view.findings.push(view.findings[0].clone());
    assert!(matches!(view.to_cbor(), Err(ViewError::Limit { .. })));

    // Zero runs: 4,096 measurements of 65,536 channels are the total, and weigh little.
    let mut view = example();
    view.measurements[0].gamma = Some(Row::of(vec![0.0; MAX_CHANNELS as usize], MAX_CHANNELS).unwrap());
    view.measurements = vec![view.measurements[0].clone(); (MAX_TOTAL_CHANNELS / u64::from(MAX_CHANNELS)) as usize];
    let bytes = view.to_cbor().unwrap();
    assert!(bytes.len() < 300_000);
    assert!(SpectrumView::from_cbor(&bytes).is_ok());
    view.measurements.push(view.measurements[0].clone());
    assert!(matches!(view.to_cbor(), Err(ViewError::Limit { .. })));
}

#[test]
fn edges_of_every_form() {
    let polynomial = Calibration { polynomial: Some(vec![real(1.0), real(2.0)]), ..Calibration::default() };
    assert_eq!(polynomial.edges(2).unwrap(), [1.0, 3.0, 5.0]);
    let boundaries = Calibration { boundaries: Some(vec![real(0.0), real(2.0)]), ..Calibration::default() };
    assert_eq!(boundaries.edges(2).unwrap(), [0.0, 2.0, 4.0]);
    let full = Calibration { full_range: Some([0.0, 100.0, 0.0, 0.0, 61.0].map(real).to_vec()), ..Calibration::default() };
    assert_eq!(full.edges(1).unwrap(), [61.0, 101.0]);
    let points = Calibration { points: Some(vec![Pair(real(0.0), real(10.0)), Pair(real(2.0), real(20.0))]), ..Calibration::default() };
    assert_eq!(points.edges(4).unwrap(), [10.0, 15.0, 20.0, 25.0, 30.0]);
    assert!(Calibration::default().edges(1).is_none());
}

proptest! {
    #[test]
    fn every_view_has_one_encoding(
        rows in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0.0), 0.0..5.0f64, (0u32..9000).prop_map(f64::from)], 1..60), 0..6),
        times in prop::collection::vec(0.0..1e6f64, 6),
        title in prop::option::of("[a-zé ]{1,20}"),
    ) {
        let mut view = example();
        for (row, time) in rows.into_iter().zip(times) {
            view.measurements.push(Measurement {
                sample: 2,
                live_time: Some(real(time)),
                gamma: Some(Row::of(row, MAX_CHANNELS).unwrap()),
                title: title.clone(),
                derived: true,
                ..Measurement::default()
            });
        }
        let bytes = view.to_cbor().unwrap();
        prop_assert!(crate::cbor::scan(&bytes).is_ok());
        let back = SpectrumView::from_cbor(&bytes).unwrap();
        prop_assert_eq!(back.to_cbor().unwrap(), bytes);
        prop_assert_eq!(back, view);
    }

    #[test]
    fn mangled_bytes_never_panic_and_never_gain_a_second_spelling(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = example().to_cbor().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(view) = SpectrumView::from_cbor(&bytes) {
            prop_assert_eq!(view.to_cbor().unwrap(), bytes);
        }
    }
}

//! The door: every fault of SIG-010 and SIG-011 with its code, and of two faults the earlier.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/forge.rs"]
mod forge;

use carnet_protocol::limits::{CLOCK_SKEW, MAX_RECORD, MAX_REQUEST};
use carnet_protocol::pki::MAX_CERTIFICATE;
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::{Kind, Record};
use carnet_protocol::signed::{Signed, Signer, Statement as _, TimeEvidence};
use carnet_protocol::time::Timestamp;
use carnet_protocol::wire::{Asked, Request};
use common::{Administration, FROM, NOW, UNTIL, country, payload};
use forge::{Forge, RECORD_TYPE, bstr, head, list, tstr, with_field};

fn nl() -> Administration {
    Administration::new("NL", 1)
}

fn forged(nl: &Administration) -> Forge {
    Forge::new(nl.record(1, &["BE"]).encode(), &nl.signer, RECORD_TYPE)
}

fn parse(bytes: &[u8]) -> Result<Signed<Record>, Fault> {
    Signed::parse(bytes)
}

fn reason<T>(judged: Result<T, Fault>) -> Reason {
    judged.map(|_| ()).expect_err("must be refused").reason
}

#[test]
fn a_forge_without_a_fault_is_what_the_code_signs() {
    let nl = nl();
    let bytes = forged(&nl).sign(&nl.signer);
    assert_eq!(bytes, nl.sign(&nl.record(1, &["BE"])).bytes());
    assert!(parse(&bytes).unwrap().verify(nl.trust(), TimeEvidence::now(NOW)).is_ok());
}

type Spoil = fn(&mut Forge);

/// One fault a step of SIG-010, in the order of the steps.
const STEPS: &[(Reason, Spoil)] = &[
    (Reason::StatementTooLarge, |f| f.tail.resize(MAX_RECORD, 0)),
    (Reason::CoseShape, |f| f.head = vec![0xd2, 0x83]),
    (Reason::CborNotShortest, |f| f.unprotected = vec![0xb8, 0x00]),
    (Reason::CoseShape, |f| f.protected = Some(vec![0x80])),
    (Reason::CoseUnprotected, |f| f.unprotected = vec![0xa1, 0x01, 0x02]),
    (Reason::CoseShape, |f| f.payload_item = Some(vec![0xf6])),
    (Reason::CoseShape, |f| f.signature_item = Some(vec![0x60])),
    (Reason::CborTrailing, |f| f.header_tail = vec![0x00]),
    (Reason::CoseHeader, |f| f.header[1].0 = vec![0x04]),
    (Reason::CoseAlgorithm, |f| f.header[0].1 = vec![0x26]),
    (Reason::CoseContentType, |f| f.header[1].1 = tstr("application/carnet-request+cbor")),
    (Reason::ChainEmpty, |f| f.header[2].1 = vec![0x80]),
    (Reason::CborKeyOrder, |f| f.payload = with_field(&f.payload, &[0x00], &[0x00])),
    (Reason::RecordVersion, |f| f.payload[2] = 0x02),
];

#[test]
fn reading_names_the_first_fault() {
    let nl = nl();
    for (at, (code, spoil)) in STEPS.iter().enumerate() {
        let mut one = forged(&nl);
        spoil(&mut one);
        assert_eq!(reason(parse(&one.sign(&nl.signer))), *code, "step {at}");
        for (later, (_, other)) in STEPS.iter().enumerate().skip(at + 1) {
            // The later fault goes in first, so that the earlier one is surely there.
            let mut two = forged(&nl);
            other(&mut two);
            spoil(&mut two);
            assert_eq!(reason(parse(&two.sign(&nl.signer))), *code, "step {at} before step {later}");
        }
    }
}

#[test]
fn the_header_has_one_form() {
    let nl = nl();
    let cases: &[(&str, Reason, Spoil)] = &[
        ("no map", Reason::CoseHeader, |f| f.protected = Some(bstr(&[0x80]))),
        ("empty string", Reason::CborTruncated, |f| f.protected = Some(bstr(&[]))),
        ("two entries", Reason::CoseHeader, |f| drop(f.header.pop())),
        ("four entries", Reason::CoseHeader, |f| f.header.push((vec![0x18, 0x22], vec![0x00]))),
        ("a text label", Reason::CoseHeader, |f| f.header[2].0 = tstr("x5chain")),
        ("alg in words", Reason::CoseHeader, |f| f.header[0].1 = tstr("EdDSA")),
        ("the old EdDSA", Reason::CoseAlgorithm, |f| f.header[0].1 = vec![0x27]),
        ("the old ES256", Reason::CoseAlgorithm, |f| f.header[0].1 = vec![0x26]),
        ("content type as a number", Reason::CoseContentType, |f| f.header[1].1 = vec![0x18, 0x3c]),
        ("one certificate by itself", Reason::CoseHeader, |f| f.header[2].1 = bstr(&[0x30])),
        ("a map for a chain", Reason::CoseHeader, |f| f.header[2].1 = vec![0xa0]),
        ("a certificate as a number", Reason::CoseHeader, |f| f.header[2].1 = list(&[vec![0x00]])),
        ("a certificate too large", Reason::ChainTooLong, |f| f.header[2].1 = list(&[bstr(&[0; MAX_CERTIFICATE + 1])])),
        ("five certificates", Reason::ChainTooLong, |f| f.header[2].1 = list(&vec![bstr(&[0x30]); 5])),
        ("a tag in the payload", Reason::CborTag, |f| f.payload = with_field(&f.payload, &[0x18, 0x63], &[0xc1, 0x00])),
        ("the tag in its long form", Reason::CoseShape, |f| f.head = vec![0xd8, 0x12, 0x84]),
        ("no tag", Reason::CoseShape, |f| f.head = vec![0x84]),
        ("an indefinite array", Reason::CoseShape, |f| f.head = vec![0xd2, 0x9f]),
        ("a byte behind", Reason::CborTrailing, |f| f.tail = vec![0x00]),
    ];
    for (what, code, spoil) in cases {
        let mut forge = forged(&nl);
        spoil(&mut forge);
        assert_eq!(reason(parse(&forge.sign(&nl.signer))), *code, "{what}");
    }
    // At the edge: a certificate of the largest size, and four of them, are read; what they are is judged later. Four are one too
    // many where none is the root.
    for (count, code) in [(3, Reason::ChainMalformed), (4, Reason::ChainTooLong)] {
        let mut edge = forged(&nl);
        edge.header[2].1 = list(&vec![bstr(&[0; MAX_CERTIFICATE]); count]);
        assert_eq!(reason(parse(&edge.sign(&nl.signer)).unwrap().verify(nl.trust(), TimeEvidence::now(NOW))), code);
    }
}

#[test]
fn sizes_at_their_edges() {
    let nl = nl();
    let padded = |record: bool, total: usize| {
        let (payload, media) = if record {
            (nl.record(1, &[]).encode(), RECORD_TYPE)
        } else {
            (nl.asking("BE", 1, &Asked::Feed { after: 0, limit: 1 }).encode(), "application/carnet-request+cbor")
        };
        let build =
            |length: usize| Forge::new(with_field(&payload, &[0x18, 0x63], &bstr(&vec![0; length])), &nl.signer, media).sign(&nl.signer);
        let bytes = build(total - (build(60_000).len() - 60_000) - usize::from(total > 65_536 + 2_000) * 4);
        (bytes.len(), bytes)
    };
    for (record, limit) in [(true, MAX_RECORD), (false, MAX_REQUEST)] {
        let (mut at, mut below, mut above) = (limit, false, false);
        // The heads of strings grow with them, so the edge is looked for.
        for target in limit - 8..=limit + 8 {
            let (length, bytes) = padded(record, target);
            let read = if record { parse(&bytes).map(|_| ()) } else { Signed::<Request>::parse(&bytes).map(|_| ()) };
            if length <= limit {
                read.unwrap();
            } else {
                assert_eq!(reason(read), Reason::StatementTooLarge);
            }
            below |= length == limit;
            above |= length == limit + 1;
            at = at.max(length);
        }
        assert!(below && above, "the edge {limit} was met: up to {at}");
    }
}

/// What is verified, and against what.
struct Case {
    record: Record,
    alg: Option<Vec<u8>>,
    spoil: fn(Vec<u8>) -> Vec<u8>,
    /// Verify under another administration's root of the same country.
    stranger: bool,
}

type Change = fn(&mut Case);

const CHECKS: &[(Reason, Change)] = &[
    (Reason::ChainUntrusted, |c| c.stranger = true),
    (Reason::CoseAlgorithm, |c| c.alg = Some(vec![0x28])),
    (Reason::SignatureInvalid, |c| {
        c.spoil = |mut signature| {
            signature[63] ^= 1;
            signature
        }
    }),
    (Reason::ChainAdministration, |c| c.record.maker.administration = country("BE")),
    (Reason::ChainNames, |c| c.record.maker.node = "nl-2".into()),
    (Reason::RecordFuture, |c| c.record.made = NOW.plus(CLOCK_SKEW + 1)),
];

fn verify(nl: &Administration, changes: &[Change]) -> Result<(), Fault> {
    let mut case = Case { record: nl.record(1, &["BE"]), alg: None, spoil: |s| s, stranger: false };
    changes.iter().for_each(|change| change(&mut case));
    let mut forge = Forge::new(case.record.encode(), &nl.signer, RECORD_TYPE);
    forge.spoil = case.spoil;
    if let Some(alg) = case.alg {
        forge.header[0].1 = alg;
    }
    let stranger = Administration::new("NL", 100);
    let trust = if case.stranger { stranger.trust() } else { nl.trust() };
    parse(&forge.sign(&nl.signer)).unwrap().verify(trust, TimeEvidence::now(NOW)).map(|_| ())
}

#[test]
fn verifying_names_the_first_fault() {
    let nl = nl();
    verify(&nl, &[]).unwrap();
    for (at, (code, change)) in CHECKS.iter().enumerate() {
        assert_eq!(reason(verify(&nl, &[*change])), *code, "check {at}");
        for (later, (_, other)) in CHECKS.iter().enumerate().skip(at + 1) {
            assert_eq!(reason(verify(&nl, &[*other, *change])), *code, "check {at} before check {later}");
        }
    }
    assert_eq!(reason(verify(&nl, &[|c| c.record.maker.log = "nl.example/other".into()])), Reason::ChainNames);
    assert_eq!(reason(verify(&nl, &[|c| c.spoil = |s| s[..63].to_vec()])), Reason::SignatureInvalid);
}

#[test]
fn times_at_their_edges() {
    let nl = nl();
    let judge = |made: Timestamp, evidence: TimeEvidence| {
        let mut record = nl.record(1, &[]);
        record.made = made;
        nl.sign(&record).verify(nl.trust(), evidence).map(|_| ())
    };
    let now = TimeEvidence::now(NOW);
    judge(NOW.plus(CLOCK_SKEW), now).unwrap();
    assert_eq!(reason(judge(NOW.plus(CLOCK_SKEW + 1), now)), Reason::RecordFuture);
    judge(FROM, now).unwrap();
    assert_eq!(reason(judge(FROM.plus(-1), now)), Reason::ChainNotYetValid);
    judge(UNTIL, TimeEvidence::received(UNTIL)).unwrap();
    assert_eq!(reason(judge(UNTIL.plus(1), TimeEvidence::now(UNTIL))), Reason::ChainExpired);
    assert_eq!(reason(judge(NOW, TimeEvidence::now(UNTIL.plus(1)))), Reason::ChainExpired);
    // A record received while its certificate was good stays good.
    judge(NOW, TimeEvidence::received(NOW)).unwrap();
    assert_eq!(reason(judge(FROM, TimeEvidence::now(FROM.plus(-1)))), Reason::ChainNotYetValid);
}

/// Every bit of a signed record, with either algorithm: none can change.
#[test]
fn no_flipped_bit_verifies() {
    let nl = nl();
    for signer in [&nl.signer, &nl.p256_signer()] {
        let bytes = Forge::new(nl.record(1, &["BE"]).encode(), signer, RECORD_TYPE).sign(signer);
        let low = Signed::<Record>::sign(&nl.record(1, &["BE"]), signer, &ring::rand::SystemRandom::new()).unwrap();
        low.clone().verify(nl.trust(), TimeEvidence::now(NOW)).unwrap();
        assert_eq!(parse(&bytes).unwrap().id(), low.id());
        for at in 0..low.bytes().len() {
            for bit in 0..8 {
                let mut changed = low.bytes().to_vec();
                changed[at] ^= 1 << bit;
                let judged = parse(&changed).and_then(|signed| signed.verify(nl.trust(), TimeEvidence::now(NOW)));
                assert!(judged.is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}

/// n - s, the other s that verifies. Anybody can compute it.
fn other_s(mut signature: Vec<u8>) -> Vec<u8> {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let digit = |at: usize| i32::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = digit(at) - i32::from(signature[32 + at]) - borrow;
        borrow = i32::from(difference < 0);
        signature[32 + at] = (difference & 0xff) as u8;
    }
    signature
}

/// SIG-012: what third parties can make of an ECDSA signature is no second form of the record.
#[test]
fn ecdsa_has_one_form() {
    let nl = nl();
    let signer = nl.p256_signer();
    let (mut taken, mut refused) = (0, 0);
    for salt in 0..16 {
        let mut forge = Forge::new(nl.record(salt, &[]).encode(), &signer, RECORD_TYPE);
        for spoil in [(|s| s) as fn(Vec<u8>) -> Vec<u8>, other_s] {
            forge.spoil = spoil;
            match parse(&forge.sign(&signer)).unwrap().verify(nl.trust(), TimeEvidence::now(NOW)) {
                Ok(_) => taken += 1,
                Err(fault) => {
                    assert_eq!(fault.reason, Reason::SignatureInvalid);
                    refused += 1;
                }
            }
        }
        let signed = Signed::sign(&nl.record(salt, &[]), &signer, &ring::rand::SystemRandom::new()).unwrap();
        assert!(signed.verify(nl.trust(), TimeEvidence::now(NOW)).is_ok(), "the code signs the lower s");
    }
    // Each signing draws its own number, so about half are high before and half after.
    assert!(taken > 4 && refused > 4, "{taken} taken, {refused} refused");
}

#[test]
fn a_request_is_no_record_and_a_record_no_request() {
    let nl = nl();
    let request = nl.request("BE", 1, &Asked::Feed { after: 0, limit: 10 });
    assert_eq!(reason(parse(&request)), Reason::CoseContentType);
    let record = nl.sign(&nl.record(1, &[]));
    assert_eq!(reason(Signed::<Request>::parse(record.bytes())), Reason::CoseContentType);
    // Even with the other's content type the structure is another one.
    let disguised = Forge::new(Signed::<Request>::parse(&request).unwrap().claimed().encode(), &nl.signer, RECORD_TYPE);
    assert_eq!(reason(parse(&disguised.sign(&nl.signer))), Reason::RecordStructure);
}

/// The value of field `key` of a record's map, replaced.
fn with_value(map: &[u8], key: u8, value: &[u8]) -> Vec<u8> {
    let fields = carnet_protocol::cbor::map_fields(map).unwrap();
    let replaced = fields.iter().flat_map(|(found, old)| [*found, if *found == [key] { value } else { *old }].concat());
    [head(5, fields.len() as u64), replaced.collect()].concat()
}

fn field(map: &[u8], key: u8) -> Vec<u8> {
    carnet_protocol::cbor::field(map, key).unwrap().unwrap().to_vec()
}

#[test]
fn what_is_unknown_is_kept_byte_for_byte() {
    let nl = nl();
    let plain = nl.record(1, &["BE"]).encode();
    let kind = with_value(&plain, 2, &tstr("hologram"));
    let strange = [
        with_field(&plain, &[0x18, 0x63], &tstr("of a later version")),
        with_field(&plain, &[0x20], &[0xf5]),
        with_value(&plain, 4, &with_field(&field(&plain, 4), &[0x18, 0x63], &[0x80])),
        with_value(&plain, 9, &with_field(&field(&plain, 9), &[0x18, 0x63], &[0xf9, 0x7e, 0x00])),
        kind.clone(),
        with_value(&kind, 9, &list(&[tstr("any"), vec![0xf6]])),
    ];
    for payload in strange {
        let bytes = Forge::new(payload, &nl.signer, RECORD_TYPE).sign(&nl.signer);
        let verified = parse(&bytes).unwrap().verify(nl.trust(), TimeEvidence::now(NOW)).unwrap();
        assert_eq!(verified.bytes(), bytes);
        let kind = &verified.statement().kind;
        assert!(*kind == Kind::Annotation || *kind == Kind::Other("hologram".into()));
    }
}

#[test]
fn handling_fails_closed() {
    let nl = nl();
    let read = |payload: Vec<u8>| parse(&Forge::new(payload, &nl.signer, RECORD_TYPE).sign(&nl.signer));
    let plain = nl.record(1, &["BE"]).encode();
    let handling = field(&plain, 8);
    for key in [vec![0x0b], vec![0x18, 0x63], vec![0x20]] {
        let judged = read(with_value(&plain, 8, &with_field(&handling, &key, &[0x00])));
        assert_eq!(reason(judged), Reason::HandlingUnknown, "{key:?}");
    }
    let zero = [&[handling[0] + 1, 0x00, 0x00], &handling[1..]].concat();
    assert_eq!(reason(read(with_value(&plain, 8, &zero))), Reason::HandlingUnknown);
    assert_eq!(reason(read(with_value(&plain, 8, &with_value(&handling, 4, &tstr("purple"))))), Reason::HandlingUnknown);
    assert_eq!(reason(read(with_value(&plain, 8, &with_value(&handling, 7, &tstr("always"))))), Reason::HandlingUnknown);
    // In a payload's own handling too.
    let mut record = nl.record(1, &["BE"]);
    let mut named = payload("native", "text/csv", b"x");
    named.handling = Some(record.handling.clone());
    record.payloads.push(named);
    let whole = record.encode();
    let reference = carnet_protocol::cbor::array_items(&field(&whole, 7)).unwrap()[0].to_vec();
    read(whole.clone()).unwrap();
    let own = with_value(&reference, 6, &with_field(&handling, &[0x0b], &[0x00]));
    assert_eq!(reason(read(with_value(&whole, 7, &list(&[own])))), Reason::HandlingUnknown);
}

/// A signer whose certificate is for another use, and one whose node has no log.
#[test]
fn the_role_counts() {
    use carnet_protocol::pki::Role;
    let nl = nl();
    for role in [Role::Node, Role::LogSigning] {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let signer: Signer = nl.signer_with(&key, &common::leaf("NL", &nl.node, &nl.origin, role, 40));
        let bytes = Forge::new(nl.record(1, &[]).encode(), &signer, RECORD_TYPE).sign(&signer);
        assert_eq!(reason(parse(&bytes).unwrap().verify(nl.trust(), TimeEvidence::now(NOW))), Reason::ChainUsage, "{role}");
    }
}

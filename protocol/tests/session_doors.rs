//! The two doors: the responder's gate for requests and the requester's for records. Each fault has its code, and of two the earlier.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/forge.rs"]
mod forge;

use carnet_protocol::cbor::{self, Raw};
use carnet_protocol::digest::Digest;
use carnet_protocol::log::LogProof;
use carnet_protocol::pki::Role;
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::{Handling, Opening, Record, Release};
use carnet_protocol::session::{Arrival, Gate, Permission};
use carnet_protocol::signed::{Signed, Statement as _};
use carnet_protocol::time::Timestamp;
use carnet_protocol::wire::{
    Asked, ChunkRange, Group, Hello, LogKey, MAX_CRLS, MAX_FEED_PAGE, MAX_LIFETIME, MAX_RANGES, PayloadBody, Request,
};
use common::{Administration, NOW, country};
use forge::{Forge, with_field};
use minicbor::bytes::ByteVec;

const FEED: Asked = Asked::Feed { after: 0, limit: 10 };
const REQUEST_TYPE: &str = "application/carnet-request+cbor";

fn be() -> Administration {
    Administration::new("BE", 10)
}

fn gate() -> Gate {
    Gate::new(country("NL"), country("BE"))
}

fn reason<T>(judged: Result<T, Fault>) -> Reason {
    judged.map(|_| ()).expect_err("must be refused").reason
}

#[test]
fn the_gate_names_the_first_fault() {
    type Change = fn(&mut Request);
    // SES-010, steps 2 to 4. Step 1 is the door of every statement; 5 has its test beside the gate.
    let steps: [(Reason, Change); 3] = [
        (Reason::ChainAdministration, |r| r.from = country("FR")),
        (Reason::RequestRecipient, |r| r.to = country("DE")),
        (Reason::RequestExpired, |r| r.expires = NOW),
    ];
    // A requester FR whose chain is good, on a connection that is BE's, so that only the gate can tell.
    let (be, fr) = (be(), Administration::new("FR", 20));
    let admit = |changes: &[Change]| {
        let mut request = be.asking("NL", 1, &FEED);
        changes.iter().for_each(|change| change(&mut request));
        let who = if request.from == fr.country { &fr } else { &be };
        request.node.clone_from(&who.node);
        let mut gate = gate();
        // The nonce was seen, so that every step is before step 6.
        gate.admit(&be.request("NL", 1, &FEED), be.trust(), NOW).unwrap();
        gate.admit(&who.request_of(&request), who.trust(), NOW).map(|_| ())
    };
    assert_eq!(reason(admit(&[])), Reason::RequestReplayed);
    for (at, (code, change)) in steps.iter().enumerate() {
        assert_eq!(reason(admit(&[*change])), *code);
        for (_, other) in steps.iter().skip(at + 1) {
            assert_eq!(reason(admit(&[*other, *change])), *code);
        }
    }
    // A bad signature or an unpinned root comes before all of them.
    let mut request = be.asking("DE", 1, &FEED);
    request.expires = NOW;
    let mut forge = Forge::new(request.encode(), &be.signer, REQUEST_TYPE);
    forge.spoil = |mut signature| {
        signature[0] ^= 1;
        signature
    };
    assert_eq!(reason(gate().admit(&forge.sign(&be.signer), be.trust(), NOW)), Reason::SignatureInvalid);
    let stranger = Administration::new("BE", 90);
    assert_eq!(reason(gate().admit(&be.request_of(&request), stranger.trust(), NOW)), Reason::ChainUntrusted);
}

#[test]
fn expiry_at_its_edges() {
    let be = be();
    let admit = |expires: Timestamp| {
        let mut request = be.asking("NL", 1, &FEED);
        request.expires = expires;
        gate().admit(&be.request_of(&request), be.trust(), NOW).map(|_| ())
    };
    admit(NOW.plus(1)).unwrap();
    admit(NOW.plus(MAX_LIFETIME)).unwrap();
    for bad in [NOW, NOW.plus(-1), NOW.plus(MAX_LIFETIME + 1), Timestamp(i64::MAX), Timestamp(i64::MIN)] {
        assert_eq!(reason(admit(bad)), Reason::RequestExpired);
    }
}

#[test]
fn a_nonce_is_good_once() {
    let be = be();
    let mut gate = gate();
    let first = be.request("NL", 1, &FEED);
    gate.admit(&first, be.trust(), NOW).unwrap();
    assert_eq!(reason(gate.admit(&first, be.trust(), NOW)), Reason::RequestReplayed);
    // Another request with the same nonce and an early end must not make the first one be forgotten.
    let mut early = be.asking("NL", 1, &Asked::Record(Digest([1; 32])));
    early.expires = NOW.plus(1);
    assert_eq!(reason(gate.admit(&be.request_of(&early), be.trust(), NOW)), Reason::RequestReplayed);
    assert_eq!(reason(gate.admit(&first, be.trust(), NOW.plus(2))), Reason::RequestReplayed);
    assert_eq!(reason(gate.admit(&first, be.trust(), NOW.plus(60))), Reason::RequestExpired);
    gate.admit(&be.request("NL", 2, &FEED), be.trust(), NOW).unwrap();
    // A refused request leaves no nonce behind.
    let mut wrong = be.asking("DE", 3, &FEED);
    assert_eq!(reason(gate.admit(&be.request_of(&wrong), be.trust(), NOW)), Reason::RequestRecipient);
    wrong.to = country("NL");
    gate.admit(&be.request_of(&wrong), be.trust(), NOW).unwrap();
}

#[test]
fn requests_have_one_structure() {
    let be = be();
    let read = |request: &Request| Signed::<Request>::parse(&Forge::new(request.encode(), &be.signer, REQUEST_TYPE).sign(&be.signer));
    let with = |change: fn(&mut Request)| {
        let mut request = be.asking("NL", 1, &FEED);
        change(&mut request);
        request
    };
    let payload = |ranges: Vec<ChunkRange>| {
        be.asking("NL", 1, &Asked::Payload(PayloadBody { record: Digest([1; 32]), payload: 0, list: false, ranges }))
    };
    let range = |first, count| ChunkRange { first, count };
    let cases = [
        (with(|r| r.version = 2), Some(Reason::WireVersion)),
        (with(|r| r.node = String::new()), Some(Reason::WireStructure)),
        (with(|r| r.node = "n".repeat(257)), Some(Reason::WireStructure)),
        (with(|r| r.verb = "drop".into()), Some(Reason::WireStructure)),
        (with(|r| r.body = Raw::of(&1u8)), Some(Reason::WireStructure)),
        (with(|r| r.verb = "record".into()), Some(Reason::WireStructure)),
        (be.asking("NL", 1, &Asked::Feed { after: u64::MAX, limit: MAX_FEED_PAGE }), None),
        (be.asking("NL", 1, &Asked::Feed { after: 0, limit: MAX_FEED_PAGE + 1 }), Some(Reason::RequestLimit)),
        (payload(vec![range(0, 1); MAX_RANGES]), None),
        (payload(vec![range(0, 1); MAX_RANGES + 1]), Some(Reason::RequestLimit)),
        (payload(vec![range(0, 65_536)]), None),
        (payload(vec![range(1, 65_536)]), Some(Reason::RequestLimit)),
        (payload(vec![range(0, 0)]), Some(Reason::RequestLimit)),
        (payload(vec![range(u32::MAX, u32::MAX)]), Some(Reason::RequestLimit)),
    ];
    for (at, (request, wanted)) in cases.iter().enumerate() {
        assert_eq!(read(request).err().map(|fault| fault.reason), *wanted, "case {at}");
    }
    // A field of a later version is passed over.
    let newer = with_field(&with(|_| ()).encode(), &[0x18, 0x63], &[0x00]);
    Signed::<Request>::parse(&Forge::new(newer, &be.signer, REQUEST_TYPE).sign(&be.signer)).unwrap();
}

#[test]
fn hellos() {
    let nl = Administration::new("NL", 1);
    let hello = Hello {
        versions: vec![7, 1],
        administration: nl.country,
        node: nl.node.clone(),
        head: 5,
        log: nl.log.clone(),
        crls: vec![ByteVec::from(vec![0]); MAX_CRLS],
        streams: 8,
    };
    hello.check().unwrap();
    let with = |change: fn(&mut Hello)| {
        let mut hello = hello.clone();
        change(&mut hello);
        reason(hello.check())
    };
    assert_eq!(with(|h| h.versions = vec![2]), Reason::WireVersion);
    assert_eq!(with(|h| h.versions = vec![]), Reason::WireVersion);
    assert_eq!(with(|h| h.versions = vec![1; 17]), Reason::WireStructure);
    assert_eq!(with(|h| h.crls.push(ByteVec::from(vec![0]))), Reason::WireStructure);
    assert_eq!(with(|h| h.node = "n".repeat(257)), Reason::WireStructure);
}

/// What comes to BE's door from NL, and BE's circumstances.
struct Case {
    record: Record,
    openings: Vec<Vec<u8>>,
    proof: fn(&mut LogProof),
    log: LogKey,
    spoil: fn(Vec<u8>) -> Vec<u8>,
    release: Option<Release>,
    us: &'static str,
}

fn judge(change: impl FnOnce(&mut Case)) -> Result<Permission, Fault> {
    let nl = Administration::new("NL", 1);
    let opening = Opening::of_text(Digest([9; 32]), "driver", "J. Example");
    let mut record = nl.record(1, &["BE"]);
    record.commitments = vec![opening.commitment()];
    let mut case = Case {
        record,
        openings: vec![cbor::encode(&opening)],
        proof: |_| (),
        log: nl.log.clone(),
        spoil: |signature| signature,
        release: None,
        us: "BE",
    };
    change(&mut case);
    let mut forge = Forge::new(case.record.encode(), &nl.signer, forge::RECORD_TYPE);
    forge.spoil = case.spoil;
    let bytes = forge.sign(&nl.signer);
    let mut proof = nl.proofs(&[Digest::of(b"before"), Digest::of(&bytes), Digest::of(b"after")]).swap_remove(1);
    (case.proof)(&mut proof);
    let id = Signed::<Record>::parse(&bytes).map(|signed| signed.id()).unwrap_or_default();
    let group = Group { record: bytes, openings: case.openings, proof: cbor::encode(&proof) };
    let release =
        case.release.map(|release| Release { record: if release.record == Digest::default() { id } else { release.record }, ..release });
    Arrival::judge(&group, nl.trust(), &case.log, country(case.us), NOW, |asked| {
        assert_eq!(asked, id);
        release
    })
    .map(|arrival| arrival.permission)
}

fn nobody(case: &mut Case) {
    case.record.handling = Handling::default();
}

#[test]
fn a_record_is_judged_in_order() {
    assert_eq!(judge(|_| ()).unwrap(), Permission::Handling);
    type Change = fn(&mut Case);
    let steps: [(Reason, Change); 7] = [
        (Reason::RecordVersion, |c| c.record.version = 2),
        (Reason::SignatureInvalid, |c| {
            c.spoil = |mut signature| {
                signature[5] ^= 1;
                signature
            }
        }),
        (Reason::OpeningUnknown, |c| c.openings = vec![cbor::encode(&Opening::of_text(Digest([8; 32]), "driver", "J. Example"))]),
        (Reason::ChainEmpty, |c| c.log.chain.clear()),
        (Reason::LogCheckpoint, |c| c.proof = |p| p.checkpoint = ByteVec::from(b"no note".to_vec())),
        (Reason::LogInclusion, |c| c.proof = |p| p.index = 2),
        (Reason::HandlingNotPermitted, nobody),
    ];
    for (at, (code, change)) in steps.iter().enumerate() {
        assert_eq!(reason(judge(change)), *code, "step {at}");
        for (later, (_, other)) in steps.iter().enumerate().skip(at + 1) {
            let both = judge(|case| {
                other(case);
                change(case);
            });
            assert_eq!(reason(both), *code, "step {at} before {later}");
        }
    }
}

#[test]
fn proofs_that_lie() {
    let nl = Administration::new("NL", 1);
    type Lie = fn(&mut LogProof);
    let proofs: [(Lie, Reason); 7] = [
        (|p| p.index = u64::MAX, Reason::LogInclusion),
        (|p| p.path.clear(), Reason::LogInclusion),
        (|p| p.path.swap(0, 1), Reason::LogInclusion),
        (|p| p.path = vec![Digest::default(); 64], Reason::LogInclusion),
        (|p| p.path = vec![Digest::default(); 65], Reason::LogInclusion),
        (|p| p.checkpoint.truncate(20), Reason::LogCheckpoint),
        // Another log's checkpoint, good in itself.
        (|p| p.checkpoint = Administration::new("BE", 10).checkpoint(3, Digest::default()).into(), Reason::LogOrigin),
    ];
    for (at, (lie, wanted)) in proofs.into_iter().enumerate() {
        assert_eq!(reason(judge(|case| case.proof = lie)), wanted, "lie {at}");
    }
    // A checkpoint of this log's name that another key signed.
    let forged: fn(&mut LogProof) = |p| p.checkpoint = Administration::new("NL", 70).checkpoint(3, Digest::default()).into();
    assert_eq!(reason(judge(|case| case.proof = forged)), Reason::LogSignature);
    // Log keys: of another administration, for another use, for another log.
    assert_eq!(reason(judge(|case| case.log = be().log)), Reason::ChainAdministration);
    let key = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let log_key = |origin: &str, role: Role| {
        let signer = nl.signer_with(&key(), &common::leaf("NL", &nl.node, origin, role, 50));
        LogKey { chain: signer.chain.into_iter().map(ByteVec::from).collect() }
    };
    assert_eq!(reason(judge(|case| case.log = log_key(&nl.origin, Role::RecordSigning))), Reason::ChainUsage);
    assert_eq!(reason(judge(|case| case.log = log_key("nl.example/other", Role::LogSigning))), Reason::LogOrigin);
    assert_eq!(reason(judge(|case| case.log = log_key(&nl.origin, Role::LogSigning))), Reason::LogSignature);
}

/// HDL-031, row by row.
#[test]
fn permission() {
    let release = |to: &str, until: Option<Timestamp>| Release {
        record: Digest::default(),
        to: country(to),
        payloads: vec![],
        until,
        personal: vec![],
    };
    let refused = Reason::HandlingNotPermitted;
    assert_eq!(judge(|c| (c.us, c.record.handling) = ("NL", Handling::default())).unwrap(), Permission::Own);
    assert_eq!(reason(judge(|c| c.record.handling.retain_until = Some(NOW))), refused);
    assert_eq!(judge(|c| c.record.handling.retain_until = Some(NOW.plus(1))).unwrap(), Permission::Handling);
    assert_eq!(judge(|c| (c.us, c.record.handling.retain_until) = ("NL", Some(NOW))).unwrap(), Permission::Own);
    assert_eq!(reason(judge(|c| c.us = "FR")), refused);
    assert_eq!(reason(judge(nobody)), refused);
    let released = |given: Release| {
        judge(|case| {
            nobody(case);
            case.release = Some(given);
        })
    };
    assert_eq!(released(release("BE", None)).unwrap(), Permission::Release);
    assert_eq!(released(release("BE", Some(NOW.plus(1)))).unwrap(), Permission::Release);
    assert_eq!(reason(released(release("BE", Some(NOW)))), refused);
    assert_eq!(reason(released(release("FR", None))), refused);
    assert_eq!(reason(released(Release { record: Digest([7; 32]), ..release("BE", None) })), refused);
    // Groups and operations do not open the door: who is in them is not ours to say.
    assert_eq!(
        reason(judge(|c| {
            nobody(c);
            c.record.handling.groups = vec!["BE".into()];
            c.record.handling.operations = vec!["everybody".into()];
        })),
        refused
    );
}

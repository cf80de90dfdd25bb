//! The worked examples of the specification are what this code produces. CARNET_BLESS=1 writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/text.rs"]
mod text;

use std::collections::BTreeMap;

use carnet_protocol::cbor::{self, Real};
use carnet_protocol::digest::Digest;
use carnet_protocol::log::key_id;
use carnet_protocol::merkle::{leaf_hash, node_hash};
use carnet_protocol::package::{Reader, Writer};
use carnet_protocol::payload::PayloadHasher;
use carnet_protocol::reason::Reason;
use carnet_protocol::record::{Content, Declaration, Handling, Item, Opening, Record};
use carnet_protocol::signed::{Signed, Statement as _};
use carnet_protocol::wire::{Asked, ChunkRange, End, FRAME_HEADER, Frame, FrameKind, PayloadBody, Refusal};
use common::{Administration, NOW, country, hex, payload};
use ring::signature::KeyPair as _;
use text::{diagnostic, hex_lines, settle, settle_parts};

fn nl() -> Administration {
    Administration::new("NL", 1)
}

fn opening() -> Opening {
    Opening::of_text(Digest([0xb0; 32]), "consignor", "Example Trading Ltd")
}

/// The record of chapter 01.
fn record(nl: &Administration) -> Record {
    let declaration = Declaration {
        mrn: Some("26NL000510ABCDEFG7".into()),
        procedure: Some("import".into()),
        items: vec![Item {
            number: 1,
            hs: Some("240220".into()),
            description: Some("cigarettes".into()),
            gross_mass: Real::new(1250.5),
            ..Item::default()
        }],
        containers: vec!["CSQU3054383".into()],
        ..Declaration::default()
    };
    let (kind, content) = Content::Declaration(Box::new(declaration)).into_parts();
    let mut native = payload("native", "text/csv", b"native file");
    native.handling = Some(Handling::default());
    let mut handling = Handling::releasable_to([country("BE")]);
    handling.personal_data = true;
    let mut record = nl.record(0, &[]);
    record.salt = Digest([0xa0; 32]);
    record.kind = kind;
    record.content = content;
    record.maker.office = Some("NL000510".into());
    record.maker.site = Some("NLRTM".into());
    record.made = NOW;
    record.payloads = vec![payload("decoded", "text/plain", b"abc"), native];
    record.handling = handling;
    record.commitments = vec![opening().commitment()];
    record
}

/// The bytes strings of a COSE_Sign1 of the profile: protected header, payload, signature.
fn parts(signed: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut decoder = minicbor::Decoder::new(signed);
    decoder.set_position(2);
    let protected = decoder.bytes().unwrap().to_vec();
    decoder.set_position(decoder.position() + 1);
    (protected, decoder.bytes().unwrap().to_vec(), decoder.bytes().unwrap().to_vec())
}

#[test]
fn worked_examples() {
    let nl = nl();
    let record = record(&nl);
    let verified = nl.verified(&record);
    let mut examples: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: &str, value: String| assert!(examples.insert(name.to_owned(), value).is_none());

    // Chapter 01.
    let (protected, body, signature) = parts(verified.bytes());
    assert_eq!(body, record.encode());
    put("record-diagnostic", diagnostic(&body));
    put("record-payload", hex_lines(&body));
    put("record-protected", hex_lines(&protected));
    put("record-signature", hex(&signature));
    put("record-id", verified.id().to_string());
    put("record-entry", verified.entry().to_string());
    let leaf = leaf_hash(verified.entry().as_bytes());
    put("record-leaf", leaf.to_string());
    put("opening", hex_lines(&cbor::encode(&opening())));
    put("commitment", opening().commitment().to_string());
    settle("examples/record.cbor", verified.bytes());
    settle("examples/root.der", nl.root.der());

    // Chapter 03.
    let (first, third) = (Digest::of(b"first"), Digest::of(b"third"));
    let proof = nl.proofs(&[first, verified.entry(), third]).swap_remove(1);
    let public = nl.log_pair.public_key().as_ref();
    put("checkpoint", String::from_utf8(proof.checkpoint.to_vec()).unwrap());
    put("log-proof", hex_lines(&cbor::encode(&proof)));
    put("log-public", hex(public));
    put("log-key-id", hex(&key_id(&nl.origin, public)));
    put("log-leaf", leaf.to_string());
    put("log-path-0", proof.path[0].to_string());
    put("log-path-1", proof.path[1].to_string());
    assert_eq!(proof.path, [leaf_hash(first.as_bytes()), leaf_hash(third.as_bytes())]);
    put("log-root", node_hash(node_hash(proof.path[0], leaf), proof.path[1]).to_string());

    // Chapter 02.
    let mut writer = Writer::new(Vec::new(), vec![nl.log.clone()]).unwrap();
    writer.record(&verified, vec![cbor::encode(&opening())], cbor::encode(&proof)).unwrap();
    writer.payload(verified.id(), 0, &PayloadHasher::hash(b"abc").unwrap().1).unwrap();
    writer.chunk(0, b"abc").unwrap();
    let (package, _) = writer.finish().unwrap();
    settle("examples/minimal.uff", &package);
    let (mut listing, mut at) = ("offset  type  length  frame\n".to_owned(), 0);
    while let Some((frame, length)) = Frame::parse(&package[at..]).unwrap() {
        listing.push_str(&format!("{at:6}    {:02x}  {:6}  {}\n", frame.kind.code(), frame.body.len(), name(frame.kind)));
        match frame.kind {
            FrameKind::PackageHeader => put("package-header", hex_lines(&frame.to_bytes())),
            FrameKind::Chunk => put("package-chunk", hex_lines(&frame.to_bytes())),
            FrameKind::Trailer => put("package-trailer", hex_lines(&frame.to_bytes())),
            _ => {}
        }
        at += length;
    }
    put("package-frames", listing);

    // Chapter 04.
    put("frame-end", hex_lines(&Frame::of(FrameKind::End, &End { cursor: Some(7), head: Some(9) }).to_bytes()));
    put("frame-refusal", hex_lines(&Frame::of(FrameKind::Refusal, &Refusal::new(Reason::NotAvailable)).to_bytes()));
    let mut request = nl.asking("BE", 0xc0, &Asked::Feed { after: 41, limit: 256 });
    request.expires = NOW.plus(60);
    put("request-diagnostic", diagnostic(&request.encode()));
    put("request-payload", hex_lines(&request.encode()));
    let ranges = vec![ChunkRange { first: 0, count: 4 }, ChunkRange { first: 9, count: 1 }];
    let body = PayloadBody { record: verified.id(), payload: 0, list: true, ranges };
    put("payload-body", hex_lines(&cbor::encode(&body)));

    // Chapter 08.
    put("handling-default", hex_lines(&cbor::encode(&Handling::default())));
    put("handling-be", hex_lines(&cbor::encode(&record.handling)));

    // The tables.
    put("reasons", reasons());
    put("frames", frames());
    settle_parts(&examples);
}

fn name(kind: FrameKind) -> String {
    let mut name = String::new();
    for c in format!("{kind:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(c.to_lowercase());
    }
    name
}

/// The registry of reason codes is the code's own.
fn reasons() -> String {
    let rows = Reason::ALL.iter().map(|reason| format!("| `{}` | {} |\n", reason.code(), reason.meaning().trim()));
    format!("| code | meaning |\n|---|---|\n{}", rows.collect::<String>())
}

fn frames() -> String {
    let about = |kind: FrameKind| match kind {
        FrameKind::Hello => "`hello`: the first frame of a connection, each way",
        FrameKind::Advance => "`advance`: the sender's feed for the receiver has grown",
        FrameKind::Request => "a signed request",
        FrameKind::Refusal => "`refusal`",
        FrameKind::End => "`end`: the answer is complete",
        FrameKind::PackageHeader => "`package-header` (chapter 02)",
        FrameKind::LogKey => "`log-key` (chapter 02)",
        FrameKind::Record => "a record's signed bytes",
        FrameKind::Openings => "`openings` of the record before",
        FrameKind::Proof => "`log-proof` of the record before (chapter 03)",
        FrameKind::ChunkList => "`chunk-list` (chapter 02)",
        FrameKind::Chunk => "index (4 bytes) and bytes of a chunk",
        FrameKind::Trailer => "`trailer` (chapter 02)",
    };
    let rows = FrameKind::ALL
        .iter()
        .map(|kind| format!("| `{:02x}` | {} | {} | {} |\n", kind.code(), name(*kind), grouped(kind.limit() as u64), about(*kind)));
    format!("| type | name | longest body | what |\n|---|---|---|---|\n{}", rows.collect::<String>())
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The table of items and verdicts in chapter 01.
#[test]
fn cbor_verdicts() {
    let chapter = std::fs::read_to_string(text::spec("01-record.md")).unwrap();
    let table = chapter.split("| bytes | verdict |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let bytes: Vec<u8> = cells[1].split(' ').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        let verdict = cbor::scan(&bytes).map_or_else(|fault| fault.reason.code(), |()| "good");
        assert_eq!(verdict, cells[2], "{row}");
        rows += 1;
    }
    assert!(rows > 20);
}

#[test]
fn the_example_package_is_read_to_its_end() {
    let package = std::fs::read(text::spec("examples/minimal.uff")).unwrap();
    let mut reader = Reader::new(package.as_slice());
    let mut items = 0;
    while reader.next().unwrap().is_some() {
        items += 1;
    }
    assert_eq!(items, 5, "log key, record, payload, chunk, end");
    let signed = std::fs::read(text::spec("examples/record.cbor")).unwrap();
    assert!(Signed::<Record>::parse(&signed).is_ok());
    assert!(package.len() > signed.len() + FRAME_HEADER);
}

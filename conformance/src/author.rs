//! How the cases came to be: each from the smallest bytes that show its rule. Used at authoring time only.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use carnet_protocol::image::{Plane, Shape, coding};
use carnet_protocol::wire::{Frame, FrameHeader, FrameKind};

use crate::case::{Expectation, File};

/// A case before it is written.
#[derive(Debug, Clone)]
pub struct Authored {
    name: String,
    hunts: String,
    verb: &'static str,
    rules: Vec<String>,
    expect: Expectation,
    input: Vec<u8>,
}

impl Authored {
    fn new(verb: &'static str, name: &str, rule: &str, hunts: &str, input: Vec<u8>) -> Self {
        let expect = Expectation { verdict: "accept".into(), reason: None, values: BTreeMap::new() };
        Self { name: format!("{verb}-{name}"), hunts: hunts.into(), verb, rules: vec![rule.into()], expect, input }
    }

    fn refuse(mut self, reason: &str) -> Self {
        self.expect.verdict = "refuse".into();
        self.expect.reason = Some(reason.into());
        self
    }

    fn value(mut self, name: &str, value: impl ToString) -> Self {
        self.expect.values.insert(name.into(), value.to_string());
        self
    }
}

/// Writes a case into its folder.
///
/// # Errors
/// A folder that cannot be written.
pub fn folder(cases: &Path, case: &Authored) -> io::Result<()> {
    let folder = cases.join(&case.name);
    std::fs::create_dir_all(&folder)?;
    let file = File { verb: case.verb.into(), rules: case.rules.clone(), expect: case.expect.clone() };
    let text = toml::to_string(&file).map_err(io::Error::other)?;
    std::fs::write(folder.join("README.md"), format!("# {}\n\n{}\n\nRule: {}.\n", case.name, case.hunts, case.rules.join(", ")))?;
    std::fs::write(folder.join("case.toml"), text)?;
    std::fs::write(folder.join("input.bin"), &case.input)
}

/// Every case.
pub fn author() -> Vec<Authored> {
    [encodings(), frames(), planes()].concat()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect()
}

fn encodings() -> Vec<Authored> {
    fn good(name: &str, rule: &str, hunts: &str, hex: &str) -> Authored {
        Authored::new("cbor", name, rule, hunts, bytes(hex))
    }
    fn bad(name: &str, rule: &str, hunts: &str, hex: &str, reason: &str) -> Authored {
        good(name, rule, hunts, hex).refuse(reason)
    }
    let mut cases = vec![
        good("integers", "CBOR-002", "Integers in their shortest forms.", "86 00 17 18 18 19 0100 1a 00010000 38 18"),
        good(
            "map-sorted",
            "CBOR-004",
            "Keys in bytewise order of their encodings: small integers, then negative ones, then texts.",
            "a3 01 00 20 00 60 00",
        ),
        good(
            "floats-shortest",
            "CBOR-007",
            "Each number in the shortest of three widths that keeps it.",
            "84 f9 3c00 fa 47c35000 fb 3ff199999999999a f9 7c00",
        ),
        good("nan-one", "CBOR-007", "The one spelling of NaN.", "f9 7e00"),
        good("text-utf8", "CBOR-005", "A text of two bytes for one letter.", "62 c3bc"),
        good("depth-16", "CBOR-009", "Sixteen lists within one another: the limit itself.", &"81".repeat(16).replace("81", "81 "))
            .with_tail("00"),
        bad("depth-17", "CBOR-009", "One list more than the limit.", &"81 ".repeat(17), "cbor.depth").with_tail("00"),
        bad(
            "depth-100000",
            "CBOR-009",
            "A reader that recurses without a bound overflows its stack here.",
            &"81 ".repeat(100_000),
            "cbor.depth",
        ),
        bad("integer-long", "CBOR-002", "1 in two bytes: a typed decoder takes it.", "18 01", "cbor.not-shortest"),
        bad("integer-long-16", "CBOR-002", "255 in three bytes.", "19 00ff", "cbor.not-shortest"),
        bad("integer-long-32", "CBOR-002", "65,535 in five bytes.", "1a 0000ffff", "cbor.not-shortest"),
        bad("integer-long-64", "CBOR-002", "2^32 - 1 in nine bytes.", "1b 00000000ffffffff", "cbor.not-shortest"),
        bad("length-long", "CBOR-002", "The length of a byte string in two bytes where one does.", "58 01 00", "cbor.not-shortest"),
        bad("indefinite-list", "CBOR-003", "An indefinite list.", "9f ff", "cbor.indefinite"),
        bad("indefinite-map", "CBOR-003", "An indefinite map.", "bf ff", "cbor.indefinite"),
        bad("indefinite-text", "CBOR-003", "A text in pieces.", "7f 61 61 ff", "cbor.indefinite"),
        bad("break-alone", "CBOR-003", "A break that ends nothing.", "ff", "cbor.indefinite"),
        bad("keys-unsorted", "CBOR-004", "Two keys in the wrong order.", "a2 03 00 01 00", "cbor.key-order"),
        bad(
            "keys-length-first",
            "CBOR-004",
            "The order of RFC 7049 (shorter first), not that of RFC 8949.",
            "a2 61 61 00 18 64 00",
            "cbor.key-order",
        ),
        bad("keys-twice", "CBOR-004", "A key twice: readers differ on which one counts.", "a2 01 00 01 01", "cbor.key-duplicate"),
        bad("key-list", "CBOR-004", "A list as a key.", "a1 80 00", "cbor.key-type"),
        bad("key-bytes", "CBOR-004", "A byte string as a key.", "a1 41 00 00", "cbor.key-type"),
        bad("text-not-utf8", "CBOR-005", "A text that is no UTF-8.", "61 ff", "cbor.utf8"),
        bad("text-surrogate", "CBOR-005", "A surrogate in UTF-8: some decoders let it pass.", "63 eda080", "cbor.utf8"),
        bad("text-overlong", "CBOR-005", "A slash in two bytes.", "62 c0af", "cbor.utf8"),
        bad("tag", "CBOR-006", "A tag within a statement.", "c0 00", "cbor.tag"),
        bad("undefined", "CBOR-008", "Undefined is none of the three simple values.", "f7", "cbor.simple"),
        bad("simple-32", "CBOR-008", "A simple value of two bytes.", "f8 20", "cbor.simple"),
        bad("float-wide", "CBOR-007", "1.0 in four bytes where two keep it.", "fa 3f800000", "cbor.float"),
        bad("float-wider", "CBOR-007", "1.0 in eight bytes.", "fb 3ff0000000000000", "cbor.float"),
        bad("nan-payload", "CBOR-007", "A second spelling of NaN.", "f9 7e01", "cbor.float"),
        bad("nan-wide", "CBOR-007", "NaN in four bytes.", "fa 7fc00000", "cbor.float"),
        bad("truncated-head", "CBOR-001", "A length without its bytes.", "19 01", "cbor.truncated"),
        bad("truncated-bytes", "CBOR-001", "Fewer bytes than said.", "43 00 00", "cbor.truncated"),
        bad("empty", "CBOR-001", "Nothing at all.", "", "cbor.truncated"),
        bad("trailing", "CBOR-001", "A second item after the first.", "00 00", "cbor.trailing"),
        bad("reserved", "CBOR-010", "A reserved additional information value.", "1c", "cbor.reserved"),
    ];
    for (name, hex) in
        [("list", "9b ffffffffffffffff"), ("map", "bb ffffffffffffffff"), ("bytes", "5b ffffffffffffffff"), ("text", "7b ffffffffffffffff")]
    {
        let hunts = "A length of 2^64 - 1: a reader that makes room before it looks is out of memory.";
        cases.push(bad(&format!("huge-{name}"), "CBOR-001", hunts, hex, "cbor.truncated"));
    }
    cases
}

impl Authored {
    fn with_tail(mut self, hex: &str) -> Self {
        self.input.extend(bytes(hex));
        self
    }
}

fn frames() -> Vec<Authored> {
    let frame = |name: &str, rule: &str, hunts: &str, input: Vec<u8>| Authored::new("frame", name, rule, hunts, input);
    let mut cases = vec![
        frame("end", "WIRE-002", "The smallest frame: an empty map.", Frame::new(FrameKind::End, vec![0xa0]).to_bytes())
            .value("kind", "End")
            .value("length", 1),
        frame("unknown-type", "WIRE-003", "A type that is not registered ends the stream.", vec![0xee, 0, 0, 0, 0]).refuse("wire.frame"),
        frame(
            "huge-length",
            "WIRE-004",
            "A length of 4 GiB: refused at the header, before any room is made.",
            vec![0x12, 0xff, 0xff, 0xff, 0xff],
        )
        .refuse("wire.frame"),
    ];
    for kind in FrameKind::ALL {
        let beyond = FrameHeader { kind: *kind, length: kind.limit() + 1 }.to_bytes().to_vec();
        let name = format!("beyond-{}", format!("{kind:?}").to_lowercase());
        cases.push(frame(&name, "WIRE-004", "One byte more than the type's limit.", beyond).refuse("wire.frame"));
    }
    cases
}

fn planes() -> Vec<Authored> {
    let mut cases = Vec::new();
    for (name, width, height, bits) in [("one-sample", 1, 1, 8), ("row", 37, 1, 10), ("column", 1, 37, 12), ("ramp", 64, 48, 16)] {
        let Ok(shape) = Shape::new(width, height, bits) else { continue };
        let top = u32::from(shape.max_value()) + 1;
        let samples = (0..width * height).map(|at| (at.wrapping_mul(2_654_435_761) % top) as u16).collect();
        let Ok(plane) = Plane::new(shape, samples) else { continue };
        let Ok(coded) = coding::encode(&plane) else { continue };
        let good = Authored::new("plane", name, "IMG-010", "A plane decodes to the samples that its digest names.", coded.clone())
            .value("width", width)
            .value("height", height)
            .value("stored_bits", bits)
            .value("samples", plane.sample_digest());
        cases.push(good);
        let cut = coded[..coded.len() - 1].to_vec();
        let hunts = "The last byte is missing.";
        cases.push(Authored::new("plane", &format!("{name}-cut"), "IMG-009", hunts, cut).refuse("image.plane"));
        let longer = [coded.as_slice(), &[0]].concat();
        let hunts = "A byte follows the last strip.";
        cases.push(Authored::new("plane", &format!("{name}-longer"), "IMG-009", hunts, longer).refuse("image.plane"));
    }
    cases
}

//! The specification and the code say the same: rule ids, limits, CDDL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "common/text.rs"]
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use carnet_protocol::{cbor, image, limits, log, merkle, package, payload, pki, session, wire};
use text::{chapters, settle, spec};

/// Chapters whose text this file owns; the others have tests beside their modules.
const OURS: [&str; 5] = ["01-record.md", "02-package.md", "03-log.md", "04-wire.md", "08-handling.md"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

fn crate_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Rule ids in `text`: capitals, a hyphen, three digits.
fn ids(text: &str) -> BTreeSet<String> {
    let bytes = text.as_bytes();
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices('-') {
        let digits = bytes.get(at + 1..at + 4).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
        let ends = !bytes.get(at + 4).is_some_and(u8::is_ascii_alphanumeric);
        let start = bytes[..at].iter().rposition(|c| !c.is_ascii_uppercase()).map_or(0, |before| before + 1);
        if digits && ends && (2..=5).contains(&(at - start)) {
            found.insert(text[start..at + 4].to_owned());
        }
    }
    found
}

fn prefix(id: &str) -> &str {
    &id[..id.len() - 4]
}

/// Every rule that a chapter states, with how often: an id in bold, or alone in the first cell of a table's row.
fn stated() -> BTreeMap<String, usize> {
    let mut stated = BTreeMap::new();
    for (_, text) in chapters() {
        let bold = text.split("**").skip(1).step_by(2).map(str::to_owned);
        let cells = text.lines().filter_map(|line| Some(line.strip_prefix("| ")?.split(" |").next()?.to_owned()));
        for id in bold.chain(cells).filter(|part| ids(part).first() == Some(part)) {
            *stated.entry(id).or_insert(0) += 1;
        }
    }
    stated
}

#[test]
fn every_rule_that_is_cited_is_stated_once() {
    let stated = stated();
    let doubled: Vec<_> = stated.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "stated more than once: {doubled:?}");
    // A prefix that no chapter states belongs to a chapter that is not written yet, or is no rule at all (SHA-256).
    let prefixes: BTreeSet<&str> = stated.keys().map(|id| prefix(id)).collect();
    for wanted in ["CBOR", "SIG", "REC", "ID", "PAY", "PKG", "LOG", "WIRE", "SES", "HDL"] {
        assert!(prefixes.contains(wanted), "{wanted}");
    }
    let texts = crate_sources().into_iter().map(|(path, text)| (path.display().to_string(), text)).chain(chapters());
    let missing: Vec<(String, String)> = texts
        .flat_map(|(place, text)| ids(&text).into_iter().map(move |id| (place.clone(), id)))
        .filter(|(_, id)| prefixes.contains(prefix(id)) && !stated.contains_key(id))
        .collect();
    assert!(missing.is_empty(), "cited and not stated: {missing:?}");
}

/// Every limit: its chapter, its name, its value.
fn known_limits() -> Vec<(&'static str, &'static str, u64)> {
    let usizes = [
        ("01", "MAX_DEPTH", cbor::MAX_DEPTH),
        ("01", "MAX_RECORD", limits::MAX_RECORD),
        ("01", "MAX_CHAIN", pki::MAX_CHAIN),
        ("01", "MAX_CERTIFICATE", pki::MAX_CERTIFICATE),
        ("01", "MAX_OPENINGS", limits::MAX_OPENINGS),
        ("01", "MAX_OPENING_COUNT", limits::MAX_OPENING_COUNT),
        ("01", "MAX_PAYLOADS", limits::MAX_PAYLOADS),
        ("01", "MAX_PARENTS", limits::MAX_PARENTS),
        ("01", "MAX_LIST", limits::MAX_LIST),
        ("01", "MAX_NAME", limits::MAX_NAME),
        ("01", "MAX_TEXT", limits::MAX_TEXT),
        ("01", "MAX_SAMPLES", image::MAX_SAMPLES as usize),
        ("01", "MAX_SIDE", image::MAX_SIDE as usize),
        ("01", "MAX_AXES", limits::MAX_AXES),
        ("01", "CLOCK_SKEW", limits::CLOCK_SKEW as usize),
        ("02", "CHUNK", payload::CHUNK),
        ("02", "MAX_CHUNKS", payload::MAX_CHUNKS as usize),
        ("02", "MAX_PAYLOAD", payload::MAX_PAYLOAD as usize),
        ("03", "MAX_PROOF", merkle::MAX_PROOF),
        ("03", "MAX_ORIGIN", log::MAX_ORIGIN),
        ("03", "MAX_NOTE", log::MAX_NOTE),
        ("03", "MAX_NOTE_SIGNATURES", log::MAX_NOTE_SIGNATURES),
        ("04", "FRAME_HEADER", wire::FRAME_HEADER),
        ("04", "MAX_CHUNK_FRAME", wire::MAX_CHUNK_FRAME),
        ("04", "MAX_REQUEST", limits::MAX_REQUEST),
        ("04", "MAX_CRLS", wire::MAX_CRLS),
        ("04", "MAX_FEED_PAGE", wire::MAX_FEED_PAGE as usize),
        ("04", "MAX_PAGE_BYTES", wire::MAX_PAGE_BYTES),
        ("04", "MAX_LIFETIME", wire::MAX_LIFETIME as usize),
        ("04", "MAX_RANGES", wire::MAX_RANGES),
        ("04", "MAX_NONCES", session::MAX_NONCES),
    ];
    let _: Option<package::Trailer> = None;
    usizes.into_iter().map(|(chapter, name, value)| (chapter, name, value as u64)).collect()
}

#[test]
fn every_limit_is_quoted_with_its_value() {
    let known = known_limits();
    let mut quoted = BTreeSet::new();
    for (file, text) in chapters().into_iter().filter(|(file, _)| OURS.contains(&file.as_str())) {
        let Some(table) = text.split("| limit | value | of what |").nth(1) else { continue };
        for row in table.lines().filter(|line| line.starts_with("| `")).take_while(|line| line.matches('|').count() == 4) {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let value: u64 = cells[2].replace(',', "").parse().unwrap();
            // The node's own: the protocol has no sockets.
            if cells[1] == "MAX_STREAMS" {
                continue;
            }
            let limit = known.iter().find(|(chapter, name, _)| file.starts_with(chapter) && *name == cells[1]);
            assert_eq!(limit.map(|(_, _, value)| *value), Some(value), "{file}: {row}");
            quoted.insert((limit.unwrap().0, limit.unwrap().1));
        }
    }
    let missing: Vec<_> = known.iter().filter(|(chapter, name, _)| !quoted.contains(&(*chapter, *name))).collect();
    assert!(missing.is_empty(), "not quoted: {missing:?}");
    // And no limit of these modules is left out of the list above.
    for (path, text) in crate_sources() {
        let place = path.display().to_string();
        if ["/pki", "/image", "/spectrum", "/series", "/tests"].iter().any(|other| place.contains(other)) {
            continue;
        }
        for name in text.lines().filter_map(|line| line.strip_prefix("pub const MAX_")?.split(':').next()) {
            let name = format!("MAX_{name}");
            assert!(known.iter().any(|(_, known, _)| *known == name), "{name} of {place} is in no chapter");
        }
    }
}

/// spec/carnet.cddl is the CDDL of the chapters, in order.
#[test]
fn cddl_is_one_file() {
    let mut all =
        "; The CDDL (RFC 8610) of the Carnet exchange profile, version 1, chapter by chapter.\n; Made by protocol/tests/spec_text.rs.\n\
        \nstart = statement\n"
            .to_owned();
    for (file, text) in chapters().into_iter().filter(|(file, _)| OURS.contains(&file.as_str())) {
        all.push_str(&format!("\n; {file}\n"));
        for block in text.split("```cddl\n").skip(1) {
            all.push_str(&format!("\n{}", block.split("```").next().unwrap()));
        }
    }
    settle("carnet.cddl", all.as_bytes());
    assert!(spec("carnet.cddl").exists());
    // A rule is defined once and every name that is used is defined.
    let lines: Vec<&str> = all.lines().filter_map(|line| line.split(';').next()).collect();
    let mut defined = BTreeSet::new();
    for line in &lines {
        if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| !name.starts_with(' ') && !name.contains([':', '"'])) {
            assert!(defined.insert(name.to_owned()), "{name} is defined twice");
        }
    }
    for line in lines {
        let outside: String = line.split('"').step_by(2).collect::<Vec<_>>().join(" ");
        for word in outside
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            let known = ["bstr", "text", "uint", "int", "bool", "any", "float", "size", "regexp", "cbor", "start"].contains(&word);
            let label = outside.contains(&format!("{word}:"));
            assert!(known || label || defined.contains(word), "{word} is used and not defined: {line}");
        }
    }
}

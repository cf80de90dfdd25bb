//! The specification's text: marked parts are computed and compared, or written anew when CARNET_BLESS is set.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub fn spec(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec").join(file)
}

/// The chapters, in order, by file name.
pub fn chapters() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(spec(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| (name.clone(), std::fs::read_to_string(spec(&name)).unwrap()))
        .collect();
    found.sort();
    found
}

#[allow(clippy::disallowed_methods, reason = "a switch of this test, not of the protocol")]
fn blessing() -> bool {
    std::env::var_os("CARNET_BLESS").is_some()
}

/// Compares a file with what it should be, or writes it.
pub fn settle(file: &str, wanted: &[u8]) {
    if blessing() {
        // Other tests read these files at the same time.
        std::fs::create_dir_all(spec(file).parent().unwrap()).unwrap();
        std::fs::write(spec(&format!("{file}.new")), wanted).unwrap();
        return std::fs::rename(spec(&format!("{file}.new")), spec(file)).unwrap();
    }
    let found = std::fs::read(spec(file)).unwrap_or_default();
    let line = found.split(|b| *b == b'\n').zip(wanted.split(|b| *b == b'\n')).position(|(a, b)| a != b);
    assert!(found == wanted, "spec/{file} has drifted (line {:?}): look at why, then run with CARNET_BLESS=1", line.map(|n| n + 1));
}

/// Puts each of `parts` into the text behind its mark. A mark without a part, or a part without a mark, fails.
pub fn settle_parts(parts: &BTreeMap<String, String>) {
    let mut used = BTreeSet::new();
    for (file, text) in chapters() {
        settle(&file, fill(&text, parts, &mut used).as_bytes());
    }
    let unused: Vec<_> = parts.keys().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "no chapter shows {unused:?}");
}

fn fill(text: &str, parts: &BTreeMap<String, String>, used: &mut BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("<!-- ") {
        let (mark, after) = rest[at..].split_at(rest[at..].find(" -->").unwrap() + 4);
        out.push_str(&rest[..at]);
        out.push_str(mark);
        rest = after;
        let Some((sort, name)) = mark[5..mark.len() - 4].split_once(": ") else { continue };
        let known = ["example", "value", "generated"].contains(&sort);
        let Some(part) = parts.get(name).filter(|_| known) else {
            assert!(!known, "nothing computes {name}");
            continue;
        };
        used.insert(name.to_owned());
        match sort {
            "value" => {
                rest = &rest[rest.find(" |").unwrap()..];
                out.push_str(&format!(" `{part}`"));
            }
            "example" => {
                let start = rest.find("```").unwrap() + rest[rest.find("```").unwrap()..].find('\n').unwrap() + 1;
                let end = start + rest[start..].find("```").unwrap();
                out.push_str(&rest[..start]);
                out.push_str(part.trim_end());
                out.push('\n');
                rest = &rest[end..];
            }
            _ => {
                rest = &rest[rest.find("<!-- end -->").unwrap()..];
                out.push('\n');
                out.push_str(part.trim_end());
                out.push('\n');
            }
        }
    }
    out.push_str(rest);
    out
}

/// Lines of 32 bytes.
pub fn hex_lines(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(line).collect::<Vec<_>>().join("\n")
}

/// Diagnostic notation (RFC 8949, section 8), a field a line.
pub fn diagnostic(bytes: &[u8]) -> String {
    let mut out = String::new();
    item(&mut minicbor::Decoder::new(bytes), 0, &mut out);
    out
}

fn item(d: &mut minicbor::Decoder<'_>, depth: usize, out: &mut String) {
    use minicbor::data::Type;
    let inner = "  ".repeat(depth + 1);
    match d.datatype().unwrap() {
        Type::Map => {
            let count = d.map().unwrap().unwrap();
            out.push('{');
            for _ in 0..count {
                out.push_str(&format!("\n{inner}"));
                item(d, depth + 1, out);
                out.push_str(": ");
                item(d, depth + 1, out);
                out.push(',');
            }
            let end = if count == 0 { "}".to_owned() } else { format!("\n{}}}", "  ".repeat(depth)) };
            out.push_str(&end);
        }
        Type::Array => {
            let count = d.array().unwrap().unwrap();
            out.push('[');
            for n in 0..count {
                out.push_str(if n == 0 { "" } else { ", " });
                item(d, depth, out);
            }
            out.push(']');
        }
        Type::Bytes => out.push_str(&format!("h'{}'", d.bytes().unwrap().iter().map(|b| format!("{b:02x}")).collect::<String>())),
        Type::String => out.push_str(&format!("{:?}", d.str().unwrap())),
        Type::Bool => out.push_str(&d.bool().unwrap().to_string()),
        Type::F16 | Type::F32 | Type::F64 => out.push_str(&format!("{:?}", d.f64().unwrap())),
        Type::Null => {
            d.null().unwrap();
            out.push_str("null");
        }
        _ => out.push_str(&d.int().unwrap().to_string()),
    }
}

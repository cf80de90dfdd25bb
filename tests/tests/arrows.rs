//! The shape of the workspace: which crate may know which, and how long a file may be.
//!
//! Read from the manifests and the sources as text, so that a new dependency that breaks an arrow fails here before
//! anybody gets used to it. ARCHITECTURE.md draws the same arrows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A source file longer than this, its tests left out, has to be cut.
const MOST_LINES: usize = 600;

/// Every crate of the workspace.
const OURS: [&str; 9] = [
    "carnet",
    "carnet-protocol",
    "carnet-formats",
    "carnet-analysis",
    "carnet-certs",
    "carnet-conformance",
    "carnet-tests",
    "carnet-examples",
    "xtask",
];

const NETWORK: [&str; 9] = ["tokio", "quinn", "quinn-proto", "rustls", "axum", "hyper", "reqwest", "futures-util", "socket2"];
const STORAGE: [&str; 5] = ["sqlx", "object_store", "rusqlite", "tempfile", "redb"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(folder: &str) -> toml::Table {
    std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// Packages that the crate in `folder` depends on when it is built, not only when it is tested; renames resolved.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let (manifest, workspace) = (manifest(folder), manifest("."));
    let built = |table: &toml::Table| -> Vec<String> {
        ["dependencies", "build-dependencies"]
            .iter()
            .filter_map(|key| table.get(*key).and_then(toml::Value::as_table))
            .flat_map(|table| table.keys().cloned())
            .collect()
    };
    let mut names = built(&manifest);
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        names.extend(targets.values().filter_map(toml::Value::as_table).flat_map(built));
    }
    let renamed = |name: &str| {
        let entry = workspace["workspace"]["dependencies"].get(name)?;
        Some(entry.get("package")?.as_str()?.to_owned())
    };
    names.into_iter().map(|name| renamed(&name).unwrap_or(name)).collect()
}

/// Every Rust source in the folder and below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let skipped = ["target", ".git", ".venv"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !skipped {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The file up to its tests, comments left out: what it does, not what it says.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// Whether the file holds nothing but tests: a `tests.rs`, or below a `tests/` that is not this workspace's own folder.
fn is_test(file: &Path) -> bool {
    let inside = file.strip_prefix(root()).unwrap();
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let source = parts.iter().position(|part| part == "src");
    let below = &parts[source.map_or(0, |at| at + 1)..];
    below.iter().any(|part| part == "tests" || part == "tests.rs")
}

fn forbid(folder: &str, names: &[&str]) {
    let has = dependencies(folder);
    for name in names {
        assert!(!has.contains(*name), "{folder} must not depend on {name}: see ARCHITECTURE.md, Arrows");
    }
}

/// Asserts that of our own crates `folder` knows only those.
fn knows(folder: &str, only: &[&str]) {
    for name in dependencies(folder).iter().filter(|name| OURS.contains(&name.as_str())) {
        assert!(only.contains(&name.as_str()), "{folder} must not depend on {name}: see ARCHITECTURE.md, Arrows");
    }
}

#[test]
fn crates_know_only_what_the_arrows_say() {
    knows("protocol", &[]);
    knows("node/formats", &["carnet-protocol"]);
    knows("node/analysis", &["carnet-protocol"]);
    knows("certs", &["carnet-protocol"]);
    knows("conformance", &["carnet-protocol"]);
    knows("node", &["carnet-protocol", "carnet-formats", "carnet-analysis", "carnet-certs"]);
    knows("tests/xtask", &[]);
}

#[test]
fn every_crate_of_the_workspace_is_known_here() {
    for member in manifest(".")["workspace"]["members"].as_array().unwrap() {
        let table = manifest(member.as_str().unwrap());
        let name = table["package"]["name"].as_str().unwrap();
        assert!(OURS.contains(&name), "give {name} its arrows in this file and in ARCHITECTURE.md");
        let lints = table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(lints, Some(true), "{name} must take its lints from the workspace");
    }
}

#[test]
fn pure_crates_have_no_network_and_no_storage() {
    for folder in ["protocol", "node/formats", "node/analysis"] {
        forbid(folder, &NETWORK);
        forbid(folder, &STORAGE);
    }
    forbid("conformance", &NETWORK);
}

#[test]
fn protocol_takes_time_and_randomness_as_arguments() {
    forbid("protocol", &["rand", "getrandom", "chrono"]);
    let words = ["SystemTime::", "Instant::", "SystemRandom", "std::fs", "std::net", "std::thread", "async "];
    for file in sources(&root().join("protocol/src")).iter().filter(|file| !is_test(file)) {
        let code = code(file);
        for word in words.iter().chain(&["tokio", "quinn"]) {
            assert!(!code.contains(word), "{} speaks of {word}: protocol is pure (invariant 6)", file.display());
        }
    }
}

#[test]
fn a_serving_node_never_touches_a_certificate_authority() {
    let folder = root().join("node/src");
    for file in sources(&folder) {
        let path = file.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        // init.rs, init/…, demo.rs, demo/…, and the same below a folder of commands.
        let allowed = path.split('/').any(|part| part.starts_with("init") || part.starts_with("demo"));
        let speaks = code(&file).contains("carnet_certs");
        assert!(allowed || !speaks, "node/src/{path} uses carnet_certs: only init and demo may");
    }
}

#[test]
fn files_stay_short_enough_to_read() {
    let mut long = Vec::new();
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        if lines > MOST_LINES && !is_test(&file) {
            long.push(format!("{lines} lines: {}", file.display()));
        }
    }
    assert!(long.is_empty(), "cut these files along their ideas:\n{}", long.join("\n"));
}

//! The `carnet` binary that the tests run.
//!
//! Cargo tells a test the path of a binary only within one package, so it is looked for where this test's own executable was
//! built: `target/<profile>/carnet`. If it is missing there, or older than any source that it is made from, it is built first,
//! with the same profile and into the same folder; so `cargo test -p carnet-tests` works on a clean clone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The path of the binary; built once a test process if it must be.
pub fn carnet() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let profile = profile_folder();
        let binary = profile.join("carnet");
        let built = std::fs::metadata(&binary).and_then(|found| found.modified()).ok();
        if built.is_none_or(|built| built < newest_source()) {
            build(&profile);
        }
        assert!(binary.is_file(), "{} is not there after the build", binary.display());
        binary
    })
}

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// `target/<profile>`: the test's executable lies in its `deps`.
fn profile_folder() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().find(|folder| folder.join("deps").is_dir()).expect("the test's executable lies in a target folder").to_owned()
}

fn build(profile: &Path) {
    let name = profile.file_name().unwrap().to_string_lossy();
    let target = profile.parent().unwrap();
    eprintln!("building the carnet binary in {}", profile.display());
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "-p", "carnet", "--bin", "carnet"]).arg("--target-dir").arg(target);
    if name != "debug" {
        cargo.args(["--profile", &name]);
    }
    let status = cargo.current_dir(root()).status().expect("cargo starts");
    assert!(status.success(), "the carnet binary does not build: {cargo:?}");
}

/// When a source of the binary was last touched.
fn newest_source() -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    for folder in ["protocol/src", "node/src", "node/formats/src", "node/analysis/src", "certs/src", "node/migrations"] {
        look(&root().join(folder), &mut newest);
    }
    newest
}

fn look(folder: &Path, newest: &mut SystemTime) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            look(&path, newest);
        } else if let Ok(touched) = entry.metadata().and_then(|found| found.modified()) {
            *newest = touched.max(*newest);
        }
    }
}

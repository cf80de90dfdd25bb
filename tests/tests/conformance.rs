//! Our own implementation passes the conformance suite, from outside, as anybody's would be judged.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use carnet_conformance::{Case, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The `carnet` program beside this test, built if it is not.
fn carnet() -> PathBuf {
    let built =
        Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "carnet", "--bin", "carnet"]).current_dir(root()).status();
    assert!(built.unwrap().success(), "carnet could not be built");
    // target/debug/deps/this-test -> target/debug/carnet
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("carnet")
}

#[test]
fn carnet_passes_every_case() {
    let cases = Case::read_all(&root().join("conformance/cases")).unwrap();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let report = run(&[carnet().display().to_string(), "conformance-adapter".into()], &cases);
    let failed: Vec<_> = report.outcomes.iter().filter(|outcome| !outcome.passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn an_implementation_that_accepts_everything_fails() {
    let cases = Case::read_all(&root().join("conformance/cases")).unwrap();
    let yes = ["sh".to_owned(), "-c".to_owned(), r#"echo '{"verdict":"accept"}'"#.to_owned()];
    let report = run(&yes, &cases);
    assert!(report.failed() > cases.len() / 2, "most cases must be refused");
}

//! Every example runs to its end: each asserts what it shows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::process::Command;

fn runs(program: &str) -> String {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn sign_and_verify() {
    let told = runs(env!("CARGO_BIN_EXE_01_sign_and_verify"));
    assert!(told.contains("verified: Annotation"));
    assert_eq!(told.matches("changed: ").count(), 3);
}

#[test]
fn two_nodes() {
    assert!(runs(env!("CARGO_BIN_EXE_02_two_nodes")).contains("FR fetched 3000000 of 3000000 bytes"));
}

#[test]
fn package() {
    let told = runs(env!("CARGO_BIN_EXE_03_package"));
    assert!(told.contains("good  package") && told.contains("BAD   package"));
}

#[test]
fn simulate() {
    let told = runs(env!("CARGO_BIN_EXE_04_simulate"));
    assert!(told.contains("synthetic: carnet-cargo-scan") && told.contains("hidden: lead"));
}

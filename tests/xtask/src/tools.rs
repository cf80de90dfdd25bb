//! Installs what the tests need where it is missing. A machine that has it is left alone.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::run;

/// The cargo-deny that deny.toml is written for.
const CARGO_DENY: &str = "0.20.2";

/// Program and the Debian package it comes in.
pub type Needed = (&'static str, &'static str);

/// What tests use beyond Rust: network namespaces, fsync counting, the independent reader.
pub const FOR_TESTS: [Needed; 4] = [("cc", "gcc"), ("ip", "iproute2"), ("strace", "strace"), ("python3", "python3")];

/// Installs Debian packages for the programs that are missing.
///
/// # Errors
/// Says which packages to install if we may not or cannot install them.
pub fn packages(needed: &[Needed]) -> Result<String> {
    let mut missing: Vec<&str> = needed.iter().filter(|(program, _)| run::find(program).is_none()).map(|(_, package)| *package).collect();
    // Debian's Python comes without what makes virtual environments.
    let environments = run::command("python3").args(["-c", "import ensurepip"]).output().is_ok_and(|out| out.status.success());
    if !environments {
        missing.push("python3-venv");
    }
    if missing.is_empty() {
        return Ok("all there".to_owned());
    }
    let wanted = missing.join(" ");
    let by_hand = format!("install by hand: apt-get install {wanted}");
    // Only root may install, and only Debian and its kin have apt-get.
    let root = run::command("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    if !root || run::find("apt-get").is_none() {
        bail!("{by_hand}");
    }
    let apt =
        |words: &[&str]| run::command("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive").status().is_ok_and(|s| s.success());
    let install: Vec<&str> = ["install", "-y", "-q", "--no-install-recommends"].into_iter().chain(missing.iter().copied()).collect();
    if !(apt(&install) || apt(&["update", "-q"]) && apt(&install)) {
        bail!("{by_hand}");
    }
    Ok(format!("installed {wanted}"))
}

/// Path of cargo-deny, built into `target/tools` if the machine has none.
///
/// # Errors
/// If it has to be built and that fails.
pub fn cargo_deny() -> Result<PathBuf> {
    let tools = run::target().join("tools");
    let ours = tools.join("bin/cargo-deny");
    if let Some(found) = run::find("cargo-deny").or_else(|| ours.is_file().then(|| ours.clone())) {
        return Ok(found);
    }
    // Unoptimised: it runs for a second and would take minutes more to build.
    let mut install = run::cargo();
    install.args(["install", "--quiet", "--locked", "--debug", "cargo-deny", "--version", CARGO_DENY, "--root"]);
    install.arg(&tools).env("CARGO_TARGET_DIR", tools.join("build"));
    install.env("CARGO_PROFILE_DEV_DEBUG", "0");
    let done = install.status().context("cargo install cargo-deny")?;
    if !done.success() {
        bail!("cargo-deny could not be built; rerun: {}", run::shown(&install));
    }
    Ok(ours)
}

//! Child processes, the workspace's folders, and what is on the PATH.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The workspace's root folder.
pub fn root() -> &'static Path {
    // This crate lies two folders below the root: tests/xtask.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// Where cargo builds, whoever told it so: this program lies in `debug/` of that folder.
pub fn target() -> PathBuf {
    let ours = std::env::current_exe().ok();
    let target = ours.as_deref().and_then(|program| program.ancestors().nth(2));
    target.map_or_else(|| root().join("target"), Path::to_owned)
}

/// A program to be run at the root, without what cargo told this process about itself: some build scripts (ring's)
/// watch those variables and would build everything a second time.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let about_us = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if about_us.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Cargo, the one that runs us.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The first file called `program` on the PATH or where Debian keeps daemons.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let variables =
        command.get_envs().filter_map(|(name, value)| Some(format!("{}={:?} ", name.to_string_lossy(), value?.to_string_lossy())));
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args()).map(|word| {
        let word = word.to_string_lossy();
        if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
    });
    variables.collect::<String>() + &words.collect::<Vec<_>>().join(" ")
}

/// A child process that ends when this value does.
pub struct Daemon(pub Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // Either may fail only because the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

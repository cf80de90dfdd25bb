//! The first anchor: `rsync --fsync` through ssh with AES-128-GCM, to a server of our own on the loopback.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::anchors::{free_port, noise, timed};
use crate::run::{self, Daemon};

const FILES: usize = 4;
const FILE_BYTES: usize = 256 << 20;

/// A gibibyte in four files.
pub struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    /// Writes the files.
    pub fn write(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        for file in 0..FILES {
            std::fs::write(folder.join(format!("{file}.bin")), noise(file as u64 * 2 + 1, FILE_BYTES))?;
        }
        Ok(Self { folder: folder.to_owned() })
    }
}

/// A running sshd with keys of its own: it ends, and its keys with it, when this value does.
pub struct Server {
    folder: PathBuf,
    port: u16,
    _daemon: Daemon,
}

impl Server {
    /// Makes the keys in `folder` and starts the server.
    pub fn start(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        for key in ["host", "user"] {
            let mut keygen = run::command("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key));
            finish(keygen)?;
        }
        let port = free_port()?;
        let at = folder.display();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nCiphers aes128-gcm@openssh.com\nLogLevel ERROR\n"
        );
        std::fs::write(folder.join("sshd_config"), config)?;
        // sshd run by root wants its empty folder; on a fresh machine nobody has made it yet. Not root: not needed.
        let _ = std::fs::create_dir("/run/sshd");
        // sshd insists on being started by its absolute path.
        let program = run::find("sshd").context("no sshd: apt-get install openssh-server")?;
        let mut command = run::command(program);
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config")).stdin(Stdio::null());
        let daemon = Daemon(command.spawn().context("sshd")?);
        wait_for(port, "sshd")?;
        Ok(Self { folder: folder.to_owned(), port, _daemon: daemon })
    }

    /// Seconds to copy the corpus into the new folder `to`, each file synced; the copy is removed afterwards.
    pub fn copy(&self, corpus: &Corpus, to: &Path) -> Result<f64> {
        std::fs::create_dir_all(to)?;
        let shell = format!(
            "ssh -F /dev/null -p {} -i {}/user -c aes128-gcm@openssh.com -o BatchMode=yes -o IdentitiesOnly=yes \
             -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            self.port,
            self.folder.display()
        );
        let mut rsync = run::command("rsync");
        rsync.args(["-r", "--fsync", "--whole-file", "-e", &shell]);
        rsync.arg(format!("{}/", corpus.folder.display())).arg(format!("127.0.0.1:{}/", to.display()));
        let seconds = timed(|| finish(rsync))?;
        for file in 0..FILES {
            let size = std::fs::metadata(to.join(format!("{file}.bin")))?.len();
            if size != FILE_BYTES as u64 {
                bail!("rsync left {size} bytes of file {file}");
            }
        }
        std::fs::remove_dir_all(to)?;
        Ok(seconds)
    }
}

/// Waits until something listens on `port`.
pub fn wait_for(port: u16, name: &str) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > end {
            bail!("{name} did not listen on port {port} within 20 s");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn finish(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| run::shown(&command))?;
    if !status.success() {
        bail!("{status}: {}", run::shown(&command));
    }
    Ok(())
}

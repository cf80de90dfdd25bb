//! One administration of the demonstration: its folder, its running node, its command line.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use carnet_protocol::identifier::Country;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::home::Home;

/// A node answers this soon after it was started, even on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// A node that was asked to stop has this long.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at something that is waited for.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Lines of a node's log that are shown when it does not start.
const LOG_LINES: usize = 5;

/// An administration.
pub(super) struct Office {
    pub(super) country: Country,
    pub(super) name: String,
    /// SHA-256 of its root certificate, once its node is made.
    pub(super) fingerprint: String,
    home: PathBuf,
    program: PathBuf,
    quic: SocketAddr,
    http: SocketAddr,
    /// The two ports, held until its own node takes them, so that nobody else gets them in between.
    held: Option<(UdpSocket, TcpListener)>,
    server: Option<Child>,
}

/// What a command of the program answered.
pub(super) struct Answer {
    /// Its exit code.
    pub(super) code: i32,
    /// Its lines of JSON.
    pub(super) lines: Vec<Value>,
    /// What it said on standard error.
    pub(super) errors: String,
}

impl Office {
    /// Makes the administration's node in a folder below `folder`, on ports of this machine that are free.
    pub(super) async fn make(country: &str, folder: &Path) -> anyhow::Result<Self> {
        let udp = UdpSocket::bind("127.0.0.1:0").context("no free UDP port")?;
        let tcp = TcpListener::bind("127.0.0.1:0").context("no free TCP port")?;
        let mut office = Self {
            country: country.parse().map_err(|_| anyhow::anyhow!("{country} is no country"))?,
            name: format!("Customs of {country} (demo)"),
            fingerprint: String::new(),
            home: folder.join(country.to_lowercase()),
            program: std::env::current_exe().context("the program does not find itself")?,
            quic: udp.local_addr()?,
            http: tcp.local_addr()?,
            held: Some((udp, tcp)),
            server: None,
        };
        let (quic, http, name) = (office.quic.to_string(), office.http.to_string(), office.name.clone());
        let made = office.carnet(&["init", "--administration", country, "--name", &name, "--quic", &quic, "--http", &http]).await?;
        office.fingerprint = made.text("fingerprint")?;
        Ok(office)
    }

    /// The command line of somebody who has the program of `like` and an empty folder, but no node.
    pub(super) fn nowhere(like: &Self, home: PathBuf) -> Self {
        Self { name: "nobody".into(), fingerprint: String::new(), home, program: like.program.clone(), held: None, server: None, ..*like }
    }

    /// Its folder.
    pub(super) fn home(&self) -> Home {
        Home::new(&self.home)
    }

    /// Where its node is reached.
    pub(super) fn endpoint(&self) -> String {
        self.quic.to_string()
    }

    /// The number of its node's process.
    pub(super) fn process(&self) -> Option<u32> {
        self.server.as_ref().and_then(Child::id)
    }

    /// Its root certificate.
    pub(super) fn root(&self) -> PathBuf {
        self.home().pki().join("root.pem")
    }

    /// Runs a command of this program at this administration; an exit code other than 0 is an error.
    pub(super) async fn carnet<S: AsRef<OsStr>>(&self, arguments: &[S]) -> anyhow::Result<Answer> {
        let answer = self.ask(arguments).await?;
        let words = || arguments.iter().map(|word| word.as_ref().to_string_lossy()).collect::<Vec<_>>().join(" ");
        anyhow::ensure!(
            answer.code == 0,
            "{}: `carnet {}` ended with code {}: {}",
            self.country,
            words(),
            answer.code,
            answer.errors.trim()
        );
        Ok(answer)
    }

    /// Runs a command of this program at this administration, however it ends.
    pub(super) async fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> anyhow::Result<Answer> {
        let mut command = self.command();
        command.arg("--json").args(arguments).stdin(Stdio::null());
        let output = command.output().await.with_context(|| format!("{} does not start", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(Answer {
            code: output.status.code().unwrap_or(-1),
            lines: text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("a command's JSON cannot be read")?,
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Starts its node and waits until it answers.
    pub(super) async fn serve(&mut self) -> anyhow::Result<()> {
        let log = self.home.join("serve.log");
        let errors = std::fs::File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let mut command = self.command();
        command.args(["serve", "--until-stdin-ends"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors);
        drop(self.held.take());
        let mut server = command.spawn().with_context(|| format!("{} does not start", self.program.display()))?;
        let ready = timeout(START_PATIENCE, async {
            loop {
                if let Some(status) = server.try_wait()? {
                    anyhow::bail!("the node of {} ended at once ({status}): {}", self.country, last_lines(&log));
                }
                if ready(self.http).await.unwrap_or(false) {
                    return Ok(());
                }
                sleep(LOOK_AGAIN).await;
            }
        });
        match ready.await {
            Ok(outcome) => outcome?,
            Err(_) => anyhow::bail!("the node of {} does not answer on {}: {}", self.country, self.http, last_lines(&log)),
        }
        self.server = Some(server);
        Ok(())
    }

    /// Stops its node: asks it first, and ends it if it does not listen.
    pub(super) async fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        drop(server.stdin.take());
        if timeout(STOP_PATIENCE, server.wait()).await.is_err() {
            server.kill().await.ok();
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(&self.home).kill_on_drop(true);
        // What the operator of this machine sets for a node of his own is not for these three.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARNET_")) {
            command.env_remove(name);
        }
        command
    }
}

impl Answer {
    /// A text of the first line.
    pub(super) fn text(&self, field: &str) -> anyhow::Result<String> {
        let found = self.lines.first().and_then(|line| line[field].as_str());
        found.map(str::to_owned).with_context(|| format!("a command answered without {field}"))
    }
}

/// Whether the node says so on its local port.
async fn ready(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n").await?;
    let mut answer = Vec::new();
    timeout(Duration::from_secs(2), stream.take(1024).read_to_end(&mut answer)).await??;
    Ok(answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"))
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

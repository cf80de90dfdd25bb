//! Administrations on this machine, each a folder and a process of its own.

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::carnet;
use crate::wait_until;

/// A command that takes longer hangs.
const COMMAND_PATIENCE: Duration = Duration::from_secs(60);

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output, each line parsed.
    pub lines: Vec<Value>,
    /// Standard output as it came.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Several administrations, all partners of each other.
pub struct Federation {
    /// The administrations, in the order of their countries as given.
    pub all: Vec<Administration>,
    /// The folder of the whole; removed on drop.
    pub folder: TempDir,
}

/// One administration's node.
pub struct Administration {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// The node's folder.
    pub home: PathBuf,
    /// UDP port of the node.
    pub quic: u16,
    /// TCP port of metrics and health.
    pub http: u16,
    /// Extra environment of everything that is run.
    pub environment: Vec<(String, String)>,
    server: Mutex<Option<Child>>,
    starts: AtomicU16,
}

impl Federation {
    /// Makes nodes that have pinned each other and know each other's endpoints. Nothing serves yet.
    pub fn new(countries: &[&str]) -> Self {
        let federation = Self::strangers(countries);
        for one in &federation.all {
            for other in &federation.all {
                if one.country != other.country {
                    one.partner(other, &[&other.endpoint()]);
                }
            }
        }
        federation
    }

    /// Makes nodes that do not know each other.
    pub fn strangers(countries: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("carnet-federation-").tempdir().unwrap();
        let all = countries.iter().map(|country| Administration::new(country, &folder.path().join(country))).collect();
        Self { all, folder }
    }

    /// The administration of `country`.
    pub fn of(&self, country: &str) -> &Administration {
        self.all.iter().find(|one| one.country == country).expect("a country of this federation")
    }

    /// A file in the federation's folder.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Administration {
    /// Makes a node in `home`, on free ports of loopback.
    pub fn new(country: &str, home: &Path) -> Self {
        let (quic, http) = (free_port(), free_port());
        let one = Self {
            country: country.to_owned(),
            home: home.to_owned(),
            quic,
            http,
            environment: vec![("CARNET_EXCHANGE_RETRY_SECONDS".into(), "1".into())],
            server: Mutex::default(),
            starts: AtomicU16::new(0),
        };
        let (quic, http) = (one.endpoint(), format!("127.0.0.1:{http}"));
        let name = format!("Customs of {country}");
        one.ok(&["init", "--administration", country, "--name", &name, "--quic", &quic, "--http", &http]);
        one
    }

    /// The same node in a copy of its folder, for commands only: it serves on no port of its own.
    pub fn twin(&self, home: &Path) -> Self {
        Self {
            country: self.country.clone(),
            home: home.to_owned(),
            quic: self.quic,
            http: self.http,
            environment: self.environment.clone(),
            server: Mutex::default(),
            starts: AtomicU16::new(0),
        }
    }

    /// Where partners reach it.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.quic)
    }

    /// Its root certificate.
    pub fn root(&self) -> PathBuf {
        self.home.join("pki/root.pem")
    }

    /// The fingerprint of its root.
    pub fn fingerprint(&self) -> String {
        self.one(&["status"])["fingerprint"].as_str().unwrap().to_owned()
    }

    /// Pins `other`, reached at `endpoints`.
    pub fn partner(&self, other: &Administration, endpoints: &[&str]) {
        let (root, fingerprint) = (other.root(), other.fingerprint());
        let mut words = vec!["partner", "add", "--root", root.to_str().unwrap(), "--fingerprint", &fingerprint];
        for endpoint in endpoints {
            words.extend(["--endpoint", endpoint]);
        }
        self.ok(&words);
    }

    /// A command of this node, not started yet.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(carnet());
        command.arg("--home").arg(&self.home).arg("--json").args(words);
        command.env_remove("RUST_LOG").env_remove("CARNET_HOME").envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, within a minute.
    pub fn run(&self, words: &[&str]) -> Ran {
        run(self.command(words), COMMAND_PATIENCE)
    }

    /// Runs a command that must exit with 0; its lines.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> Vec<Value> {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{} {words:?}\nout: {}\nerr: {}\nserver: {}", self.country, ran.out, ran.err, self.log());
        ran.lines
    }

    /// Runs a command that must exit with 0 and print one line.
    #[track_caller]
    pub fn one(&self, words: &[&str]) -> Value {
        let mut lines = self.ok(words);
        assert_eq!(lines.len(), 1, "{words:?}: {lines:?}");
        lines.remove(0)
    }

    /// Imports a file, with more words of the command; the record's id.
    #[track_caller]
    pub fn import(&self, file: &Path, more: &[&str]) -> String {
        let words = [&["import", file.to_str().unwrap()], more].concat();
        let line = self.one(&words);
        assert_eq!(line["status"], "imported", "{line}");
        line["record"].as_str().unwrap().to_owned()
    }

    /// Ids of the records in the catalogue's list, releases and receipts left out.
    #[track_caller]
    pub fn records(&self) -> Vec<String> {
        let lines = self.ok(&["list", "--limit", "1000"]);
        lines.iter().map(|line| line["record"].as_str().unwrap().to_owned()).collect()
    }

    /// Whether the record is held.
    pub fn has(&self, record: &str) -> bool {
        self.run(&["show", record]).code == 0
    }

    /// What `show` says of a record.
    #[track_caller]
    pub fn show(&self, record: &str) -> Value {
        self.one(&["show", record])
    }

    /// Waits until the record is held.
    #[track_caller]
    pub fn wait_for(&self, record: &str) {
        wait_until(&format!("{} has {record}\n{}", self.country, self.log()), 20, || self.has(record).then_some(()));
    }

    /// Everything that is held verifies, or the test ends here.
    #[track_caller]
    pub fn verify(&self) {
        let ran = self.run(&["verify"]);
        assert_eq!(ran.code, 0, "{}: {}\n{}", self.country, ran.out, ran.err);
    }

    /// Starts to serve and waits until it listens.
    #[track_caller]
    pub fn serve(&self) {
        let start = self.starts.fetch_add(1, Ordering::SeqCst) + 1;
        let log = File::create(self.log_path(start)).unwrap();
        let child = self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let before = self.server().replace(child);
        assert!(before.is_none(), "{} serves already", self.country);
        let listens = || {
            assert!(self.exited().is_none(), "the server of {} ended: {}", self.country, self.log());
            self.log().contains("serving").then_some(())
        };
        wait_until(&format!("{} serves", self.country), 20, listens);
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.server().as_ref().expect("a server").id()
    }

    /// How the server ended, if it did.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.server().as_mut().and_then(|child| child.try_wait().unwrap())
    }

    /// Asks the server to end (SIGTERM), and waits for it; how long it took.
    #[track_caller]
    pub fn stop(&self) -> Duration {
        let began = Instant::now();
        let mut child = self.server().take().expect("a server");
        let asked = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let status = wait_until("the server ends after SIGTERM", 20, || child.try_wait().unwrap());
        assert!(status.success(), "{}: {status}\n{}", self.country, self.log());
        began.elapsed()
    }

    /// Kills the server (SIGKILL): nothing of it can end in an orderly way.
    pub fn kill(&self) {
        if let Some(mut child) = self.server().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// What the server said since it was last started.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path(self.starts.load(Ordering::SeqCst))).unwrap_or_default()
    }

    /// Memory of the server that lies in RAM, in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line of resident memory");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The metrics page.
    pub fn metrics(&self) -> String {
        use std::io::Write as _;
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.http)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_path(&self, start: u16) -> PathBuf {
        self.home.with_extension(format!("serve-{start}.log"))
    }
}

impl Drop for Administration {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.lines().rev().take(40).collect::<Vec<_>>();
            eprintln!("--- server of {}, the last lines:", self.country);
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Runs a command to its end; one that takes longer than `patience` is killed and fails the test.
#[track_caller]
pub fn run(mut command: Command, patience: Duration) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reader = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).ok();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = reader(Box::new(child.stdout.take().unwrap()));
    let err = reader(Box::new(child.stderr.take().unwrap()));
    let end = Instant::now() + patience;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > end => {
                child.kill().ok();
                child.wait().ok();
                panic!("{command:?} hangs: nothing after {patience:?}\nout: {}\nerr: {}", out.join().unwrap(), err.join().unwrap());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    assert!(!err.contains("panicked at"), "{command:?} panicked: {err}");
    let lines = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ran { code: status.code().unwrap_or(-1), lines, out, err }
}

/// A port that is free for UDP and TCP on loopback, below those that the kernel gives out by itself, and given out once.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Several test processes run at once: each begins somewhere else.
    let start = 12_000 + (std::process::id() % 180) as u16 * 100;
    loop {
        let port = 12_000 + (start - 12_000 + NEXT.fetch_add(1, Ordering::SeqCst)) % 20_000;
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

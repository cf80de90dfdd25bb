//! Real nodes for measurements: the `carnet` program itself, each node a process, with what the kernel says of its cost.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A folder on the disk that cargo builds on, for `/tmp` may be memory, where a sync costs nothing. Removed when dropped.
pub fn ground(name: &str) -> tempfile::TempDir {
    let program = std::env::current_exe().unwrap();
    let release = program.ancestors().nth(2).unwrap();
    tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(release).unwrap()
}

/// The `carnet` program that was built with this one.
pub fn program() -> PathBuf {
    let ours = std::env::current_exe().unwrap();
    let carnet = ours.ancestors().nth(2).unwrap().join("carnet");
    assert!(carnet.is_file(), "{} is not there: cargo build --release --bin carnet", carnet.display());
    carnet
}

/// Clock ticks a second: how the kernel counts CPU in /proc.
const TICKS: f64 = 100.0;

fn stat(pid: &str) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit(')').next()?.split_whitespace().map(str::to_owned).collect())
}

/// User and system seconds of a process, all threads; also of one that ended and was not waited for.
pub fn cpu(pid: u32) -> f64 {
    let fields = stat(&pid.to_string()).unwrap();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}

/// User and system seconds of all children of this process that ended and were waited for.
pub fn cpu_of_children() -> f64 {
    let fields = stat("self").unwrap();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / TICKS
}

/// A line of /proc/PID/status, in MiB: `VmRSS` is what is resident now, `VmHWM` the most since the start or the last reset.
pub fn memory(pid: u32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let found = status.lines().find(|each| each.starts_with(line)).unwrap();
    found.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Begins the count of [`memory`]'s `VmHWM` again.
pub fn reset_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// A child that is killed when this value goes.
pub struct Running(pub Child);

impl Running {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits for the end without reaping, so that the kernel still knows what it cost; gives CPU seconds.
    pub fn ended(&mut self) -> f64 {
        let pid = self.pid().to_string();
        while stat(&pid).unwrap()[0] != "Z" {
            std::thread::sleep(Duration::from_millis(2));
        }
        let spent = cpu(self.pid());
        assert!(self.0.wait().unwrap().success(), "a measured program failed");
        spent
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command, run inside a network namespace if one is named.
pub fn command(namespace: Option<&str>, program: &Path) -> Command {
    match namespace {
        None => Command::new(program),
        Some(name) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", name]).arg(program);
            command
        }
    }
}

/// A node's folder and where the node listens.
#[derive(Clone)]
pub struct Site {
    pub home: PathBuf,
    pub quic: String,
    pub http: String,
    pub namespace: Option<String>,
}

impl Site {
    /// Makes a node, listening on `host`.
    pub fn init(home: PathBuf, country: &str, host: &str, namespace: Option<&str>) -> Self {
        let site = Self {
            home,
            quic: format!("{host}:{}", free_udp_port()),
            http: format!("127.0.0.1:{}", free_tcp_port()),
            namespace: namespace.map(str::to_owned),
        };
        site.run(&["init", "--administration", country, "--name", "Customs", "--quic", &site.quic, "--http", &site.http]);
        site
    }

    /// Pins `other`, reached at `endpoint` if one is given.
    pub fn pin(&self, other: &Site, endpoint: Option<&str>) {
        let root = other.home.join("pki/root.pem");
        let pem = fs::read(&root).unwrap();
        let der = carnet_protocol::pki::certificates_from_pem(&pem).unwrap().remove(0);
        let fingerprint = carnet_protocol::digest::Digest::of(&der).to_string();
        let mut words = vec!["partner", "add", "--root", root.to_str().unwrap(), "--fingerprint", &fingerprint];
        if let Some(endpoint) = endpoint {
            words.extend(["--endpoint", endpoint]);
        }
        self.run(&words);
    }

    /// The same node again, from a copy of its folder.
    pub fn copied(&self, home: PathBuf) -> Self {
        let status = Command::new("cp").arg("-a").arg(&self.home).arg(&home).status().unwrap();
        assert!(status.success(), "cp");
        Self { home, ..self.clone() }
    }

    /// The command `carnet --home HOME --json WORDS`.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = command(self.namespace.as_deref(), &program());
        command.arg("--home").arg(&self.home).arg("--json").args(words);
        command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Runs a command to its end; gives the JSON lines that it printed.
    pub fn run(&self, words: &[&str]) -> Vec<Value> {
        let output = self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "carnet {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Starts a command and leaves it running.
    pub fn spawn(&self, words: &[&str]) -> Running {
        Running(self.command(words).spawn().unwrap())
    }

    /// Starts the node itself and waits until it serves.
    pub fn serve(&self) -> Running {
        let mut command = self.command(&["serve"]);
        if let Some(path) = std::env::var_os("BENCH_LOGS") {
            let log = Path::new(&path).join(format!("{}.log", self.quic));
            command.stderr(fs::File::create(log).unwrap());
        }
        let running = Running(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(20);
        while self.get("/ready").is_none() {
            assert!(Instant::now() < end, "a node did not begin to serve");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    /// What the node's local port answers, if it answers.
    pub fn get(&self, path: &str) -> Option<String> {
        if let Some(name) = &self.namespace {
            // The port is in the namespace: any program there can ask; bash is everywhere.
            let ask =
                format!("exec 3<>/dev/tcp/{} && printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3", self.http.replace(':', "/"));
            let output = command(Some(name), Path::new("bash")).args(["-c", &ask]).stderr(Stdio::null()).output().ok()?;
            return output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()).filter(|text| !text.is_empty());
        }
        let mut stream = std::net::TcpStream::connect(&self.http).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// A counter of the node, all labels together.
    pub fn counter(&self, name: &str) -> f64 {
        let text = self.get("/metrics").unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

pub fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes a file of `mib` mebibytes that nothing compresses; different for each `seed`.
pub fn noise_file(path: &Path, seed: u64, mib: usize) {
    let mut file = fs::File::create(path).unwrap();
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1;
    let mut block = Vec::with_capacity(1 << 20);
    for _ in 0..mib {
        block.clear();
        while block.len() < 1 << 20 {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            block.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
        file.write_all(&block).unwrap();
    }
}

/// Waits until earlier writes are on the disk, so that nobody pays for another's.
pub fn settle() {
    assert!(Command::new("sync").status().unwrap().success(), "sync");
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Three digits are enough for a report.
pub fn rounded(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| (value * 1000.0).round() / 1000.0).collect()
}

//! A relay for datagrams between two hosts: counts them, keeps them for a while, loses some, or goes silent.
//!
//! It stands for the long link where the kernel has no `netem`. One relay serves one client.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use carnet::peer::transport;

/// How the path treats a datagram; the default lets everything through at once.
#[derive(Clone, Copy, Default)]
pub struct Path {
    /// On its way, one way.
    pub delay: Duration,
    /// Lost, of a million, each way.
    pub lost: u64,
    /// Bytes a second, each way; 0 is as fast as it goes.
    pub rate: u64,
}

/// What waits longer than this for its turn is dropped, as a router with a full buffer does.
const QUEUE: Duration = Duration::from_millis(100);
/// IP and UDP headers, which take their share of the rate.
const HEADERS: u64 = 28;

/// A running relay; it runs for as long as the program.
pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    client: Mutex<Option<SocketAddr>>,
    /// Bytes that reached the client.
    delivered: AtomicU64,
    /// Past this count nothing goes through any more.
    limit: AtomicU64,
}

impl Shared {
    fn open(&self) -> bool {
        self.delivered.load(Ordering::Relaxed) < self.limit.load(Ordering::Relaxed)
    }
}

impl Relay {
    /// Relays what comes to `listen` to `server`, and back.
    pub fn start(listen: SocketAddr, server: SocketAddr, path: Path) -> Self {
        // The server may be reached over another device than the client.
        let (front, back) = (socket(listen), socket(SocketAddr::from(([0, 0, 0, 0], 0))));
        let address = front.local_addr().unwrap();
        let shared = Arc::new(Shared { client: Mutex::default(), delivered: AtomicU64::new(0), limit: AtomicU64::new(u64::MAX) });
        let to_client = {
            let (front, shared) = (front.try_clone().unwrap(), Arc::clone(&shared));
            move |datagram: &[u8]| {
                let client = *shared.client.lock().unwrap();
                if let Some(client) = client
                    && shared.open()
                    && front.send_to(datagram, client).is_ok()
                {
                    shared.delivered.fetch_add(datagram.len() as u64, Ordering::Relaxed);
                }
            }
        };
        let to_server = {
            let (back, shared) = (back.try_clone().unwrap(), Arc::clone(&shared));
            // A datagram that the kernel refuses is a lost datagram.
            move |datagram: &[u8]| drop(shared.open().then(|| back.send_to(datagram, server)))
        };
        carry(back, path, 1, None, to_client);
        carry(front, path, 2, Some(Arc::clone(&shared)), to_server);
        Self { address, shared }
    }

    /// Counts again from zero, and lets everything through.
    pub fn begin(&self) {
        self.shared.delivered.store(0, Ordering::Relaxed);
        self.shared.limit.store(u64::MAX, Ordering::Relaxed);
    }

    /// Bytes that reached the client since.
    pub fn delivered(&self) -> f64 {
        self.shared.delivered.load(Ordering::Relaxed) as f64
    }

    /// Goes silent once so many bytes reached the client.
    pub fn silent_after(&self, bytes: u64) {
        self.shared.limit.store(bytes, Ordering::Relaxed);
    }
}

fn socket(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    transport::enlarge(&socket);
    socket
}

type Line = (Mutex<VecDeque<(Instant, Vec<u8>)>>, Condvar);

/// Carries one direction: a thread that takes datagrams in, and, where they wait, a second one that lets them out in time.
fn carry(from: UdpSocket, path: Path, seed: u64, learn: Option<Arc<Shared>>, send: impl Fn(&[u8]) + Send + 'static) {
    let line: Arc<Line> = Arc::default();
    let out = (!path.delay.is_zero()).then(|| Arc::clone(&line));
    let mut direct = None;
    match out {
        Some(line) => drop(std::thread::spawn(move || let_out(&line, send))),
        None => direct = Some(send),
    }
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        let (mut state, mut free) = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, Instant::now());
        loop {
            let Ok((size, sender)) = from.recv_from(&mut buffer) else { continue };
            if let Some(shared) = &learn {
                *shared.client.lock().unwrap() = Some(sender);
            }
            if let Some(send) = &direct {
                send(&buffer[..size]);
                continue;
            }
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let now = Instant::now();
            if (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20) % 1_000_000 < path.lost || free > now + QUEUE {
                continue;
            }
            if path.rate > 0 {
                free = free.max(now) + Duration::from_secs_f64((size as u64 + HEADERS) as f64 / path.rate as f64);
            }
            line.0.lock().unwrap().push_back((free.max(now) + path.delay, buffer[..size].to_vec()));
            line.1.notify_one();
        }
    });
}

fn let_out(line: &Line, send: impl Fn(&[u8])) {
    loop {
        let (due, datagram) = {
            let mut waiting = line.0.lock().unwrap();
            loop {
                if let Some(next) = waiting.pop_front() {
                    break next;
                }
                waiting = line.1.wait(waiting).unwrap();
            }
        };
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        send(&datagram);
    }
}

/// Runs this process as a relay on a long path, until it is killed. Prints its address first.
pub fn run(words: &[&str]) {
    let [listen, server, delay_ms, lost, rate] = *words else { panic!("started as no relay: {words:?}") };
    let path = Path { delay: Duration::from_millis(delay_ms.parse().unwrap()), lost: lost.parse().unwrap(), rate: rate.parse().unwrap() };
    let relay = Relay::start(listen.parse().unwrap(), server.parse().unwrap(), path);
    println!("{}", relay.address);
    loop {
        std::thread::park();
    }
}

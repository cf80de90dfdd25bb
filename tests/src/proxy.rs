//! A UDP path between two nodes, with the faults of real ones. Stands in for `tc netem`, which many kernels lack; unlike it, it
//! can cut a path after so many bytes, which makes a cut in mid-transfer repeatable.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Chance;

/// What a narrow path holds back before it drops.
const QUEUE: Duration = Duration::from_secs(2);

/// What the path does to datagrams.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Lost, in a thousand.
    pub loss: u64,
    /// Delay of every datagram.
    pub delay: Duration,
    /// Datagrams that are held back longer than others, in a hundred: they arrive out of order.
    pub reorder: u64,
    /// Whether nothing passes to the server.
    pub block_up: bool,
    /// Whether nothing passes back from the server.
    pub block_down: bool,
    /// Bytes a second that pass back from the server, if the path is a narrow one.
    pub rate: Option<u64>,
    /// After so many more bytes from the server nothing passes at all.
    pub cut_after: Option<u64>,
}

/// The path. Ends when dropped.
pub struct Proxy {
    /// The port where it takes datagrams.
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    faults: Mutex<Faults>,
    over: AtomicBool,
    down: AtomicU64,
    down_at_faults: AtomicU64,
}

impl Proxy {
    /// A path to `port` on loopback, without faults.
    pub fn to(port: u16) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let shared = Arc::new(Shared {
            faults: Mutex::default(),
            over: AtomicBool::new(false),
            down: AtomicU64::new(0),
            down_at_faults: AtomicU64::new(0),
        });
        let proxy = Self { port: front.local_addr().unwrap().port(), shared: Arc::clone(&shared) };
        let target: SocketAddr = ([127, 0, 0, 1], port).into();
        std::thread::spawn(move || upwards(&front, target, &shared));
        proxy
    }

    /// Where partners dial.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Changes what the path does.
    pub fn set(&self, faults: Faults) {
        self.shared.down_at_faults.store(self.down(), Ordering::SeqCst);
        *self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Bytes that came from the server so far, lost ones included.
    pub fn down(&self) -> u64 {
        self.shared.down.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn cut(&self, faults: &Faults) -> bool {
        let since = self.down.load(Ordering::SeqCst).saturating_sub(self.down_at_faults.load(Ordering::SeqCst));
        faults.cut_after.is_some_and(|after| since >= after)
    }
}

/// From the clients to the server; one socket a client, so that answers find their way.
fn upwards(front: &Arc<UdpSocket>, target: SocketAddr, shared: &Arc<Shared>) {
    let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut way = Way::new(1);
    let mut buffer = vec![0; 65_536];
    while let Some(received) = way.receive(front, &mut buffer, shared) {
        let Some((length, client)) = received else { continue };
        let back = clients.entry(client).or_insert_with(|| {
            let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
            let (front, socket2, shared) = (Arc::clone(front), Arc::clone(&socket), Arc::clone(shared));
            std::thread::spawn(move || downwards(&front, &socket2, client, &shared));
            socket
        });
        let faults = shared.faults();
        if !faults.block_up && !shared.cut(&faults) {
            way.pass(&buffer[..length], &faults, Arc::clone(back), target);
        }
    }
}

fn downwards(front: &Arc<UdpSocket>, socket: &UdpSocket, client: SocketAddr, shared: &Shared) {
    let mut way = Way::new(2);
    let mut buffer = vec![0; 65_536];
    while let Some(received) = way.receive(socket, &mut buffer, shared) {
        let Some((length, _)) = received else { continue };
        shared.down.fetch_add(length as u64, Ordering::SeqCst);
        let faults = shared.faults();
        if !faults.block_down && !shared.cut(&faults) {
            way.pass(&buffer[..length], &faults, Arc::clone(front), client);
        }
    }
}

/// One direction: its chance, and what waits.
struct Way {
    chance: Chance,
    waiting: Vec<(Instant, Vec<u8>, Arc<UdpSocket>, SocketAddr)>,
    /// Until when a narrow path is busy with what it took.
    busy: Instant,
    narrow: bool,
}

impl Way {
    fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), waiting: Vec::new(), busy: Instant::now(), narrow: seed == 2 }
    }

    /// The next datagram; `Some(None)` after a short wait without one; `None` when the path ends.
    #[allow(clippy::option_option, reason = "three different ends of one wait")]
    fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8], shared: &Shared) -> Option<Option<(usize, SocketAddr)>> {
        if shared.over() {
            return None;
        }
        self.flush();
        let wait = if self.waiting.is_empty() { Duration::from_millis(50) } else { Duration::from_millis(1) };
        socket.set_read_timeout(Some(wait)).ok()?;
        match socket.recv_from(buffer) {
            Ok(received) => Some(Some(received)),
            // A closed port at the other end is reported here, and is no end of the path.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused) => Some(None),
            Err(_) => None,
        }
    }

    fn pass(&mut self, datagram: &[u8], faults: &Faults, socket: Arc<UdpSocket>, to: SocketAddr) {
        if self.chance.below(1000) < faults.loss {
            return;
        }
        let late = self.chance.percent(faults.reorder);
        let now = Instant::now();
        let mut queued = Duration::ZERO;
        if let Some(rate) = faults.rate.filter(|_| self.narrow) {
            self.busy = self.busy.max(now) + Duration::from_secs_f64(datagram.len() as f64 / rate as f64);
            queued = self.busy - now;
            if queued > QUEUE {
                self.busy -= Duration::from_secs_f64(datagram.len() as f64 / rate as f64);
                return;
            }
        }
        if faults.delay.is_zero() && !late && queued.is_zero() {
            socket.send_to(datagram, to).ok();
            return;
        }
        let due = now + queued + faults.delay + if late { Duration::from_millis(5 + self.chance.below(20)) } else { Duration::ZERO };
        self.waiting.push((due, datagram.to_vec(), socket, to));
    }

    fn flush(&mut self) {
        let now = Instant::now();
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|(due, datagram, socket, to)| {
            if *due > now {
                return true;
            }
            socket.send_to(datagram, to).ok();
            false
        });
        self.waiting = waiting;
    }
}

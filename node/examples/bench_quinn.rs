//! Which quinn transport moves bulk best on this machine: one sender and one receiver process on loopback, a variant at a time.
//!
//! `cargo run --release -p carnet --example bench_quinn -- [MIB] [NAME-PART]` prints one JSON object a line and variant. `cpu` is
//! user and system seconds of both processes over the transfer alone, without the handshake; `peak_rss_mib` is of each process.
//!
//! What it taught, on 2 cores with a loopback MTU of 65,536: packets are what costs. Segmentation offload (GSO) more than halves
//! the cost at an Ethernet MTU, but quinn batches up to ten packets whatever their size, and a batch past 64 KiB is refused by the kernel
//! and taken for a black hole in the path. So: an MTU up to 6,500 with GSO, or a loopback MTU without it; never both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{AckFrequencyConfig, Endpoint, EndpointConfig, MtuDiscoveryConfig, RecvStream, TokioRuntime, TransportConfig, VarInt};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

const CHUNK: usize = 1 << 20;

/// One way to set things up. `None` leaves quinn's default.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Variant {
    name: String,
    /// Upper bound of MTU discovery (UDP payload bytes).
    mtu_bound: Option<u16>,
    gso: bool,
    /// Stream receive window and send window, MiB; the connection's receive window is four times it.
    window: Option<u64>,
    streams: usize,
    /// "chunk": `read_chunk`, "chunks": `read_chunks` of 32, "exact": `read_exact` into a mebibyte.
    read: String,
    /// Whether the sender hands over `Bytes` or a slice that quinn copies.
    write_bytes: bool,
    /// SO_RCVBUF and SO_SNDBUF, KiB.
    socket: Option<usize>,
    ack_frequency: Option<u32>,
    bbr: bool,
    /// Initial congestion window, KiB.
    initial_window: Option<u64>,
    /// tokio threads of each process; 1 is the current-thread runtime.
    threads: usize,
    aes256: bool,
}

fn variants() -> Vec<Variant> {
    let base = Variant {
        name: "defaults".into(),
        mtu_bound: None,
        gso: true,
        window: None,
        streams: 4,
        read: "chunk".into(),
        write_bytes: true,
        socket: None,
        ack_frequency: None,
        bbr: false,
        initial_window: None,
        threads: 2,
        aes256: false,
    };
    let tuned = Variant { name: "tuned".into(), mtu_bound: Some(65_507), gso: false, window: Some(8), socket: Some(4096), ..base.clone() };
    let named = |name: &str, change: &dyn Fn(&mut Variant), from: &Variant| {
        let mut variant = from.clone();
        variant.name = name.into();
        change(&mut variant);
        variant
    };
    let from_base = |name: &str, change: &dyn Fn(&mut Variant)| named(name, change, &base);
    let from_tuned = |name: &str, change: &dyn Fn(&mut Variant)| named(name, change, &tuned);
    vec![
        base.clone(),
        from_base("defaults, no GSO", &|v| v.gso = false),
        from_base("defaults, one stream", &|v| v.streams = 1),
        from_base("defaults, window 8 MiB", &|v| v.window = Some(8)),
        from_base("defaults, socket 4 MiB", &|v| v.socket = Some(4096)),
        from_base("mtu 1452, window 8, socket 4 MiB", &|v| (v.window, v.socket) = (Some(8), Some(4096))),
        from_base("mtu 1452, window 8, socket 4 MiB, ack 10", &|v| (v.window, v.socket, v.ack_frequency) = (Some(8), Some(4096), Some(10))),
        from_base("mtu bound 65507, no GSO", &|v| (v.mtu_bound, v.gso) = (Some(65_507), false)),
        from_base("mtu bound 65507, no GSO, socket 4 MiB", &|v| (v.mtu_bound, v.gso, v.socket) = (Some(65_507), false, Some(4096))),
        tuned.clone(),
        from_tuned("tuned, mtu 8952", &|v| v.mtu_bound = Some(8952)),
        from_tuned("tuned, mtu 16336", &|v| v.mtu_bound = Some(16_336)),
        from_tuned("tuned, mtu 32720", &|v| v.mtu_bound = Some(32_720)),
        // Ten segments of a GSO batch must fit one IP packet: with a larger MTU they are lost, and quinn sees a black hole.
        from_tuned("tuned, with GSO", &|v| v.gso = true),
        from_tuned("tuned, mtu 6500, with GSO", &|v| (v.gso, v.mtu_bound) = (true, Some(6500))),
        from_tuned("tuned, one stream", &|v| v.streams = 1),
        from_tuned("tuned, 2 streams", &|v| v.streams = 2),
        from_tuned("tuned, 16 streams", &|v| v.streams = 16),
        from_tuned("tuned, read_chunks", &|v| v.read = "chunks".into()),
        from_tuned("tuned, read_exact", &|v| v.read = "exact".into()),
        from_tuned("tuned, write slice", &|v| v.write_bytes = false),
        from_tuned("tuned, window 2", &|v| v.window = Some(2)),
        from_tuned("tuned, window 32", &|v| v.window = Some(32)),
        from_tuned("tuned, socket 1 MiB", &|v| v.socket = Some(1024)),
        from_tuned("tuned, ack 10", &|v| v.ack_frequency = Some(10)),
        from_tuned("tuned, bbr", &|v| v.bbr = true),
        from_tuned("tuned, initial window 1 MiB", &|v| v.initial_window = Some(1024)),
        from_tuned("tuned, one thread", &|v| v.threads = 1),
        from_tuned("tuned, one thread, read_exact", &|v| (v.threads, v.read) = (1, "exact".into())),
        from_tuned("tuned, AES-256-GCM", &|v| v.aes256 = true),
    ]
}

#[derive(Serialize, Deserialize)]
struct Side {
    cpu: f64,
    wall: f64,
    rss_mib: f64,
    mtu: u16,
    lost: u64,
    sent: u64,
    probes_lost: u64,
    black_holes: u64,
}

/// User and system seconds of this process, all threads.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn peak_rss_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn endpoint(variant: &Variant, server: Option<quinn::ServerConfig>) -> Endpoint {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    if let Some(kib) = variant.socket {
        socket.set_recv_buffer_size(kib * 1024).unwrap();
        socket.set_send_buffer_size(kib * 1024).unwrap();
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(65_507).unwrap();
    Endpoint::new(config, server, socket.into(), Arc::new(TokioRuntime)).unwrap()
}

fn transport(variant: &Variant) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    if let Some(bound) = variant.mtu_bound {
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(bound);
        config.mtu_discovery_config(Some(discovery));
    }
    if let Some(mib) = variant.window {
        config.stream_receive_window(VarInt::from_u64(mib << 20).unwrap());
        config.receive_window(VarInt::from_u64(mib << 22).unwrap());
        config.send_window(mib << 20);
    }
    if let Some(threshold) = variant.ack_frequency {
        let mut frequency = AckFrequencyConfig::default();
        frequency.ack_eliciting_threshold(threshold.into());
        config.ack_frequency_config(Some(frequency));
    }
    if variant.bbr {
        config.congestion_controller_factory(Arc::new(BbrConfig::default()));
    } else if let Some(kib) = variant.initial_window {
        let mut cubic = CubicConfig::default();
        cubic.initial_window(kib * 1024);
        config.congestion_controller_factory(Arc::new(cubic));
    }
    config.enable_segmentation_offload(variant.gso);
    Arc::new(config)
}

fn provider(variant: &Variant) -> Arc<rustls::crypto::CryptoProvider> {
    use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
    let mut provider = default_provider();
    provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384];
    if variant.aes256 {
        provider.cipher_suites.reverse();
    }
    Arc::new(provider)
}

fn side(connection: &quinn::Connection, cpu_before: f64, begun: Instant) -> Side {
    let stats = connection.stats();
    Side {
        cpu: cpu() - cpu_before,
        wall: begun.elapsed().as_secs_f64(),
        rss_mib: peak_rss_mib(),
        mtu: stats.path.current_mtu,
        lost: stats.path.lost_packets,
        sent: stats.path.sent_packets,
        probes_lost: stats.path.lost_plpmtud_probes,
        black_holes: stats.path.black_holes_detected,
    }
}

/// Sends, and prints first its address and certificate, at the end what it spent.
async fn send(variant: Variant, mib: usize) {
    let made = rcgen::generate_simple_self_signed(vec!["bench".into()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let tls = rustls::ServerConfig::builder_with_provider(provider(&variant))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    config.transport_config(transport(&variant));
    let endpoint = endpoint(&variant, Some(config));
    let hex: String = made.cert.der().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{} {hex}", endpoint.local_addr().unwrap());
    let connection = endpoint.accept().await.unwrap().await.unwrap();
    let mut go = connection.accept_uni().await.unwrap();
    go.read_to_end(1).await.unwrap();
    let (before, begun) = (cpu(), Instant::now());
    // Not zeros, though nothing here compresses.
    let data = Bytes::from((0..CHUNK as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>());
    let each = mib / variant.streams;
    let senders = (0..variant.streams).map(|_| {
        let (connection, data, write_bytes) = (connection.clone(), data.clone(), variant.write_bytes);
        tokio::spawn(async move {
            let mut stream = connection.open_uni().await.unwrap();
            for _ in 0..each {
                if write_bytes {
                    stream.write_chunk(data.clone()).await.unwrap();
                } else {
                    stream.write_all(&data).await.unwrap();
                }
            }
            stream.finish().unwrap();
            drop(stream.stopped().await);
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    println!("{}", serde_json::to_string(&side(&connection, before, begun)).unwrap());
    connection.closed().await;
}

async fn drain(mut stream: RecvStream, read: &str) -> usize {
    let mut sum = 0;
    match read {
        "exact" => {
            let mut buffer = vec![0; CHUNK];
            while stream.read_exact(&mut buffer).await.is_ok() {
                sum += CHUNK;
            }
        }
        "chunks" => {
            let mut pieces: [Bytes; 32] = std::array::from_fn(|_| Bytes::new());
            while let Some(count) = stream.read_chunks(&mut pieces).await.unwrap() {
                sum += pieces[..count].iter().map(Bytes::len).sum::<usize>();
            }
        }
        _ => {
            while let Some(piece) = stream.read_chunk(CHUNK, true).await.unwrap() {
                sum += piece.bytes.len();
            }
        }
    }
    sum
}

async fn receive(variant: Variant, mib: usize, address: SocketAddr, certificate: Vec<u8>) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(certificate)).unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(provider(&variant))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    config.transport_config(transport(&variant));
    let endpoint = endpoint(&variant, None);
    let connection = endpoint.connect_with(config, address, "bench").unwrap().await.unwrap();
    // MTU discovery has its turn before the clock starts, as in a connection that lives.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (before, begun) = (cpu(), Instant::now());
    let mut go = connection.open_uni().await.unwrap();
    go.write_all(&[1]).await.unwrap();
    go.finish().unwrap();
    let mut drains = Vec::new();
    for _ in 0..variant.streams {
        let (stream, read) = (connection.accept_uni().await.unwrap(), variant.read.clone());
        drains.push(tokio::spawn(async move { drain(stream, &read).await }));
    }
    let mut sum = 0;
    for drain in drains {
        sum += drain.await.unwrap();
    }
    assert_eq!(sum, mib / variant.streams * variant.streams * CHUNK);
    println!("{}", serde_json::to_string(&side(&connection, before, begun)).unwrap());
    tokio::time::sleep(Duration::from_millis(50)).await;
    connection.close(0u32.into(), b"");
    endpoint.wait_idle().await;
}

fn child(arguments: &[&str]) -> (std::process::Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

fn measure(variant: &Variant, mib: usize) -> serde_json::Value {
    let (text, size) = (serde_json::to_string(variant).unwrap(), mib.to_string());
    let (mut sender, mut from_sender) = child(&["send", &text, &size]);
    let mut line = String::new();
    from_sender.read_line(&mut line).unwrap();
    let (address, certificate) = line.trim().split_once(' ').unwrap();
    let (mut receiver, from_receiver) = child(&["receive", &text, &size, address, certificate]);
    let side = |lines: BufReader<_>| serde_json::from_str::<Side>(&lines.lines().last().unwrap().unwrap()).unwrap();
    let (receiving, sending) = (side(from_receiver), side(from_sender));
    receiver.wait().unwrap();
    sender.wait().unwrap();
    let gib = mib as f64 / 1024.0;
    serde_json::json!({
        "variant": variant.name, "mib_per_s": (mib as f64 / receiving.wall).round(),
        "cpu_s_per_gib": (sending.cpu + receiving.cpu) / gib, "send_cpu": sending.cpu / gib, "receive_cpu": receiving.cpu / gib,
        "mtu": sending.mtu, "packets": sending.sent, "lost": sending.lost, "mtu_probes_lost": sending.probes_lost, "black_holes": sending.black_holes, "peak_rss_mib": [sending.rss_mib.round(), receiving.rss_mib.round()],
    })
}

fn run(threads: usize, work: impl Future<Output = ()>) {
    let mut builder =
        if threads == 1 { tokio::runtime::Builder::new_current_thread() } else { tokio::runtime::Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().unwrap().block_on(work);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let variant = |text: &str| serde_json::from_str::<Variant>(text).unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["send", text, mib] => run(variant(text).threads, send(variant(text), mib.parse().unwrap())),
        ["receive", text, mib, address, certificate] => {
            let digits = certificate.as_bytes().chunks(2);
            let certificate = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
            run(variant(text).threads, receive(variant(text), mib.parse().unwrap(), address.parse().unwrap(), certificate));
        }
        ref rest => {
            let mib = rest.first().map_or(1024, |text| text.parse().unwrap());
            let part = rest.get(1).copied().unwrap_or_default();
            for variant in variants().iter().filter(|variant| variant.name.contains(part)) {
                println!("{}", measure(variant, mib));
            }
        }
    }
}

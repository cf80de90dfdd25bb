//! The baseline of a transfer: bare quinn between two processes, with the node's own transport limits, cipher suites and socket
//! buffers, four streams, and no protocol at all. The sender's bytes are one mebibyte in memory, sent again and again.
//!
//! With `work`, the receiver does to every byte what any durable, verified, encrypted receipt must: one SHA-256, one AES-256-GCM,
//! one write, and an fsync at the end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carnet::peer::{tls, transport};
use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Endpoint, EndpointConfig, RecvStream, TokioRuntime};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::link::{Link, NEAR, ROUTER};
use super::nodes::{Running, command};

const CHUNK: usize = 1 << 20;
const STREAMS: usize = 4;

/// What one run cost.
pub struct Spent {
    /// CPU seconds of both processes, from their start to their end.
    pub cpu: f64,
    /// Seconds from the dialling to the last byte (durable, with `work`).
    pub seconds: f64,
}

/// Runs sender and receiver on loopback. With a folder, the receiver works and writes there.
pub fn measure(mib: usize, folder: Option<&Path>) -> Spent {
    let (sender, address, certificate) = sender(mib, "127.0.0.1", None);
    received(sender, &[&address, &certificate, &mib.to_string()], None, folder)
}

/// Runs sender and receiver at the ends of a long link.
pub fn over(link: &Link, mib: usize, path: [u64; 3]) -> Spent {
    let (sender, address, certificate) = sender(mib, NEAR, Some(&link.near));
    let (_relay, relayed) = link.relay(&format!("{ROUTER}:0"), &address, path);
    received(sender, &[&relayed, &certificate, &mib.to_string()], Some(&link.far), None)
}

/// Starts the sender; gives it, its address and its certificate.
fn sender(mib: usize, host: &str, namespace: Option<&str>) -> (Running, String, String) {
    let mut send = command(namespace, &std::env::current_exe().unwrap());
    send.args(["bulk-send", host, &mib.to_string()]).stdout(Stdio::piped());
    let mut sender = Running(send.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(sender.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (address, certificate) = line.trim().split_once(' ').unwrap();
    (sender, address.to_owned(), certificate.to_owned())
}

fn received(mut sender: Running, words: &[&str], namespace: Option<&str>, folder: Option<&Path>) -> Spent {
    let mut receive = command(namespace, &std::env::current_exe().unwrap());
    receive.arg("bulk-receive").args(words).args(folder).stdout(Stdio::piped());
    let mut receiver = Running(receive.spawn().unwrap());
    let mut seconds = String::new();
    BufReader::new(receiver.0.stdout.take().unwrap()).read_line(&mut seconds).unwrap();
    Spent { cpu: receiver.ended() + sender.ended(), seconds: seconds.trim().parse().unwrap() }
}

/// Runs this process as one of the two ends.
pub fn end(words: &[&str]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match *words {
        ["bulk-send", host, mib] => runtime.block_on(send(host, mib.parse().unwrap())),
        ["bulk-receive", address, certificate, mib, ref folder @ ..] => {
            let digits = certificate.as_bytes().chunks(2);
            let der = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
            let folder = folder.first().map(PathBuf::from);
            runtime.block_on(receive(address.parse().unwrap(), der, mib.parse().unwrap(), folder));
        }
        _ => panic!("started as no end of a transfer: {words:?}"),
    }
}

fn endpoint(address: SocketAddr, server: Option<quinn::ServerConfig>) -> Endpoint {
    let socket = std::net::UdpSocket::bind(address).unwrap();
    transport::enlarge(&socket);
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(transport::MAX_DATAGRAM).unwrap();
    Endpoint::new(config, server, socket, Arc::new(TokioRuntime)).unwrap()
}

/// The node's own limits. `BENCH_CONTROLLER` tries another congestion controller than the node's.
fn limits(address: SocketAddr) -> Arc<quinn::TransportConfig> {
    let mut limits = transport::limits(address.ip());
    let config = Arc::get_mut(&mut limits).unwrap();
    let controller: Option<Arc<dyn ControllerFactory + Send + Sync>> = match std::env::var("BENCH_CONTROLLER").as_deref() {
        Ok("bbr") => Some(Arc::new(BbrConfig::default())),
        Ok("cubic") => Some(Arc::new(CubicConfig::default())),
        Ok("reno") => Some(Arc::new(NewRenoConfig::default())),
        _ => None,
    };
    if let Some(controller) = controller {
        config.congestion_controller_factory(controller);
    }
    limits
}

async fn send(host: &str, mib: usize) {
    let made = rcgen::generate_simple_self_signed(vec!["bench".into()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(tls::provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let address = SocketAddr::new(host.parse().unwrap(), 0);
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    config.transport_config(limits(address));
    let endpoint = endpoint(address, Some(config));
    let hex: String = made.cert.der().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{} {hex}", endpoint.local_addr().unwrap());
    let connection = endpoint.accept().await.unwrap().await.unwrap();
    let data = Bytes::from((0..CHUNK as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>());
    let senders = (0..STREAMS).map(|_| {
        let (connection, data) = (connection.clone(), data.clone());
        tokio::spawn(async move {
            // The receiver opens the stream, as a node does that asks for chunks.
            let (mut stream, _) = connection.accept_bi().await.unwrap();
            for _ in 0..mib / STREAMS {
                stream.write_chunk(data.clone()).await.unwrap();
            }
            stream.finish().unwrap();
            drop(stream.stopped().await);
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    connection.closed().await;
}

async fn receive(address: SocketAddr, certificate: Vec<u8>, mib: usize, folder: Option<PathBuf>) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(certificate)).unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(tls::provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    config.transport_config(limits(address));
    let endpoint = endpoint(SocketAddr::from(([0, 0, 0, 0], 0)), None);
    let begun = Instant::now();
    let connection = endpoint.connect_with(config, address, "bench").unwrap().await.unwrap();
    transport::fit(&connection);
    let mut drains = Vec::new();
    for number in 0..STREAMS {
        let (mut ask, stream) = connection.open_bi().await.unwrap();
        ask.write_all(&[1]).await.unwrap();
        ask.finish().unwrap();
        let file = folder.as_ref().map(|folder| File::create(folder.join(format!("bare-{number}"))).unwrap());
        drains.push(tokio::spawn(drain(stream, file)));
    }
    let mut chunks = 0;
    for drain in drains {
        chunks += drain.await.unwrap();
    }
    assert_eq!(chunks, mib / STREAMS * STREAMS);
    println!("{}", begun.elapsed().as_secs_f64());
    connection.close(0u32.into(), b"");
    tokio::time::timeout(Duration::from_secs(1), endpoint.wait_idle()).await.ok();
}

async fn drain(mut stream: RecvStream, file: Option<File>) -> usize {
    let Some(file) = file else {
        let mut sum = 0;
        while let Some(piece) = stream.read_chunk(CHUNK, true).await.unwrap() {
            sum += piece.bytes.len();
        }
        return sum / CHUNK;
    };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let (mut buffer, mut chunks, mut hashes) = (vec![0; CHUNK + AES_256_GCM.tag_len()], 0, Vec::new());
    while stream.read_exact(&mut buffer[..CHUNK]).await.is_ok() {
        hashes.push(ring::digest::digest(&ring::digest::SHA256, &buffer[..CHUNK]));
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&u64::to_be_bytes(chunks));
        let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut buffer[..CHUNK]).unwrap();
        buffer[CHUNK..].copy_from_slice(tag.as_ref());
        file.write_all_at(&buffer, chunks * buffer.len() as u64).unwrap();
        chunks += 1;
    }
    tokio::task::spawn_blocking(move || file.sync_all()).await.unwrap().unwrap();
    std::hint::black_box(hashes);
    chunks as usize
}

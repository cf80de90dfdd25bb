//! How much of anything a connection may take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt};

use super::tls;
use crate::identity::Identity;
use crate::trust::TrustStore;

/// Requests that one connection may have open (`WIRE-030`).
pub const MAX_STREAMS: u32 = 64;
/// Connections that the endpoint holds, all partners together.
pub const MAX_CONNECTIONS: usize = 256;
/// Unverified handshakes at once; beyond it every address must prove itself first.
const MAX_INCOMING: usize = 64;
/// What one stream may have in flight: two chunks and their frames.
const STREAM_WINDOW: u32 = 4 << 20;
/// What one connection may have in flight, each way: enough for 1 Gbit/s over 150 ms, and a bound on memory.
const CONNECTION_WINDOW: u32 = 24 << 20;
/// Silence after which a connection is dead.
const IDLE: Duration = Duration::from_secs(30);
/// A connection is renewed after this, so that a certificate that expired or was revoked does not go on.
pub const MAX_AGE: Duration = Duration::from_secs(12 * 3600);

/// Why the endpoint cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The TLS configuration is not usable.
    #[error("the node certificate cannot be used: {0}. Check keys/tls.key and pki/tls.pem")]
    Tls(#[from] rustls::Error),
    /// AES-128-GCM is missing from the provider.
    #[error("the cryptographic provider lacks AES-128-GCM: {0}")]
    Suite(#[from] NoInitialCipherSuite),
    /// The socket cannot be opened.
    #[error("cannot listen on {address}: {source}. Is another node running, or the port taken? See listen.quic in config.toml")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Limits of a connection; the same at both ends.
pub fn limits() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(MAX_DATAGRAM);
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(u64::from(CONNECTION_WINDOW))
        .max_idle_timeout(IDLE.try_into().ok())
        .keep_alive_interval(Some(IDLE / 3))
        .mtu_discovery_config(Some(discovery));
    Arc::new(config)
}

/// The largest datagram that path discovery tries; loopback and jumbo frames take it, other paths settle lower.
const MAX_DATAGRAM: u16 = 16_384;

/// An endpoint that accepts partners on `address` and reaches others.
///
/// # Errors
/// A certificate that cannot be used, a port that is taken.
pub fn endpoint(identity: &Identity, trust: &TrustStore, address: SocketAddr) -> Result<Endpoint, EndpointError> {
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls::server(identity, trust)?)?));
    server.transport_config(limits()).max_incoming(MAX_INCOMING).migration(true);
    open(Some(server), address, identity, trust)
}

/// An endpoint that only reaches others.
///
/// # Errors
/// As [`endpoint`].
pub fn outbound(identity: &Identity, trust: &TrustStore, remote: SocketAddr) -> Result<Endpoint, EndpointError> {
    let any: SocketAddr = if remote.is_ipv6() { ([0u16; 8], 0).into() } else { ([0u8; 4], 0).into() };
    open(None, any, identity, trust)
}

fn open(server: Option<ServerConfig>, address: SocketAddr, identity: &Identity, trust: &TrustStore) -> Result<Endpoint, EndpointError> {
    let bind = |source| EndpointError::Bind { address, source };
    let socket = std::net::UdpSocket::bind(address).map_err(bind)?;
    let runtime = quinn::default_runtime().ok_or_else(|| bind(std::io::Error::other("no runtime")))?;
    let mut config = EndpointConfig::default();
    // Accepting datagrams of that size must be said, or discovery stops at Ethernet's.
    config.max_udp_payload_size(MAX_DATAGRAM).map_err(|_| bind(std::io::Error::other("datagram size")))?;
    let mut endpoint = Endpoint::new(config, server, socket, runtime).map_err(bind)?;
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls::client(identity, trust)?)?));
    client.transport_config(limits());
    endpoint.set_default_client_config(client);
    Ok(endpoint)
}

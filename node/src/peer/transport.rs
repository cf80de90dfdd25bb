//! How much of anything a connection may take.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, ConnectError, Connecting, Connection, ConnectionError, Endpoint, EndpointConfig, Incoming, MtuDiscoveryConfig,
    ServerConfig, TransportConfig, VarInt,
};

use super::tls;
use crate::identity::Identity;
use crate::trust::TrustStore;

/// Requests that one connection may have open (`WIRE-030`).
pub const MAX_STREAMS: u32 = 64;
/// Connections that the endpoint holds, all partners together.
pub const MAX_CONNECTIONS: usize = 256;
/// Unverified handshakes at once; beyond it every address must prove itself first.
const MAX_INCOMING: usize = 64;
/// What one stream may have in flight.
const STREAM_WINDOW: u32 = 8 << 20;
/// What one connection may have in flight, each way, on a short path. What is on its way or unread when a process dies is fetched
/// again, so it is little: with four streams, 15/16 of a chunk each.
const SHORT_WINDOW: u32 = 15 << 18;
/// The same on a long path: enough for 1 Gbit/s over 150 ms, and a bound on memory.
const LONG_WINDOW: u32 = 32 << 20;
/// Bytes a second that the window lets through: 1 Gbit/s, twice, so that a lost packet does not stop the rest.
const WINDOW_RATE: f64 = 2.0 * 125e6;
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

/// The largest UDP payload that there is: what a socket must be ready to receive.
pub const MAX_DATAGRAM: u16 = 65_507;
/// The largest datagram that path discovery tries while segments are handed to the kernel in batches. A batch of ten must stay
/// below 64 KiB: the kernel refuses a larger one, which looks like a black hole and sends the path back to 1,200 bytes.
const MAX_SEGMENT: u16 = 6_500;
/// Socket buffers: what arrives while a busy machine looks elsewhere.
const SOCKET_BUFFER: usize = 4 << 20;

/// Limits of a connection with `remote`; the same at both ends. On loopback single datagrams of 64 KiB beat batches of segments.
pub fn limits(remote: IpAddr) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    let mut discovery = MtuDiscoveryConfig::default();
    let local = remote.to_canonical().is_loopback();
    discovery.upper_bound(if local { MAX_DATAGRAM } else { MAX_SEGMENT });
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(SHORT_WINDOW))
        .send_window(u64::from(STREAM_WINDOW))
        .max_idle_timeout(IDLE.try_into().ok())
        .keep_alive_interval(Some(IDLE / 3))
        .enable_segmentation_offload(!local)
        .mtu_discovery_config(Some(discovery));
    if !local {
        // Half a per cent of lost packets over 150 ms leaves Cubic and NewReno 0.17 MiB/s of a 400 Mbit/s path, and BBR 18.
        config.congestion_controller_factory(Arc::new(BbrConfig::default()));
    }
    Arc::new(config)
}

/// Fits what may be in flight to the length of the path, as it is measured now.
pub fn fit(connection: &Connection) {
    // A number too large for the type becomes its largest one, and then the bound.
    let window = (connection.rtt().as_secs_f64() * WINDOW_RATE) as u32;
    connection.set_receive_window(VarInt::from_u32(window.clamp(SHORT_WINDOW, LONG_WINDOW)));
}

/// Asks for large buffers. The kernel gives what it allows; less is slower, not wrong.
pub fn enlarge(socket: &std::net::UdpSocket) {
    let buffers = socket2::SockRef::from(socket);
    buffers.set_recv_buffer_size(SOCKET_BUFFER).and(buffers.set_send_buffer_size(SOCKET_BUFFER)).ok();
}

/// The QUIC endpoint of a node: accepts partners, reaches partners, or both.
#[derive(Clone)]
pub struct Carrier {
    endpoint: Endpoint,
    client: ClientConfig,
    server: Option<ServerConfig>,
}

impl Carrier {
    /// Accepts partners on `address` and reaches others from there.
    ///
    /// # Errors
    /// A certificate that cannot be used, a port that is taken.
    pub fn listen(identity: &Identity, trust: &TrustStore, address: SocketAddr) -> Result<Self, EndpointError> {
        let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls::server(identity, trust)?)?));
        server.max_incoming(MAX_INCOMING).migration(true);
        Self::open(Some(server), address, identity, trust)
    }

    /// Only reaches others.
    ///
    /// # Errors
    /// As [`Carrier::listen`].
    pub fn outbound(identity: &Identity, trust: &TrustStore) -> Result<Self, EndpointError> {
        // One socket for both families where the machine has both.
        let (six, four) = (SocketAddr::from(([0u16; 8], 0)), SocketAddr::from(([0u8; 4], 0)));
        Self::open(None, six, identity, trust).or_else(|_| Self::open(None, four, identity, trust))
    }

    fn open(server: Option<ServerConfig>, address: SocketAddr, identity: &Identity, trust: &TrustStore) -> Result<Self, EndpointError> {
        let bind = |source| EndpointError::Bind { address, source };
        let socket = std::net::UdpSocket::bind(address).map_err(bind)?;
        enlarge(&socket);
        let runtime = quinn::default_runtime().ok_or_else(|| bind(std::io::Error::other("no runtime")))?;
        let mut config = EndpointConfig::default();
        config.max_udp_payload_size(MAX_DATAGRAM).map_err(|_| bind(std::io::Error::other("datagram size")))?;
        let endpoint = Endpoint::new(config, server.clone(), socket, runtime).map_err(bind)?;
        let client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls::client(identity, trust)?)?));
        Ok(Self { endpoint, client, server })
    }

    /// The endpoint itself.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Begins to connect to `remote`.
    ///
    /// # Errors
    /// An address that this endpoint cannot reach.
    pub fn connect(&self, remote: SocketAddr) -> Result<Connecting, ConnectError> {
        let mut config = self.client.clone();
        config.transport_config(limits(remote.ip()));
        self.endpoint.connect_with(config, remote, tls::SERVER_NAME)
    }

    /// Begins to accept who comes.
    ///
    /// # Errors
    /// A handshake that cannot begin.
    pub fn accept(&self, incoming: Incoming) -> Result<Connecting, ConnectionError> {
        match &self.server {
            Some(server) => {
                let mut config = server.clone();
                config.transport_config(limits(incoming.remote_address().ip()));
                incoming.accept_with(Arc::new(config))
            }
            None => incoming.accept(),
        }
    }
}

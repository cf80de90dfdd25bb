//! A node with a development PKI in a temporary folder, serving on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use carnet::clock;
use carnet::config::Config;
use carnet::home::Home;
use carnet::node::{Draft, Node};
use carnet::peer::transport::Carrier;
use carnet::peer::{Federation, Link, federation};
use carnet::store::catalogue::Partner;
use carnet::store::payloads::NodeKey;
use carnet_certs::DevelopmentPki;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Annotation, Content};
use carnet_protocol::signed::Signed;
use carnet_protocol::wire::{Asked, FRAME_HEADER, Frame, FrameHeader, FrameKind, MAX_LIFETIME, PROTOCOL_VERSION, Refusal, Request};
use quinn::{Connection, RecvStream};
use ring::rand::SecureRandom as _;
use tokio::sync::watch;

/// A node that runs until it is dropped.
pub struct Running {
    pub node: Node,
    pub carrier: Carrier,
    pub home: Home,
    _stop: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

impl Running {
    pub async fn new(code: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let (country, local) = (Country::new(code).unwrap(), SocketAddr::from(([127, 0, 0, 1], 0)));
        let origin = format!("log.example/{}", code.to_lowercase());
        DevelopmentPki::create(home.path(), country, "Customs", "node-1", &origin, clock::now()).unwrap();
        NodeKey::generate(&home.node_key()).unwrap();
        std::fs::create_dir(home.store()).unwrap();
        std::fs::write(home.config(), Config::template(local, local)).unwrap();
        let node = Node::open(&home).await.unwrap();
        let carrier = Carrier::listen(node.identity(), node.trust(), local).unwrap();
        let (stop, stopping) = watch::channel(false);
        tokio::spawn({
            let (node, stopping) = (node.clone(), stopping.clone());
            async move { node.watch_changes(stopping).await }
        });
        tokio::spawn(Federation::run(node.clone(), carrier.clone(), stopping));
        Self { node, carrier, home, _stop: stop, _folder: folder }
    }

    pub fn country(&self) -> Country {
        self.node.identity().administration
    }

    pub fn address(&self) -> SocketAddr {
        self.carrier.endpoint().local_addr().unwrap()
    }

    /// Pins `other`, reached at `endpoints`.
    pub async fn pin(&self, other: &Self, endpoints: Vec<String>) {
        let partner = Partner::new(&other.node.identity().root, endpoints, clock::now());
        self.node.catalogue().put_partner(&partner).await.unwrap();
        until("the partner is pinned", || self.node.trust().of(other.country()).is_some()).await;
    }

    /// A link to `other` over an endpoint of its own, so that nothing but this link is on it.
    pub async fn link(&self, other: &Self) -> (Link, Carrier) {
        let carrier = Carrier::outbound(self.node.identity(), self.node.trust()).unwrap();
        let link = federation::connect(&self.node, &carrier, other.country(), &other.address().to_string()).await.unwrap();
        (link, carrier)
    }

    /// An own record that stays at home.
    pub async fn note(&self, personal: &[(&str, &str)]) -> Digest {
        let content = Content::Annotation(Annotation { text: "seen".to_owned(), category: None, regions: Vec::new() });
        let personal = personal.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let draft = Draft::new(format!("{}-2026-000001", self.country()), content).personal(personal);
        self.node.make(draft).await.unwrap().record
    }

    /// A signed request to `to`, as bytes.
    pub fn request(&self, to: Country, asked: &Asked) -> Vec<u8> {
        let identity = self.node.identity();
        let mut nonce = [0; 32];
        identity.random.fill(&mut nonce).unwrap();
        let (verb, body) = asked.to_parts();
        let request = Request {
            version: PROTOCOL_VERSION,
            nonce: Digest(nonce),
            from: identity.administration,
            node: identity.node.clone(),
            to,
            expires: clock::now().plus(MAX_LIFETIME / 2),
            verb: verb.to_owned(),
            body,
        };
        Signed::sign(&request, &identity.records, &identity.random).unwrap().bytes().to_vec()
    }
}

/// NL and BE, each pinning the other; nobody dials.
pub async fn pair() -> (Running, Running) {
    let (nl, be) = (Running::new("NL").await, Running::new("BE").await);
    nl.pin(&be, Vec::new()).await;
    be.pin(&nl, Vec::new()).await;
    (nl, be)
}

/// Waits up to ten seconds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("in vain: {what}");
}

/// Sends bytes on a stream of their own and reads the first frame that comes back.
pub async fn exchange(connection: &Connection, bytes: &[u8]) -> Frame {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    frame(&mut receive).await
}

pub async fn frame(receive: &mut RecvStream) -> Frame {
    let mut header = [0; FRAME_HEADER];
    receive.read_exact(&mut header).await.unwrap();
    let header = FrameHeader::parse(header).unwrap();
    let mut body = vec![0; header.length];
    receive.read_exact(&mut body).await.unwrap();
    Frame { kind: header.kind, body }
}

/// The reason of a refusal; nothing if it is another frame.
pub fn refused(frame: &Frame) -> Option<String> {
    (frame.kind == FrameKind::Refusal).then(|| Refusal::read(frame).unwrap().reason)
}

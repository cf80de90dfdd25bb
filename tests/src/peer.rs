//! A node driven from inside the test: honest where the test wants it, and otherwise not.
//!
//! Requests are made with the library's own pieces, so that what a hostile peer sends differs from an honest one in exactly the
//! one thing that the test is about.

use std::sync::Arc;
use std::time::Duration;

use carnet::home::Home;
use carnet::node::Node;
use carnet::peer::transport::Carrier;
use carnet::peer::{Link, LinkError, federation};
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::package::ChunkListMessage;
use carnet_protocol::signed::Signed;
use carnet_protocol::time::Timestamp;
use carnet_protocol::wire::{
    Asked, End, FRAME_HEADER, Frame, FrameHeader, FrameKind, PROTOCOL_VERSION, PayloadBody, Refusal, Request, chunk_frame_prefix,
};
use futures_util::StreamExt as _;
use quinn::{Connection, RecvStream, SendStream};
use ring::rand::SecureRandom as _;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::federation::Administration;

/// Whoever waits longer in a test waits for nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node of the federation, opened in this process.
pub struct Driven {
    /// The node.
    pub node: Node,
    /// Where its work runs.
    pub runtime: Runtime,
}

impl Driven {
    /// Opens the node of `administration`.
    pub fn open(administration: &Administration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let node = runtime.block_on(Node::open(&Home::new(&administration.home))).unwrap();
        Self { node, runtime }
    }

    /// Connects and greets.
    ///
    /// # Errors
    /// As the node's own dialer.
    pub fn connect(&self, to: &Administration) -> Result<(Link, Carrier), LinkError> {
        self.runtime.block_on(async {
            let carrier = Carrier::outbound(self.node.identity(), self.node.trust()).unwrap();
            let link = federation::connect(&self.node, &carrier, country(&to.country), &to.endpoint()).await?;
            Ok((link, carrier))
        })
    }

    /// Asks and gives the answer's frames, the last of them `End` or `Refusal`.
    ///
    /// # Errors
    /// A connection that ends, or silence.
    pub fn ask(&self, link: &Link, asked: &Asked) -> Result<Vec<Frame>, LinkError> {
        self.runtime.block_on(async {
            let mut receive = link.ask(asked).await?;
            frames(link, &mut receive).await
        })
    }

    /// Sends a request's bytes as they are, and gives the code of the refusal, or nothing if it was answered.
    ///
    /// # Errors
    /// A connection that ends, or silence.
    pub fn send(&self, link: &Link, request: &[u8]) -> Result<Option<String>, LinkError> {
        self.runtime.block_on(async {
            let (mut send, mut receive) = open(link.connection()).await?;
            send.write_all(&Frame::new(FrameKind::Request, request.to_vec()).to_bytes()).await.ok();
            send.finish().ok();
            Ok(refusal(&frames(link, &mut receive).await?))
        })
    }

    /// A request for the feed, made and signed by this node, with `change` applied before the signature.
    pub fn request(&self, to: &str, change: impl FnOnce(&mut Request)) -> Vec<u8> {
        let identity = self.node.identity();
        let mut nonce = [0; 32];
        identity.random.fill(&mut nonce).unwrap();
        let (verb, body) = Asked::Feed { after: 0, limit: 1 }.to_parts();
        let mut request = Request {
            version: PROTOCOL_VERSION,
            nonce: Digest(nonce),
            from: identity.administration,
            node: identity.node.clone(),
            to: country(to),
            expires: now().plus(100),
            verb: verb.to_owned(),
            body,
        };
        change(&mut request);
        Signed::sign(&request, &identity.records, &identity.random).unwrap().bytes().to_vec()
    }
}

/// Now, in whole seconds.
pub fn now() -> Timestamp {
    carnet::clock::now()
}

/// A country's code, parsed.
pub fn country(code: &str) -> Country {
    Country::new(code).unwrap()
}

/// The request for a record.
pub fn record(id: &str) -> Asked {
    Asked::Record(id.parse().unwrap())
}

/// The request for all of a payload's list and its first chunk.
pub fn payload(id: &str, index: u32) -> Asked {
    Asked::Payload(PayloadBody { record: id.parse().unwrap(), payload: index, list: true, ranges: Vec::new() })
}

/// The refusal's code, if the answer is one.
pub fn refusal(frames: &[Frame]) -> Option<String> {
    let last = frames.last()?;
    (last.kind == FrameKind::Refusal).then(|| last.message::<Refusal>().unwrap().reason)
}

async fn frames(link: &Link, receive: &mut RecvStream) -> Result<Vec<Frame>, LinkError> {
    let mut frames = Vec::new();
    loop {
        let frame = timeout(PATIENCE, link.frame(receive)).await.map_err(|_| LinkError::Silent { partner: "the node".into() })??;
        let last = matches!(frame.kind, FrameKind::End | FrameKind::Refusal);
        frames.push(frame);
        if last {
            return Ok(frames);
        }
    }
}

/// Opens a stream, or says that the connection is gone.
///
/// # Errors
/// A connection that ended, or a peer that lets no stream be opened.
pub async fn open(connection: &Connection) -> Result<(SendStream, RecvStream), LinkError> {
    let lost = |detail: String| LinkError::Lost { partner: "the node".into(), detail };
    let opened = timeout(PATIENCE, connection.open_bi()).await.map_err(|_| lost("no stream".into()))?;
    opened.map_err(|error| lost(error.to_string()))
}

/// What a lying server sends in the place of an honest frame: its bytes, changed or not.
pub type Lie = Arc<dyn Fn(&Asked, Frame) -> Vec<u8> + Send + Sync>;

/// A server with an administration's valid certificate and real records, whose every answer goes through a lie.
pub struct Liar {
    _runtime: Runtime,
}

impl Liar {
    /// Serves in the place of `administration`, on its port.
    pub fn serve(administration: &Administration, lie: Lie) -> Self {
        let Driven { node, runtime } = Driven::open(administration);
        let address = administration.endpoint().parse().unwrap();
        let guard = runtime.enter();
        let carrier = Carrier::listen(node.identity(), node.trust(), address).unwrap();
        drop(guard);
        runtime.spawn(async move {
            while let Some(incoming) = carrier.endpoint().accept().await {
                let (node, lie) = (node.clone(), Arc::clone(&lie));
                let Ok(connecting) = carrier.accept(incoming) else { continue };
                tokio::spawn(async move {
                    let Ok(connection) = connecting.await else { return };
                    let Ok(link) = Link::greeted(&node, connection).await else { return };
                    while let Ok((send, receive)) = link.connection().accept_bi().await {
                        tokio::spawn(answer(link.clone(), Arc::clone(&lie), send, receive));
                    }
                });
            }
        });
        Self { _runtime: runtime }
    }
}

async fn answer(link: Link, lie: Lie, mut send: SendStream, mut receive: RecvStream) {
    let mut header = [0; FRAME_HEADER];
    receive.read_exact(&mut header).await.unwrap();
    let mut body = vec![0; FrameHeader::parse(header).unwrap().length];
    receive.read_exact(&mut body).await.unwrap();
    let asked = Signed::<Request>::parse(&body).unwrap().claimed().asked().unwrap();
    for frame in honest(&link, &asked).await {
        if send.write_all(&lie(&asked, frame)).await.is_err() {
            return;
        }
    }
    send.finish().ok();
    timeout(PATIENCE, send.stopped()).await.ok();
}

/// The frames that an honest server sends.
async fn honest(link: &Link, asked: &Asked) -> Vec<Frame> {
    let (node, partner) = (link.node(), link.partner());
    let refused = vec![Frame::of(FrameKind::Refusal, &Refusal::new(carnet_protocol::reason::Reason::NotAvailable))];
    let mut frames = Vec::new();
    match asked {
        Asked::Feed { after, limit } => {
            let page = node.catalogue().feed_after(partner, *after, *limit).await.unwrap();
            for item in &page.items {
                if let Some(group) = node.group_for(partner, item.record).await.unwrap() {
                    frames.extend(group.into_frames());
                }
            }
            frames.push(Frame::of(FrameKind::End, &End { cursor: Some(page.cursor), head: Some(page.head) }));
        }
        Asked::Record(id) => {
            let Some(group) = node.group_for(partner, *id).await.unwrap() else { return refused };
            frames.extend(group.into_frames());
            frames.push(Frame::of(FrameKind::End, &End::default()));
        }
        Asked::Payload(body) => {
            let Some(served) = node.payload_for(partner, body.record, body.payload).await.unwrap() else { return refused };
            if body.list {
                let hashes = served.list.to_bytes().into();
                let message = ChunkListMessage { record: body.record, payload: body.payload, size: served.list.size(), hashes };
                frames.push(Frame::of(FrameKind::ChunkList, &message));
            }
            for range in &body.ranges {
                let mut chunks = served.chunks(range.first..range.first + range.count);
                let mut index = range.first;
                while let Some(chunk) = chunks.next().await {
                    let chunk = chunk.unwrap();
                    let prefix = chunk_frame_prefix(index, chunk.len());
                    frames.push(Frame { kind: FrameKind::Chunk, body: [&prefix[FRAME_HEADER..], &chunk].concat() });
                    index += 1;
                }
            }
            frames.push(Frame::of(FrameKind::End, &End::default()));
        }
    }
    frames
}

//! One connection with a partner: hello both ways on the first stream, then requests on streams of their own, either way.

use std::sync::Arc;
use std::time::Duration;

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{RevocationList, Revocations};
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::signed::Signed;
use carnet_protocol::wire::{
    Advance, Asked, FRAME_HEADER, Frame, FrameHeader, FrameKind, Hello, LogKey, MAX_CRLS, MAX_LIFETIME, PROTOCOL_VERSION, Request,
};
use minicbor::bytes::ByteVec;
use quinn::{Connection, RecvStream, SendStream};
use ring::rand::SecureRandom;
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::time::timeout;

use super::transport::MAX_STREAMS;
use super::{tls, transport};
use crate::clock;
use crate::node::Node;

/// A peer that says nothing for so long where it must speak is let go: a slow reader or a silent one holds no stream for ever.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of revocation lists in a hello: its frame has room for them and for the chain of a log's key.
const MAX_HELLO_LISTS: usize = (1 << 20) - (64 << 10);
/// Characters of what the carrier says that are shown.
const MAX_DETAIL: usize = 200;

/// Priority of streams: small messages overtake chunks.
pub const PRIORITY_CONTROL: i32 = 2;
/// Records go before chunks.
pub const PRIORITY_RECORDS: i32 = 1;

/// Why a link or a request on it failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The partner cannot be reached or the connection ended.
    #[error("the connection to {partner} ended: {detail}")]
    Lost {
        /// Who.
        partner: String,
        /// What the carrier says.
        detail: String,
    },
    /// The partner said nothing in time.
    #[error("{partner} did not answer in {} seconds", PATIENCE.as_secs())]
    Silent {
        /// Who.
        partner: String,
    },
    /// The partner broke a rule.
    #[error("{partner} sent something wrong: {fault}. Its operator should know")]
    Misbehaved {
        /// Who.
        partner: String,
        /// What.
        fault: Fault,
    },
    /// The partner refuses.
    #[error("{partner} refuses: {reason}")]
    Refused {
        /// Who.
        partner: String,
        /// The registered reason code that it gives.
        reason: String,
    },
    /// Something of our own failed.
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

/// A connection with a partner whose certificate and hello agree. Cheap to clone.
#[derive(Clone)]
pub struct Link {
    inner: Arc<Inner>,
}

struct Inner {
    node: Node,
    connection: Connection,
    partner: Country,
    partner_node: String,
    log: LogKey,
    head: watch::Receiver<u64>,
}

impl Link {
    /// Greets the partner that we reached.
    ///
    /// # Errors
    /// A partner that is silent, is not who its certificate says, or speaks no common version.
    pub async fn greet(node: &Node, connection: Connection) -> Result<Self, LinkError> {
        let opened = within(&connection, connection.open_bi()).await?.map_err(|error| lost(&connection, error))?;
        Self::exchange(node, connection, opened, true).await
    }

    /// Is greeted by a partner that reached us.
    ///
    /// # Errors
    /// As [`Link::greet`].
    pub async fn greeted(node: &Node, connection: Connection) -> Result<Self, LinkError> {
        let opened = within(&connection, connection.accept_bi()).await?.map_err(|error| lost(&connection, error))?;
        Self::exchange(node, connection, opened, false).await
    }

    async fn exchange(
        node: &Node,
        connection: Connection,
        (mut send, mut receive): (SendStream, RecvStream),
        speak_first: bool,
    ) -> Result<Self, LinkError> {
        let (partner, partner_node) = identity(&connection)?;
        send.set_priority(PRIORITY_CONTROL).ok();
        let ours = hello(node, partner).await?;
        if speak_first {
            write(&connection, &mut send, &ours).await?;
        }
        let theirs: Hello = message(&connection, read(&connection, &mut receive, PATIENCE, FrameKind::Hello).await?)?;
        if !speak_first {
            write(&connection, &mut send, &ours).await?;
        }
        theirs.check().map_err(|fault| misbehaved(&connection, fault))?;
        if theirs.administration != partner || theirs.node != partner_node {
            let fault = Fault::new(Reason::ChainNames, "the hello names another node than the certificate");
            return Err(misbehaved(&connection, fault));
        }
        let certificates = certificates(&connection).unwrap_or_default();
        let chain: Vec<&[u8]> = certificates.iter().map(AsRef::as_ref).collect();
        node.learn(partner, &theirs, &chain).await?;
        transport::fit(&connection);
        let (told, head) = watch::channel(theirs.head);
        tokio::spawn(listen(connection.clone(), receive, told));
        tokio::spawn(tell(node.clone(), connection.clone(), send, partner));
        Ok(Self { inner: Arc::new(Inner { node: node.clone(), connection, partner, partner_node, log: theirs.log, head }) })
    }

    /// The partner's administration.
    pub fn partner(&self) -> Country {
        self.inner.partner
    }

    /// The partner's node.
    pub fn partner_node(&self) -> &str {
        &self.inner.partner_node
    }

    /// The key of the partner's log.
    pub fn log_key(&self) -> &LogKey {
        &self.inner.log
    }

    /// This node.
    pub fn node(&self) -> &Node {
        &self.inner.node
    }

    /// The carrier.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// Where the partner's release feed for us stands; changes as the partner says so.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.inner.head.clone()
    }

    /// Signs a request and sends it on a stream of its own; the answer is read from what comes back.
    ///
    /// # Errors
    /// A lost connection, or a key that cannot sign.
    pub async fn ask(&self, asked: &Asked) -> Result<RecvStream, LinkError> {
        let connection = &self.inner.connection;
        let request = self.request(asked)?;
        let (mut send, receive) = within(connection, connection.open_bi()).await?.map_err(|error| lost(connection, error))?;
        send.set_priority(PRIORITY_CONTROL).ok();
        write(connection, &mut send, &Frame::new(FrameKind::Request, request)).await?;
        send.finish().ok();
        Ok(receive)
    }

    fn request(&self, asked: &Asked) -> Result<Vec<u8>, LinkError> {
        let identity = self.inner.node.identity();
        let mut nonce = [0; 32];
        identity.random.fill(&mut nonce).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
        let (verb, body) = asked.to_parts();
        let request = Request {
            version: PROTOCOL_VERSION,
            nonce: Digest(nonce),
            from: identity.administration,
            node: identity.node.clone(),
            to: self.inner.partner,
            expires: clock::now().plus(MAX_LIFETIME / 2),
            verb: verb.to_owned(),
            body,
        };
        let signed = Signed::sign(&request, &identity.records, &identity.random).map_err(anyhow::Error::from)?;
        Ok(signed.bytes().to_vec())
    }

    /// Reads the next frame of an answer.
    ///
    /// # Errors
    /// A lost connection, silence, or a frame beyond its limit.
    pub async fn frame(&self, receive: &mut RecvStream) -> Result<Frame, LinkError> {
        let connection = &self.inner.connection;
        timeout(PATIENCE, read_unhurried(connection, receive, None))
            .await
            .map_err(|_| LinkError::Silent { partner: partner_name(connection) })?
    }

    /// The partner broke a rule: says so and keeps the words for the operator.
    pub fn misbehaved(&self, fault: Fault) -> LinkError {
        misbehaved(&self.inner.connection, fault)
    }

    /// Ends the connection in an orderly way.
    pub fn close(&self) {
        self.inner.connection.close(0u32.into(), b"done");
    }
}

/// Our hello for `partner`.
async fn hello(node: &Node, partner: Country) -> Result<Frame, LinkError> {
    let identity = node.identity();
    let head = node.catalogue().feed_head(partner).await.map_err(anyhow::Error::from)?;
    let hello = Hello {
        versions: vec![PROTOCOL_VERSION],
        administration: identity.administration,
        node: identity.node.clone(),
        head,
        log: identity.log_key(),
        crls: lists(&identity.revocations),
        streams: MAX_STREAMS,
    };
    Ok(Frame::of(FrameKind::Hello, &hello))
}

/// The newest of our lists that a hello has room for: one that is too large would end every connection.
fn lists(revocations: &Revocations) -> Vec<ByteVec> {
    let mut lists: Vec<_> = revocations.lists().collect();
    lists.sort_by_key(|list| std::cmp::Reverse(list.this_update()));
    let mut room = MAX_HELLO_LISTS;
    let fits = |list: &&RevocationList| {
        let fits = list.der().len() <= room;
        room -= if fits { list.der().len() } else { 0 };
        fits
    };
    lists.into_iter().filter(fits).take(MAX_CRLS).map(|list| list.der().to_vec().into()).collect()
}

/// Follows what the partner says of its feed, until the connection ends.
async fn listen(connection: Connection, mut receive: RecvStream, told: watch::Sender<u64>) {
    loop {
        // The control stream is silent for as long as nothing is released; the carrier's own idle time bounds a dead peer.
        let advance = match read_unhurried(&connection, &mut receive, Some(FrameKind::Advance)).await {
            Ok(frame) => message::<Advance>(&connection, frame),
            Err(LinkError::Misbehaved { partner, fault }) => Err(LinkError::Misbehaved { partner, fault }),
            Err(_) => return,
        };
        match advance {
            Ok(advance) => {
                // A head never goes back: the watch keeps the highest that was said.
                told.send_if_modified(|head| {
                    let higher = advance.head > *head;
                    *head = advance.head.max(*head);
                    higher
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control stream is ended");
                connection.close(1u32.into(), b"control");
                return;
            }
        }
    }
}

/// Tells the partner whenever our feed for it has grown.
async fn tell(node: Node, connection: Connection, mut send: SendStream, partner: Country) {
    let mut changes = node.changes();
    let mut told = 0;
    loop {
        let head = match node.catalogue().feed_head(partner).await {
            Ok(head) => head,
            Err(error) => {
                tracing::error!(%error, "the release feed cannot be read");
                return;
            }
        };
        if head > told {
            told = head;
            if write(&connection, &mut send, &Frame::of(FrameKind::Advance, &Advance { head })).await.is_err() {
                return;
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = connection.closed() => return,
        }
    }
}

/// The partner's chain, which the handshake verified.
pub(super) fn certificates(connection: &Connection) -> Option<Vec<CertificateDer<'static>>> {
    connection.peer_identity().and_then(|any| any.downcast().ok()).map(|chain| *chain)
}

/// Who is at the other end, from the certificate that the handshake verified.
pub(super) fn identity(connection: &Connection) -> Result<(Country, String), LinkError> {
    certificates(connection)
        .and_then(|chain| tls::partner(&chain))
        .ok_or_else(|| LinkError::Lost { partner: connection.remote_address().to_string(), detail: "no certificate".to_owned() })
}

/// How messages name the partner: by its certificate, or by its address before there is one.
fn partner_name(connection: &Connection) -> String {
    match identity(connection) {
        Ok((administration, node)) => format!("{administration} ({node})"),
        Err(_) => connection.remote_address().to_string(),
    }
}

pub(super) fn lost(connection: &Connection, error: impl std::fmt::Display) -> LinkError {
    let detail = connection.close_reason().map_or_else(|| error.to_string(), |reason| reason.to_string());
    // The partner's own words may be in there, and an operator's terminal reads them.
    let detail = detail.chars().take(MAX_DETAIL).map(|c| if c.is_control() { '?' } else { c }).collect();
    LinkError::Lost { partner: partner_name(connection), detail }
}

fn misbehaved(connection: &Connection, fault: Fault) -> LinkError {
    LinkError::Misbehaved { partner: partner_name(connection), fault }
}

async fn within<T>(connection: &Connection, work: impl Future<Output = T>) -> Result<T, LinkError> {
    timeout(PATIENCE, work).await.map_err(|_| LinkError::Silent { partner: partner_name(connection) })
}

/// Writes a frame; a reader that takes nothing for [`PATIENCE`] is let go.
pub(super) async fn write(connection: &Connection, send: &mut SendStream, frame: &Frame) -> Result<(), LinkError> {
    within(connection, send.write_all(&frame.to_bytes())).await?.map_err(|error| lost(connection, error))
}

/// Reads a frame of the one kind that may come here: no room is made for the body of another.
pub(super) async fn read(
    connection: &Connection,
    receive: &mut RecvStream,
    patience: Duration,
    kind: FrameKind,
) -> Result<Frame, LinkError> {
    let read = timeout(patience, read_unhurried(connection, receive, Some(kind))).await;
    read.map_err(|_| LinkError::Silent { partner: partner_name(connection) })?
}

/// Reads a frame: its header first, bounded by the kind, then its body.
async fn read_unhurried(connection: &Connection, receive: &mut RecvStream, kind: Option<FrameKind>) -> Result<Frame, LinkError> {
    let header = read_header(connection, receive).await?;
    if let Some(kind) = kind.filter(|kind| *kind != header.kind) {
        let fault = Fault::new(Reason::WireOrder, format!("a {:?} frame where {kind:?} belongs", header.kind));
        return Err(misbehaved(connection, fault));
    }
    let mut body = vec![0; header.length];
    receive.read_exact(&mut body).await.map_err(|error| lost(connection, error))?;
    Ok(Frame { kind: header.kind, body })
}

/// Reads and checks a frame's header alone.
pub(super) async fn read_header(connection: &Connection, receive: &mut RecvStream) -> Result<FrameHeader, LinkError> {
    let mut header = [0; FRAME_HEADER];
    receive.read_exact(&mut header).await.map_err(|error| lost(connection, error))?;
    FrameHeader::parse(header).map_err(|fault| misbehaved(connection, fault))
}

fn message<T: for<'b> minicbor::Decode<'b, ()>>(connection: &Connection, frame: Frame) -> Result<T, LinkError> {
    frame.message().map_err(|fault| misbehaved(connection, fault))
}

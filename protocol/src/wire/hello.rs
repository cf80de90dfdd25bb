//! The small messages of a connection.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::Frame;
use crate::identifier::Country;
use crate::reason::{Fault, Reason};

/// The version of the wire that this crate speaks.
pub const PROTOCOL_VERSION: u32 = 1;
/// Revocation lists in a hello.
pub const MAX_CRLS: usize = 4;
/// Versions in a hello.
const MAX_VERSIONS: usize = 16;

/// The first frame each way: who speaks, which versions, where its feed for the other stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// Versions spoken.
    #[n(0)]
    pub versions: Vec<u32>,
    /// The administration; it must be the TLS certificate's.
    #[n(1)]
    pub administration: Country,
    /// The node; it must be the TLS certificate's.
    #[n(2)]
    pub node: String,
    /// Newest sequence of the release feed that the sender keeps for the receiver.
    #[n(3)]
    pub head: u64,
    /// The chain of the key that signs the sender's checkpoints.
    #[n(4)]
    pub log: LogKey,
    /// The newest revocation lists of the sender's administration (DER).
    #[n(5)]
    pub crls: Vec<ByteVec>,
    /// Requests that the sender answers at once on this connection.
    #[n(6)]
    pub streams: u32,
}

/// The certificate chain of a log's key (DER, leaf first, without the root).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LogKey {
    /// The chain.
    #[n(1)]
    pub chain: Vec<ByteVec>,
}

/// The sender's release feed for the receiver has grown up to `head`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Advance {
    /// Newest sequence.
    #[n(1)]
    pub head: u64,
}

/// An answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct End {
    /// Of a feed: the sequence up to which everything was sent. The requester keeps it once all that came is durable.
    #[n(1)]
    pub cursor: Option<u64>,
    /// Of a feed: its newest sequence.
    #[n(2)]
    pub head: Option<u64>,
}

/// A request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refusal {
    /// A registered reason code.
    #[n(1)]
    pub reason: String,
    /// Seconds after which to try again.
    #[n(2)]
    pub retry_after: Option<u32>,
}

/// Longest reason code that is read.
const MAX_CODE: usize = 64;

impl Refusal {
    /// Reads a refusal. Its reason is a code word: it is shown to people, and a partner's free text could rewrite their terminal.
    ///
    /// # Errors
    /// `cbor.*`, `wire.structure`.
    pub fn read(frame: &Frame) -> Result<Self, Fault> {
        let refusal: Self = frame.message()?;
        let code = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
        if refusal.reason.is_empty() || refusal.reason.len() > MAX_CODE || !refusal.reason.bytes().all(code) {
            return Err(Fault::new(Reason::WireStructure, "the reason of a refusal is not a code"));
        }
        Ok(refusal)
    }

    /// A refusal for `reason`.
    pub fn new(reason: Reason) -> Self {
        let retry_after = (reason == Reason::Busy).then_some(1);
        Self { reason: reason.code().to_owned(), retry_after }
    }
}

impl Hello {
    /// Checks bounds and that a version is shared (`WIRE-010`, `WIRE-011`).
    ///
    /// # Errors
    /// `wire.version`, `wire.structure`.
    pub fn check(&self) -> Result<(), Fault> {
        if self.versions.len() > MAX_VERSIONS || self.crls.len() > MAX_CRLS || self.node.len() > crate::limits::MAX_NAME {
            return Err(Fault::new(Reason::WireStructure, "a list of the hello is too long"));
        }
        if !self.versions.contains(&PROTOCOL_VERSION) {
            return Err(Fault::new(Reason::WireVersion, format!("we speak version {PROTOCOL_VERSION}, the peer {:?}", self.versions)));
        }
        Ok(())
    }
}

//! The door: bytes become [`Signed`], and [`Signed`] becomes [`Verified`] or a reason why not. Implements spec/01-record.md, `SIG-*`.
//!
//! `bytes -> Signed<T> -> Verified<T>`. `Signed` has structure and an id and nothing else to be relied on. [`Signed::verify`] is
//! the only way to a `Verified`, and code past the door takes nothing else.

mod cose;
mod evidence;
mod low_s;

pub use evidence::{TimeEvidence, TimeSource};

use std::sync::Arc;

use ring::rand::SecureRandom;

use crate::digest::Digest;
use crate::identifier::Country;
use crate::pki::{Algorithm, Leaf, Revocations, Role, Root, SigningKey, validate};
use crate::reason::{Fault, Reason};
use crate::record::Record;
use crate::time::Timestamp;
use crate::wire::Request;

/// What can be signed: a record or a request. The content type in the protected header keeps one from passing for the other.
pub trait Statement: Sized {
    /// The content type that the protected header must name.
    const CONTENT_TYPE: &'static str;
    /// The largest signed form, in bytes.
    const LIMIT: usize;

    /// Reads the statement from deterministic CBOR.
    ///
    /// # Errors
    /// The first rule that it breaks.
    fn decode(payload: &[u8]) -> Result<Self, Fault>;
    /// Deterministic CBOR of the statement.
    fn encode(&self) -> Vec<u8>;
    /// The administration, the node and, where the statement belongs to one, the log that the certificate must name.
    fn signer(&self) -> (Country, &str, Option<&str>);
    /// When the maker says that it was made.
    fn made(&self) -> Option<Timestamp>;
}

impl Statement for Record {
    const CONTENT_TYPE: &'static str = "application/carnet-record+cbor";
    const LIMIT: usize = crate::limits::MAX_RECORD;

    fn decode(payload: &[u8]) -> Result<Self, Fault> {
        Record::decode(payload)
    }

    fn encode(&self) -> Vec<u8> {
        crate::cbor::encode(self)
    }

    fn signer(&self) -> (Country, &str, Option<&str>) {
        (self.maker.administration, &self.maker.node, Some(&self.maker.log))
    }

    fn made(&self) -> Option<Timestamp> {
        Some(self.made)
    }
}

impl Statement for Request {
    const CONTENT_TYPE: &'static str = "application/carnet-request+cbor";
    const LIMIT: usize = crate::limits::MAX_REQUEST;

    fn decode(payload: &[u8]) -> Result<Self, Fault> {
        Request::decode(payload)
    }

    fn encode(&self) -> Vec<u8> {
        crate::cbor::encode(self)
    }

    fn signer(&self) -> (Country, &str, Option<&str>) {
        (self.from, &self.node, None)
    }

    fn made(&self) -> Option<Timestamp> {
        None
    }
}

/// A statement with a signature that nobody has checked yet. Its structure is sound and its id is known.
#[derive(Debug, Clone)]
pub struct Signed<T> {
    bytes: Arc<[u8]>,
    id: Digest,
    statement: T,
    parts: cose::Parts,
}

/// A statement whose encoding, signature, certificate chain, revocation and names were checked at a time with evidence.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    signed: Signed<T>,
    leaf: Leaf,
    evidence: TimeEvidence,
}

/// What a statement is judged against: one pinned root and what is known of its revocations.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The pinned root.
    pub root: &'a Root,
    /// Revocation lists held.
    pub revocations: &'a Revocations,
}

/// What signs: a key and its chain (DER, leaf first, without the root).
#[derive(Debug)]
pub struct Signer {
    /// The private key.
    pub key: SigningKey,
    /// Its certificates.
    pub chain: Vec<Vec<u8>>,
}

impl<T: Statement> Signed<T> {
    /// Signs `statement`. For Ed25519 the result depends on nothing else; ES256 draws from `random`.
    ///
    /// # Errors
    /// A statement that [`Signed::parse`] would refuse (the caller is at fault), or a key that cannot sign.
    pub fn sign(statement: &T, signer: &Signer, random: &dyn SecureRandom) -> Result<Self, Fault> {
        let bytes = cose::sign(T::CONTENT_TYPE, &statement.encode(), signer, random)?;
        Self::parse(&bytes)
    }

    /// Reads signed bytes: size, encoding, shape, header, then the statement's own structure, in this order (`SIG-010`).
    ///
    /// # Errors
    /// The first rule that the bytes break, with its place.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > T::LIMIT {
            return Err(Fault::new(Reason::StatementTooLarge, format!("{} bytes; the limit is {}", bytes.len(), T::LIMIT)));
        }
        let parts = cose::parse(bytes, T::CONTENT_TYPE)?;
        let offset = |mut fault: Fault| {
            fault.at = fault.at.map(|at| at + parts.payload.start as u64);
            fault
        };
        let payload = &bytes[parts.payload.clone()];
        crate::cbor::scan(payload).map_err(offset)?;
        let statement = T::decode(payload).map_err(offset)?;
        Ok(Self { id: Digest::of(&parts.signature_structure(bytes)), bytes: bytes.into(), statement, parts })
    }

    /// Checks chain, algorithm, signature, administration, names and the time of making, in this order (`SIG-011`), and opens
    /// the door.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(self, trust: Trust<'_>, evidence: TimeEvidence) -> Result<Verified<T>, Fault> {
        let chain: Vec<&[u8]> = self.parts.chain.iter().map(Vec::as_slice).collect();
        let leaf = validate(&chain, trust.root, Role::RecordSigning, evidence.latest, trust.revocations)?;
        let matches = matches!(
            (leaf.claims().public_key.algorithm(), self.parts.algorithm),
            (Algorithm::Ed25519, cose::ED25519) | (Algorithm::P256, cose::ESP256)
        );
        if !matches {
            return Err(Fault::new(Reason::CoseAlgorithm, "the header's algorithm is not that of the certificate's key"));
        }
        if self.parts.algorithm == cose::ESP256 && !low_s::is_low(&self.parts.signature) {
            return Err(Fault::new(Reason::SignatureInvalid, "the signature is not in its one form, r and the lower s, 32 bytes each"));
        }
        leaf.verify(&self.parts.signature_structure(&self.bytes), &self.parts.signature)?;
        let (administration, node, log) = self.statement.signer();
        if leaf.claims().administration != administration {
            return Err(Fault::new(Reason::ChainAdministration, "the certificate is of another administration than the statement names"));
        }
        if leaf.claims().node != node || (log.is_some() && leaf.claims().log_origin.as_deref() != log) {
            return Err(Fault::new(Reason::ChainNames, "the certificate does not name the node and the log that the statement names"));
        }
        if let Some(made) = self.statement.made() {
            evidence.admits(made, leaf.claims().not_before, leaf.claims().not_after)?;
        }
        Ok(Verified { signed: self, leaf, evidence })
    }

    /// What the bytes claim, unverified: enough to choose the root to verify against, and for nothing else.
    pub fn claimed(&self) -> &T {
        &self.statement
    }
}

impl<T> Signed<T> {
    /// SHA-256 of the COSE Sig_structure: the statement's id.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// The signed bytes, exactly as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the signed bytes: what the log takes.
    pub fn entry(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

impl<T> Verified<T> {
    /// The statement.
    pub fn statement(&self) -> &T {
        &self.signed.statement
    }

    /// Its id.
    pub fn id(&self) -> Digest {
        self.signed.id
    }

    /// SHA-256 of the signed bytes.
    pub fn entry(&self) -> Digest {
        self.signed.entry()
    }

    /// The signed bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.signed.bytes
    }

    /// The certificate that signed it.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The evidence on when it existed.
    pub fn evidence(&self) -> TimeEvidence {
        self.evidence
    }
}

//! Why a chain or a signature is not accepted.

use std::fmt;

use crate::reason::{Fault, Reason};
use crate::time::Timestamp;

/// Which certificate of a chain a fault lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first certificate, which names the node.
    Leaf,
    /// An issuing certificate, counted from 1, next to the leaf.
    Issuer(usize),
    /// The pinned root.
    Root,
}

impl Place {
    pub(super) fn of(index: usize) -> Self {
        if index == 0 { Place::Leaf } else { Place::Issuer(index) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Leaf => f.write_str("the leaf certificate"),
            Place::Issuer(1) => f.write_str("the issuing certificate"),
            Place::Issuer(n) => write!(f, "issuing certificate {n}"),
            Place::Root => f.write_str("the root certificate"),
        }
    }
}

/// Why a certificate chain is not accepted. The variants stand in the order of the checks (`PKI-040`).
///
/// The fault lies with who presented the chain, except [`ChainFault::Crl`], which may also mean that this node
/// has not fetched the partner's newest revocation list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// No certificate at all.
    #[error("no certificate was presented")]
    Empty,
    /// Too many certificates, or one too large.
    #[error("the certificate chain is beyond its limits: {0}")]
    TooLong(&'static str),
    /// Not a certificate that the profile allows.
    #[error("{0} does not follow the profile: {1}")]
    Malformed(Place, &'static str),
    /// Names are missing, twice there, or not of the profile's form.
    #[error("{0} is not named as the profile says: {1}")]
    Names(Place, &'static str),
    /// The leaf is for another use.
    #[error("the certificate is not for this use: {0}")]
    Usage(&'static str),
    /// A certificate names another administration than the pinned root.
    #[error("{0} names another administration than the pinned root: was the right partner pinned?")]
    Administration(Place),
    /// No path to the pinned root.
    #[error("the chain does not lead to the pinned root: {0}; compare the root's fingerprint with the partner by telephone")]
    Untrusted(&'static str),
    /// A certificate is not valid yet.
    #[error("{0} is valid only from {1}: check the clock")]
    NotYetValid(Place, Timestamp),
    /// A certificate has expired.
    #[error("{0} expired at {1}: it must be renewed")]
    Expired(Place, Timestamp),
    /// A revocation list cannot be used, or the policy asks for a fresh one and there is none.
    #[error("revocation cannot be judged: {0}")]
    Crl(&'static str),
    /// A certificate is revoked.
    #[error("{0} was revoked at {1}")]
    Revoked(Place, Timestamp),
}

impl ChainFault {
    /// The registered reason code.
    pub const fn reason(&self) -> Reason {
        match self {
            ChainFault::Empty => Reason::ChainEmpty,
            ChainFault::TooLong(_) => Reason::ChainTooLong,
            ChainFault::Malformed(..) => Reason::ChainMalformed,
            ChainFault::Names(..) => Reason::ChainNames,
            ChainFault::Usage(_) => Reason::ChainUsage,
            ChainFault::Administration(_) => Reason::ChainAdministration,
            ChainFault::Untrusted(_) => Reason::ChainUntrusted,
            ChainFault::NotYetValid(..) => Reason::ChainNotYetValid,
            ChainFault::Expired(..) => Reason::ChainExpired,
            ChainFault::Crl(_) => Reason::ChainCrl,
            ChainFault::Revoked(..) => Reason::ChainRevoked,
        }
    }
}

impl From<ChainFault> for Fault {
    fn from(fault: ChainFault) -> Self {
        Fault::new(fault.reason(), fault.to_string())
    }
}

/// A signature does not verify. Nothing more is said: why a signature is wrong helps only who forges one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify under the certificate's key")]
pub struct SignatureFault;

impl From<SignatureFault> for Fault {
    fn from(fault: SignatureFault) -> Self {
        Fault::new(Reason::SignatureInvalid, fault.to_string())
    }
}

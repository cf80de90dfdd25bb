//! The registered reason codes: why a statement, a package or a request is not accepted.
//! Implements spec/01-record.md, section "Reason codes". A code never changes its meaning; new faults get new codes.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal,)*) => {
        /// Why something is not accepted. The text form is the registered code that goes over the wire and into reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])* $name,)* }

        impl Reason {
            /// Every registered reason, in the order of the registry.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The registered code.
            pub const fn code(self) -> &'static str {
                match self { $(Reason::$name => $code,)* }
            }

            /// What the code means, as the registry states it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Reason::$name => concat!($($doc),*),)* }
            }

            /// The reason that `code` names, if it is registered.
            pub fn from_code(code: &str) -> Option<Reason> {
                Self::ALL.iter().copied().find(|reason| reason.code() == code)
            }
        }
    };
}

reasons! {
    /// The bytes end before the item does.
    CborTruncated = "cbor.truncated",
    /// Bytes follow the item.
    CborTrailing = "cbor.trailing",
    /// An integer or a length is not in its shortest form.
    CborNotShortest = "cbor.not-shortest",
    /// An indefinite length is used.
    CborIndefinite = "cbor.indefinite",
    /// Map keys are not in bytewise order.
    CborKeyOrder = "cbor.key-order",
    /// A map key occurs twice.
    CborKeyDuplicate = "cbor.key-duplicate",
    /// A map key is neither an integer nor a text.
    CborKeyType = "cbor.key-type",
    /// A text is not valid UTF-8.
    CborUtf8 = "cbor.utf8",
    /// A tag occurs where none is allowed.
    CborTag = "cbor.tag",
    /// A simple value other than false, true and null occurs.
    CborSimple = "cbor.simple",
    /// A floating-point number is not in its one spelling.
    CborFloat = "cbor.float",
    /// Items are nested deeper than the limit.
    CborDepth = "cbor.depth",
    /// A reserved additional information value is used.
    CborReserved = "cbor.reserved",
    /// The statement is larger than the limit.
    StatementTooLarge = "statement.too-large",
    /// The bytes are not a tagged COSE_Sign1 of four items.
    CoseShape = "cose.shape",
    /// The unprotected header is not empty.
    CoseUnprotected = "cose.unprotected",
    /// The protected header lacks a field, has one too many, or one of the wrong type.
    CoseHeader = "cose.header",
    /// The signature algorithm is not one of the profile's.
    CoseAlgorithm = "cose.algorithm",
    /// The content type is not that of the statement expected here.
    CoseContentType = "cose.content-type",
    /// A field of the record is missing or has the wrong type.
    RecordStructure = "record.structure",
    /// The profile version is not supported.
    RecordVersion = "record.version",
    /// The content does not have the structure of the record's kind.
    RecordContent = "record.content",
    /// A list, a text or a number of the record is beyond its limit.
    RecordLimit = "record.limit",
    /// An identifier does not have its standard's form.
    RecordIdentifier = "record.identifier",
    /// The time at which the record says it was made lies after the time at which it is known to exist.
    RecordFuture = "record.future",
    /// The handling has a field or a value that this version does not know: it fails closed.
    HandlingUnknown = "handling.unknown",
    /// The handling does not permit this.
    HandlingNotPermitted = "handling.not-permitted",
    /// The signature does not verify under the leaf certificate's key.
    SignatureInvalid = "signature.invalid",
    /// There is no certificate.
    ChainEmpty = "chain.empty",
    /// The chain has more certificates, or larger ones, than the limit.
    ChainTooLong = "chain.too-long",
    /// A certificate is not one that the profile allows.
    ChainMalformed = "chain.malformed",
    /// No path leads to a pinned root.
    ChainUntrusted = "chain.untrusted",
    /// A certificate is not valid yet.
    ChainNotYetValid = "chain.not-yet-valid",
    /// A certificate has expired.
    ChainExpired = "chain.expired",
    /// A certificate is revoked.
    ChainRevoked = "chain.revoked",
    /// A certificate is used for what it was not issued for.
    ChainUsage = "chain.usage",
    /// The certificate's administration is not the pinned root's.
    ChainAdministration = "chain.administration",
    /// The certificate does not name the administration, node or log that the statement names.
    ChainNames = "chain.names",
    /// A revocation list is malformed, not authentic, or older than one already held.
    ChainCrl = "chain.crl",
    /// An opening does not belong to any commitment of the record.
    OpeningUnknown = "opening.unknown",
    /// An opening does not have the structure [salt, name, value].
    OpeningStructure = "opening.structure",
    /// A checkpoint is not a well-formed signed note.
    LogCheckpoint = "log.checkpoint",
    /// The checkpoint is not signed by the log's key.
    LogSignature = "log.signature",
    /// The checkpoint is of another log than the record names.
    LogOrigin = "log.origin",
    /// The inclusion proof does not lead from the record to the checkpoint's root.
    LogInclusion = "log.inclusion",
    /// The consistency proof does not lead from the older to the newer root.
    LogConsistency = "log.consistency",
    /// The chunk list does not have the payload's size or tree root.
    PayloadRoot = "payload.root",
    /// A chunk does not have the hash that its list names.
    PayloadChunk = "payload.chunk",
    /// The flat digest of the payload's bytes is another one.
    PayloadDigest = "payload.digest",
    /// The payload is larger than the limit.
    PayloadTooLarge = "payload.too-large",
    /// A plane of samples is malformed.
    ImagePlane = "image.plane",
    /// The decoded samples have another digest than the record names.
    ImageSamples = "image.samples",
    /// A frame has an unknown type, or is longer than its type allows.
    WireFrame = "wire.frame",
    /// A frame arrived that is not allowed here.
    WireOrder = "wire.order",
    /// The versions of the two ends do not overlap.
    WireVersion = "wire.version",
    /// A message has the wrong structure.
    WireStructure = "wire.structure",
    /// The request is not addressed to this administration.
    RequestRecipient = "request.recipient",
    /// The request has expired, or expires too far ahead.
    RequestExpired = "request.expired",
    /// The request's nonce was seen before.
    RequestReplayed = "request.replayed",
    /// The request asks for more than a limit allows.
    RequestLimit = "request.limit",
    /// What was asked for is not available to this requester. Says nothing on whether it exists.
    NotAvailable = "request.not-available",
    /// The node is too busy; ask again later.
    Busy = "request.busy",
    /// The node failed; its operator knows.
    Internal = "request.internal",
    /// The file does not begin as a package does.
    PackageHeader = "package.header",
    /// The package ends before its trailer.
    PackageTruncated = "package.truncated",
    /// Frames are not in the canonical order.
    PackageOrder = "package.order",
    /// A record occurs twice.
    PackageDuplicate = "package.duplicate",
    /// The trailer does not match what came before it, or bytes follow it.
    PackageTrailer = "package.trailer",
    /// A payload belongs to no record before it.
    PackageOrphan = "package.orphan",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why bytes from outside are refused: the registered reason, the place, and a sentence for the operator.
///
/// The fault always lies with whoever made the bytes. It never quotes personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The registered reason.
    pub reason: Reason,
    /// Offset of the fault in the bytes judged, where one is known.
    pub at: Option<u64>,
    /// What was found, in words.
    pub detail: String,
}

impl Fault {
    /// A fault without a place.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, at: None, detail: detail.into() }
    }

    /// A fault at byte `at`.
    pub fn at(reason: Reason, at: u64, detail: impl Into<String>) -> Self {
        Self { reason, at: Some(at), detail: detail.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(at) = self.at {
            write!(f, " at byte {at}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_found_again() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert!(!reason.meaning().is_empty());
        }
    }
}

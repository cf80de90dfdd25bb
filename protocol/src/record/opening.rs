//! Personal data beside a record: openings of salted commitments, in the manner of SD-CWT. Implements spec/01-record.md, `REC-040` on.

use minicbor::{Decode, Encode};

use super::{name, structure};
use crate::cbor::{self, Raw};
use crate::digest::Digest;
use crate::limits::{MAX_OPENING_COUNT, MAX_OPENINGS};
use crate::reason::{Fault, Reason};

/// One piece of personal data: a salt, a name, a value. Its digest stands in the record; the opening itself can be withheld or
/// erased, and the rest still verifies.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Opening {
    /// 32 random bytes: without them the digest of a name could be guessed.
    #[n(0)]
    pub salt: Digest,
    /// Which field: `consignor`, `driver`, `plate`, ...
    #[n(1)]
    pub name: String,
    /// Its value, any CBOR item; mostly a text.
    #[n(2)]
    pub value: Raw,
}

impl Opening {
    /// An opening that holds a text.
    pub fn of_text(salt: Digest, name: &str, value: &str) -> Self {
        Self { salt, name: name.to_owned(), value: Raw::of(&value) }
    }

    /// The value, if it is a text.
    pub fn text(&self) -> Option<String> {
        minicbor::decode(self.value.bytes()).ok()
    }

    /// The commitment that stands in the record: SHA-256 of the opening's deterministic encoding.
    pub fn commitment(&self) -> Digest {
        Digest::of(&cbor::encode(self))
    }

    /// Reads one opening.
    ///
    /// # Errors
    /// `opening.structure`, or a fault of encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        cbor::scan(bytes)?;
        let opening: Self = minicbor::decode(bytes).map_err(|error| structure(Reason::OpeningStructure, &error))?;
        name("name of an opening", &opening.name)?;
        // An array may hold more items than the three that a reader takes; the commitment covers them all, so nothing may hide there.
        if cbor::encode(&opening) != bytes {
            return Err(Fault::new(Reason::OpeningStructure, "an opening is exactly [salt, name, value]"));
        }
        Ok(opening)
    }
}

/// Reads openings and checks that each belongs to one of `commitments` (`REC-042`), none twice.
///
/// # Errors
/// `record.limit`, `opening.structure`, `opening.unknown`.
pub fn check_openings(commitments: &[Digest], openings: &[Vec<u8>]) -> Result<Vec<Opening>, Fault> {
    super::bounded("openings", openings.len(), MAX_OPENING_COUNT)?;
    super::bounded("bytes of openings", openings.iter().map(Vec::len).sum(), MAX_OPENINGS)?;
    let mut seen = Vec::with_capacity(openings.len());
    let mut opened = Vec::with_capacity(openings.len());
    for bytes in openings {
        let opening = Opening::decode(bytes)?;
        let commitment = Digest::of(bytes);
        if !commitments.contains(&commitment) || seen.contains(&commitment) {
            return Err(Fault::new(Reason::OpeningUnknown, "an opening belongs to no commitment of the record, or comes twice"));
        }
        seen.push(commitment);
        opened.push(opening);
    }
    Ok(opened)
}

//! Records: small, immutable, signed statements. Implements spec/01-record.md, `REC-*`.
//!
//! Everything that happens is a record of some [`Kind`], all in the one envelope of this module. What is heavy stays outside and
//! is named by [`PayloadRef`]; what is personal stays outside too and is named by a commitment ([`Opening`]).

mod content;
mod handling;
mod kind;
mod opening;

pub use content::{
    Annotation, Channel, Content, Declaration, Found, Grading, Image, Intelligence, Item, Outcome, Receipt, Received, Region, Release,
    Series, SignalAxis, Spectrum, View, Withdrawal,
};
pub use handling::{Handling, Onward, Tlp};
pub use kind::{Kind, ParentRole};
pub use opening::{Opening, check_openings};

use minicbor::{Decode, Encode};

use crate::cbor::{self, Raw};
use crate::digest::Digest;
use crate::identifier::{Country, check_inspection, check_locode, check_office};
use crate::limits::{MAX_NAME, MAX_OPENING_COUNT, MAX_PARENTS, MAX_PAYLOADS};
use crate::log::is_origin;
use crate::reason::{Fault, Reason};
use crate::time::Timestamp;

/// The profile version that this crate writes, and the only one whose structure it knows.
pub const PROFILE_VERSION: u32 = 1;

/// A record, as its maker states it. Encoded as a map with small integer keys; fields of later versions are kept in the signed bytes.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Record {
    /// The profile version.
    #[n(0)]
    pub version: u32,
    /// 32 random bytes, so that the record's digest tells nothing to who does not hold the record.
    #[cbor(n(1))]
    pub salt: Digest,
    /// What the record states.
    #[n(2)]
    pub kind: Kind,
    /// The control that this belongs to (WCO Data Model UCR-like; minted by the administration that opened it).
    #[n(3)]
    pub inspection: String,
    /// Who made it.
    #[n(4)]
    pub maker: Maker,
    /// When it was made, by the maker's clock.
    #[n(5)]
    pub made: Timestamp,
    /// What it builds on.
    #[n(6)]
    pub parents: Vec<Parent>,
    /// The heavy bytes that belong to it.
    #[n(7)]
    pub payloads: Vec<PayloadRef>,
    /// Who may receive it and what they may do.
    #[n(8)]
    pub handling: Handling,
    /// What its kind adds, as it came; [`Record::view`] reads it.
    #[n(9)]
    pub content: Raw,
    /// Commitments to the personal data, each the digest of an [`Opening`]; ascending.
    #[n(10)]
    pub commitments: Vec<Digest>,
}

/// Who made a record: the administration down to the instrument, the node, and the log that the record is entered in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Maker {
    /// The administration (ISO 3166-1 alpha-2).
    #[n(0)]
    pub administration: Country,
    /// The customs office (WCO Data Model 047), as NL000510.
    #[n(1)]
    pub office: Option<String>,
    /// The place of the control (UN/LOCODE), as NLRTM.
    #[n(2)]
    pub site: Option<String>,
    /// The instrument, where one made the measurement.
    #[n(3)]
    pub instrument: Option<Instrument>,
    /// The node's name, as its certificate has it.
    #[n(4)]
    pub node: String,
    /// The origin of the log that the record is entered in (C2SP tlog-checkpoint).
    #[n(5)]
    pub log: String,
}

/// The instrument that measured (DICOM 0008,0070, 0008,1090, 0018,1000, 0018,1020; N42 RadInstrumentInformation).
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Instrument {
    /// Manufacturer.
    #[n(0)]
    pub maker: Option<String>,
    /// Model.
    #[n(1)]
    pub model: Option<String>,
    /// Serial number.
    #[n(2)]
    pub serial: Option<String>,
    /// Software version.
    #[n(3)]
    pub software: Option<String>,
}

/// A record that this one builds on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Parent {
    /// Its id.
    #[n(0)]
    pub record: Digest,
    /// How this record relates to it.
    #[n(1)]
    pub role: ParentRole,
}

/// The name of heavy bytes (`REC-030`): their role, type, size and two digests.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct PayloadRef {
    /// What the bytes are to the record: `decoded`, `native`, `plane`, ...
    #[n(1)]
    pub role: String,
    /// The media type (RFC 6838).
    #[n(2)]
    pub media: String,
    /// Size in bytes.
    #[n(3)]
    pub size: u64,
    /// Root of the RFC 9162 tree over the 1 MiB chunks: the authoritative name.
    #[n(4)]
    pub root: Digest,
    /// SHA-256 of all bytes, for any tool to check.
    #[n(5)]
    pub sha256: Digest,
    /// The payload's own handling, where it is stricter than the record's.
    #[n(6)]
    pub handling: Option<Handling>,
}

impl Record {
    /// Reads a record from deterministic CBOR and checks its structure and limits (`REC-010` to `REC-029`), content included.
    ///
    /// # Errors
    /// The first rule that the bytes break; the maker is at fault.
    pub fn decode(payload: &[u8]) -> Result<Self, Fault> {
        match cbor::field(payload, 0)? {
            Some([1]) => {}
            Some(_) => return Err(Fault::new(Reason::RecordVersion, "the profile version is not 1; a newer node wrote this")),
            None => return Err(Fault::new(Reason::RecordStructure, "the record has no profile version")),
        }
        let record: Record = minicbor::decode(payload).map_err(|error| structure(Reason::RecordStructure, &error))?;
        handling::refuse_unknown_fields(payload)?;
        record.check()?;
        record.view()?;
        Ok(record)
    }

    /// The content in the shape of the record's kind; [`Content::Other`] for a kind that this version does not know.
    ///
    /// # Errors
    /// `record.content` where the content does not have that shape, `record.identifier` and `record.limit` where a value in it is wrong.
    pub fn view(&self) -> Result<Content, Fault> {
        Content::read(&self.kind, &self.content, self.payloads.len())
    }

    /// The payload at `index`, if the record has it.
    pub fn payload(&self, index: u32) -> Option<&PayloadRef> {
        self.payloads.get(usize::try_from(index).ok()?)
    }

    /// The handling that rules the payload at `index`: its own, or else the record's.
    pub fn payload_handling(&self, index: u32) -> Option<&Handling> {
        self.payload(index).map(|payload| payload.handling.as_ref().unwrap_or(&self.handling))
    }

    fn check(&self) -> Result<(), Fault> {
        check_inspection(&self.inspection).map_err(identifier)?;
        self.maker.check()?;
        bounded("parents", self.parents.len(), MAX_PARENTS)?;
        bounded("payloads", self.payloads.len(), MAX_PAYLOADS)?;
        bounded("commitments", self.commitments.len(), MAX_OPENING_COUNT)?;
        if !self.commitments.is_sorted_by(|a, b| a < b) {
            return Err(Fault::new(Reason::RecordStructure, "commitments must ascend and differ"));
        }
        self.handling.check()?;
        for payload in &self.payloads {
            name("payload role", &payload.role)?;
            name("media type", &payload.media)?;
            if payload.size > crate::payload::MAX_PAYLOAD {
                return Err(Fault::new(Reason::PayloadTooLarge, "a payload is larger than 64 GiB"));
            }
            payload.handling.as_ref().map_or(Ok(()), Handling::check)?;
        }
        Ok(())
    }
}

impl Maker {
    fn check(&self) -> Result<(), Fault> {
        self.office.as_deref().map_or(Ok(()), check_office).map_err(identifier)?;
        self.site.as_deref().map_or(Ok(()), check_locode).map_err(identifier)?;
        if !is_origin(&self.log) {
            return Err(Fault::new(Reason::RecordIdentifier, "the log must be a URL without its scheme, as customs.example/nl/log"));
        }
        name("node", &self.node)?;
        let instrument = self.instrument.iter().flat_map(|i| [&i.maker, &i.model, &i.serial, &i.software]);
        instrument.flatten().try_for_each(|text| name("instrument", text))
    }
}

/// A typed decoder's error as a fault; its position is kept, its words come from our own messages or name a type.
fn structure(reason: Reason, error: &minicbor::decode::Error) -> Fault {
    Fault { reason, at: error.position().map(|at| at as u64), detail: error.to_string() }
}

fn identifier(fault: crate::identifier::IdentifierFault) -> Fault {
    Fault::new(Reason::RecordIdentifier, fault.to_string())
}

fn bounded(what: &str, count: usize, limit: usize) -> Result<(), Fault> {
    if count <= limit { Ok(()) } else { Err(Fault::new(Reason::RecordLimit, format!("{count} {what}; the limit is {limit}"))) }
}

fn text(what: &str, text: &str, limit: usize) -> Result<(), Fault> {
    bounded(&format!("bytes in a {what}"), text.len(), limit)?;
    // Control characters in a name can rewrite an officer's terminal; line breaks belong in long texts alone.
    let controls = |c: char| c.is_control() && !(limit > MAX_NAME && matches!(c, '\n' | '\t'));
    if text.chars().any(controls) { Err(Fault::new(Reason::RecordLimit, format!("a {what} has control characters"))) } else { Ok(()) }
}

fn name(what: &str, name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::new(Reason::RecordLimit, format!("an empty {what}")));
    }
    text(what, name, MAX_NAME)
}

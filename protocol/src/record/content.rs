//! What each kind of record adds to the envelope. Implements spec/01-record.md, section "Content".
//!
//! Fields map to public standards in the table of the spec; the tags are repeated here beside each field.

mod findings;
mod goods;
mod measurement;
mod sharing;

pub use findings::{Annotation, Found, Grading, Intelligence, Outcome, Region};
pub use goods::{Declaration, Item};
pub use measurement::{Channel, Image, Series, SignalAxis, Spectrum, View};
pub use sharing::{Receipt, Received, Release, Withdrawal};

use super::{Kind, structure};
use crate::cbor::Raw;
use crate::reason::{Fault, Reason};

/// A record's content in the shape of its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Of an image.
    Image(Image),
    /// Of a set of spectra.
    Spectrum(Spectrum),
    /// Of a signal.
    Signal(Series),
    /// Of a declaration.
    Declaration(Box<Declaration>),
    /// Of a tip.
    Intelligence(Intelligence),
    /// Of a remark.
    Annotation(Annotation),
    /// Of an outcome.
    Outcome(Outcome),
    /// Of a release.
    Release(Release),
    /// Of a withdrawal.
    Withdrawal(Withdrawal),
    /// Of a receipt.
    Receipt(Receipt),
    /// Of a kind that this version does not know: kept, not read.
    Other,
}

/// What is checked in content after its structure.
trait Checked {
    /// `payloads`: how many payloads the record has, for indexes into them.
    fn check(&self, payloads: usize) -> Result<(), Fault>;
}

impl Content {
    /// Reads content of `kind`.
    pub(super) fn read(kind: &Kind, raw: &Raw, payloads: usize) -> Result<Self, Fault> {
        fn typed<T: for<'b> minicbor::Decode<'b, ()> + Checked>(raw: &Raw, payloads: usize) -> Result<T, Fault> {
            let content: T = minicbor::decode(raw.bytes()).map_err(|error| structure(Reason::RecordContent, &error))?;
            content.check(payloads)?;
            Ok(content)
        }
        Ok(match kind {
            Kind::Image => Self::Image(typed(raw, payloads)?),
            Kind::Spectrum => Self::Spectrum(typed(raw, payloads)?),
            Kind::Signal => Self::Signal(typed(raw, payloads)?),
            Kind::Declaration => Self::Declaration(Box::new(typed(raw, payloads)?)),
            Kind::Intelligence => Self::Intelligence(typed(raw, payloads)?),
            Kind::Annotation => Self::Annotation(typed(raw, payloads)?),
            Kind::Outcome => Self::Outcome(typed(raw, payloads)?),
            Kind::Release => Self::Release(typed(raw, payloads)?),
            Kind::Withdrawal => Self::Withdrawal(typed(raw, payloads)?),
            Kind::Receipt => Self::Receipt(typed(raw, payloads)?),
            Kind::Other(_) => Self::Other,
        })
    }

    /// The kind and the encoded content, ready for a record.
    pub fn into_parts(self) -> (Kind, Raw) {
        match self {
            Self::Image(content) => (Kind::Image, Raw::of(&content)),
            Self::Spectrum(content) => (Kind::Spectrum, Raw::of(&content)),
            Self::Signal(content) => (Kind::Signal, Raw::of(&content)),
            Self::Declaration(content) => (Kind::Declaration, Raw::of(&*content)),
            Self::Intelligence(content) => (Kind::Intelligence, Raw::of(&content)),
            Self::Annotation(content) => (Kind::Annotation, Raw::of(&content)),
            Self::Outcome(content) => (Kind::Outcome, Raw::of(&content)),
            Self::Release(content) => (Kind::Release, Raw::of(&content)),
            Self::Withdrawal(content) => (Kind::Withdrawal, Raw::of(&content)),
            Self::Receipt(content) => (Kind::Receipt, Raw::of(&content)),
            Self::Other => (Kind::Other("other".to_owned()), Raw::of(&0)),
        }
    }

    /// The containers that the content names (ISO 6346).
    pub fn containers(&self) -> &[String] {
        match self {
            Self::Image(content) => &content.containers,
            Self::Spectrum(content) => &content.containers,
            Self::Signal(content) => &content.containers,
            Self::Declaration(content) => &content.containers,
            Self::Intelligence(content) => &content.containers,
            _ => &[],
        }
    }
}

fn payload_index(index: u32, payloads: usize) -> Result<(), Fault> {
    if (index as usize) < payloads {
        return Ok(());
    }
    Err(Fault::new(Reason::RecordContent, format!("the content names payload {index} of {payloads}")))
}

fn containers(containers: &[String]) -> Result<(), Fault> {
    super::bounded("containers", containers.len(), crate::limits::MAX_LIST)?;
    containers.iter().try_for_each(|number| crate::identifier::check_container(number)).map_err(super::identifier)
}

//! Who may receive a record and what they may do. Implements spec/08-handling.md, `HDL-*`.

use minicbor::{Decode, Encode};

use super::kind::words;
use super::{bounded, name};
use crate::cbor;
use crate::identifier::Country;
use crate::limits::MAX_LIST;
use crate::reason::{Fault, Reason};
use crate::time::Timestamp;

/// The conditions that travel with a record. The explicit set governs; nothing stated means nobody.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Handling {
    /// Administrations that may have it; ascending. Empty: nobody but the originator.
    #[n(1)]
    pub releasable_to: Vec<Country>,
    /// Named groups of administrations that may have it; ascending.
    #[n(2)]
    pub groups: Vec<String>,
    /// Operations whose members may have it; ascending.
    #[n(3)]
    pub operations: Vec<String>,
    /// The label for people (FIRST TLP 2.0). It never widens the set.
    #[n(4)]
    pub tlp: Tlp,
    /// What it may be used for: codes of spec/08.
    #[n(5)]
    pub purpose: Vec<String>,
    /// The legal basis on which it is shared.
    #[n(6)]
    pub legal_basis: Option<String>,
    /// Whether a recipient may pass it on.
    #[n(7)]
    pub onward: Onward,
    /// What may be derived from it: `analyse`, `annotate`, `train`, `statistics`.
    #[n(8)]
    pub derivatives: Vec<String>,
    /// The moment at which every holder destroys it.
    #[n(9)]
    pub retain_until: Option<Timestamp>,
    /// Whether it holds or commits to personal data.
    #[n(10)]
    pub personal_data: bool,
}

/// The keys that this version knows. One it does not know might be a condition, so it fails closed (`HDL-004`).
const KNOWN_KEYS: std::ops::RangeInclusive<u8> = 1..=10;

words! {
    /// Traffic Light Protocol 2.0 (FIRST).
    Tlp {
        /// For the eyes and ears of individual recipients only.
        Red = "red",
        /// Limited to the recipients' organisation.
        AmberStrict = "amber-strict",
        /// Limited to the recipients' organisation and its clients on a need-to-know basis.
        Amber = "amber",
        /// Limited to the community.
        Green = "green",
        /// No limit.
        Clear = "clear",
    }
}

words! {
    /// Onward sharing (originator control).
    Onward {
        /// Never.
        None = "none",
        /// After asking the originator.
        Ask = "ask",
        /// To the members of the operation it was shared in.
        WithinOperation = "within-operation",
    }
}

impl Default for Handling {
    /// What holds when nobody said anything: it stays at home.
    fn default() -> Self {
        Self {
            releasable_to: Vec::new(),
            groups: Vec::new(),
            operations: Vec::new(),
            tlp: Tlp::AmberStrict,
            purpose: vec!["customs-control".to_owned()],
            legal_basis: None,
            onward: Onward::None,
            derivatives: vec!["analyse".to_owned(), "annotate".to_owned()],
            retain_until: None,
            personal_data: false,
        }
    }
}

impl Handling {
    /// Handling that lets `administrations` have it, and is otherwise the default.
    pub fn releasable_to(administrations: impl IntoIterator<Item = Country>) -> Self {
        let mut releasable_to: Vec<Country> = administrations.into_iter().collect();
        releasable_to.sort_unstable();
        releasable_to.dedup();
        Self { releasable_to, ..Self::default() }
    }

    /// Whether the explicit set names `administration`. Groups and operations are resolved by who holds their rosters.
    pub fn names(&self, administration: Country) -> bool {
        self.releasable_to.contains(&administration)
    }

    /// Whether its time is over at `now`.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.retain_until.is_some_and(|until| now >= until)
    }

    /// Checks order, limits and code words (`HDL-003`, `HDL-004`).
    pub(super) fn check(&self) -> Result<(), Fault> {
        if !self.releasable_to.is_sorted_by(|a, b| a < b)
            || !self.groups.is_sorted_by(|a, b| a < b)
            || !self.operations.is_sorted_by(|a, b| a < b)
        {
            return Err(Fault::new(Reason::RecordStructure, "the sets of a handling must ascend and differ"));
        }
        if let Tlp::Other(_) = self.tlp {
            return Err(Fault::new(Reason::HandlingUnknown, "an unknown TLP label"));
        }
        if let Onward::Other(_) = self.onward {
            return Err(Fault::new(Reason::HandlingUnknown, "an unknown rule for onward sharing"));
        }
        for list in [&self.groups, &self.operations, &self.purpose, &self.derivatives] {
            bounded("entries in a handling", list.len(), MAX_LIST)?;
            list.iter().try_for_each(|entry| name("handling entry", entry))?;
        }
        self.legal_basis.as_deref().map_or(Ok(()), |basis| name("legal basis", basis))
    }
}

/// Refuses a field that this version does not know, in the record's handling and in every payload's own.
pub(super) fn refuse_unknown_fields(record: &[u8]) -> Result<(), Fault> {
    if let Some(handling) = cbor::field(record, 8)? {
        refuse_unknown(handling)?;
    }
    for payload in cbor::field(record, 7)?.map_or(Ok(Vec::new()), cbor::array_items)? {
        if let Some(handling) = cbor::field(payload, 6)? {
            refuse_unknown(handling)?;
        }
    }
    Ok(())
}

fn refuse_unknown(handling: &[u8]) -> Result<(), Fault> {
    for (key, _) in cbor::map_fields(handling)? {
        if !matches!(key, [small] if KNOWN_KEYS.contains(small)) {
            return Err(Fault::new(Reason::HandlingUnknown, "the handling has a field that this version does not know"));
        }
    }
    Ok(())
}

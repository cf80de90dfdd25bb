//! Releases, withdrawals and receipts: who may have what, and who got it.

use minicbor::{Decode, Encode};

use super::Checked;
use crate::digest::Digest;
use crate::identifier::Country;
use crate::limits::{MAX_LIST, MAX_PAYLOADS};
use crate::reason::{Fault, Reason};
use crate::record::{bounded, name};
use crate::time::Timestamp;

/// The originator lets one more administration have one record. One release a recipient, so that none learns of another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Release {
    /// The record.
    #[n(1)]
    pub record: Digest,
    /// Who may have it.
    #[n(2)]
    pub to: Country,
    /// Payloads that their own handling keeps at home and that this release adds; ascending.
    #[n(3)]
    pub payloads: Vec<u32>,
    /// Until when it can be fetched.
    #[n(4)]
    pub until: Option<Timestamp>,
    /// Names of the personal fields whose openings go along; ascending. Without a name here every opening stays at home.
    #[n(5)]
    pub personal: Vec<String>,
}

impl Checked for Release {
    fn check(&self, _: usize) -> Result<(), Fault> {
        bounded("payloads of a release", self.payloads.len(), MAX_PAYLOADS)?;
        ascending(&self.payloads)?;
        bounded("personal fields of a release", self.personal.len(), MAX_LIST)?;
        self.personal.iter().try_for_each(|field| name("personal field", field))?;
        ascending(&self.personal)
    }
}

/// The originator takes a release back, or takes the record back from everybody.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Withdrawal {
    /// The record.
    #[n(1)]
    pub record: Digest,
    /// From whom; absent: from all.
    #[n(2)]
    pub from: Option<Country>,
    /// Why.
    #[n(3)]
    pub reason: Option<String>,
}

impl Checked for Withdrawal {
    fn check(&self, _: usize) -> Result<(), Fault> {
        self.reason.as_deref().map_or(Ok(()), |reason| name("reason", reason))
    }
}

/// What this node received from a partner: its own statement, in its own log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// From whom.
    #[n(1)]
    pub from: Country,
    /// What.
    #[n(2)]
    pub received: Vec<Received>,
}

/// One record received, and what of its payloads.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Received {
    /// Its id.
    #[n(1)]
    pub record: Digest,
    /// Digest of its signed bytes: its entry in the maker's log.
    #[n(2)]
    pub entry: Digest,
    /// Its index in that log.
    #[n(3)]
    pub index: u64,
    /// Size of that log at the checkpoint that proved it.
    #[n(4)]
    pub log_size: u64,
    /// Payloads received whole, by index; ascending.
    #[n(5)]
    pub payloads: Vec<u32>,
}

impl Checked for Receipt {
    fn check(&self, _: usize) -> Result<(), Fault> {
        bounded("records of a receipt", self.received.len(), MAX_LIST)?;
        self.received.iter().try_for_each(|received| {
            bounded("payloads of a receipt", received.payloads.len(), MAX_PAYLOADS)?;
            ascending(&received.payloads)
        })
    }
}

fn ascending<T: Ord>(entries: &[T]) -> Result<(), Fault> {
    if entries.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    Err(Fault::new(Reason::RecordContent, "indexes of payloads and names of personal fields must ascend and differ"))
}

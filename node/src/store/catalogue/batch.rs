//! What is written: everything in one batch becomes durable together, or not at all.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::reason::Reason;
use carnet_protocol::record::Record;
use carnet_protocol::signed::Verified;
use carnet_protocol::time::Timestamp;
use carnet_protocol::wire::MAX_FEED_PAGE;

use super::error::AppendError;

/// Records of one batch, and of one transaction: a full page of a partner's feed, and our receipt for it.
pub const MAX_BATCH: usize = MAX_FEED_PAGE as usize + 1;
/// Entries of any other list of a batch.
pub const MAX_EFFECTS: usize = 4096;
/// Bytes of a payload that is kept in the catalogue itself: 64 KiB and its seal.
pub const MAX_INLINE: usize = 64 * 1024 + 64;

/// Effects that belong in one transaction. Applied in the order of the fields.
///
/// Releases and withdrawals need no field of their own: they follow from the release and withdrawal records in the batch.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// When it happens, by this node's clock.
    pub at: Timestamp,
    /// Records of this node: each becomes an entry of its log.
    pub own: Vec<OwnRecord>,
    /// Records of partners.
    pub partner: Vec<PartnerRecord>,
    /// Records that are held already, or come in this batch, for the feeds of partners. An entry that is there already stays alone.
    pub feed: Vec<(Country, Digest)>,
    /// How far a partner's feed has been taken. It never goes back.
    pub cursor: Option<(Country, u64)>,
    /// Openings that came later, for records that are held: sealed under the key that the record has.
    pub openings: Vec<(Digest, SealedOpening)>,
    /// Payloads that came, or went.
    pub payloads: Vec<PayloadChange>,
    /// Payloads that are about to be staged.
    pub intents: Vec<Intent>,
    /// Staging names that are done with.
    pub intents_done: Vec<String>,
    /// Refusals to count.
    pub refusals: Vec<RefusalCount>,
}

/// A record of this node, and what is kept beside it.
#[derive(Debug, Clone)]
pub struct OwnRecord {
    /// The record.
    pub record: Verified<Record>,
    /// Its openings, sealed.
    pub openings: Vec<SealedOpening>,
    /// Where its payloads are, by index; what is not said is absent.
    pub payloads: Vec<PayloadPlace>,
    /// The record's key, wrapped.
    pub wrapped_key: Option<Vec<u8>>,
    /// SHA-256 of the native file that it was imported from: the second import of the same file is a duplicate.
    pub native_sha256: Option<Digest>,
    /// Partners in whose feeds it belongs from the start. Not applied to a duplicate.
    pub feed: Vec<Country>,
}

/// A partner's record, and what came with it.
#[derive(Debug, Clone)]
pub struct PartnerRecord {
    /// The record.
    pub record: Verified<Record>,
    /// Who sent it.
    pub from: Country,
    /// Its log proof (CBOR), as it came.
    pub proof: Vec<u8>,
    /// Its openings, sealed.
    pub openings: Vec<SealedOpening>,
    /// Where its payloads are, by index; what is not said is absent.
    pub payloads: Vec<PayloadPlace>,
    /// The record's key, wrapped.
    pub wrapped_key: Option<Vec<u8>>,
}

/// An opening at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedOpening {
    /// The commitment that it opens.
    pub commitment: Digest,
    /// Its sealed bytes.
    pub sealed: Vec<u8>,
}

/// Where a payload's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PayloadPlace {
    /// In the catalogue, sealed: at most [`MAX_INLINE`] bytes.
    Inline(Vec<u8>),
    /// In the payload store, durable; here are its chunk hashes, so that serving it does not begin with hashing it.
    Stored(Vec<u8>),
    /// Not here.
    #[default]
    Absent,
}

/// A payload's bytes are elsewhere from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadChange {
    /// Its record.
    pub record: Digest,
    /// Its index there.
    pub index: u32,
    /// Where they are.
    pub place: PayloadPlace,
}

/// A payload that is on its way into the staging folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The name in the staging folder.
    pub staging: String,
    /// The record that it will belong to.
    pub record: Digest,
    /// Its index there.
    pub index: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Its tree root.
    pub root: Digest,
    /// From whom it comes; absent: an own import.
    pub partner: Option<Country>,
    /// Since when.
    pub created: Timestamp,
}

/// Refusals of one partner for one reason within one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalCount {
    /// Whose requests or records were refused.
    pub partner: Country,
    /// Why.
    pub reason: Reason,
    /// Any moment of the hour.
    pub at: Timestamp,
    /// How many.
    pub count: u32,
}

/// What became of one record of a batch; own ones first, in their order, then partners'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The record that is held now: for a duplicate, the first one's.
    pub id: Digest,
    /// Its place in the order of arrival.
    pub seq: u64,
    /// Its index in this node's log; none for a partner's.
    pub log_index: Option<u64>,
    /// Whether it is new.
    pub fate: Fate,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is stored.
    New,
    /// It was held already, the same bytes.
    Known,
    /// Its native file was imported before, as another record.
    Duplicate,
    /// Other signed bytes with its id are held; these are noted as an equivocation.
    Equivocation,
}

impl Batch {
    /// An empty batch at `at`.
    pub fn at(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }

    /// Records in it.
    pub fn records(&self) -> usize {
        self.own.len() + self.partner.len()
    }

    pub(super) fn check(&self) -> Result<(), AppendError> {
        let bound = |what, count, limit| if count > limit { Err(AppendError::TooLarge { what, count, limit }) } else { Ok(()) };
        bound("records", self.records(), MAX_BATCH)?;
        bound("feed entries", self.feed.len(), MAX_EFFECTS)?;
        bound("openings", self.openings.len(), MAX_EFFECTS)?;
        bound("payload changes", self.payloads.len(), MAX_EFFECTS)?;
        bound("intents", self.intents.len(), MAX_EFFECTS)?;
        bound("finished intents", self.intents_done.len(), MAX_EFFECTS)?;
        bound("refusals", self.refusals.len(), MAX_EFFECTS)?;
        let places = self.own.iter().flat_map(|own| &own.payloads).chain(self.partner.iter().flat_map(|partner| &partner.payloads));
        for place in places.chain(self.payloads.iter().map(|change| &change.place)) {
            if let PayloadPlace::Inline(sealed) = place {
                bound("bytes in an inline payload", sealed.len(), MAX_INLINE)?;
            }
        }
        Ok(())
    }
}

impl PayloadPlace {
    /// State, sealed bytes and chunk hashes, as the columns have them.
    pub(super) fn parts(&self) -> (&'static str, Option<&[u8]>, Option<&[u8]>) {
        match self {
            Self::Inline(sealed) => ("inline", Some(sealed), None),
            Self::Stored(hashes) => ("stored", None, Some(hashes)),
            Self::Absent => ("absent", None, None),
        }
    }
}

//! Rows as they come out of the database, and the values in them.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Content, Kind, ParentRole, Record};
use carnet_protocol::time::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::error::StorageFault;

/// Longest text that a listing keeps of a record, in characters.
const MAX_LISTED: usize = 128;

/// The head of a record: what a listing shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// Its place in the order of arrival here, from 1.
    pub seq: u64,
    /// Its id.
    pub id: Digest,
    /// What it states.
    pub kind: Kind,
    /// The control that it belongs to.
    pub inspection: String,
    /// Its maker.
    pub administration: Country,
    /// When it was made, by the maker's clock.
    pub made: Timestamp,
    /// When it came here, by ours.
    pub received: Timestamp,
    /// Whether this node made it.
    pub own: bool,
    /// Its index in this node's log, if it made it.
    pub log_index: Option<u64>,
    /// Whether its maker took it back from us, or from everybody.
    pub withdrawn: bool,
    /// The containers that it names.
    pub container: Option<String>,
    /// The goods that it names: HS code and description.
    pub goods: Option<String>,
}

/// The columns of a [`RecordRow`].
pub(super) const HEAD: &str = "seq, id, kind, inspection, administration, made, received, own, log_index, withdrawn, container, goods";

/// A record with all that is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its head.
    pub head: RecordRow,
    /// SHA-256 of its signed bytes.
    pub entry: Digest,
    /// Its signed bytes, exactly as they came.
    pub signed: Vec<u8>,
    /// Its key at rest, wrapped. None: it has none, or it was erased.
    pub wrapped_key: Option<Vec<u8>>,
    /// SHA-256 of the native file that it was imported from.
    pub native_sha256: Option<Digest>,
    /// Its openings, sealed; what was withheld or erased is absent.
    pub openings: Vec<super::SealedOpening>,
    /// Its payloads, by index.
    pub payloads: Vec<PayloadRow>,
    /// What it builds on.
    pub parents: Vec<(Digest, ParentRole)>,
}

/// A payload and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadRow {
    /// Its record.
    pub record: Digest,
    /// Its index there.
    pub index: u32,
    /// What it is to the record.
    pub role: String,
    /// Its media type.
    pub media: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its tree root.
    pub root: Digest,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Where its bytes are.
    pub place: super::PayloadPlace,
}

impl RecordRow {
    pub(super) fn read(row: &SqliteRow) -> Result<Self, StorageFault> {
        let log_index: Option<i64> = row.try_get("log_index")?;
        Ok(Self {
            seq: from_sql(row.try_get("seq")?)?,
            id: digest(row.try_get("id")?)?,
            kind: word(row.try_get("kind")?)?,
            inspection: row.try_get("inspection")?,
            administration: country(row.try_get("administration")?)?,
            made: Timestamp(row.try_get("made")?),
            received: Timestamp(row.try_get("received")?),
            own: row.try_get("own")?,
            log_index: log_index.map(from_sql).transpose()?,
            withdrawn: row.try_get("withdrawn")?,
            container: row.try_get("container")?,
            goods: row.try_get("goods")?,
        })
    }
}

impl PayloadRow {
    pub(super) fn read(row: &SqliteRow) -> Result<Self, StorageFault> {
        let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
        let hashes: Option<Vec<u8>> = row.try_get("hashes")?;
        let place = match (row.try_get("state")?, sealed, hashes) {
            ("inline", Some(sealed), None) => super::PayloadPlace::Inline(sealed),
            ("stored", None, Some(hashes)) => super::PayloadPlace::Stored(hashes),
            ("absent" | "withheld", None, None) => super::PayloadPlace::Absent,
            _ => return Err(StorageFault::corrupt("a payload's state is none of the four")),
        };
        Ok(Self {
            record: digest(row.try_get("record")?)?,
            index: index(row.try_get("idx")?)?,
            role: row.try_get("role")?,
            media: row.try_get("media")?,
            size: from_sql(row.try_get("size")?)?,
            root: digest(row.try_get("root")?)?,
            sha256: digest(row.try_get("sha256")?)?,
            place,
        })
    }
}

/// A count or a sequence as SQL keeps it. None of ours reaches 2^63; what a partner claims beyond that stays there.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(number: i64) -> Result<u64, StorageFault> {
    u64::try_from(number).map_err(|_| StorageFault::corrupt("a count is negative"))
}

pub(super) fn index(number: i64) -> Result<u32, StorageFault> {
    u32::try_from(number).map_err(|_| StorageFault::corrupt("an index is out of range"))
}

pub(super) fn digest(bytes: &[u8]) -> Result<Digest, StorageFault> {
    Digest::from_slice(bytes).ok_or_else(|| StorageFault::corrupt("a digest does not have 32 bytes"))
}

pub(super) fn country(code: &str) -> Result<Country, StorageFault> {
    Country::new(code).map_err(|_| StorageFault::corrupt("an administration is not an ISO 3166-1 code"))
}

pub(super) fn word<T: std::str::FromStr>(word: &str) -> Result<T, StorageFault> {
    word.parse().map_err(|_| StorageFault::corrupt("a code word is malformed"))
}

/// What a listing shows of a record's content: containers and goods. Personal data is in openings and never gets here.
pub(super) fn listed(record: &Record) -> (Option<String>, Option<String>) {
    let Ok(content) = record.view() else { return (None, None) };
    let goods = match &content {
        Content::Declaration(declaration) => {
            let item = declaration.items.first();
            item.map(|item| [item.hs.as_deref(), item.description.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    let short = |text: String| text.chars().take(MAX_LISTED).collect::<String>();
    // Ten containers fill the column.
    let containers = content.containers().iter().take(10).cloned().collect::<Vec<_>>().join(" ");
    (Some(containers).filter(|text| !text.is_empty()).map(short), goods.filter(|text| !text.is_empty()).map(short))
}

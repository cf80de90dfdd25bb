//! What an operator asks: counts, refusals, equivocations, payloads on their way.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::time::{HOUR, Timestamp};

use super::Catalogue;
use super::batch::Intent;
use super::error::{ReadError, StorageFault};
use super::row::{country, digest, from_sql, index};

/// The node's holdings in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Own records.
    pub own: u64,
    /// Partners' records.
    pub partner: u64,
    /// Records by kind; those of kinds that this version does not know together, as `other`.
    pub kinds: Vec<(String, u64)>,
    /// Entries of this node's log.
    pub log_size: u64,
    /// Partners.
    pub partners: u64,
    /// Payloads on their way.
    pub intents: u64,
    /// Equivocations seen.
    pub equivocations: u64,
    /// Size of the database in bytes, without the write-ahead log.
    pub bytes: u64,
}

/// Refusals of one partner for one reason within one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// Whose requests or records.
    pub partner: Country,
    /// The registered reason code.
    pub code: String,
    /// The hour's beginning.
    pub hour: Timestamp,
    /// How many.
    pub count: u64,
}

/// Two signed forms of one record id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocation {
    /// The id.
    pub id: Digest,
    /// SHA-256 of the signed bytes that are held as the record.
    pub first: Digest,
    /// The other signed bytes.
    pub second: Vec<u8>,
    /// Who sent them.
    pub sender: Country,
    /// When they came.
    pub seen: Timestamp,
    /// The proof (CBOR) that the maker's log holds them too; none for a form of our own.
    pub proof: Option<Vec<u8>>,
}

impl Catalogue {
    /// The holdings in numbers. Its time does not grow with the number of records.
    ///
    /// # Errors
    /// The database.
    pub async fn status(&self) -> Result<Status, ReadError> {
        let mut conn = self.reader().await?;
        let mut status = Status::default();
        let counts: Vec<(String, i64)> = sqlx::query_as("SELECT name, n FROM counts ORDER BY name").fetch_all(&mut *conn).await?;
        for (name, n) in counts {
            let n = from_sql(n)?;
            match name.as_str() {
                "own" => status.own = n,
                "partner" => status.partner = n,
                name => {
                    if let Some(kind) = name.strip_prefix("kind:") {
                        status.kinds.push((kind.to_owned(), n));
                    }
                }
            }
        }
        let (log, partners, intents, equivocations): (Option<i64>, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT MAX(size) FROM checkpoints), (SELECT COUNT(*) FROM partners), (SELECT COUNT(*) FROM intents),
                    (SELECT COUNT(*) FROM equivocations)",
        )
        .fetch_one(&mut *conn)
        .await?;
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *conn).await?;
        let page: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut *conn).await?;
        status.log_size = from_sql(log.unwrap_or(0))?;
        status.partners = from_sql(partners)?;
        status.intents = from_sql(intents)?;
        status.equivocations = from_sql(equivocations)?;
        status.bytes = from_sql(pages.saturating_mul(page))?;
        Ok(status)
    }

    /// Refusals since `since`, newest hour first, at most [`super::MAX_LISTING`].
    ///
    /// # Errors
    /// The database.
    pub async fn refusals(&self, since: Timestamp) -> Result<Vec<Refusals>, ReadError> {
        let rows: Vec<(String, String, i64, i64)> =
            sqlx::query_as("SELECT partner, code, hour, count FROM refusals WHERE hour >= $1 ORDER BY hour DESC, count DESC LIMIT $2")
                .bind(since.0.div_euclid(HOUR))
                .bind(i64::from(super::MAX_LISTING))
                .fetch_all(&mut *self.reader().await?)
                .await?;
        let refusals = rows.into_iter().map(|(partner, code, hour, count)| {
            let hour = Timestamp(hour.saturating_mul(HOUR));
            Ok(Refusals { partner: country(&partner)?, code, hour, count: from_sql(count)? })
        });
        Ok(refusals.collect::<Result<_, StorageFault>>()?)
    }

    /// Equivocations, newest first, at most [`super::MAX_LISTING`].
    ///
    /// # Errors
    /// The database.
    pub async fn equivocations(&self) -> Result<Vec<Equivocation>, ReadError> {
        let rows: Vec<EquivocationRow> =
            sqlx::query_as("SELECT id, first_entry, second, sender, seen, proof FROM equivocations ORDER BY seen DESC LIMIT $1")
                .bind(i64::from(super::MAX_LISTING))
                .fetch_all(&mut *self.reader().await?)
                .await?;
        let found = rows.into_iter().map(|(id, first, second, sender, seen, proof)| {
            Ok(Equivocation { id: digest(&id)?, first: digest(&first)?, second, sender: country(&sender)?, seen: Timestamp(seen), proof })
        });
        Ok(found.collect::<Result<_, StorageFault>>()?)
    }

    /// All payloads on their way, oldest first: what a restarted node resumes. Files in the staging folder that are not named here
    /// belong to nobody.
    ///
    /// # Errors
    /// The database.
    pub async fn intents(&self) -> Result<Vec<Intent>, ReadError> {
        let rows: Vec<IntentRow> =
            sqlx::query_as("SELECT staging, record, idx, size, root, partner, created FROM intents ORDER BY created")
                .fetch_all(&mut *self.reader().await?)
                .await?;
        Ok(rows.into_iter().map(intent).collect::<Result<_, _>>()?)
    }

    /// The payload on its way for `index` of record `id`, if there is one.
    ///
    /// # Errors
    /// The database.
    pub async fn intent_for(&self, id: Digest, payload: u32) -> Result<Option<Intent>, ReadError> {
        let row: Option<IntentRow> = sqlx::query_as(
            "SELECT staging, record, idx, size, root, partner, created FROM intents WHERE record = $1 AND idx = $2 ORDER BY created LIMIT 1",
        )
        .bind(id.as_bytes())
        .bind(i64::from(payload))
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        Ok(row.map(intent).transpose()?)
    }
}

type EquivocationRow = (Vec<u8>, Vec<u8>, Vec<u8>, String, i64, Option<Vec<u8>>);
type IntentRow = (String, Vec<u8>, i64, i64, Vec<u8>, Option<String>, i64);

fn intent((staging, record, idx, size, root, partner, created): IntentRow) -> Result<Intent, StorageFault> {
    Ok(Intent {
        staging,
        record: digest(&record)?,
        index: index(idx)?,
        size: from_sql(size)?,
        root: digest(&root)?,
        partner: partner.as_deref().map(country).transpose()?,
        created: Timestamp(created),
    })
}

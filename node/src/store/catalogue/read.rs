//! Questions about records.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Kind, ParentRole};
use sqlx::{QueryBuilder, Sqlite};

use super::Catalogue;
use super::batch::SealedOpening;
use super::error::{ReadError, StorageFault};
use super::row::{HEAD, PayloadRow, RecordRow, StoredRecord, digest, to_sql, word};

/// Most rows in one answer.
pub const MAX_LISTING: u32 = 1000;
/// Ids that are named when a prefix is ambiguous.
pub const MAX_CANDIDATES: usize = 8;

/// Which records a listing shows, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only of this inspection.
    pub inspection: Option<String>,
    /// Only of this maker.
    pub administration: Option<Country>,
    /// Only those that came before this sequence: the last one of the page before.
    pub before: Option<u64>,
    /// At most so many; no more than [`MAX_LISTING`] are given.
    pub limit: u32,
}

impl Catalogue {
    /// The newest records that pass `filter`. The next page begins before the last one's sequence.
    ///
    /// # Errors
    /// The database.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<RecordRow>, ReadError> {
        let mut select = QueryBuilder::<Sqlite>::new(format!("SELECT {HEAD} FROM records WHERE seq < "));
        select.push_bind(filter.before.map_or(i64::MAX, to_sql));
        if let Some(inspection) = &filter.inspection {
            select.push(" AND inspection = ").push_bind(inspection.as_str());
        }
        // An inspection has few records. Beside it the other columns are spelled so that no index over them can be chosen.
        let suffix = if filter.inspection.is_some() { " || ''" } else { "" };
        if let Some(kind) = &filter.kind {
            select.push(format!(" AND kind{suffix} = ")).push_bind(kind.as_str());
        }
        if let Some(administration) = &filter.administration {
            select.push(format!(" AND administration{suffix} = ")).push_bind(administration.as_str());
        }
        select.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::from(filter.limit.min(MAX_LISTING)));
        let rows = select.build().fetch_all(&mut *self.reader().await?).await?;
        Ok(rows.iter().map(RecordRow::read).collect::<Result<_, _>>()?)
    }

    /// All records of an inspection, newest first, at most [`MAX_LISTING`].
    ///
    /// # Errors
    /// The database.
    pub async fn of_inspection(&self, inspection: &str) -> Result<Vec<RecordRow>, ReadError> {
        self.list(&Filter { inspection: Some(inspection.to_owned()), limit: MAX_LISTING, ..Filter::default() }).await
    }

    /// The head of record `id`, if it is held.
    ///
    /// # Errors
    /// The database.
    pub async fn head(&self, id: Digest) -> Result<Option<RecordRow>, ReadError> {
        let row = sqlx::query(&format!("SELECT {HEAD} FROM records WHERE id = $1"))
            .bind(id.as_bytes())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(row.as_ref().map(RecordRow::read).transpose()?)
    }

    /// Record `id` with all that is kept beside it.
    ///
    /// # Errors
    /// [`ReadError::NotFound`].
    pub async fn record(&self, id: Digest) -> Result<StoredRecord, ReadError> {
        use sqlx::Row as _;
        let mut conn = self.reader().await?;
        let row = sqlx::query("SELECT * FROM records WHERE id = $1").bind(id.as_bytes()).fetch_optional(&mut *conn).await?;
        let row = row.ok_or_else(|| ReadError::not_found(format!("record {id}")))?;
        let native: Option<Vec<u8>> = row.try_get("native_sha256")?;
        let openings: Vec<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT commitment, sealed FROM openings WHERE record = $1 ORDER BY commitment")
                .bind(id.as_bytes())
                .fetch_all(&mut *conn)
                .await?;
        let payloads =
            sqlx::query("SELECT * FROM payloads WHERE record = $1 ORDER BY idx").bind(id.as_bytes()).fetch_all(&mut *conn).await?;
        let parents: Vec<(Vec<u8>, String)> =
            sqlx::query_as("SELECT parent, role FROM parents WHERE child = $1").bind(id.as_bytes()).fetch_all(&mut *conn).await?;
        Ok(StoredRecord {
            head: RecordRow::read(&row)?,
            entry: digest(row.try_get("entry")?)?,
            signed: row.try_get("signed")?,
            wrapped_key: row.try_get("wrapped_key")?,
            native_sha256: native.as_deref().map(digest).transpose()?,
            openings: openings
                .into_iter()
                .map(|(commitment, sealed)| Ok(SealedOpening { commitment: digest(&commitment)?, sealed }))
                .collect::<Result<_, StorageFault>>()?,
            payloads: payloads.iter().map(PayloadRow::read).collect::<Result<_, _>>()?,
            parents: related(parents)?,
        })
    }

    /// Records that build on record `id`, and how, at most [`MAX_LISTING`].
    ///
    /// # Errors
    /// The database.
    pub async fn children(&self, id: Digest) -> Result<Vec<(Digest, ParentRole)>, ReadError> {
        let rows: Vec<(Vec<u8>, String)> = sqlx::query_as("SELECT child, role FROM parents WHERE parent = $1 LIMIT $2")
            .bind(id.as_bytes())
            .bind(i64::from(MAX_LISTING))
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(related(rows)?)
    }

    /// The payload at `index` of record `id`.
    ///
    /// # Errors
    /// [`ReadError::NotFound`].
    pub async fn payload(&self, id: Digest, index: u32) -> Result<PayloadRow, ReadError> {
        let row = sqlx::query("SELECT * FROM payloads WHERE record = $1 AND idx = $2")
            .bind(id.as_bytes())
            .bind(i64::from(index))
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        let row = row.ok_or_else(|| ReadError::not_found(format!("payload {index} of record {id}")))?;
        Ok(PayloadRow::read(&row)?)
    }

    /// The own record that was imported from the native file with this SHA-256, if one was: worth asking before decoding it again.
    ///
    /// # Errors
    /// The database.
    pub async fn by_native(&self, sha256: Digest) -> Result<Option<Digest>, ReadError> {
        let id: Option<Vec<u8>> = sqlx::query_scalar("SELECT id FROM records WHERE own = 1 AND native_sha256 = $1")
            .bind(sha256.as_bytes())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(id.as_deref().map(digest).transpose()?)
    }

    /// The one record whose id begins with these hexadecimal digits.
    ///
    /// # Errors
    /// [`ReadError::Prefix`], [`ReadError::NotFound`], [`ReadError::Ambiguous`].
    pub async fn by_prefix(&self, prefix: &str) -> Result<Digest, ReadError> {
        let prefix = prefix.to_ascii_lowercase();
        if prefix.is_empty() || prefix.len() > 64 {
            return Err(ReadError::Prefix);
        }
        let low: Digest = format!("{prefix:0<64}").parse().map_err(|_| ReadError::Prefix)?;
        let high: Digest = format!("{prefix:f<64}").parse().map_err(|_| ReadError::Prefix)?;
        let ids: Vec<Vec<u8>> = sqlx::query_scalar("SELECT id FROM records WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3")
            .bind(low.as_bytes())
            .bind(high.as_bytes())
            .bind(to_sql(MAX_CANDIDATES as u64))
            .fetch_all(&mut *self.reader().await?)
            .await?;
        let found = ids.iter().map(|id| digest(id)).collect::<Result<Vec<_>, _>>()?;
        match found.as_slice() {
            [] => Err(ReadError::not_found(format!("a record whose id begins with {prefix}"))),
            [id] => Ok(*id),
            _ => Err(ReadError::Ambiguous { prefix, found }),
        }
    }
}

fn related(rows: Vec<(Vec<u8>, String)>) -> Result<Vec<(Digest, ParentRole)>, StorageFault> {
    rows.into_iter().map(|(id, role)| Ok((digest(&id)?, word(&role)?))).collect()
}

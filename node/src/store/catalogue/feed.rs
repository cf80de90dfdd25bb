//! Feeds of partners, and releases.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Content, Record, Release};
use carnet_protocol::signed::Signed;

use super::Catalogue;
use super::error::{ReadError, StorageFault};
use super::row::{digest, from_sql, to_sql};

/// Releases of one record to one partner that are read.
const MAX_RELEASES: i64 = 64;

/// One entry of a partner's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedItem {
    /// Its sequence in that feed.
    pub seq: u64,
    /// The record.
    pub record: Digest,
}

/// A page of a partner's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// The entries, oldest first; what was withdrawn is left out.
    pub items: Vec<FeedItem>,
    /// The sequence up to which the page tells everything, left-out entries included: the partner's next cursor.
    pub cursor: u64,
    /// The newest sequence of the feed.
    pub head: u64,
}

/// A release that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The id of the release record.
    pub id: Digest,
    /// What it says.
    pub release: Release,
}

impl Catalogue {
    /// What a partner may fetch after sequence `after` of its feed, at most `limit` entries.
    ///
    /// # Errors
    /// The database.
    pub async fn feed_after(&self, partner: Country, after: u64, limit: u32) -> Result<FeedPage, ReadError> {
        let limit = limit.min(super::MAX_LISTING);
        let mut conn = self.reader().await?;
        // The head is read first: what is appended between the two questions then lies behind the cursor, not before it.
        let head: Option<i64> =
            sqlx::query_scalar("SELECT MAX(seq) FROM release_feed WHERE partner = $1").bind(partner.as_str()).fetch_one(&mut *conn).await?;
        let head = from_sql(head.unwrap_or(0))?;
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT seq, record FROM release_feed WHERE partner = $1 AND seq > $2 AND seq <= $3 AND withdrawn = 0 ORDER BY seq LIMIT $4",
        )
        .bind(partner.as_str())
        .bind(to_sql(after))
        .bind(to_sql(head))
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await?;
        let items = rows
            .iter()
            .map(|(seq, record)| Ok(FeedItem { seq: from_sql(*seq)?, record: digest(record)? }))
            .collect::<Result<Vec<_>, StorageFault>>()?;
        let cursor = match items.last() {
            _ if limit == 0 => after,
            Some(last) if items.len() == limit as usize => last.seq,
            _ => head.max(after),
        };
        Ok(FeedPage { items, cursor, head })
    }

    /// The newest sequence of the feed that is kept for a partner; 0 for an empty one.
    ///
    /// # Errors
    /// The database.
    pub async fn feed_head(&self, partner: Country) -> Result<u64, ReadError> {
        let head: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM release_feed WHERE partner = $1")
            .bind(partner.as_str())
            .fetch_one(&mut *self.reader().await?)
            .await?;
        Ok(from_sql(head.unwrap_or(0))?)
    }

    /// How far we have taken a partner's feed; 0 if not at all.
    ///
    /// # Errors
    /// The database.
    pub async fn cursor(&self, partner: Country) -> Result<u64, ReadError> {
        let seq: Option<i64> = sqlx::query_scalar("SELECT seq FROM feed_cursors WHERE partner = $1")
            .bind(partner.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(from_sql(seq.unwrap_or(0))?)
    }

    /// The newest release of `record` to `to` that `maker` has not taken back; as [`Catalogue::releases`].
    ///
    /// # Errors
    /// The database.
    pub async fn released(&self, record: Digest, to: Country, maker: Country) -> Result<Option<Released>, ReadError> {
        Ok(self.releases(record, to, maker).await?.into_iter().next())
    }

    /// The releases of `record` to `to` that `maker` has not taken back, newest first, at most `MAX_RELEASES`. `maker` is the
    /// record's maker, and who asks must have read it from the record: anybody can sign a release of what is not theirs. Whether
    /// one has ended is the caller's to see; one that has ended takes nothing from the others.
    ///
    /// # Errors
    /// The database.
    pub async fn releases(&self, record: Digest, to: Country, maker: Country) -> Result<Vec<Released>, ReadError> {
        let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT r.release, s.signed FROM releases r JOIN records s ON s.id = r.release
             WHERE r.record = $1 AND r.recipient = $2 AND r.maker = $3 AND r.withdrawn = 0 ORDER BY s.seq DESC LIMIT $4",
        )
        .bind(record.as_bytes())
        .bind(to.as_str())
        .bind(maker.as_str())
        .bind(MAX_RELEASES)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let released = |(id, signed): (Vec<u8>, Vec<u8>)| {
            // The row was written from the verified record; its bytes are read again rather than a second spelling of them.
            let signed = Signed::<Record>::parse(&signed).map_err(|fault| StorageFault::corrupt(fault.to_string()))?;
            match signed.claimed().view() {
                Ok(Content::Release(release)) if signed.id() == digest(&id)? => Ok(Released { id: signed.id(), release }),
                _ => Err(StorageFault::corrupt("a release does not lead to a release record")),
            }
        };
        Ok(rows.into_iter().map(released).collect::<Result<_, StorageFault>>()?)
    }

    /// Whether a record is in a partner's feed and was not withdrawn from it.
    ///
    /// # Errors
    /// The database.
    pub async fn in_feed(&self, partner: Country, record: Digest) -> Result<bool, ReadError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT seq FROM release_feed WHERE record = $1 AND partner = $2 AND withdrawn = 0")
            .bind(record.as_bytes())
            .bind(partner.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(found.is_some())
    }

    /// Payloads of a partner's records whose bytes are not here and that we may have, oldest first, at most [`super::MAX_LISTING`].
    ///
    /// # Errors
    /// The database.
    pub async fn payloads_absent(&self, partner: Country) -> Result<Vec<(Digest, u32)>, ReadError> {
        let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
            "SELECT p.record, p.idx FROM payloads p JOIN records r ON r.id = p.record
             WHERE p.state = 'absent' AND r.own = 0 AND r.withdrawn = 0 AND r.administration = $1 ORDER BY r.seq, p.idx LIMIT $2",
        )
        .bind(partner.as_str())
        .bind(i64::from(super::MAX_LISTING))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.into_iter().map(|(record, index)| Ok((digest(&record)?, super::row::index(index)?))).collect()
    }
}

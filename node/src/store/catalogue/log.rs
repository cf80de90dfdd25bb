//! This node's transparency log, kept as the hashes of its complete subtrees: an append and a proof read O(log n) rows at any size.

use std::collections::HashMap;

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::log::{Checkpoint, LogProof, SignedNote};
use carnet_protocol::merkle::{Frontier, consistency_proof, inclusion_proof};
use carnet_protocol::pki::{Algorithm, SigningKey};
use ring::rand::SystemRandom;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::Catalogue;
use super::error::{AppendError, OpenError, ReadError, StorageFault};
use super::row::{digest, from_sql, to_sql};

/// Signs checkpoints with the log's key.
#[derive(Debug)]
pub struct LogSigner {
    origin: String,
    key: SigningKey,
    random: SystemRandom,
}

impl LogSigner {
    /// A signer for the log `origin`.
    ///
    /// # Errors
    /// [`OpenError::LogKey`] unless the key is Ed25519, the only one of C2SP notes.
    pub fn new(origin: impl Into<String>, key: SigningKey) -> Result<Self, OpenError> {
        match key.algorithm() {
            Algorithm::Ed25519 => Ok(Self { origin: origin.into(), key, random: SystemRandom::new() }),
            _ => Err(OpenError::LogKey),
        }
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn sign(&self, frontier: &Frontier) -> Result<Vec<u8>, AppendError> {
        let checkpoint = Checkpoint { origin: self.origin.clone(), size: frontier.size(), root: frontier.root() };
        let mut failed = false;
        let note = checkpoint.sign(self.key.public().raw(), |text| {
            self.key.sign(text, &self.random).unwrap_or_else(|_| {
                failed = true;
                Vec::new()
            })
        });
        if failed { Err(AppendError::Signing) } else { Ok(note) }
    }
}

/// A node's place in the tree, `(level, index)`.
type Place = (u8, u64);

/// The newest checkpoint: the log's size and the note.
pub(super) async fn newest(conn: &mut SqliteConnection) -> Result<Option<(u64, Vec<u8>)>, StorageFault> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetch_optional(conn).await?;
    row.map(|(size, note)| Ok((from_sql(size)?, note))).transpose()
}

/// The right edge of the log as the transaction sees it.
pub(super) async fn frontier(conn: &mut SqliteConnection) -> Result<Frontier, StorageFault> {
    let size: Option<i64> = sqlx::query_scalar("SELECT MAX(size) FROM checkpoints").fetch_one(&mut *conn).await?;
    frontier_at(conn, from_sql(size.unwrap_or(0))?).await
}

async fn frontier_at(conn: &mut SqliteConnection, size: u64) -> Result<Frontier, StorageFault> {
    let places: Vec<Place> = Frontier::places(size).collect();
    let nodes = nodes(conn, &places).await?;
    let roots = places.iter().filter_map(|place| nodes.get(place).copied()).collect();
    Frontier::from_roots(size, roots).ok_or_else(|| StorageFault::corrupt("the log lacks a hash of its right edge"))
}

/// Compares the newest checkpoint with the hashes, and gives its origin.
pub(super) async fn check(conn: &mut SqliteConnection) -> Result<Option<String>, StorageFault> {
    let Some((size, note)) = newest(conn).await? else { return Ok(None) };
    let text = SignedNote::parse(&note).map_err(|fault| StorageFault::corrupt(fault.to_string()))?;
    let checkpoint = Checkpoint::from_text(text.text()).map_err(|fault| StorageFault::corrupt(fault.to_string()))?;
    if checkpoint.size != size || frontier_at(conn, size).await?.root() != checkpoint.root {
        return Err(StorageFault::corrupt("the newest checkpoint is not that of the log"));
    }
    Ok(Some(checkpoint.origin))
}

/// Stores the subtrees that a transaction completed, and its one checkpoint.
pub(super) async fn store(conn: &mut SqliteConnection, nodes: &[(u8, u64, Digest)], size: u64, note: &[u8]) -> Result<(), StorageFault> {
    // One statement for many rows: a round trip to SQLite's thread costs more than a row.
    for chunk in nodes.chunks(1024) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO log_nodes (level, idx, hash) ");
        insert.push_values(chunk, |mut row, (level, index, hash)| {
            row.push_bind(i64::from(*level)).push_bind(to_sql(*index)).push_bind(hash.as_bytes());
        });
        insert.build().persistent(false).execute(&mut *conn).await?;
    }
    sqlx::query("INSERT INTO checkpoints (size, note) VALUES ($1, $2)").bind(to_sql(size)).bind(note).execute(conn).await?;
    Ok(())
}

async fn nodes(conn: &mut SqliteConnection, places: &[Place]) -> Result<HashMap<Place, Digest>, StorageFault> {
    let mut found = HashMap::with_capacity(places.len());
    if places.is_empty() {
        return Ok(found);
    }
    let mut select = QueryBuilder::<Sqlite>::new("SELECT level, idx, hash FROM log_nodes WHERE (level, idx) IN (");
    select.push_values(places, |mut row, (level, index)| {
        row.push_bind(i64::from(*level)).push_bind(to_sql(*index));
    });
    select.push(")");
    let rows: Vec<(i64, i64, Vec<u8>)> = select.build_query_as().persistent(false).fetch_all(conn).await?;
    for (level, index, hash) in rows {
        let level = u8::try_from(level).map_err(|_| StorageFault::corrupt("a level of the log is out of range"))?;
        found.insert((level, from_sql(index)?), digest(&hash)?);
    }
    Ok(found)
}

/// Runs a proof twice: once to learn which hashes it asks for, once with them. The proof's code stays free of I/O.
async fn with_nodes(
    conn: &mut SqliteConnection,
    proof: impl Fn(&mut dyn FnMut(u8, u64) -> Result<Digest, Place>) -> Result<Option<Vec<Digest>>, Place>,
) -> Result<Option<Vec<Digest>>, StorageFault> {
    let mut places = Vec::new();
    let asked = proof(&mut |level, index| {
        places.push((level, index));
        Ok(Digest::default())
    });
    if matches!(asked, Ok(None)) {
        return Ok(None);
    }
    let found = nodes(conn, &places).await?;
    proof(&mut |level, index| found.get(&(level, index)).copied().ok_or((level, index)))
        .map_err(|(level, index)| StorageFault::corrupt(format!("the log lacks the hash at level {level}, index {index}")))
}

impl Catalogue {
    /// The newest checkpoint of this node's log: its size and the note. None before the first own record.
    ///
    /// # Errors
    /// The database.
    pub async fn checkpoint(&self) -> Result<Option<(u64, Vec<u8>)>, ReadError> {
        Ok(newest(&mut *self.reader().await?).await?)
    }

    /// The checkpoint note that was made when the log had `size` entries, if one was.
    ///
    /// # Errors
    /// The database.
    pub async fn checkpoint_at(&self, size: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let mut conn = self.reader().await?;
        let note = sqlx::query_scalar("SELECT note FROM checkpoints WHERE size = $1").bind(to_sql(size));
        Ok(note.fetch_optional(&mut *conn).await?)
    }

    /// The log proof of record `id` (CBOR of a [`LogProof`]): for an own record made now, under the newest checkpoint; for a
    /// partner's, the one that came with it.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] if the record is not held.
    pub async fn proof_of(&self, id: Digest) -> Result<Vec<u8>, ReadError> {
        let mut conn = self.reader().await?;
        let row: Option<(Option<i64>,)> =
            sqlx::query_as("SELECT log_index FROM records WHERE id = $1").bind(id.as_bytes()).fetch_optional(&mut *conn).await?;
        let (index,) = row.ok_or_else(|| ReadError::not_found(format!("record {id}")))?;
        let Some(index) = index else {
            let proof: Option<Vec<u8>> =
                sqlx::query_scalar("SELECT proof FROM proofs WHERE record = $1").bind(id.as_bytes()).fetch_optional(&mut *conn).await?;
            return proof.ok_or_else(|| ReadError::not_found(format!("a log proof of record {id}")));
        };
        // Nodes never change, so that the checkpoint read first stays provable whatever is appended meanwhile.
        let (size, note) = newest(&mut conn).await?.ok_or_else(|| StorageFault::corrupt("a logged record and no checkpoint"))?;
        let index = from_sql(index)?;
        let path = with_nodes(&mut conn, |hash| inclusion_proof(index, size, hash)).await?;
        let path = path.ok_or_else(|| StorageFault::corrupt("a record lies beyond the log's newest checkpoint"))?;
        Ok(cbor::encode(&LogProof { index, path, checkpoint: note.into() }))
    }

    /// The proof that the log at `old` entries is a prefix of the log at `new`; `None` unless `0 < old <= new <= size`.
    ///
    /// # Errors
    /// The database.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Digest>>, ReadError> {
        let mut conn = self.reader().await?;
        let size = newest(&mut conn).await?.map_or(0, |(size, _)| size);
        if new > size {
            return Ok(None);
        }
        Ok(with_nodes(&mut conn, |hash| consistency_proof(old, new, hash)).await?)
    }

    /// Ids and entries of own records from log index `from` on, at most `limit`: what an auditor replays.
    ///
    /// # Errors
    /// The database.
    pub async fn log_entries(&self, from: u64, limit: u32) -> Result<Vec<(u64, Digest, Digest)>, ReadError> {
        let mut conn = self.reader().await?;
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT log_index, id, entry FROM records WHERE log_index >= $1 ORDER BY log_index LIMIT $2")
                .bind(to_sql(from))
                .bind(i64::from(limit.min(super::MAX_LISTING)))
                .fetch_all(&mut *conn)
                .await?;
        rows.into_iter().map(|(index, id, entry)| Ok((from_sql(index)?, digest(&id)?, digest(&entry)?))).collect()
    }
}

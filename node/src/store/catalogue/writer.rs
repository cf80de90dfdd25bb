//! The one writer: all batches that wait go into one transaction, which is one log checkpoint and one sync to disk.

use std::collections::{BTreeMap, HashMap};

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::merkle::Frontier;
use futures_util::future::OptionFuture;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::apply::apply;
use super::batch::{Appended, Batch, MAX_BATCH};
use super::error::{AppendError, StorageFault};
use super::log::{self, LogSigner};

/// Batches that wait for the writer. Beyond this, callers wait to hand theirs in.
pub(super) const QUEUE: usize = 1024;

/// A batch and who waits for it.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Result<Vec<Appended>, AppendError>>,
}

/// What a transaction has done so far and not yet written, or does not want to ask twice.
#[derive(Debug)]
pub(super) struct Progress {
    /// The log's right edge.
    pub(super) frontier: Frontier,
    /// Subtrees completed.
    pub(super) nodes: Vec<(u8, u64, Digest)>,
    /// Changes to the counts.
    pub(super) counts: BTreeMap<String, i64>,
    /// Newest sequence of the feeds touched.
    pub(super) heads: HashMap<Country, u64>,
}

/// Where a transaction's progress stood before a batch.
struct Mark {
    frontier: Frontier,
    nodes: usize,
    counts: BTreeMap<String, i64>,
    heads: HashMap<Country, u64>,
}

impl Progress {
    fn mark(&self) -> Mark {
        Mark { frontier: self.frontier.clone(), nodes: self.nodes.len(), counts: self.counts.clone(), heads: self.heads.clone() }
    }

    fn back_to(&mut self, mark: Mark) {
        self.nodes.truncate(mark.nodes);
        (self.frontier, self.counts, self.heads) = (mark.frontier, mark.counts, mark.heads);
    }
}

/// The writer task's state.
pub(super) struct Writer {
    /// None after a transaction that failed, until the next one.
    pub(super) conn: Option<SqliteConnection>,
    pub(super) connect: SqliteConnectOptions,
    pub(super) us: Country,
    pub(super) signer: Option<LogSigner>,
}

impl Writer {
    /// Runs until nobody can hand in a batch any more, and closes the connection.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(job) => job,
                None => match jobs.recv().await {
                    Some(job) => job,
                    None => break,
                },
            };
            let mut group = vec![first];
            let mut records = group[0].batch.weight();
            while let Ok(job) = jobs.try_recv() {
                records += job.batch.weight();
                if records > MAX_BATCH {
                    held = Some(job);
                    break;
                }
                group.push(job);
            }
            let (batches, replies): (Vec<Batch>, Vec<_>) = group.into_iter().map(|job| (job.batch, job.reply)).unzip();
            let results = match self.commit(&batches).await {
                Ok(results) => results,
                Err(error) => {
                    tracing::error!(%error, batches = batches.len(), "the catalogue took none of a group of batches");
                    vec![Err(error); batches.len()]
                }
            };
            for (reply, result) in replies.into_iter().zip(results) {
                // Who no longer waits will find its records when it looks for them.
                let _ = reply.send(result);
            }
        }
        if let Some(Err(error)) = OptionFuture::from(self.conn.map(SqliteConnection::close)).await {
            tracing::warn!(error = %StorageFault::from(error), "closing the catalogue");
        }
    }

    /// One transaction, on a connection that is known to be in none.
    async fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Result<Vec<Appended>, AppendError>>, AppendError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connect.connect().await?,
        };
        let conn = self.conn.insert(conn);
        let result = transact(conn, self.us, self.signer.as_ref(), batches).await;
        if result.is_err() {
            // SQLite ends a transaction by itself when the disk fails or is full, sqlx does not notice and would count it as open
            // for ever. A new connection begins from nothing; closing the old one undoes whatever was left.
            if let Some(old) = self.conn.take() {
                let _ = old.close_hard().await;
            }
        }
        result
    }
}

/// One transaction. The outer error means that none of it is stored, an inner one that its batch is not.
async fn transact(
    conn: &mut SqliteConnection,
    us: Country,
    signer: Option<&LogSigner>,
    batches: &[Batch],
) -> Result<Vec<Result<Vec<Appended>, AppendError>>, AppendError> {
    // SQLite's write lock is the lease on the log: taken before its size is read, so that a second process can append too.
    let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
    let before = log::frontier(&mut transaction).await?;
    let mut progress = Progress { frontier: before.clone(), nodes: Vec::new(), counts: BTreeMap::new(), heads: HashMap::new() };
    let mut results = Vec::with_capacity(batches.len());
    for batch in batches {
        // A batch that is refused takes nothing with it: neither its rows nor what was noted on the way.
        let mark = progress.mark();
        let mut savepoint = transaction.begin().await?;
        let result = apply(&mut savepoint, us, signer.map(LogSigner::origin), batch, &mut progress).await;
        match &result {
            Ok(_) => savepoint.commit().await?,
            Err(error) => {
                if let AppendError::Storage(fault @ (StorageFault::DiskFull | StorageFault::Disk(_) | StorageFault::Busy)) = error {
                    // SQLite may have ended the whole transaction by itself.
                    return Err(fault.clone().into());
                }
                savepoint.rollback().await?;
                progress.back_to(mark);
            }
        }
        results.push(result);
    }
    for (name, change) in &progress.counts {
        sqlx::query("INSERT INTO counts (name, n) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET n = counts.n + excluded.n")
            .bind(name)
            .bind(change)
            .execute(&mut *transaction)
            .await?;
    }
    if progress.frontier.size() > before.size() {
        let signer = signer.ok_or(AppendError::NoLogKey)?;
        let note = signer.sign(&progress.frontier)?;
        log::store(&mut transaction, &progress.nodes, progress.frontier.size(), &note).await?;
    }
    transaction.commit().await?;
    Ok(results)
}

impl Batch {
    /// How much of a transaction it fills: effects alone count as one record.
    fn weight(&self) -> usize {
        self.records().max(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use carnet_protocol::time::Timestamp;
    use sqlx::sqlite::SqliteJournalMode;

    use super::*;
    use crate::store::catalogue::{Intent, MIGRATIONS};

    fn options(path: &std::path::Path) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        options.busy_timeout(std::time::Duration::from_millis(50))
    }

    fn intents(from: usize, count: usize) -> Batch {
        let intent = |n| Intent {
            staging: format!("{n:01000}"),
            record: Digest::default(),
            index: 0,
            size: 1,
            root: Digest::default(),
            partner: None,
            created: Timestamp(0),
        };
        Batch { intents: (from..from + count).map(intent).collect(), ..Batch::default() }
    }

    /// What the machine refuses takes the group with it, is told in an operator's words, and leaves a writer that goes on.
    #[tokio::test]
    async fn a_full_disk_and_a_locked_file_are_told_and_outlived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carnet.db");
        let mut conn = options(&path).connect().await.unwrap();
        MIGRATIONS.run_direct(&mut conn).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut conn).await.unwrap();
        sqlx::query(&format!("PRAGMA max_page_count = {}", pages + 20)).execute(&mut conn).await.unwrap();
        let mut writer = Writer { conn: Some(conn), connect: options(&path), us: Country::new("NL").unwrap(), signer: None };
        let results = writer.commit(&[intents(0, 10)]).await.unwrap();
        assert!(results[0].is_ok());
        let full = writer.commit(&[intents(10, 1), intents(11, 500)]).await;
        assert!(matches!(full, Err(AppendError::Storage(StorageFault::DiskFull))), "{full:?}");
        let count = "SELECT COUNT(*) FROM intents";
        let mut other = options(&path).connect().await.unwrap();
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut other).await.unwrap(), 10);

        let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let busy = writer.commit(&[intents(10, 1)]).await;
        assert!(matches!(busy, Err(AppendError::Storage(StorageFault::Busy))), "{busy:?}");
        lock.rollback().await.unwrap();

        writer.commit(&[intents(10, 500)]).await.unwrap()[0].as_ref().unwrap();
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut other).await.unwrap(), 510);
    }
}

//! The one writer: all batches that wait go into one transaction, which is one log checkpoint and one sync to disk.

use std::collections::{BTreeMap, HashMap};

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::merkle::Frontier;
use sqlx::{Connection as _, SqliteConnection};
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
#[derive(Debug, Clone)]
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

/// The writer task's state.
pub(super) struct Writer {
    pub(super) conn: SqliteConnection,
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
        if let Err(error) = self.conn.close().await {
            tracing::warn!(error = %StorageFault::from(error), "closing the catalogue");
        }
    }

    /// One transaction. The outer error means that none of it is stored, an inner one that its batch is not.
    async fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Result<Vec<Appended>, AppendError>>, AppendError> {
        let (us, signer) = (self.us, self.signer.as_ref());
        // SQLite's write lock is the lease on the log: taken before its size is read, so that a second process can append too.
        let mut transaction = self.conn.begin_with("BEGIN IMMEDIATE").await?;
        let before = log::frontier(&mut transaction).await?;
        let mut progress = Progress { frontier: before.clone(), nodes: Vec::new(), counts: BTreeMap::new(), heads: HashMap::new() };
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            // A batch that is refused takes nothing with it: neither its rows nor what was noted on the way.
            let mark = progress.clone();
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
                    progress = mark;
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
}

impl Batch {
    /// How much of a transaction it fills: effects alone count as one record.
    fn weight(&self) -> usize {
        self.records().max(1)
    }
}

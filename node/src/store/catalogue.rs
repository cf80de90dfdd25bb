//! The catalogue: what the node knows, in one SQLite file. Records, the log over them, partners, feeds, what is on its way.
//!
//! Everything is written in [`Batch`]es by one writer, which commits all that wait at once: [`Catalogue::append`] returns when its
//! batch is on the disk. A second process may open the same file and append too; SQLite's write lock orders the two.
//! Readers never wait for the writer and see whole transactions.

mod apply;
mod batch;
mod error;
mod feed;
mod ledger;
mod log;
mod partners;
mod read;
mod row;
mod writer;

pub use batch::{
    Appended, Batch, Fate, Intent, MAX_BATCH, MAX_EFFECTS, MAX_INLINE, OwnRecord, PartnerRecord, PayloadChange, PayloadPlace, RefusalCount,
    SealedOpening,
};
pub use error::{AppendError, OpenError, ReadError, StorageFault};
pub use feed::{FeedItem, FeedPage, Released};
pub use ledger::{Equivocation, Refusals, Status};
pub use log::LogSigner;
pub use partners::{MAX_PARTNER_CRLS, Partner, PartnerLogKey};
pub use read::{Filter, MAX_CANDIDATES, MAX_LISTING};
pub use row::{PayloadRow, RecordRow, StoredRecord};

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carnet_protocol::identifier::Country;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use writer::{Job, QUEUE, Writer};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a statement waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(30);
/// Connections that read at once. SQLite reads in the calling connection's thread; more than the cores helps little.
const READERS: u32 = 8;

/// How a catalogue is opened.
#[derive(Debug)]
pub struct Options {
    /// This node's administration.
    pub us: Country,
    /// What signs the log's checkpoints. Without it the catalogue takes partners' records and no own ones.
    pub signer: Option<LogSigner>,
}

/// The open catalogue. Cheap to clone; all clones share one writer.
#[derive(Debug, Clone)]
pub struct Catalogue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    us: Country,
    path: PathBuf,
    readers: SqlitePool,
    /// For the operator's rare writes, which are no part of a batch: a connection each.
    desk: SqliteConnectOptions,
    /// One connection that does nothing but watch for others' commits.
    watch: tokio::sync::Mutex<SqliteConnection>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Catalogue {
    /// Opens the file at `path`, or makes it; brings its schema up to date; compares its newest checkpoint with its log.
    /// Must run within a Tokio runtime, which then also runs the writer.
    ///
    /// # Errors
    /// A schema of a newer program, another log than the signer's, damage, or a file that cannot be opened.
    pub async fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let storage = |source: StorageFault| OpenError::Storage { path: path.to_owned(), source };
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode FULL is what syncs each commit; NORMAL would lose acknowledged ones with the power.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            // What is erased must not stay behind in free pages.
            .pragma("secure_delete", "ON")
            // Statements carry personal data in their parameters, and slow ones would be logged.
            .disable_statement_logging();
        private(path).map_err(|error| storage(sqlx::Error::Io(error).into()))?;
        let mut conn = connect.connect().await.map_err(|error| storage(error.into()))?;
        migrate(&mut conn, path).await?;
        let found = log::check(&mut conn).await.map_err(storage)?;
        if let (Some(found), Some(expected)) = (found, options.signer.as_ref().map(LogSigner::origin))
            && found != expected
        {
            return Err(OpenError::OtherLog { path: path.to_owned(), found, expected: expected.to_owned() });
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(connect.clone().pragma("query_only", "ON"));
        let watch = connect.connect().await.map_err(|error| storage(error.into()))?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let desk = connect.clone();
        let us = options.us;
        let writer = tokio::spawn(Writer { conn: Some(conn), connect, us, signer: options.signer }.run(queue));
        let inner = Inner {
            us,
            path: path.to_owned(),
            readers,
            desk,
            watch: tokio::sync::Mutex::new(watch),
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(writer)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes a batch, whole or not at all, and returns once it is on the disk: what became of the own records, in their order,
    /// then of the partners'. Waits while many other batches are waiting. A caller that gives up waiting has not taken its batch back.
    ///
    /// # Errors
    /// Nothing of the batch is stored. After [`AppendError::Storage`] it may be handed in again: what is held is recognised.
    pub async fn append(&self, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        batch.check()?;
        let jobs = self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, answer) = oneshot::channel();
        jobs.ok_or(AppendError::Closed)?.send(Job { batch, reply }).await.map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// A number that changes when anything was committed, by this process or another. Compare two answers of one open catalogue.
    ///
    /// # Errors
    /// The database.
    pub async fn data_version(&self) -> Result<i64, ReadError> {
        let mut watch = self.inner.watch.lock().await;
        Ok(sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *watch).await?)
    }

    /// Takes no more batches, writes those that wait, and closes the file.
    pub async fn close(&self) {
        drop(self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the catalogue's writer ended by a fault");
        }
        self.inner.readers.close().await;
    }

    /// The administration whose catalogue it is.
    pub fn us(&self) -> Country {
        self.inner.us
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    async fn desk(&self) -> Result<SqliteConnection, StorageFault> {
        Ok(self.inner.desk.connect().await?)
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StorageFault> {
        Ok(self.inner.readers.acquire().await?)
    }
}

/// Makes the file readable for its owner alone; SQLite gives the files that it puts beside it the same mode.
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        // Held already, or a folder that SQLite will speak of.
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn migrate(conn: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let storage = |error: sqlx::Error| OpenError::Storage { path: path.to_owned(), source: error.into() };
    // Two processes may find an empty file at once; the lock makes the second find it ready.
    let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await.map_err(storage)?;
    match MIGRATIONS.run_direct(&mut *transaction).await {
        Ok(()) => transaction.commit().await.map_err(storage),
        Err(MigrateError::VersionMissing(found)) => Err(OpenError::SchemaNewer { path: path.to_owned(), found }),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => Err(storage(error)),
        Err(_) => Err(OpenError::SchemaForeign { path: path.to_owned() }),
    }
}

//! What can go wrong in the catalogue, and what to do then.

use std::path::PathBuf;
use std::sync::Arc;

use carnet_protocol::digest::Digest;

/// The database did not do its work. The machine or its operator is at fault, never a partner.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageFault {
    /// No space is left.
    #[error("the disk under the catalogue is full: free some space and try again; what was acknowledged before is safe")]
    DiskFull,
    /// Another process holds the lock.
    #[error("another process keeps the catalogue locked: let a running carnet import finish, then try again")]
    Busy,
    /// What is in the file contradicts itself.
    #[error("the catalogue is damaged ({what}): stop the node, keep a copy of the file, restore the last backup")]
    Corrupt {
        /// What was found.
        what: String,
    },
    /// The catalogue was closed.
    #[error("the catalogue is closed: the node is stopping, ask again once it runs")]
    Closed,
    /// The file cannot be written.
    #[error("the catalogue cannot be written: check the owner and the mode of carnet.db, its -wal and its -shm file, and of their folder")]
    NotWritable,
    /// The disk failed.
    #[error("the disk under the catalogue failed: check the system log and the disk; the node must not go on writing to it")]
    Disk(#[source] Arc<sqlx::Error>),
    /// Anything else; a fault of this program.
    #[error("the catalogue did not accept a statement: this is a fault in carnet, please report it")]
    Program(#[source] Arc<sqlx::Error>),
}

impl StorageFault {
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

impl From<sqlx::Error> for StorageFault {
    fn from(error: sqlx::Error) -> Self {
        // SQLite's extended result code; the primary code is its lowest byte (sqlite.org/rescode.html).
        let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
        match (code.map(|code| code & 0xff), &error) {
            (Some(13), _) => Self::DiskFull,
            (Some(5 | 6), _) | (None, sqlx::Error::PoolTimedOut) => Self::Busy,
            (None, sqlx::Error::PoolClosed) => Self::Closed,
            (Some(11), _) => Self::corrupt("SQLite finds its pages malformed"),
            (Some(26), _) => Self::corrupt("the file is not a SQLite database"),
            (Some(8 | 14), _) => Self::NotWritable,
            (Some(10), _) | (None, sqlx::Error::Io(_)) => Self::Disk(Arc::new(error)),
            (None, sqlx::Error::ColumnDecode { index, .. }) => Self::corrupt(format!("column {index} has the wrong type")),
            _ => Self::Program(Arc::new(error)),
        }
    }
}

/// Why the catalogue cannot be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// A newer program wrote it.
    #[error("{path} was written by a newer carnet (its schema has step {found}): use that version, or restore an older backup")]
    SchemaNewer {
        /// The file.
        path: PathBuf,
        /// The step that this program does not know.
        found: i64,
    },
    /// A step of the schema is not as this program wrote it.
    #[error("the schema of {path} was changed by hand, or a step of it failed: restore a backup")]
    SchemaForeign {
        /// The file.
        path: PathBuf,
    },
    /// The log in the file is of another administration's or key's.
    #[error("{path} holds the log {found}, this node signs {expected}: the home folder and its configuration do not belong together")]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The log's origin in the file.
        found: String,
        /// The origin that was asked for.
        expected: String,
    },
    /// The key cannot sign checkpoints.
    #[error("checkpoints are signed with Ed25519, and this key is another: give the log's own key")]
    LogKey,
    /// The database.
    #[error("opening {path}")]
    Storage {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: StorageFault,
    },
}

/// Why a batch was not taken. Nothing of it is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The catalogue was opened without the log's key.
    #[error("the catalogue was opened without the log's key and takes no own records: this is a fault of the caller")]
    NoLogKey,
    /// More in one batch than is taken.
    #[error("a batch has {count} {what}, the limit is {limit}: split it")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// An own record is not of this node's administration or log.
    #[error("record {id} names another administration or log than this node's: sign own records with the node's own names")]
    NotOurs {
        /// The record.
        id: Digest,
    },
    /// A record, a payload or an intent that is not held is spoken of.
    #[error("{what} is not held, nothing can be noted about it")]
    NotHeld {
        /// What.
        what: String,
    },
    /// The checkpoint cannot be signed.
    #[error("the checkpoint could not be signed: check the log's key; nothing was logged")]
    Signing,
    /// The catalogue is closing.
    #[error("the catalogue is closing: the node stops; nothing of the batch is stored")]
    Closed,
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageFault),
}

impl From<sqlx::Error> for AppendError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// It is not here.
    #[error("{what} is not in the catalogue")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A prefix that several records share.
    #[error("{prefix} is the beginning of more than one record's id: {}; give more digits", candidates(.found))]
    Ambiguous {
        /// The prefix.
        prefix: String,
        /// The first few of them.
        found: Vec<Digest>,
    },
    /// A prefix that is not hexadecimal.
    #[error("a record's id begins with 1 to 64 hexadecimal digits")]
    Prefix,
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageFault),
}

impl ReadError {
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

fn candidates(found: &[Digest]) -> String {
    // Sixteen digits tell a million records apart.
    found.iter().map(|id| id.to_string()[..16].to_owned()).collect::<Vec<_>>().join(", ")
}

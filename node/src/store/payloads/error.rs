//! What can go wrong with payloads at rest, whose fault it is, and what to do next.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use carnet_protocol::digest::Digest;
use carnet_protocol::payload::ChunkError;
use carnet_protocol::reason::Reason;

/// Why a payload was not staged, stored or read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadStoreError {
    /// The disk has no room left. What was verified is kept; the transfer goes on from there.
    #[error("could not {doing} {}: the disk is full. Free room under it or raise the quota, then start the same command again; chunks that were verified are kept", path.display())]
    DiskFull {
        /// What was attempted.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The node's user may not do this.
    #[error("could not {doing} {}: permission denied. The store belongs to the user that runs the node, with mode 0700: see `ls -ld` on each folder above it", path.display())]
    Permission {
        /// What was attempted.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Any other fault of the disk or the file system.
    #[error("could not {doing} {}: {source}. Look at the disk and the kernel's log, then start again", path.display())]
    Disk {
        /// What was attempted.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The disk did not take what it was given. The staging file is discarded: a second fsync would not tell the truth.
    #[error("the disk did not make {} durable: {source}. The partial payload was discarded; check the disk before you fetch it again", path.display())]
    SyncFailed {
        /// The staging file, now removed.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// `object_store` refused, for no reason of the file system.
    #[error("could not {doing} {}: {source}", path.display())]
    Objects {
        /// What was attempted.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Its word.
        source: object_store::Error,
    },
    /// There is no such payload here.
    #[error("payload {index} of record {record} is not in the store: fetch it, or restore it from a backup")]
    NotFound {
        /// The record.
        record: Digest,
        /// The payload's place in it.
        index: u32,
    },
    /// The bytes do not begin as a sealed payload of a version that this node reads.
    #[error("{place} is not a sealed payload of version 1: it was overwritten, or written by a newer node")]
    Format {
        /// The file or blob.
        place: String,
    },
    /// Key and header do not belong together.
    #[error(
        "{place} does not open with its record's key: the header was changed, or the file or the key is another record's. Fetch the payload again, or restore file and database from one backup"
    )]
    WrongKey {
        /// The file or blob.
        place: String,
    },
    /// The sealed bytes end too early, or too late.
    #[error(
        "{place} has {found} bytes instead of {expected}, good up to chunk {chunk} at most: fetch the payload again, or restore it from a backup"
    )]
    Truncated {
        /// The file or blob.
        place: String,
        /// Bytes that it must have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
        /// The first chunk that is not wholly there (the number of chunks, if the file is too long).
        chunk: u32,
    },
    /// A chunk's tag does not fit its bytes.
    #[error("chunk {chunk} of {place} was changed on the disk: check the disk, and fetch the payload again or restore it from a backup")]
    ChunkCorrupt {
        /// The file or blob.
        place: String,
        /// The chunk, from zero.
        chunk: u32,
    },
    /// The caller asked for a chunk that the payload has not.
    #[error("the payload has {count} chunks, so there is no chunk {chunk}: the caller is at fault")]
    NoSuchChunk {
        /// The chunk that was asked for.
        chunk: u32,
        /// Chunks that there are.
        count: u32,
    },
    /// A chunk from outside is not the one that was signed for.
    #[error(transparent)]
    Refused(#[from] ChunkError),
    /// Chunks are still missing: the caller finished too early.
    #[error("{missing} chunks of the payload have not arrived, so it cannot be finished")]
    Unfinished {
        /// How many.
        missing: u32,
    },
    /// Bytes of another size than the payload's name says, or too many for the database: the caller is at fault.
    #[error("{found} bytes given for a small payload of {size}: under 65,536 bytes and the named size are allowed")]
    NotSmall {
        /// Bytes given.
        found: usize,
        /// The size that the payload's name says.
        size: u64,
    },
    /// The system gives no random bytes.
    #[error("the operating system gives no random bytes: nothing can be sealed until it does")]
    Random,
    /// The node is shutting down.
    #[error("the node is shutting down: the transfer goes on when it is back")]
    ShuttingDown,
}

impl PayloadStoreError {
    /// The registered reason, where who sent the bytes is at fault; none where the disk or the caller is.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(fault) => Some(fault.reason()),
            _ => None,
        }
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { doing, path, source },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Permission { doing, path, source },
            _ => Self::Disk { doing, path, source },
        }
    }

    /// The fault of the file system that lies under `object_store`'s, if there is one.
    pub(super) fn objects(doing: &'static str, path: &Path, source: object_store::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&source);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<io::Error>() {
                let copy = found.raw_os_error().map_or_else(|| found.kind().into(), io::Error::from_raw_os_error);
                return Self::io(doing, path, copy);
            }
            cause = error.source();
        }
        Self::Objects { doing, path: path.to_owned(), source }
    }
}

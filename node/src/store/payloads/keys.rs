//! Keys at rest: the node key wraps one key a record; a record's key is destroyed and its payloads are gone, wherever copies lie.
//!
//! `keys/node.key` is 32 random bytes, mode 0600, and stays out of backups: a backup of the database and the payloads alone opens
//! nothing, and a record that was erased does not come back from it. Keep a copy of the key itself in a safe, not in the backup.
//!
//! A wrapped key is 69 bytes: version 1, the first 8 bytes of the node key's id, a random 12-byte nonce, the record key under
//! AES-256-GCM (32 bytes) and its tag (16). The associated data is a label, the version and the record's id, so that a wrapped
//! key moved to another row does not open. A random nonce is safe for 2^32 records under one node key (NIST SP 800-38D 8.3).
//!
//! Key bytes are wiped when dropped. `ring`'s expanded keys are not: it gives no way to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use carnet_protocol::digest::Digest;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

const KEY: usize = 32;
const KEY_ID: usize = 8;
const NONCE: usize = 12;
const TAG: usize = 16;
const VERSION: u8 = 1;
const WRAP_LABEL: &[u8] = b"carnet record key";
const ID_LABEL: &[u8] = b"carnet node key id";

/// Bytes of a wrapped record key.
pub const WRAPPED_KEY: usize = 1 + KEY_ID + NONCE + KEY + TAG;

/// Why a key was not made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is a file already, and a key is never overwritten.
    #[error("{} is there already and was left alone: whoever overwrites a node key loses every payload under it", .0.display())]
    Exists(PathBuf),
    /// Others may read the key file.
    #[error("{} has mode {mode:04o}, so others may read it: run `chmod 600` on it, and think about who could have copied it", path.display())]
    Mode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is no node key.
    #[error("{} is not a node key, which is 32 bytes: restore it from the copy in the safe", .0.display())]
    Length(PathBuf),
    /// The file could not be read or written.
    #[error("could not {doing} the node key {}: {source}. Without it no payload opens: restore it, or run `carnet init` for a new node", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The key file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The bytes are no wrapped key of a version that this node knows.
    #[error("the record's wrapped key is damaged or of a newer version: restore the database from a backup")]
    Format,
    /// Another node key wrapped this one.
    #[error("the record's key was wrapped by another node key ({needed}, this node has {held}): put the right keys/node.key in place")]
    OtherNodeKey {
        /// The id of the node key that wrapped it.
        needed: String,
        /// The id of this node's.
        held: String,
    },
    /// The wrapped key does not open.
    #[error("the wrapped key does not belong to this record, or was changed: restore the database from a backup")]
    Unauthentic,
    /// The system gives no random bytes.
    #[error("the operating system gives no random bytes: no key can be made until it does")]
    Random,
}

/// The key that wraps all others on this node. It has no `Debug` that shows it.
pub struct NodeKey {
    bytes: Zeroizing<[u8; KEY]>,
}

impl NodeKey {
    /// Makes a new key in `path` (mode 0600), durably. A file that is there is never touched.
    pub fn generate(path: &Path) -> Result<Self, KeyError> {
        let bytes = random_key()?;
        let io = |source| KeyError::Io { doing: "write", path: path.to_owned(), source };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
            _ => io(error),
        })?;
        file.write_all(&*bytes).and_then(|()| file.sync_all()).map_err(io)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(Self { bytes })
    }

    /// Reads the key in `path`. A file that others may read is refused.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { doing: "read", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if about.mode() & 0o077 != 0 {
            return Err(KeyError::Mode { path: path.to_owned(), mode: about.mode() & 0o7777 });
        }
        if about.len() != KEY as u64 {
            return Err(KeyError::Length(path.to_owned()));
        }
        let mut bytes = Zeroizing::new([0; KEY]);
        file.read_exact(&mut *bytes).map_err(io)?;
        Ok(Self { bytes })
    }

    /// Names the key without telling anything of it: for the operator who has two of them.
    pub fn id(&self) -> String {
        hex(&self.short_id())
    }

    /// Wraps a record's key, for the database.
    pub fn wrap(&self, key: &RecordKey, record: Digest) -> Result<WrappedKey, KeyError> {
        let mut nonce = [0; NONCE];
        SystemRandom::new().fill(&mut nonce).map_err(|_| KeyError::Random)?;
        let mut secret = key.0.clone();
        let sealed = self.cipher().and_then(|cipher| {
            cipher.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad(&record), &mut *secret).map_err(|_| KeyError::Format)
        })?;
        let mut out = Vec::with_capacity(WRAPPED_KEY);
        for part in [&[VERSION][..], &self.short_id(), &nonce, &*secret, sealed.as_ref()] {
            out.extend_from_slice(part);
        }
        WrappedKey::from_bytes(&out)
    }

    /// Opens a wrapped key of `record`.
    pub fn unwrap(&self, wrapped: &WrappedKey, record: Digest) -> Result<RecordKey, KeyError> {
        let (head, rest) = wrapped.0.split_at(1 + KEY_ID);
        let (nonce, sealed) = rest.split_at(NONCE);
        if head[0] != VERSION {
            return Err(KeyError::Format);
        }
        if head[1..] != self.short_id() {
            return Err(KeyError::OtherNodeKey { needed: hex(&head[1..]), held: self.id() });
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Format)?;
        let mut buffer = Zeroizing::new([0; KEY + TAG]);
        buffer.copy_from_slice(sealed);
        let plain = self.cipher()?.open_in_place(nonce, aad(&record), &mut *buffer).map_err(|_| KeyError::Unauthentic)?;
        let mut bytes = Zeroizing::new([0; KEY]);
        bytes.copy_from_slice(plain);
        Ok(RecordKey(bytes))
    }

    fn cipher(&self) -> Result<LessSafeKey, KeyError> {
        UnboundKey::new(&AES_256_GCM, &*self.bytes).map(LessSafeKey::new).map_err(|_| KeyError::Format)
    }

    fn short_id(&self) -> [u8; KEY_ID] {
        let digest = Digest::of_parts(&[ID_LABEL, &*self.bytes]);
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest.0[..KEY_ID]);
        id
    }
}

/// The key of one record's payloads: 32 random bytes.
#[derive(Clone)]
pub struct RecordKey(Zeroizing<[u8; KEY]>);

impl RecordKey {
    /// A new key.
    pub fn generate() -> Result<Self, KeyError> {
        random_key().map(Self)
    }

    pub(super) fn secret(&self) -> &[u8] {
        &*self.0
    }
}

/// A record's key under the node key: what the database keeps, and forgets to erase the record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrappedKey([u8; WRAPPED_KEY]);

impl WrappedKey {
    /// The wrapped key in `bytes`, as the database has it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::Format)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn aad(record: &Digest) -> Aad<Vec<u8>> {
    Aad::from([WRAP_LABEL, &[VERSION], record.as_bytes()].concat())
}

fn random_key() -> Result<Zeroizing<[u8; KEY]>, KeyError> {
    let mut bytes = Zeroizing::new([0; KEY]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| KeyError::Random)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn made_once_read_back_and_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("node.key");
        let made = NodeKey::generate(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(NodeKey::load(&path).unwrap().id(), made.id());
        assert!(matches!(NodeKey::generate(&path), Err(KeyError::Exists(_))));
        assert_eq!(NodeKey::load(&path).unwrap().id(), made.id());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(NodeKey::load(&path), Err(KeyError::Mode { mode: 0o640, .. })));
        for length in [0, 31, 33] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&path, vec![1; length]).unwrap();
            assert!(matches!(NodeKey::load(&path), Err(KeyError::Length(_))));
        }
        assert!(matches!(NodeKey::load(&home.path().join("none")), Err(KeyError::Io { .. })));
    }

    #[test]
    fn a_wrapped_key_opens_for_its_record_under_its_node_key_alone() {
        let home = tempfile::tempdir().unwrap();
        let node = NodeKey::generate(&home.path().join("a")).unwrap();
        let other = NodeKey::generate(&home.path().join("b")).unwrap();
        let (key, record) = (RecordKey::generate().unwrap(), Digest([5; 32]));
        let wrapped = node.wrap(&key, record).unwrap();
        assert!(node.wrap(&key, record).unwrap() != wrapped, "a fresh nonce each time");
        assert_eq!(node.unwrap(&wrapped, record).unwrap().secret(), key.secret());
        assert!(matches!(node.unwrap(&wrapped, Digest([6; 32])), Err(KeyError::Unauthentic)));
        assert!(matches!(other.unwrap(&wrapped, record), Err(KeyError::OtherNodeKey { .. })));
        for at in 0..WRAPPED_KEY {
            let mut bytes = *wrapped.as_bytes().first_chunk::<WRAPPED_KEY>().unwrap();
            bytes[at] ^= 0x10;
            assert!(node.unwrap(&WrappedKey::from_bytes(&bytes).unwrap(), record).is_err(), "byte {at}");
        }
        assert!(matches!(WrappedKey::from_bytes(&wrapped.as_bytes()[1..]), Err(KeyError::Format)));
    }
}

//! The sealed format, version 1.
//!
//! ```text
//! header, 72 bytes:  magic "CARNETPL" | version u8 | 3 zero bytes | payload index u32 | size u64 | salt 32 B | tag 16 B
//! chunk i, at 72 + i x (1 MiB + 16):  ciphertext, as long as the chunk | tag 16 B
//! ```
//! Integers are big-endian. Every chunk is sealed on its own with AES-256-GCM and stands at a fixed place, so that chunks can
//! be written in any order and read from anywhere. An empty payload is a header.
//!
//! # Keys and nonces
//! The payload's key is HKDF-SHA-256 with the header's random salt over the record's key, with the record's id, payload index,
//! size and root as info. The nonce is a domain byte, six zero bytes, the chunk's index (u32) and a last-chunk flag: the STREAM
//! construction, which makes reordering, dropping and cutting short show.
//!
//! A pair of key and nonce is never used for two plaintexts:
//! - Two payloads, of one record or of two, have different keys: record key, record id, index, size and root go into them, and
//!   every file has its own salt. So has a file that is begun again after its staging file was lost.
//! - Within one file a nonce is used once, except that a resumed transfer may write a chunk again whose first writing was torn. It
//!   then seals the *same* bytes: a chunk is sealed only after it matched the chunk list (or is of
//!   the very bytes in memory that the list was made of, which nobody can change), the list leads to the root, and the
//!   root is in the key. So the second ciphertext equals the first, bit for bit, and tells nothing more.
//!
//! The header's tag is an empty message sealed under the header's own domain with the header as associated data. It tells a
//! wrong key or a changed header from a changed chunk.

use carnet_protocol::payload::{CHUNK, Geometry};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use super::{PayloadRef, PayloadStoreError, RecordKey};

/// Bytes of the header.
pub const HEADER: usize = 72;
/// Bytes that sealing adds to a chunk.
pub const TAG: usize = 16;
/// Payloads shorter than this live in the database.
pub const SMALL_PAYLOAD: usize = 64 * 1024;

const MAGIC: &[u8; 8] = b"CARNETPL";
const VERSION: u8 = 1;
const SALT: usize = 32;
const LABEL: &[u8] = b"carnet sealed payload";
const FOR_CHUNK: u8 = 0;
const FOR_HEADER: u8 = 1;

/// One payload's key, and the shape of its sealed form.
pub(super) struct Cipher {
    key: LessSafeKey,
    geometry: Geometry,
}

/// Why a header does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    Format,
    WrongKey,
}

impl HeaderFault {
    pub(super) fn at(self, place: impl Into<String>) -> PayloadStoreError {
        match self {
            Self::Format => PayloadStoreError::Format { place: place.into() },
            Self::WrongKey => PayloadStoreError::WrongKey { place: place.into() },
        }
    }
}

impl Cipher {
    /// A cipher for a new sealed payload, with a fresh salt, and its header.
    pub(super) fn create(what: &PayloadRef, geometry: Geometry, key: &RecordKey) -> Result<(Self, [u8; HEADER]), PayloadStoreError> {
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| PayloadStoreError::Random)?;
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8] = VERSION;
        header[12..16].copy_from_slice(&what.index.to_be_bytes());
        header[16..24].copy_from_slice(&what.size.to_be_bytes());
        header[24..56].copy_from_slice(&salt);
        let cipher = Self { key: derive(what, &salt, key), geometry };
        let tag = cipher.header_tag(&header[..56]);
        header[56..].copy_from_slice(&tag);
        Ok((cipher, header))
    }

    /// The cipher of a sealed payload that begins with `header`.
    pub(super) fn open(what: &PayloadRef, geometry: Geometry, key: &RecordKey, header: &[u8; HEADER]) -> Result<Self, HeaderFault> {
        if header[..8] != *MAGIC || header[8] != VERSION {
            return Err(HeaderFault::Format);
        }
        let cipher = Self { key: derive(what, &header[24..56], key), geometry };
        let mut tag = [0; TAG];
        tag.copy_from_slice(&header[56..]);
        let named = header[9..24] == [&[0; 3][..], &what.index.to_be_bytes(), &what.size.to_be_bytes()].concat()[..];
        let opened = cipher.key.open_in_place(nonce(FOR_HEADER, 0, false), Aad::from(&header[..56]), &mut tag);
        if opened.is_err() || !named { Err(HeaderFault::WrongKey) } else { Ok(cipher) }
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Seals a chunk in place.
    pub(super) fn seal(&self, index: u32, chunk: &mut [u8]) -> [u8; TAG] {
        self.tag(nonce(FOR_CHUNK, index, self.geometry.is_last(index)), &[], chunk)
    }

    /// Opens a chunk in place; gives the plaintext's length, or nothing if the tag does not fit.
    pub(super) fn unseal(&self, index: u32, sealed: &mut [u8]) -> Option<usize> {
        let nonce = nonce(FOR_CHUNK, index, self.geometry.is_last(index));
        self.key.open_in_place(nonce, Aad::empty(), sealed).ok().map(|plain| plain.len())
    }

    fn header_tag(&self, header: &[u8]) -> [u8; TAG] {
        self.tag(nonce(FOR_HEADER, 0, false), header, &mut [])
    }

    fn tag(&self, nonce: Nonce, aad: &[u8], message: &mut [u8]) -> [u8; TAG] {
        let mut out = [0; TAG];
        // `ring` refuses only messages past 64 GiB; ours are at most a mebibyte.
        #[allow(clippy::expect_used, reason = "a chunk is at most 1 MiB")]
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), message).expect("message within AES-GCM's limit");
        out.copy_from_slice(tag.as_ref());
        out
    }
}

/// Where sealed chunk `index` begins, in bytes from the file's first.
pub(super) const fn sealed_offset(index: u32) -> u64 {
    HEADER as u64 + index as u64 * (CHUNK + TAG) as u64
}

/// Bytes of a whole sealed payload.
pub(super) const fn sealed_size(geometry: Geometry) -> u64 {
    HEADER as u64 + geometry.size() + geometry.count() as u64 * TAG as u64
}

/// Seals a payload of less than [`SMALL_PAYLOAD`] bytes for the database. Every call has a fresh salt, hence a fresh key.
pub fn seal_small(what: &PayloadRef, key: &RecordKey, bytes: &[u8]) -> Result<Vec<u8>, PayloadStoreError> {
    let geometry = small(what, bytes.len())?;
    let (cipher, header) = Cipher::create(what, geometry, key)?;
    let mut out = Vec::with_capacity(sealed_size(geometry) as usize);
    out.extend_from_slice(&header);
    out.extend_from_slice(bytes);
    if geometry.count() == 1 {
        let tag = cipher.seal(0, &mut out[HEADER..]);
        out.extend_from_slice(&tag);
    }
    Ok(out)
}

/// Opens what [`seal_small`] made.
pub fn open_small(what: &PayloadRef, key: &RecordKey, sealed: &[u8]) -> Result<Vec<u8>, PayloadStoreError> {
    let place = || format!("payload {} of record {} in the database", what.index, what.record);
    let geometry = small(what, usize::try_from(what.size).unwrap_or(usize::MAX))?;
    let (expected, found) = (sealed_size(geometry), sealed.len() as u64);
    let header = sealed.first_chunk::<HEADER>().filter(|_| expected == found);
    let header = header.ok_or_else(|| PayloadStoreError::Truncated { place: place(), expected, found, chunk: 0 })?;
    let cipher = Cipher::open(what, geometry, key, header).map_err(|fault| fault.at(place()))?;
    let mut out = sealed[HEADER..].to_vec();
    if geometry.count() == 1 {
        let length = cipher.unseal(0, &mut out).ok_or_else(|| PayloadStoreError::ChunkCorrupt { place: place(), chunk: 0 })?;
        out.truncate(length);
    }
    Ok(out)
}

/// Bytes that were sealed into `sealed` by [`seal_small`], for who does not keep the size elsewhere. Not to be believed before it opens.
pub fn small_size(sealed: &[u8]) -> usize {
    match sealed.len().saturating_sub(HEADER) {
        0 => 0,
        more => more.saturating_sub(TAG),
    }
}

fn small(what: &PayloadRef, found: usize) -> Result<Geometry, PayloadStoreError> {
    let fault = PayloadStoreError::NotSmall { found, size: what.size };
    if found >= SMALL_PAYLOAD || found as u64 != what.size { Err(fault) } else { Geometry::new(what.size).map_err(|_| fault) }
}

fn derive(what: &PayloadRef, salt: &[u8], key: &RecordKey) -> LessSafeKey {
    let (index, size) = (what.index.to_be_bytes(), what.size.to_be_bytes());
    let info = [LABEL, &[VERSION], what.record.as_bytes(), &index, &size, what.root.as_bytes()];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(key.secret());
    // `ring` refuses only outputs past 255 digests; this is one.
    #[allow(clippy::expect_used, reason = "32 bytes are within HKDF's limit")]
    let okm = extracted.expand(&info, &AES_256_GCM).expect("one digest of output");
    LessSafeKey::new(UnboundKey::from(okm))
}

fn nonce(domain: u8, index: u32, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[0] = domain;
    bytes[7..11].copy_from_slice(&index.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

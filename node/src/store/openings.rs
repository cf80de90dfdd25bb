//! Openings of personal data at rest: sealed under the record's key, so that its destruction takes them along.

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::record::Opening;

use super::catalogue::SealedOpening;
use super::payloads::{PayloadRef, PayloadStoreError, RecordKey, open_small, seal_small};

/// Openings are sealed as payloads are, under an index that no payload has: the place of their commitment is their name.
const INDEX: u32 = u32::MAX;

/// Seals one opening.
///
/// # Errors
/// A system without randomness.
pub fn seal(key: &RecordKey, record: Digest, opening: &Opening) -> Result<SealedOpening, PayloadStoreError> {
    let bytes = cbor::encode(opening);
    let commitment = Digest::of(&bytes);
    Ok(SealedOpening { commitment, sealed: seal_small(&what(record, commitment, bytes.len()), key, &bytes)? })
}

/// Opens one; the bytes have its commitment.
///
/// # Errors
/// Bytes that were changed, or another key.
pub fn open(key: &RecordKey, record: Digest, sealed: &SealedOpening) -> Result<Vec<u8>, PayloadStoreError> {
    let length = super::payloads::small_size(&sealed.sealed);
    open_small(&what(record, sealed.commitment, length), key, &sealed.sealed)
}

fn what(record: Digest, commitment: Digest, size: usize) -> PayloadRef {
    PayloadRef { record, index: INDEX, size: size as u64, root: commitment }
}

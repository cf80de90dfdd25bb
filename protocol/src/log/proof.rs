//! The proof that travels beside a record.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::Checkpoint;
use crate::cbor;
use crate::digest::Digest;
use crate::merkle::{MAX_PROOF, leaf_hash, root_from_inclusion};
use crate::reason::{Fault, Reason};

/// Where a record stands in its maker's log, under which checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LogProof {
    /// The record's index.
    #[n(1)]
    pub index: u64,
    /// The hashes from the record's leaf to the checkpoint's root, lowest first.
    #[n(2)]
    pub path: Vec<Digest>,
    /// The checkpoint: a signed note, as it came.
    #[n(3)]
    pub checkpoint: ByteVec,
}

impl LogProof {
    /// Reads a proof.
    ///
    /// # Errors
    /// `cbor.*`; `log.inclusion` for a path longer than any tree is high.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        cbor::scan(bytes)?;
        let proof: Self = minicbor::decode(bytes).map_err(|error| Fault::new(Reason::LogInclusion, error.to_string()))?;
        if proof.path.len() > MAX_PROOF {
            return Err(Fault::new(Reason::LogInclusion, "the path has more than 64 hashes"));
        }
        Ok(proof)
    }

    /// Checks that the entry is in the log `origin` whose key is `public`, and gives the checkpoint that says so.
    ///
    /// # Errors
    /// `log.checkpoint`, `log.origin`, `log.signature`, `log.inclusion`, in this order.
    pub fn open(&self, entry: Digest, origin: &str, public: &[u8]) -> Result<Checkpoint, Fault> {
        let checkpoint = Checkpoint::open(&self.checkpoint, origin, public)?;
        let leaf = leaf_hash(entry.as_bytes());
        if root_from_inclusion(leaf, self.index, checkpoint.size, &self.path) != Some(checkpoint.root) {
            return Err(Fault::new(Reason::LogInclusion, "the proof does not lead from the record to the checkpoint's root"));
        }
        Ok(checkpoint)
    }
}

//! Merkle trees of RFC 9162, section 2.1: for logs and for payloads alike. Implements spec/03-log.md, `LOG-001` to `LOG-009`.
//!
//! Hashes are asked for by place: `(level, index)` names the root of the complete subtree over the leaves
//! `index * 2^level .. (index + 1) * 2^level`. Complete subtrees never change, so whoever keeps them answers every proof in
//! O(log n) reads.

mod frontier;
mod proof;

pub use frontier::Frontier;
pub use proof::{MAX_PROOF, consistency_proof, inclusion_proof, root_at, root_from_consistency, root_from_inclusion};

use crate::digest::Digest;

/// The hash of a leaf: SHA-256(0x00 || entry).
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&[0x00], entry])
}

/// The hash of an inner node: SHA-256(0x01 || left || right).
pub fn node_hash(left: Digest, right: Digest) -> Digest {
    Digest::of_parts(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// The root of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The root over `leaves`, which are leaf hashes.
pub fn root_of(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf, |_, _, _| ());
    }
    frontier.root()
}

#[cfg(test)]
mod tests;

//! A growing tree, kept as the roots of its complete subtrees.

use super::{empty_root, node_hash};
use crate::digest::Digest;

/// The right edge of a tree: one root for each set bit of its size, largest subtree first. At most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Digest>,
}

impl Frontier {
    /// The frontier of a tree of `size` leaves with these subtree roots, largest first; `None` if their number is not that of
    /// the set bits of `size`.
    pub fn from_roots(size: u64, roots: Vec<Digest>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// Places `(level, index)` of the subtree roots of a tree of `size` leaves, largest first.
    pub fn places(size: u64) -> impl Iterator<Item = (u8, u64)> {
        (0..64u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| (level, (size >> level) - 1))
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash. `complete(level, index, hash)` is called for each subtree that this completes, the leaf first.
    pub fn push(&mut self, leaf: Digest, mut complete: impl FnMut(u8, u64, Digest)) {
        let mut hash = leaf;
        let mut level = 0u8;
        complete(0, self.size, hash);
        // A carry in binary addition: each set low bit is a subtree that joins the new one.
        while self.size >> level & 1 == 1 {
            let Some(left) = self.roots.pop() else { unreachable!("one root for each set bit") };
            hash = node_hash(left, hash);
            level += 1;
            complete(level, self.size >> level, hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        self.roots.iter().rev().copied().reduce(|right, left| node_hash(left, right)).unwrap_or_else(empty_root)
    }
}

//! Inclusion and consistency proofs (RFC 9162, sections 2.1.3 and 2.1.4).

use super::{Frontier, empty_root, node_hash};
use crate::digest::Digest;

/// Most hashes in a proof: one a level of the largest tree (`LOG-007`).
pub const MAX_PROOF: usize = 64;

/// The root of the first `size` leaves. `hash(level, index)` gives complete subtrees within them.
///
/// # Errors
/// Those of `hash`.
pub fn root_at<E>(size: u64, hash: &mut impl FnMut(u8, u64) -> Result<Digest, E>) -> Result<Digest, E> {
    let roots = Frontier::places(size).map(|(level, index)| hash(level, index)).collect::<Result<Vec<_>, E>>()?;
    Ok(roots.into_iter().rev().reduce(|right, left| node_hash(left, right)).unwrap_or_else(empty_root))
}

/// The root of the leaves `from..to`, where `from` is a multiple of the largest power of two below the length, as in every proof.
fn range_root<E>(from: u64, to: u64, hash: &mut impl FnMut(u8, u64) -> Result<Digest, E>) -> Result<Digest, E> {
    root_at(to - from, &mut |level, index| hash(level, (from >> level) + index))
}

/// The largest power of two smaller than `n`; `n` is at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The proof that leaf `index` is in the tree of `size` leaves, lowest hash first. `None` unless `index < size`.
///
/// # Errors
/// Those of `hash`.
pub fn inclusion_proof<E>(index: u64, size: u64, mut hash: impl FnMut(u8, u64) -> Result<Digest, E>) -> Result<Option<Vec<Digest>>, E> {
    if index >= size {
        return Ok(None);
    }
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(range_root(middle, to, &mut hash)?);
            to = middle;
        } else {
            path.push(range_root(from, middle, &mut hash)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// The root to which `path` leads from `leaf` at `index` in a tree of `size` leaves; `None` if the path has the wrong length.
pub fn root_from_inclusion(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    // RFC 9162, 2.1.3.2.
    let (mut node, mut last, mut root) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(*sibling, root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(root, *sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves. `None` unless `0 < old <= new`.
///
/// # Errors
/// Those of `hash`.
pub fn consistency_proof<E>(old: u64, new: u64, mut hash: impl FnMut(u8, u64) -> Result<Digest, E>) -> Result<Option<Vec<Digest>>, E> {
    if old == 0 || old > new {
        return Ok(None);
    }
    let (mut from, mut to, mut whole) = (0, new, true);
    let mut path = Vec::new();
    // RFC 9162, 2.1.4.1: SUBPROOF, from the root down; `whole` says that the old tree is still the one being split.
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(range_root(middle, to, &mut hash)?);
            to = middle;
        } else {
            path.push(range_root(from, middle, &mut hash)?);
            from = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(range_root(from, to, &mut hash)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// The root of the new tree to which `path` leads from `old_root`; `None` if the path is not a proof for these sizes and this root.
pub fn root_from_consistency(old: u64, new: u64, old_root: Digest, path: &[Digest]) -> Option<Digest> {
    if old == 0 || old > new {
        return None;
    }
    if old == new {
        return path.is_empty().then_some(old_root);
    }
    // RFC 9162, 2.1.4.2.
    let first = if old.is_power_of_two() { Some(old_root) } else { None };
    let mut path = first.iter().chain(path);
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let start = *path.next()?;
    let (mut old_side, mut new_side) = (start, start);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            old_side = node_hash(*sibling, old_side);
            new_side = node_hash(*sibling, new_side);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_side = node_hash(new_side, *sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0 && old_side == old_root).then_some(new_side)
}

#![allow(clippy::unwrap_used, reason = "tests")]
use std::collections::HashMap;
use std::convert::Infallible;

use super::*;

/// RFC 9162, 2.1.1, word for word.
fn by_definition(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [leaf] => *leaf,
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(by_definition(&leaves[..k]), by_definition(&leaves[k..]))
        }
    }
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// All complete subtrees of a tree of `count` leaves.
fn subtrees(count: u64) -> HashMap<(u8, u64), Digest> {
    let (mut frontier, mut kept) = (Frontier::default(), HashMap::new());
    for leaf in leaves(count) {
        frontier.push(leaf, |level, index, hash| assert!(kept.insert((level, index), hash).is_none()));
    }
    kept
}

#[test]
fn roots_are_the_definition() {
    let all = leaves(130);
    let kept = subtrees(130);
    for size in 0..=130 {
        let expected = by_definition(&all[..size]);
        assert_eq!(root_of(&all[..size]), expected, "{size}");
        let read = root_at(size as u64, &mut |level, index| Ok::<_, Infallible>(kept[&(level, index)])).unwrap();
        assert_eq!(read, expected, "{size}");
        let places: Vec<Digest> = Frontier::places(size as u64).map(|place| kept[&place]).collect();
        assert_eq!(Frontier::from_roots(size as u64, places).unwrap().root(), expected);
    }
    assert!(Frontier::from_roots(3, vec![all[0]]).is_none());
}

#[test]
fn the_eight_leaves_of_certificate_transparency() {
    // The test vectors that certificate transparency's implementations share.
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let hashes: Vec<Digest> = inputs.iter().map(|input| leaf_hash(input)).collect();
    for (size, root) in (1..).zip(roots) {
        assert_eq!(root_of(&hashes[..size]).to_string(), root);
    }
}

#[test]
fn every_leaf_is_proven_and_nothing_else() {
    let all = leaves(70);
    let kept = subtrees(70);
    for size in 1..=70u64 {
        let root = by_definition(&all[..size as usize]);
        for index in 0..size {
            let path = inclusion_proof(index, size, |level, at| Ok::<_, Infallible>(kept[&(level, at)])).unwrap().unwrap();
            let leaf = all[index as usize];
            assert_eq!(root_from_inclusion(leaf, index, size, &path), Some(root), "{index} of {size}");
            assert_ne!(root_from_inclusion(all[(index as usize + 1) % 70], index, size, &path), Some(root));
            let longer = [path.clone(), vec![root]].concat();
            assert_ne!(root_from_inclusion(leaf, index, size, &longer), Some(root));
            if let Some((_, shorter)) = path.split_last() {
                assert_ne!(root_from_inclusion(leaf, index, size, shorter), Some(root));
            }
        }
        assert!(root_from_inclusion(all[0], size, size, &[]).is_none());
    }
}

#[test]
fn every_prefix_is_proven_and_nothing_else() {
    let all = leaves(70);
    let kept = subtrees(70);
    for new in 1..=70u64 {
        let new_root = by_definition(&all[..new as usize]);
        for old in 1..=new {
            let old_root = by_definition(&all[..old as usize]);
            let path = consistency_proof(old, new, |level, at| Ok::<_, Infallible>(kept[&(level, at)])).unwrap().unwrap();
            assert_eq!(root_from_consistency(old, new, old_root, &path), Some(new_root), "{old} of {new}");
            assert_eq!(root_from_consistency(old, new, leaf_hash(b"another"), &path).filter(|root| *root == new_root), None);
        }
    }
    assert!(root_from_consistency(0, 1, empty_root(), &[]).is_none() && root_from_consistency(2, 1, empty_root(), &[]).is_none());
}

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
use proptest::prelude::*;

use super::*;

/// Bytes that differ from place to place.
fn bytes(size: usize) -> Vec<u8> {
    (0..size as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// RFC 9162 2.1.1 written down a second time, level by level, as a judge of `root_of`.
fn root_by_levels(mut level: Vec<Digest>) -> Digest {
    if level.is_empty() {
        return Digest::of(b"");
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Digest::of_parts(&[&[1], left.as_bytes(), right.as_bytes()]),
                alone => alone[0],
            })
            .collect();
    }
    level[0]
}

#[test]
fn edges_of_a_chunk() {
    for (size, lengths) in [
        (0, vec![]),
        (1, vec![1]),
        (CHUNK - 1, vec![CHUNK - 1]),
        (CHUNK, vec![CHUNK]),
        (CHUNK + 1, vec![CHUNK, 1]),
        (2 * CHUNK, vec![CHUNK, CHUNK]),
    ] {
        let data = bytes(size);
        let (name, list) = PayloadHasher::hash(&data).unwrap();
        let geometry = list.geometry();
        assert_eq!((name.size, list.size()), (size as u64, size as u64));
        assert_eq!(name.sha256, Digest::of(&data));
        assert_eq!(geometry.count() as usize, lengths.len());
        assert_eq!((0..geometry.count()).map(|i| geometry.len_of(i).unwrap()).collect::<Vec<_>>(), lengths);
        assert_eq!(geometry.len_of(geometry.count()), None);
        assert_eq!((0..geometry.count()).filter(|i| geometry.is_last(*i)).count(), lengths.len().min(1));
        let hashes: Vec<_> = data.chunks(CHUNK).map(chunk_hash).collect();
        assert_eq!(list.hashes(), hashes);
        assert_eq!(name.root, root_by_levels(hashes));
        for (index, chunk) in data.chunks(CHUNK).enumerate() {
            list.check(index as u32, chunk).unwrap();
        }
        assert_eq!(ChunkList::from_bytes(name.size, name.root, &list.to_bytes()).unwrap(), list);
    }
}

#[test]
fn an_empty_payload_is_named_by_the_empty_digest() {
    let (name, list) = PayloadHasher::new().finish().unwrap();
    assert_eq!((name.root, name.sha256), (Digest::of(b""), Digest::of(b"")));
    assert!(list.to_bytes().is_empty());
    assert_eq!(list.check(0, b""), Err(ChunkError::Index { index: 0, count: 0 }));
}

/// The chapter's examples, worked outside this crate (Python's hashlib), and the chapter itself says the same.
#[test]
fn the_worked_examples_of_the_chapter() {
    let chapter = include_str!("../../../spec/02-package.md");
    for (data, root, sha256) in [
        (
            b"abc".to_vec(),
            "609f6e36d2405585188d5cfd761f407c7cc46a7d3f314c88270469dde315fcd1",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            vec![b'a'; CHUNK + 1],
            "1504ae88881333e7fc58bd9fdd79b50a57830135a6c65a98f0e4e56d907993c9",
            "4a3f0c0c213adea174f9a3d4c13177315b588bdb2e9c1012d3d0bf0453ca0f6a",
        ),
    ] {
        let (name, list) = PayloadHasher::hash(&data).unwrap();
        assert_eq!((name.root.to_string(), name.sha256.to_string()), (root.into(), sha256.into()));
        for text in list.hashes().iter().chain([&name.root, &name.sha256]).map(Digest::to_string) {
            assert!(chapter.contains(&text), "{text}");
        }
    }
}

#[test]
fn the_limit_and_one_past_it() {
    let most = Geometry::new(MAX_PAYLOAD).unwrap();
    assert_eq!(most.count(), MAX_CHUNKS);
    assert_eq!(most.len_of(MAX_CHUNKS - 1), Some(CHUNK));
    assert_eq!(Geometry::new(MAX_PAYLOAD + 1), Err(TooLarge(MAX_PAYLOAD + 1)));
    assert_eq!(Geometry::new(u64::MAX), Err(TooLarge(u64::MAX)));
    let hashes = vec![7; MAX_CHUNKS as usize * HASH_LEN];
    let root = root_of(&vec![Digest([7; 32]); MAX_CHUNKS as usize]);
    ChunkList::from_bytes(MAX_PAYLOAD, root, &hashes).unwrap();
    assert!(matches!(ChunkList::from_bytes(MAX_PAYLOAD + 1, root, &hashes), Err(ChunkListError::TooLarge(_))));
}

#[test]
fn lists_that_are_not_the_records() {
    let (name, list) = PayloadHasher::hash(&bytes(2 * CHUNK + 5)).unwrap();
    let wire = list.to_bytes();
    for cut in [0, 1, 31, 32, wire.len() - 1] {
        let refused = ChunkList::from_bytes(name.size, name.root, &wire[..cut]);
        assert!(matches!(refused, Err(ChunkListError::Length { .. })), "{refused:?}");
    }
    let longer = [&wire[..], &[0]].concat();
    assert!(matches!(ChunkList::from_bytes(name.size, name.root, &longer), Err(ChunkListError::Length { .. })));
    let mut swapped = wire.clone();
    swapped.rotate_left(32);
    assert!(matches!(ChunkList::from_bytes(name.size, name.root, &swapped), Err(ChunkListError::Root { .. })));
    // The size takes part in the check: one byte more is another geometry or another length of the last chunk.
    let other = ChunkList::from_bytes(name.size + 1, name.root, &wire).unwrap();
    assert!(matches!(other.check(2, &bytes(5)), Err(ChunkError::Length { .. })));
}

#[test]
fn chunks_that_are_not_the_payloads() {
    let data = bytes(CHUNK + 9);
    let (_, list) = PayloadHasher::hash(&data).unwrap();
    let mut last = data[CHUNK..].to_vec();
    assert_eq!(list.check(2, &last), Err(ChunkError::Index { index: 2, count: 2 }));
    assert_eq!(list.check(0, &last), Err(ChunkError::Length { index: 0, expected: CHUNK, found: 9 }));
    last[8] ^= 1;
    assert_eq!(list.check(1, &last), Err(ChunkError::Hash { index: 1 }));
    assert_eq!(list.check(1, &last).unwrap_err().reason(), Reason::PayloadChunk);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pieces_of_any_length_give_one_name(size in 0usize..3 * CHUNK, cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let data = bytes(size);
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(size + 1)).collect();
        at.sort_unstable();
        let mut hasher = PayloadHasher::new();
        let mut from = 0;
        for to in at.into_iter().chain([size]) {
            hasher.update(&data[from..to]).unwrap();
            from = to;
        }
        prop_assert_eq!(hasher.finish().unwrap(), PayloadHasher::hash(&data).unwrap());
    }

    #[test]
    fn roots_agree_with_the_second_writing(count in 0usize..300) {
        let leaves: Vec<_> = (0..count as u32).map(|i| Digest::of(&i.to_be_bytes())).collect();
        prop_assert_eq!(root_of(&leaves), root_by_levels(leaves));
    }

    #[test]
    fn chunks_fill_the_payload(size in 0..=MAX_PAYLOAD) {
        let geometry = Geometry::new(size).unwrap();
        let count = geometry.count();
        if let Some(last) = count.checked_sub(1) {
            let length = geometry.len_of(last).unwrap();
            prop_assert!(length > 0 && length <= CHUNK);
            prop_assert_eq!(Geometry::offset_of(last) + length as u64, size);
        } else {
            prop_assert_eq!(size, 0);
        }
    }
}

#[test]
fn chunks_hashed_by_themselves_give_the_same_name() {
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let whole = PayloadHasher::hash(&bytes).unwrap();
        assert_eq!(PayloadHasher::hash_chunks(&bytes, whole.0.sha256).unwrap(), whole, "{size}");
    }
}

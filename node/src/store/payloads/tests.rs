#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::single_range_in_vec_init,
    reason = "tests; the child speaks to its parent"
)]
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use carnet_protocol::payload::{CHUNK, ChunkError, ChunkList, PayloadHasher};
use futures_util::TryStreamExt;
use proptest::prelude::*;
use tempfile::TempDir;

use super::cipher::{sealed_offset, sealed_size};
use super::*;

mod faults;

const RECORD: Digest = Digest([0xab; 32]);

/// Bytes that differ from place to place and from seed to seed.
fn bytes(size: usize, seed: u32) -> Vec<u8> {
    (0..size as u32).map(|i| ((i ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn buffer(store: &PayloadStore, data: &[u8]) -> ChunkBuf {
    let mut buffer = store.pool().take();
    assert!(buffer.extend(data));
    buffer
}

fn chunk_of(data: &[u8], index: u32) -> &[u8] {
    data.chunks(CHUNK).nth(index as usize).unwrap()
}

struct Bench {
    home: TempDir,
    store: PayloadStore,
    key: RecordKey,
    data: Vec<u8>,
    list: ChunkList,
}

impl Bench {
    fn new(size: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = PayloadStore::open(home.path()).unwrap();
        let data = bytes(size, 0);
        let list = PayloadHasher::hash(&data).unwrap().1;
        Self { home, store, key: RecordKey::generate().unwrap(), data, list }
    }

    async fn stage(&self) -> StagedPayload {
        let id = StagingId::generate().unwrap();
        self.store.stage(id, RECORD, 0, self.list.clone(), &self.key).await.unwrap()
    }

    async fn resume(&self, id: StagingId) -> Resumed {
        self.store.resume(id, RECORD, 0, self.list.clone(), &self.key).await.unwrap()
    }

    async fn fill(&self, staged: &StagedPayload) {
        for index in staged.missing().into_iter().flatten() {
            let chunk = buffer(&self.store, chunk_of(&self.data, index));
            assert_eq!(staged.write(index, chunk).await.unwrap(), Written::New);
        }
    }

    async fn stored(&self) -> PayloadRef {
        let staged = self.stage().await;
        self.fill(&staged).await;
        staged.finish().await.unwrap()
    }

    fn staging_file(&self, id: StagingId) -> std::path::PathBuf {
        self.home.path().join("staging").join(id.to_string())
    }

    fn payload_file(&self) -> std::path::PathBuf {
        self.home.path().join("payloads/ab").join(format!("{RECORD}-0"))
    }
}

fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

async fn read_all(reader: &Reader) -> Result<Vec<u8>, PayloadStoreError> {
    reader
        .stream(0..reader.geometry().count())
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_any_order_by_several_writers_and_back() {
    for size in [0, 1, 65_536, CHUNK - 1, CHUNK, CHUNK + 1, 7 * CHUNK + 3] {
        let bench = Bench::new(size);
        let staged = bench.stage().await;
        let count = bench.list.geometry().count();
        assert_eq!(staged.missing_count(), count);
        // Three writers, each backwards, overlapping.
        let writers = (0..3u32).map(|writer| {
            let (staged, store, data) = (staged.clone(), bench.store.clone(), bench.data.clone());
            tokio::spawn(async move {
                for index in (0..count).rev().filter(|index| index % 3 != writer || *index == 0) {
                    staged.write(index, buffer(&store, chunk_of(&data, index))).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        assert!(staged.missing().is_empty());
        let what = staged.finish().await.unwrap();
        assert_eq!(fs::read_dir(bench.home.path().join("staging")).unwrap().count(), 0);
        assert_eq!(fs::metadata(bench.payload_file()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(bench.payload_file()).unwrap().len(), sealed_size(bench.list.geometry()));
        let reader = bench.store.read(what, &bench.key).await.unwrap();
        assert_eq!(read_all(&reader).await.unwrap(), bench.data, "{size}");
        for index in (0..count).rev() {
            assert_eq!(reader.chunk(index).await.unwrap(), chunk_of(&bench.data, index));
        }
        assert!(matches!(reader.chunk(count).await, Err(PayloadStoreError::NoSuchChunk { .. })));
        assert!(bench.store.holds(RECORD, 0) && !bench.store.holds(RECORD, 1));
        bench.store.remove(RECORD, 0).await.unwrap();
        bench.store.remove(RECORD, 0).await.unwrap();
        assert!(matches!(bench.store.read(what, &bench.key).await, Err(PayloadStoreError::NotFound { .. })));
        // Who has it open goes on reading.
        assert_eq!(read_all(&reader).await.unwrap(), bench.data);
    }
}

#[tokio::test]
async fn a_chunk_that_was_not_signed_for_is_refused_and_harms_nothing() {
    let bench = Bench::new(2 * CHUNK + 5);
    let staged = bench.stage().await;
    let mut wrong = bench.data[..CHUNK].to_vec();
    wrong[99] ^= 1;
    let refused = staged.write(0, buffer(&bench.store, &wrong)).await;
    assert!(matches!(refused, Err(PayloadStoreError::Refused(ChunkError::Hash { index: 0 }))));
    let refused = staged.write(2, buffer(&bench.store, &bench.data[..6])).await;
    assert!(matches!(refused, Err(PayloadStoreError::Refused(ChunkError::Length { index: 2, .. }))));
    let refused = staged.write(3, buffer(&bench.store, b"")).await;
    assert!(matches!(refused, Err(PayloadStoreError::Refused(ChunkError::Index { index: 3, count: 3 }))));
    assert!(matches!(staged.finish().await, Err(PayloadStoreError::Unfinished { missing: 3 })));
    bench.fill(&staged).await;
    // A second copy, even a wrong one, changes nothing.
    assert_eq!(staged.write(0, buffer(&bench.store, &wrong)).await.unwrap(), Written::Again);
    let what = staged.finish().await.unwrap();
    assert_eq!(read_all(&bench.store.read(what, &bench.key).await.unwrap()).await.unwrap(), bench.data);
}

#[tokio::test]
async fn resume_misses_exactly_what_is_not_good() {
    let bench = Bench::new(5 * CHUNK + 9);
    let staged = bench.stage().await;
    let (id, path) = (staged.id(), bench.staging_file(staged.id()));
    for index in [0, 1, 3, 4, 5] {
        staged.write(index, buffer(&bench.store, chunk_of(&bench.data, index))).await.unwrap();
    }
    drop(staged);
    let before = fs::read(&path).unwrap();
    flip(&path, sealed_offset(1) + 500_000); // a byte of ciphertext
    flip(&path, sealed_offset(4) - 1); // a byte of chunk 3's tag
    let Resumed::Staged(staged) = bench.resume(id).await else { panic!("a staging file is there") };
    assert_eq!(staged.missing(), [1..4]);
    bench.fill(&staged).await;
    let after = fs::read(&path).unwrap();
    let place = |index| sealed_offset(index) as usize..sealed_offset(index + 1) as usize;
    for index in [0, 1, 3, 4] {
        assert!(before[place(index)] == after[place(index)], "chunk {index} was sealed to other bytes under one nonce");
    }
    assert_eq!(staged.missing_count(), 0);
    drop(staged);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(sealed_offset(5) + 3).unwrap();
    let Resumed::Staged(staged) = bench.resume(id).await else { panic!("a staging file is there") };
    assert_eq!(staged.missing(), std::slice::from_ref(&(5..6)));
    bench.fill(&staged).await;
    let what = staged.finish().await.unwrap();
    assert_eq!(read_all(&bench.store.read(what, &bench.key).await.unwrap()).await.unwrap(), bench.data);
    // The crash between the rename and the caller's transaction.
    assert!(matches!(bench.resume(id).await, Resumed::Stored));
    assert!(matches!(bench.store.resume(id, RECORD, 1, bench.list.clone(), &bench.key).await.unwrap(), Resumed::Nothing));
}

#[tokio::test]
async fn a_staging_file_without_its_header_is_begun_again() {
    let bench = Bench::new(CHUNK);
    for cut in [0, 1, HEADER as u64 - 1] {
        let staged = bench.stage().await;
        bench.fill(&staged).await;
        let path = bench.staging_file(staged.id());
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        assert!(matches!(bench.resume(staged.id()).await, Resumed::Nothing));
        // Another process may be beginning it: it goes when no intent names it any more.
        let candidates = bench.store.staging_candidates().await.unwrap();
        assert_eq!(candidates.collect(&HashSet::new()).await.unwrap(), [staged.id()]);
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn stored_bytes_that_changed_are_named() {
    let bench = Bench::new(2 * CHUNK + 5);
    let what = bench.stored().await;
    let path = bench.payload_file();
    let good = fs::read(&path).unwrap();
    let open = async |what, key: &RecordKey| bench.store.read(what, key).await;
    for at in [sealed_offset(1), sealed_offset(2) - 1] {
        flip(&path, at);
        let reader = open(what, &bench.key).await.unwrap();
        assert!(matches!(reader.chunk(1).await, Err(PayloadStoreError::ChunkCorrupt { chunk: 1, .. })));
        assert!(matches!(read_all(&reader).await, Err(PayloadStoreError::ChunkCorrupt { chunk: 1, .. })));
        reader.chunk(0).await.unwrap();
        fs::write(&path, &good).unwrap();
    }
    let mut swapped = good.clone();
    let (first, second) = swapped[HEADER..].split_at_mut(CHUNK + TAG);
    first.swap_with_slice(&mut second[..CHUNK + TAG]);
    fs::write(&path, &swapped).unwrap();
    assert!(matches!(open(what, &bench.key).await.unwrap().chunk(0).await, Err(PayloadStoreError::ChunkCorrupt { chunk: 0, .. })));
    for (length, chunk) in [(0, 0), (HEADER, 0), (HEADER + CHUNK, 0), (HEADER + CHUNK + TAG, 1), (good.len() - 1, 2)] {
        fs::write(&path, &good[..length]).unwrap();
        let refused = open(what, &bench.key).await;
        assert!(matches!(refused, Err(PayloadStoreError::Truncated { chunk: at, .. }) if at == chunk), "{length}");
    }
    fs::write(&path, [&good[..], &[0]].concat()).unwrap();
    assert!(matches!(open(what, &bench.key).await, Err(PayloadStoreError::Truncated { .. })));
    for at in 0..HEADER {
        fs::write(&path, &good).unwrap();
        flip(&path, at as u64);
        assert!(matches!(open(what, &bench.key).await, Err(PayloadStoreError::Format { .. } | PayloadStoreError::WrongKey { .. })), "{at}");
    }
    fs::write(&path, &good).unwrap();
    assert!(matches!(open(what, &RecordKey::generate().unwrap()).await, Err(PayloadStoreError::WrongKey { .. })));
    assert!(matches!(open(PayloadRef { root: RECORD, ..what }, &bench.key).await, Err(PayloadStoreError::WrongKey { .. })));
    open(what, &bench.key).await.unwrap();
    // Another payload's file under this one's name.
    fs::copy(&path, path.with_file_name(format!("{RECORD}-1"))).unwrap();
    assert!(matches!(open(PayloadRef { index: 1, ..what }, &bench.key).await, Err(PayloadStoreError::WrongKey { .. })));
}

#[tokio::test]
async fn one_plaintext_never_gives_one_ciphertext_twice() {
    let bench = Bench::new(CHUNK);
    bench.stored().await;
    let first = fs::read(bench.payload_file()).unwrap();
    bench.stored().await;
    let second = fs::read(bench.payload_file()).unwrap();
    assert!(first[HEADER..] != second[HEADER..] && first[HEADER..HEADER + CHUNK] != bench.data[..]);
}

#[tokio::test]
async fn the_collector_spares_the_living_and_the_younger() {
    let bench = Bench::new(CHUNK);
    let (dead, live) = (bench.stage().await, bench.stage().await);
    fs::write(bench.home.path().join("staging/notes.txt"), "not ours").unwrap();
    let candidates = bench.store.staging_candidates().await.unwrap();
    assert_eq!(candidates.found().len(), 2);
    let younger = bench.stage().await;
    assert_eq!(candidates.collect(&HashSet::from([live.id()])).await.unwrap(), [dead.id()]);
    assert!(!bench.staging_file(dead.id()).exists());
    assert!(bench.staging_file(live.id()).exists() && bench.staging_file(younger.id()).exists());
    assert!(bench.home.path().join("staging/notes.txt").exists());
    live.clone().abandon().await.unwrap();
    assert!(!bench.staging_file(live.id()).exists());
}

#[tokio::test]
async fn buffers_come_back_and_take_no_more_than_a_chunk() {
    let pool = ChunkPool::new(1);
    let mut first = pool.take();
    assert!(first.extend(&vec![1; CHUNK]) && !first.extend(&[1]));
    assert_eq!(first.len(), CHUNK);
    let address = first.as_ptr();
    drop((first, pool.take()));
    let again = pool.take();
    assert!(again.is_empty());
    assert!(again.as_ptr() == address || pool.take().as_ptr() != address);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_payloads_open_unchanged_or_not_at_all(size in prop_oneof![0usize..3, 0..SMALL_PAYLOAD, Just(SMALL_PAYLOAD - 1)], at in any::<prop::sample::Index>()) {
        let data = bytes(size, 3);
        let name = PayloadHasher::hash(&data).unwrap().0;
        let what = PayloadRef { record: RECORD, index: 4, size: size as u64, root: name.root };
        let key = RecordKey::generate().unwrap();
        let sealed = seal_small(&what, &key, &data).unwrap();
        prop_assert_eq!(open_small(&what, &key, &sealed).unwrap(), data);
        let mut changed = sealed.clone();
        changed[at.index(sealed.len())] ^= 0x80;
        prop_assert!(open_small(&what, &key, &changed).is_err());
        prop_assert!(open_small(&what, &key, &sealed[..at.index(sealed.len())]).is_err());
        let other = RecordKey::generate().unwrap();
        let refused = open_small(&what, &other, &sealed);
        let named = matches!(refused, Err(PayloadStoreError::WrongKey { .. }));
        prop_assert!(named, "{:?}", refused);
    }
}

#[test]
fn the_edge_of_small() {
    let key = RecordKey::generate().unwrap();
    let what = |size: usize| PayloadRef { record: RECORD, index: 0, size: size as u64, root: RECORD };
    seal_small(&what(SMALL_PAYLOAD - 1), &key, &vec![0; SMALL_PAYLOAD - 1]).unwrap();
    let refused = seal_small(&what(SMALL_PAYLOAD), &key, &vec![0; SMALL_PAYLOAD]);
    assert!(matches!(refused, Err(PayloadStoreError::NotSmall { .. })));
    assert!(matches!(seal_small(&what(2), &key, b"a"), Err(PayloadStoreError::NotSmall { .. })));
    assert!(open_small(&what(usize::MAX), &key, b"a").is_err());
}

/// Two processes resume one file, or one begins while the other looks: neither takes the file from the other.
#[tokio::test]
async fn two_that_resume_one_file_both_end_well() {
    let bench = Bench::new(2 * CHUNK + 5);
    let first = bench.stage().await;
    let Resumed::Staged(second) = bench.resume(first.id()).await else { panic!("nothing to resume") };
    bench.fill(&first).await;
    bench.fill(&second).await;
    first.finish().await.unwrap();
    second.finish().await.unwrap();
    assert!(bench.store.read(first.what(), &bench.key).await.is_ok());

    let id = StagingId::generate().unwrap();
    fs::write(bench.staging_file(id), b"").unwrap();
    fs::remove_file(bench.payload_file()).unwrap();
    assert!(matches!(bench.resume(id).await, Resumed::Nothing));
    assert!(bench.staging_file(id).exists(), "another process begins it");
}

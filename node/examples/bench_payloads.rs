//! What sealing a payload costs, against the bare arithmetic and the bare write of the same bytes in the same run.
//!
//! `cargo run --release -p carnet --example bench_payloads -- [FOLDER] [MIB]` prints one JSON object a line and way.
//! Wall is in seconds; cpu is user and system seconds of this process (10 ms ticks), the kernel's own write-back threads not included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement")]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use carnet::store::payloads::{PayloadStore, RecordKey, Resumed, StagingId, Written};
use carnet_protocol::digest::Digest;
use carnet_protocol::payload::{CHUNK, PayloadHasher, chunk_hash};
use futures_util::{StreamExt, TryStreamExt, stream};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// User and system seconds of this process, all threads.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

struct Watch(&'static str, f64, Instant);

impl Watch {
    fn start(name: &'static str) -> Self {
        Self(name, cpu(), Instant::now())
    }

    fn stop(self, mib: usize) {
        let (wall, cpu) = (self.2.elapsed().as_secs_f64(), cpu() - self.1);
        let line = serde_json::json!({
            "what": self.0, "mib": mib, "wall_s": wall, "cpu_s": cpu,
            "cpu_s_per_gib": cpu * 1024.0 / mib as f64, "mib_per_s": mib as f64 / wall,
        });
        println!("{line}");
    }
}

fn nonce(index: usize) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn plain_write(path: &Path, data: &[u8], chunks: usize, hashes: &[Digest]) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let file = File::create(path).unwrap();
    let mut buffer = Vec::with_capacity(CHUNK + 16);
    for index in 0..chunks {
        buffer.clear();
        buffer.extend_from_slice(&data[index * CHUNK % data.len()..][..CHUNK]);
        assert_eq!(chunk_hash(&buffer), hashes[index]);
        key.seal_in_place_append_tag(nonce(index), Aad::empty(), &mut buffer).unwrap();
        file.write_all_at(&buffer, (index * (CHUNK + 16)) as u64).unwrap();
    }
    file.sync_all().unwrap();
}

fn plain_read(path: &Path, chunks: usize) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let file = OpenOptions::new().read(true).open(path).unwrap();
    let mut buffer = vec![0; CHUNK + 16];
    for index in 0..chunks {
        file.read_exact_at(&mut buffer, (index * (CHUNK + 16)) as u64).unwrap();
        key.open_in_place(nonce(index), Aad::empty(), &mut buffer).unwrap();
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "/tmp/carnet-bench-payloads".into()));
    let mib: usize = arguments.next().map_or(1024, |text| text.parse().unwrap());
    fs::create_dir_all(&folder).unwrap();
    // 64 MiB that do not compress, over and over.
    let mut state = 1u64;
    let data: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    })
    .take(16 << 20)
    .flat_map(u32::to_le_bytes)
    .collect();
    let mut hasher = PayloadHasher::new();
    for index in 0..mib {
        hasher.update(&data[index * CHUNK % data.len()..][..CHUNK]).unwrap();
    }
    let list = hasher.finish().unwrap().1;
    let plain = folder.join("plain");
    let store = PayloadStore::open(&folder.join("store")).unwrap();
    let key = RecordKey::generate().unwrap();
    let (a, b) = (Digest([1; 32]), Digest([2; 32]));

    for _ in 0..2 {
        let watch = Watch::start("bare: SHA-256, AES-256-GCM, write, fsync; one thread");
        plain_write(&plain, &data, mib, list.hashes());
        watch.stop(mib);

        let watch = Watch::start("store: write_blocking, finish; one thread");
        let staged = store.stage(StagingId::generate().unwrap(), a, 0, list.clone(), &key).await.unwrap();
        for index in 0..mib {
            let mut chunk = store.pool().take();
            assert!(chunk.extend(&data[index * CHUNK % data.len()..][..CHUNK]));
            staged.write_blocking(index as u32, chunk).unwrap();
        }
        let one = staged.finish().await.unwrap();
        watch.stop(mib);

        let watch = Watch::start("store: write, finish; four at once");
        let staged = store.stage(StagingId::generate().unwrap(), b, 0, list.clone(), &key).await.unwrap();
        stream::iter(0..mib)
            .for_each_concurrent(4, |index| {
                let mut chunk = store.pool().take();
                assert!(chunk.extend(&data[index * CHUNK % data.len()..][..CHUNK]));
                let staged = &staged;
                async move { assert_eq!(staged.write(index as u32, chunk).await.unwrap(), Written::New) }
            })
            .await;
        staged.finish().await.unwrap();
        watch.stop(mib);

        let watch = Watch::start("bare: read, AES-256-GCM; one thread");
        plain_read(&plain, mib);
        watch.stop(mib);

        let reader = store.read(one, &key).await.unwrap();
        let watch = Watch::start("store: chunk_blocking; one thread");
        for index in 0..mib {
            drop(reader.chunk_blocking(index as u32).unwrap());
        }
        watch.stop(mib);

        let watch = Watch::start("store: stream");
        let read = reader.stream(0..mib as u32).try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len()) }).await.unwrap();
        assert_eq!(read, mib * CHUNK);
        watch.stop(mib);

        let object = object_store_ranges(&folder.join("store"), mib).await;
        object.stop(mib);

        let again = store.stage(StagingId::generate().unwrap(), b, 1, list.clone(), &key).await.unwrap();
        let id = again.id();
        for index in 0..mib {
            let mut chunk = store.pool().take();
            assert!(chunk.extend(&data[index * CHUNK % data.len()..][..CHUNK]));
            again.write_blocking(index as u32, chunk).unwrap();
        }
        drop(again);
        let watch = Watch::start("store: resume of all chunks");
        let Resumed::Staged(again) = store.resume(id, b, 1, list.clone(), &key).await.unwrap() else { panic!() };
        assert_eq!(again.missing_count(), 0);
        watch.stop(mib);
        again.abandon().await.unwrap();
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// The way not taken: 4 MiB ranges of `object_store`, without even decrypting them.
async fn object_store_ranges(folder: &Path, mib: usize) -> Watch {
    use object_store::{ObjectStoreExt, local::LocalFileSystem};
    let objects = LocalFileSystem::new_with_prefix(folder).unwrap();
    let record = Digest([1; 32]);
    let location = object_store::path::Path::from(format!("payloads/01/{record}-0"));
    let watch = Watch::start("object_store: get_range of 4 MiB, no decryption");
    for at in 0..(mib / 4) as u64 {
        let range = at * (4 << 20)..(at + 1) * (4 << 20);
        assert_eq!(objects.get_range(&location, range).await.unwrap().len(), 4 << 20);
    }
    watch
}

//! Faults that need a process of their own: it is killed, or its disk is full. The child is this test binary, run again.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "CARNET_TEST_PAYLOADS";
const CRASH_CHUNKS: usize = 48;

fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("{}::{test}", module_path!().split_once("::").unwrap().1), "--ignored", "--nocapture"])
        .env(FOLDER, folder);
    command
}

/// What parent and child agree on.
fn scene(folder: &Path) -> (PayloadStore, NodeKey, Vec<u8>, ChunkList) {
    let key_path = folder.join("node.key");
    let node_key = if key_path.exists() { NodeKey::load(&key_path) } else { NodeKey::generate(&key_path) }.unwrap();
    let data = bytes(CRASH_CHUNKS * CHUNK - 17, 1);
    let list = PayloadHasher::hash(&data).unwrap().1;
    (PayloadStore::open(&folder.join("store")).unwrap(), node_key, data, list)
}

fn saved_key(folder: &Path, node_key: &NodeKey) -> RecordKey {
    let wrapped = WrappedKey::from_bytes(&fs::read(folder.join("wrapped")).unwrap()).unwrap();
    node_key.unwrap(&wrapped, RECORD).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_kill_in_the_middle"]
async fn writer_to_be_killed() {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let (store, node_key, data, list) = scene(&folder);
    let id = fs::read_to_string(folder.join("id")).unwrap().parse().unwrap();
    let staged = store.stage(id, RECORD, 0, list, &saved_key(&folder, &node_key)).await.unwrap();
    println!("\nbegun");
    let writers = (0..3u32).map(|writer| {
        let (staged, store, data) = (staged.clone(), store.clone(), data.clone());
        tokio::spawn(async move {
            // 29 is prime to 48: every chunk once, in a scattered order.
            for index in (writer..CRASH_CHUNKS as u32).step_by(3).map(|step| step * 29 % CRASH_CHUNKS as u32) {
                println!("\ntry {index}");
                staged.write(index, buffer(&store, chunk_of(&data, index))).await.unwrap();
                println!("\ndid {index}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle() {
    for kill_after in [1, 7, 20, CRASH_CHUNKS] {
        let home = tempfile::tempdir().unwrap();
        let (store, node_key, data, list) = scene(home.path());
        let id = StagingId::generate().unwrap();
        let key = RecordKey::generate().unwrap();
        fs::write(home.path().join("wrapped"), node_key.wrap(&key, RECORD).unwrap().as_bytes()).unwrap();
        fs::write(home.path().join("id"), id.to_string()).unwrap();
        let mut writer = child("writer_to_be_killed", home.path()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut tried, mut done) = (HashSet::new(), HashSet::new());
        let mut said = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut hear = |line: String| match line.split_once(' ') {
            Some(("try", index)) => drop(tried.insert(index.parse::<u32>().unwrap())),
            Some(("did", index)) => drop(done.insert(index.parse::<u32>().unwrap())),
            _ => {}
        };
        let mut heard = 0;
        while heard < kill_after {
            let line = said.next().expect("the writer ended early").unwrap();
            heard += usize::from(line.starts_with("did "));
            hear(line);
        }
        writer.kill().unwrap(); // SIGKILL
        writer.wait().unwrap();
        said.map_while(Result::ok).for_each(hear);

        let key = saved_key(home.path(), &node_key);
        let Resumed::Staged(staged) = store.resume(id, RECORD, 0, list, &key).await.unwrap() else { panic!("a staging file is there") };
        let missing: HashSet<u32> = staged.missing().into_iter().flatten().collect();
        assert!(missing.is_disjoint(&done), "a chunk that was written is missing");
        assert!((0..CRASH_CHUNKS as u32).filter(|index| !missing.contains(index)).all(|index| tried.contains(&index)));
        for index in missing {
            staged.write(index, buffer(&store, chunk_of(&data, index))).await.unwrap();
        }
        let what = staged.finish().await.unwrap();
        assert_eq!(read_all(&store.read(what, &key).await.unwrap()).await.unwrap(), data);
    }
}

#[tokio::test]
#[ignore = "run by a_full_disk_and_a_read_only_one, in a mount namespace"]
async fn writer_on_a_small_disk() {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let store = PayloadStore::open(&folder).unwrap();
    let data = bytes(6 * CHUNK, 2);
    let list = PayloadHasher::hash(&data).unwrap().1;
    let key = RecordKey::generate().unwrap();
    let id = StagingId::generate().unwrap();
    let staged = store.stage(id, RECORD, 0, list.clone(), &key).await.unwrap();
    let mut index = 0;
    let full = loop {
        match staged.write(index, buffer(&store, chunk_of(&data, index))).await {
            Ok(_) => index += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, PayloadStoreError::DiskFull { .. }), "{full:?}");
    assert!(full.to_string().contains("Free room"));
    drop(staged);
    // With room again, it goes on from what was verified.
    assert!(Command::new("mount").args(["-o", "remount,size=32m"]).arg(&folder).status().unwrap().success());
    let Resumed::Staged(staged) = store.resume(id, RECORD, 0, list.clone(), &key).await.unwrap() else { panic!("a staging file is there") };
    assert_eq!(staged.missing(), std::slice::from_ref(&(index..6)));
    for index in index..6 {
        staged.write(index, buffer(&store, chunk_of(&data, index))).await.unwrap();
    }
    let what = staged.finish().await.unwrap();
    assert_eq!(read_all(&store.read(what, &key).await.unwrap()).await.unwrap(), data);
    drop(staged); // a file open for writing forbids it
    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&folder).status().unwrap().success());
    let refused = store.stage(StagingId::generate().unwrap(), RECORD, 0, list, &key).await.err().unwrap();
    assert!(matches!(refused, PayloadStoreError::Permission { .. }), "{refused:?}");
    assert!(matches!(store.remove(RECORD, 0).await, Err(PayloadStoreError::Permission { .. })));
    println!("\nsmall disk: done");
}

#[test]
fn a_full_disk_and_a_read_only_one() {
    let home = tempfile::tempdir().unwrap();
    let mount = r#"mount -t tmpfs -o size=4m tmpfs "$1" && echo mounted && shift && exec "$@""#;
    let inner = child("writer_on_a_small_disk", home.path());
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"])
        .arg(home.path())
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(FOLDER, home.path())
        .output();
    let Ok(ran) = ran else { return println!("skipped: no unshare on this machine") };
    let said = String::from_utf8_lossy(&ran.stdout);
    if !said.contains("mounted") {
        return println!("skipped: this machine allows no mount namespace");
    }
    assert!(said.contains("small disk: done"), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn the_system_s_words_become_the_operator_s() {
    let error = |code| PayloadStoreError::io("write", Path::new("/x"), std::io::Error::from_raw_os_error(code));
    assert!(matches!(error(28), PayloadStoreError::DiskFull { .. })); // ENOSPC
    assert!(matches!(error(122), PayloadStoreError::DiskFull { .. })); // EDQUOT
    assert!(matches!(error(13), PayloadStoreError::Permission { .. })); // EACCES
    assert!(matches!(error(30), PayloadStoreError::Permission { .. })); // EROFS
    assert!(matches!(error(5), PayloadStoreError::Disk { .. })); // EIO
}

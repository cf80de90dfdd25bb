//! After a fault of the disk the catalogue goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use carnet::store::catalogue::{AppendError, Catalogue, PayloadPlace, StorageFault};
use carnet_protocol::record::{Annotation, Content};
use sqlx::Connection as _;

use crate::maker::{Maker, own_batch, payload};
use crate::{check_log, fresh};

/// A small file system of its own, gone at the end. None where the machine does not let us mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, options: &str) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_sqlite_ended_does_not_stop_the_writer() {
    let nl = Maker::new("NL");
    let (folder, catalogue) = fresh(&nl).await;
    catalogue.append(own_batch([nl.note("before")])).await.unwrap();

    // A full disk and a failed one end the whole transaction, not a statement; a trigger can do the same, on any machine.
    let file = format!("sqlite://{}", folder.path().join("carnet.db").display());
    let mut other = sqlx::SqliteConnection::connect(&file).await.unwrap();
    let trigger = "CREATE TRIGGER fault BEFORE INSERT ON log_nodes BEGIN SELECT RAISE(ROLLBACK, 'fault'); END";
    sqlx::query(trigger).execute(&mut other).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(catalogue.append(own_batch([nl.note("during")])).await, Err(AppendError::Storage(_))));
    }
    sqlx::query("DROP TRIGGER fault").execute(&mut other).await.unwrap();

    let after = catalogue.append(own_batch([nl.note("after")])).await.unwrap();
    assert_eq!((after[0].seq, after[0].log_index), (2, Some(1)), "nothing of what failed is there");
    assert_eq!(check_log(&catalogue).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_room_made_is_used() {
    let nl = Maker::new("NL");
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(folder.path(), "size=12m") else {
        eprintln!("skipped: no small file system can be mounted here");
        return;
    };
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![0; 4 << 20]).unwrap();
    let catalogue = Catalogue::open(&folder.path().join("carnet.db"), nl.options()).await.unwrap();
    let batch = || {
        let text = Content::Annotation(Annotation { text: "with a payload".to_owned(), category: None, regions: Vec::new() });
        let mut record = nl.draft(text);
        record.payloads = vec![payload("native", b"native")];
        let mut batch = own_batch([nl.sign(&record)]);
        batch.own[0].payloads = vec![PayloadPlace::Inline(vec![7; 60_000])];
        batch
    };

    let mut stored = 0;
    let fault = loop {
        match catalogue.append(batch()).await {
            Ok(_) => stored += 1,
            Err(fault) => break fault,
        }
        assert!(stored < 1000, "12 MiB must be full by now");
    };
    for fault in [fault, catalogue.append(batch()).await.unwrap_err()] {
        assert!(matches!(fault, AppendError::Storage(StorageFault::DiskFull)), "{fault:?}");
    }
    assert_eq!(check_log(&catalogue).await, stored, "all that was acknowledged is there, and nothing else");

    std::fs::remove_file(ballast).unwrap();
    catalogue.append(batch()).await.unwrap();
    assert_eq!(check_log(&catalogue).await, stored + 1);
    catalogue.close().await;
}

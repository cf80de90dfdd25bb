//! The catalogue from outside: what is written is found, batches are atomic, the log has no gaps, nothing acknowledged is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "support/maker.rs"]
mod maker;

#[path = "catalogue/atomic.rs"]
mod atomic;
#[path = "catalogue/crash.rs"]
mod crash;
#[path = "catalogue/effects.rs"]
mod effects;
#[path = "catalogue/faults.rs"]
mod faults;
#[path = "catalogue/listing.rs"]
mod listing;
#[path = "catalogue/sharing.rs"]
mod sharing;

use carnet::store::catalogue::Catalogue;
use carnet_protocol::merkle::{leaf_hash, root_of};

/// A catalogue in a folder that is removed at the end.
async fn fresh(maker: &maker::Maker) -> (tempfile::TempDir, Catalogue) {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&folder.path().join("carnet.db"), maker.options()).await.unwrap();
    (folder, catalogue)
}

/// Recomputes the log's root from the records, and compares it and every index with what the catalogue says.
async fn check_log(catalogue: &Catalogue) -> u64 {
    let mut leaves = Vec::new();
    loop {
        let page = catalogue.log_entries(leaves.len() as u64, 1000).await.unwrap();
        if page.is_empty() {
            break;
        }
        for (index, _, entry) in page {
            assert_eq!(index, leaves.len() as u64, "the log has a gap");
            leaves.push(leaf_hash(entry.as_bytes()));
        }
    }
    match catalogue.checkpoint().await.unwrap() {
        None => assert!(leaves.is_empty()),
        Some((size, note)) => {
            let note = carnet_protocol::log::SignedNote::parse(&note).unwrap();
            let checkpoint = carnet_protocol::log::Checkpoint::from_text(note.text()).unwrap();
            assert_eq!((checkpoint.size, size), (leaves.len() as u64, leaves.len() as u64));
            assert_eq!(checkpoint.root, root_of(&leaves), "the checkpoint is not that of the records");
        }
    }
    leaves.len() as u64
}

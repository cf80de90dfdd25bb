//! Removing staging files that no transfer will ever take up again.

use std::collections::HashSet;
use std::fs;

use super::{PayloadStore, PayloadStoreError, STAGING, StagingId, staging_location};

/// The staging files that were there at one moment.
///
/// The order is in the types: files are listed first, live intents are read after. An intent row is committed before its file is
/// made, so whatever was listed and is alive is among the intents; a file made later was not listed. Neither can be hit.
pub struct Candidates {
    store: PayloadStore,
    found: Vec<StagingId>,
}

impl Candidates {
    pub(super) fn list(store: PayloadStore) -> Result<Self, PayloadStoreError> {
        let folder = store.inner.folder.join(STAGING);
        let io = |source| PayloadStoreError::io("list", &folder, source);
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io)? {
            // What is not named as ours is not ours to remove.
            found.extend(entry.map_err(io)?.file_name().to_str().and_then(|name| name.parse::<StagingId>().ok()));
        }
        Ok(Self { store, found })
    }

    /// The files that were found.
    pub fn found(&self) -> &[StagingId] {
        &self.found
    }

    /// Removes all but the `live` ones. Gives back what it removed.
    pub async fn collect(self, live: &HashSet<StagingId>) -> Result<Vec<StagingId>, PayloadStoreError> {
        let dead: Vec<_> = self.found.into_iter().filter(|id| !live.contains(id)).collect();
        for id in &dead {
            self.store.delete(staging_location(*id)).await?;
        }
        Ok(dead)
    }
}

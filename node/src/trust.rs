//! Whom this node trusts: one pinned root an administration, its revocation lists and the keys of its logs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Revocations, Root};
use carnet_protocol::signed::Trust;

/// A pinned administration.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// Its root.
    pub root: Root,
    /// Its revocation lists.
    pub revocations: Revocations,
}

impl Pinned {
    /// What a statement of this administration is judged against.
    pub fn trust(&self) -> Trust<'_> {
        Trust { root: &self.root, revocations: &self.revocations }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let lists = |pinned: &Self| pinned.revocations.lists().map(|list| list.der().to_vec()).collect::<Vec<_>>();
        self.root.fingerprint() == other.root.fingerprint() && lists(self) == lists(other)
    }
}

/// All pinned administrations, shared by everything that judges. A change replaces one entry; who judges keeps what it took.
#[derive(Debug, Clone, Default)]
pub struct TrustStore(Arc<RwLock<BTreeMap<Country, Arc<Pinned>>>>);

impl TrustStore {
    /// The entry of `administration`, if it is pinned.
    pub fn of(&self, administration: Country) -> Option<Arc<Pinned>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&administration).cloned()
    }

    /// Pins an administration, or replaces its entry. An entry that says the same stays, so that who holds it sees that nothing changed.
    pub fn pin(&self, pinned: Pinned) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let administration = pinned.root.administration();
        if !all.get(&administration).is_some_and(|held| held.says_the_same(&pinned)) {
            all.insert(administration, Arc::new(pinned));
        }
    }

    /// Keeps only the administrations that `keep` says yes to: partners that were removed are trusted no longer.
    pub fn retain(&self, keep: impl Fn(Country) -> bool) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|administration, _| keep(*administration));
    }

    /// The pinned administrations.
    pub fn administrations(&self) -> Vec<Country> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

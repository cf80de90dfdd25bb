//! This node, running: who it is, whom it trusts, what it keeps. Everything that moves goes through here.

mod making;
mod receiving;
mod serving;
mod sharing;

pub use making::{Draft, DraftPayload, Made, MakeError, Source};

use std::sync::Arc;
use std::time::Duration;

use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Revocations, Root};
use tokio::sync::watch;

use crate::clock;
use crate::config::Config;
use crate::home::Home;
use crate::identity::Identity;
use crate::store::Catalogue;
use crate::store::catalogue::{LogSigner, Options};
use crate::store::payloads::{NodeKey, PayloadStore};
use crate::trust::{Pinned, TrustStore};

/// How often another process's writes are looked for: one pragma, microseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A node. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    identity: Arc<Identity>,
    trust: TrustStore,
    catalogue: Catalogue,
    payloads: PayloadStore,
    key: NodeKey,
    changes: watch::Sender<u64>,
    trust_turn: tokio::sync::Mutex<()>,
    importing: std::path::PathBuf,
}

impl Node {
    /// Opens the node in `home`: keys, certificates, catalogue, payloads, partners.
    ///
    /// # Errors
    /// The first of them that cannot be opened, with what to do about it.
    pub async fn open(home: &Home) -> anyhow::Result<Self> {
        let config = Config::load(&home.config())?;
        let identity = Identity::load(home, clock::now())?;
        let key = NodeKey::load(&home.node_key())?;
        let payloads = PayloadStore::open(&home.store())?;
        let signer = LogSigner::new(identity.log.clone(), identity.checkpoint_key(home)?)?;
        let catalogue = Catalogue::open(&home.database(), Options { us: identity.administration, signer: Some(signer) }).await?;
        let trust = TrustStore::default();
        let node = Self {
            inner: Arc::new(Inner {
                config,
                identity,
                trust,
                catalogue,
                payloads,
                key,
                changes: watch::channel(0).0,
                trust_turn: tokio::sync::Mutex::default(),
                importing: home.store().join("importing.lock"),
            }),
        };
        node.reload_trust().await?;
        Ok(node)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Keys and certificates.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// Pinned administrations.
    pub fn trust(&self) -> &TrustStore {
        &self.inner.trust
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    /// The payloads.
    pub fn payloads(&self) -> &PayloadStore {
        &self.inner.payloads
    }

    pub(crate) fn key(&self) -> &NodeKey {
        &self.inner.key
    }

    /// Whoever changes what is trusted takes a turn.
    async fn trust_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.trust_turn.lock().await
    }

    /// Changes whenever the catalogue may have changed, by this process or another one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Looks for changes until `stop` turns true. A server runs this once.
    pub async fn watch_changes(&self, mut stop: watch::Receiver<bool>) {
        let mut last = None;
        loop {
            let version = self.inner.catalogue.data_version().await.ok();
            if version != last {
                last = version;
                if let Err(error) = self.reload_trust().await {
                    tracing::error!(%error, "partners cannot be read; the ones known before stay");
                }
                self.inner.changes.send_modify(|count| *count += 1);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Reads partners and their revocation lists from the catalogue. Lists in use are never replaced by older ones.
    async fn reload_trust(&self) -> anyhow::Result<()> {
        let _turn = self.trust_turn().await;
        let partners = self.inner.catalogue.partners().await?;
        for partner in &partners {
            let root = Root::read(&partner.root)?;
            let mut revocations = match self.inner.trust.of(root.administration()) {
                Some(pinned) if pinned.root.fingerprint() == root.fingerprint() => pinned.revocations.clone(),
                _ => Revocations::default(),
            };
            let issuers = self.issuers_of(partner.administration).await?;
            for der in self.inner.catalogue.crls(partner.administration).await? {
                if let Err(fault) = receiving::add_list(&mut revocations, &root, &issuers, &der) {
                    tracing::debug!(partner = %partner.administration, %fault, "a stored revocation list is not the newest");
                }
            }
            self.inner.trust.pin(Pinned { root, revocations });
        }
        self.inner.trust.retain(|administration| partners.iter().any(|partner| partner.administration == administration));
        Ok(())
    }

    /// The issuing authorities seen in a partner's log keys: who its revocation lists may come from.
    async fn issuers_of(&self, partner: Country) -> anyhow::Result<Vec<Vec<Vec<u8>>>> {
        let keys = self.inner.catalogue.log_keys(partner).await?;
        let chains = keys.into_iter().map(|known| known.key.chain.iter().skip(1).map(|issuer| issuer.to_vec()).collect());
        Ok(chains.collect())
    }

    /// Addresses at which a partner is reached.
    ///
    /// # Errors
    /// A catalogue that cannot be read.
    pub async fn endpoints_of(&self, partner: Country) -> anyhow::Result<Vec<String>> {
        let partners = self.inner.catalogue.partners().await?;
        Ok(partners.into_iter().find(|known| known.administration == partner).map(|known| known.endpoints).unwrap_or_default())
    }
}

//! A node's folder: where everything of one node lies.
//!
//! ```text
//! config.toml   what the operator sets
//! keys/         private keys, 0600; node.key wraps the keys at rest and belongs outside backups
//! pki/          certificates: root, chains, revocation lists
//! store/        carnet.db, payloads/, staging/
//! requests/     signing requests waiting for their chains
//! ```

use std::path::{Path, PathBuf};

/// The folder of a node. Cheap to clone; nothing is opened by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The folder of the private keys.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The key that wraps the keys at rest.
    pub fn node_key(&self) -> PathBuf {
        self.keys().join("node.key")
    }

    /// The folder of the certificates.
    pub fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }

    /// The folder of the catalogue and the payloads.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The catalogue.
    pub fn database(&self) -> PathBuf {
        self.store().join("carnet.db")
    }

    /// Whether a node was made here.
    pub fn is_node(&self) -> bool {
        self.config().is_file()
    }
}

//! Who this node is: its keys and certificates, checked as strictly as a partner's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{
    ChainFault, KeyFault, Leaf, Revocations, Role, Root, SigningKey, certificates_from_pem, lists_from_pem, validate,
};
use carnet_protocol::signed::Signer;
use carnet_protocol::time::Timestamp;
use carnet_protocol::wire::LogKey;
use ring::rand::SystemRandom;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::home::Home;

/// Why a node cannot say who it is. The operator is at fault, or the disk.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}. Was the node made here? Run `carnet init` or give --home")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read a private key.
    #[error("{path} has mode {mode:o}: others may read this private key. Make it 600, and think about whether it must be replaced")]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A key file holds no usable key.
    #[error("{path}: {source}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: KeyFault,
    },
    /// A chain is not good for its role.
    #[error("{path} is not good as this node's {role} certificate: {source}. Ask the administration's certificate authority for a new one")]
    Chain {
        /// Which file.
        path: PathBuf,
        /// What for.
        role: &'static str,
        /// Why.
        source: ChainFault,
    },
    /// A certificate belongs to another key.
    #[error("{path} certifies another key than the one in keys/: put the matching pair there")]
    Mismatch {
        /// Which file.
        path: PathBuf,
    },
    /// The certificates name different nodes or logs.
    #[error("the certificates in pki/ name different nodes or logs: they must all be this node's")]
    Names,
}

/// Keys and certificates of this node.
#[derive(Debug)]
pub struct Identity {
    /// The administration.
    pub administration: Country,
    /// Its name.
    pub administration_name: String,
    /// The node's name.
    pub node: String,
    /// The origin of its log.
    pub log: String,
    /// The administration's root.
    pub root: Root,
    /// Revocation lists of the own administration.
    pub revocations: Revocations,
    /// Signs records and requests.
    pub records: Signer,
    /// Signs checkpoints.
    pub checkpoints: Signer,
    /// Node certificate chain for TLS, the root behind it.
    pub tls_chain: Vec<CertificateDer<'static>>,
    tls_key: PrivatePkcs8KeyDer<'static>,
    /// Randomness of the operating system.
    pub random: SystemRandom,
}

impl Identity {
    /// Reads keys and certificates and validates each chain for its role at `now`.
    ///
    /// # Errors
    /// The first file that is missing, malformed, expired or of another node.
    pub fn load(home: &Home, now: Timestamp) -> Result<Arc<Self>, IdentityError> {
        let random = SystemRandom::new();
        let root_path = home.pki().join("root.pem");
        let chain_fault = |path: &Path, role: &'static str| {
            let path = path.to_owned();
            move |source| IdentityError::Chain { path, role, source }
        };
        let root_der = certificates_from_pem(&read(&root_path)?).map_err(chain_fault(&root_path, "root"))?;
        let root = Root::read(root_der.first().map_or(&[][..], Vec::as_slice)).map_err(chain_fault(&root_path, "root"))?;

        let member = |name: &str, role: Role| -> Result<(Vec<Vec<u8>>, PathBuf), IdentityError> {
            let path = home.pki().join(name).with_extension("pem");
            let chain = certificates_from_pem(&read(&path)?).map_err(chain_fault(&path, role.as_str()))?;
            Ok((chain, path))
        };
        let (records_chain, records_path) = member("record", Role::RecordSigning)?;
        let mut revocations = Revocations::default();
        load_revocations(home, &root, records_chain.get(1..).unwrap_or_default(), &mut revocations)?;
        let good = |chain: &[Vec<u8>], role: Role, path: &Path| -> Result<Leaf, IdentityError> {
            let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            validate(&chain, &root, role, now, &revocations).map_err(chain_fault(path, role.as_str()))
        };

        let record_leaf = good(&records_chain, Role::RecordSigning, &records_path)?;
        let (log_chain, log_path) = member("log", Role::LogSigning)?;
        let log_leaf = good(&log_chain, Role::LogSigning, &log_path)?;
        let (tls_chain, tls_path) = member("tls", Role::Node)?;
        let tls_leaf = good(&tls_chain, Role::Node, &tls_path)?;

        let records = Signer { key: key(home, "record", &record_leaf, &records_path, &random)?, chain: records_chain };
        let checkpoints = Signer { key: key(home, "log", &log_leaf, &log_path, &random)?, chain: log_chain };
        let tls_file = home.keys().join("tls.key");
        let tls_key = pkcs8(&read_secret(&tls_file)?).ok_or(IdentityError::Mismatch { path: tls_path.clone() })?;

        let (claims, log_claims, tls_claims) = (record_leaf.claims(), log_leaf.claims(), tls_leaf.claims());
        let one_node = claims.node == log_claims.node && claims.node == tls_claims.node;
        let (true, Some(log)) = (one_node && claims.log_origin == log_claims.log_origin, claims.log_origin.clone()) else {
            return Err(IdentityError::Names);
        };
        let mut tls_chain: Vec<CertificateDer<'static>> = tls_chain.into_iter().map(CertificateDer::from).collect();
        tls_chain.push(CertificateDer::from(root.der().to_vec()));
        Ok(Arc::new(Self {
            administration: root.administration(),
            administration_name: root.administration_name().to_owned(),
            node: claims.node.clone(),
            log,
            root,
            revocations,
            records,
            checkpoints,
            tls_chain,
            tls_key,
            random,
        }))
    }

    /// The key that signs checkpoints, read again for the one writer of the log.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn checkpoint_key(&self, home: &Home) -> Result<SigningKey, IdentityError> {
        let path = home.keys().join("log.key");
        SigningKey::from_pkcs8_pem(&read_secret(&path)?, &self.random).map_err(|source| IdentityError::Key { path, source })
    }

    /// The private key of the node certificate, for rustls.
    pub fn tls_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.tls_key.clone_key())
    }

    /// The chain of the log's key, as it goes over the wire.
    pub fn log_key(&self) -> LogKey {
        LogKey { chain: self.checkpoints.chain.iter().cloned().map(Into::into).collect() }
    }
}

/// Own revocation lists are optional: `crl.pem` with the root's and the issuing authority's.
fn load_revocations(home: &Home, root: &Root, issuers: &[Vec<u8>], revocations: &mut Revocations) -> Result<(), IdentityError> {
    let path = home.pki().join("crl.pem");
    if !path.is_file() {
        return Ok(());
    }
    let issuers: Vec<&[u8]> = issuers.iter().map(Vec::as_slice).collect();
    let fault = |source| IdentityError::Chain { path: path.clone(), role: "revocation list", source };
    for list in lists_from_pem(&read(&path)?).map_err(fault)? {
        let added = revocations.add(root, &issuers, &list).or_else(|_| revocations.add(root, &[], &list));
        added.map_err(|source| IdentityError::Chain { path: path.clone(), role: "revocation list", source })?;
    }
    Ok(())
}

fn key(home: &Home, name: &str, leaf: &Leaf, chain: &Path, random: &SystemRandom) -> Result<SigningKey, IdentityError> {
    let path = home.keys().join(name).with_extension("key");
    let key = SigningKey::from_pkcs8_pem(&read_secret(&path)?, random).map_err(|source| IdentityError::Key { path, source })?;
    if key.public().spki() != leaf.claims().public_key.spki() {
        return Err(IdentityError::Mismatch { path: chain.to_owned() });
    }
    Ok(key)
}

fn pkcs8(pem_text: &[u8]) -> Option<PrivatePkcs8KeyDer<'static>> {
    let block = pem::parse(pem_text).ok()?;
    (block.tag() == "PRIVATE KEY").then(|| PrivatePkcs8KeyDer::from(block.into_contents()))
}

/// Reads a small file; nothing in a node's folder but the store has more than a megabyte.
fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|source| IdentityError::Read { path: path.to_owned(), source })
}

/// Reads a private key, as strictly as the key that wraps the keys at rest is read.
fn read_secret(path: &Path) -> Result<Vec<u8>, IdentityError> {
    use std::os::unix::fs::PermissionsExt as _;
    let about = std::fs::metadata(path).map_err(|source| IdentityError::Read { path: path.to_owned(), source })?;
    match about.permissions().mode() & 0o7777 {
        mode if mode & 0o077 != 0 => Err(IdentityError::Mode { path: path.to_owned(), mode }),
        _ => read(path),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_private_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.key");
        std::fs::write(&path, b"key").unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&path).is_ok(), good, "{mode:o}");
        }
    }
}

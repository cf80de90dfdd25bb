//! A whole PKI in one call, for trying Carnet out. Its authority's keys lie beside the node's: never do so in earnest.

use std::path::{Path, PathBuf};

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Role, pem_from_certificates, pem_from_lists};
use carnet_protocol::time::Timestamp;

use crate::files::{self, PUBLIC};
use crate::{Authority, CertsFault, NodeKeys, Subject};

/// What [`DevelopmentPki::create`] has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevelopmentPki {
    /// SHA-256 of the root: what partners pin.
    pub fingerprint: Digest,
    /// The authority's folder: `HOME/dev-pki`.
    pub authority: PathBuf,
    /// The private keys, mode 0600: `HOME/keys/{tls,record,log,package}.key`.
    pub keys: Vec<PathBuf>,
    /// `HOME/pki/root.pem`, `HOME/pki/{tls,record,log,package}.pem` (leaf, then issuing authority) and
    /// `HOME/pki/crl.pem` (the root's list, then the issuing authority's).
    pub certificates: Vec<PathBuf>,
}

impl DevelopmentPki {
    /// Makes an authority, a node's four keys and their certificates under `home`.
    ///
    /// # Errors
    /// Any of these files exists already (then nothing is written), a name is not of the profile's form, or the disk fails.
    pub fn create(
        home: &Path,
        administration: Country,
        name: &str,
        node: &str,
        log_origin: &str,
        now: Timestamp,
    ) -> Result<Self, CertsFault> {
        let subject = |role: Role| Subject {
            administration,
            administration_name: name.to_owned(),
            node: node.to_owned(),
            log_origin: role.names_log().then(|| log_origin.to_owned()),
        };
        Role::ALL.into_iter().try_for_each(|role| subject(role).check())?;
        let pki = home.join("pki");
        let file = |role: Role| pki.join(format!("{role}.pem"));
        let certificates: Vec<PathBuf> =
            std::iter::once(pki.join("root.pem")).chain(Role::ALL.map(file)).chain(std::iter::once(pki.join("crl.pem"))).collect();
        let folder = home.join("dev-pki");
        if let Some(taken) = certificates.iter().chain([&folder]).find(|path| path.exists()) {
            return Err(CertsFault::Exists(taken.clone()));
        }
        // The node's keys come first: if one exists, nothing else is written.
        let keys = NodeKeys::create(&home.join("keys"))?;
        let mut authority = Authority::create(&folder, administration, name, now)?;
        files::make_folder(&pki)?;
        for role in Role::ALL {
            let issued = authority.issue(&keys.request(role, &subject(role))?, role, now)?;
            files::write_new(&file(role), issued.to_pem().as_bytes(), PUBLIC)?;
        }
        files::write_new(&pki.join("root.pem"), pem_from_certificates([authority.root().der()]).as_bytes(), PUBLIC)?;
        let lists = authority.lists()?;
        files::write_new(&pki.join("crl.pem"), pem_from_lists(lists.iter().map(Vec::as_slice)).as_bytes(), PUBLIC)?;
        Ok(Self {
            fingerprint: authority.root().fingerprint(),
            authority: folder,
            keys: Role::ALL.map(|role| keys.path(role)).to_vec(),
            certificates,
        })
    }
}

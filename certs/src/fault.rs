//! What can go wrong when certificates are issued.

use std::path::{Path, PathBuf};

use carnet_protocol::pki::{ChainFault, KeyFault};

/// Why nothing was issued, renewed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum CertsFault {
    /// The disk or its permissions.
    #[error("{path}: {source}")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is there already. Nothing of a PKI is ever overwritten.
    #[error("{0} exists already and is not overwritten: choose another folder, or move it away yourself if it is of no use")]
    Exists(PathBuf),
    /// There is no authority in the folder.
    #[error("{0} holds no certificate authority: make one with carnet-pki init")]
    NoAuthority(PathBuf),
    /// Another process works with the authority.
    #[error("{0} is in use by another carnet-pki: wait for it to end")]
    Busy(PathBuf),
    /// The index was changed by hand, or is of a later version.
    #[error("line {line} of {path} cannot be understood: restore it from a backup")]
    Index {
        /// The index.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The signing request is not acceptable: the requester's fault.
    #[error("the signing request is refused: {0}")]
    Request(&'static str),
    /// A name is not of the profile's form: the caller's fault.
    #[error("{0}")]
    Name(&'static str),
    /// There is no such certificate.
    #[error("no certificate with this serial number was issued here: see carnet-pki list")]
    UnknownSerial,
    /// The certificate cannot be renewed or revoked any more.
    #[error("the certificate was revoked already")]
    AlreadyRevoked,
    /// The authority's own certificate is over or revoked.
    #[error("the issuing authority cannot issue: {0}")]
    Authority(ChainFault),
    /// A certificate or chain does not follow the profile.
    #[error("{0}")]
    Chain(#[from] ChainFault),
    /// A private key cannot be used.
    #[error("{0}")]
    Key(#[from] KeyFault),
    /// The encoder or the random number source failed: nobody's fault here.
    #[error("a certificate could not be made: {0}")]
    Making(String),
}

impl CertsFault {
    pub(crate) fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| CertsFault::Disk { path: path.to_owned(), source }
    }

    /// Whether what was handed in is at fault, and not this machine.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, CertsFault::Disk { .. } | CertsFault::Busy(_) | CertsFault::Index { .. } | CertsFault::Making(_))
    }
}

impl From<rcgen::Error> for CertsFault {
    fn from(fault: rcgen::Error) -> Self {
        CertsFault::Making(fault.to_string())
    }
}

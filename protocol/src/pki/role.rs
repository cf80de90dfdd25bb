//! What a leaf certificate is for. One certificate has one role (`PKI-021`).

use std::fmt;
use std::str::FromStr;

/// What a leaf certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Both ends of a TLS connection between nodes.
    Node,
    /// Signing records and requests.
    RecordSigning,
    /// Signing the checkpoints of a log.
    LogSigning,
    /// Receiving the keys of encrypted packages by ECDH.
    PackageEncryption,
}

/// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1 (RFC 5280, section 4.2.1.12).
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2.
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// id-kp-documentSigning, 1.3.6.1.5.5.7.3.36 (RFC 9336).
const DOCUMENT_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 36];
/// 2.25.117235925933148670972639227256002077858.1: UUID 5832d16a-7f2b-4cde-a5e9-3f0b873064a2 (ITU-T X.667), arc 1.
const LOG_SIGNING: &[u8] =
    &[0x69, 0x81, 0xb0, 0xb2, 0xe8, 0xda, 0xcf, 0xf2, 0xda, 0xb3, 0xbd, 0xa5, 0xf4, 0xcf, 0xe1, 0xb8, 0xb9, 0xc1, 0xc9, 0x22, 1];
/// The same UUID, arc 2.
const PACKAGE_ENCRYPTION: &[u8] =
    &[0x69, 0x81, 0xb0, 0xb2, 0xe8, 0xda, 0xcf, 0xf2, 0xda, 0xb3, 0xbd, 0xa5, 0xf4, 0xcf, 0xe1, 0xb8, 0xb9, 0xc1, 0xc9, 0x22, 2];

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Node, Role::RecordSigning, Role::LogSigning, Role::PackageEncryption];

    /// The key purposes of the role, each as the content octets of a DER OBJECT IDENTIFIER. A certificate has exactly these.
    pub const fn purposes(self) -> &'static [&'static [u8]] {
        match self {
            Role::Node => &[SERVER_AUTH, CLIENT_AUTH],
            Role::RecordSigning => &[DOCUMENT_SIGNING],
            Role::LogSigning => &[LOG_SIGNING],
            Role::PackageEncryption => &[PACKAGE_ENCRYPTION],
        }
    }

    /// The role's key usage, bit `n` of RFC 5280, section 4.2.1.3, as `1 << n`: digitalSignature, or keyAgreement for packages.
    pub const fn key_usage(self) -> u16 {
        match self {
            Role::PackageEncryption => 1 << 4,
            _ => 1,
        }
    }

    /// Whether leaves of the role name a log.
    pub const fn names_log(self) -> bool {
        matches!(self, Role::RecordSigning | Role::LogSigning)
    }

    /// The role's short name, used in file names and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Node => "tls",
            Role::RecordSigning => "record",
            Role::LogSigning => "log",
            Role::PackageEncryption => "package",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of tls, record, log, package")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NotARole)
    }
}

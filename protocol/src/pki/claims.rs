//! What a leaf certificate says.

use std::fmt;
use std::str::FromStr;

use x509_parser::extensions::{ExtendedKeyUsage, GeneralName};

use super::certificate::{Certificate, check_size, sole};
use super::names::{LOG_URI_PREFIX, is_administration_name, is_node_name, is_origin};
use super::{Algorithm, ChainFault, Place, PublicKey, Role};
use crate::digest::Digest;
use crate::identifier::Country;
use crate::time::Timestamp;

/// A certificate's serial number: the content octets of its DER INTEGER, 1 to 20. Written in lowercase hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// The serial number with these content octets, if there are 1 to 20.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        (1..=20).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// The content octets, most significant first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// A text that is no serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a serial number is 2 to 40 hexadecimal digits, an even number of them")]
pub struct NotASerial;

impl FromStr for Serial {
    type Err = NotASerial;

    fn from_str(text: &str) -> Result<Self, NotASerial> {
        let digits: Option<Vec<u8>> = text.chars().take(41).map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or(NotASerial)?;
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        Self::from_slice(&bytes).ok_or(NotASerial)
    }
}

/// What a leaf certificate says of itself, in the profile's form. It may be a lie until [`super::validate`] returns it in a
/// [`super::Leaf`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The administration: the subject's country (C).
    pub administration: Country,
    /// The administration's name (O), 1 to 64 characters.
    pub administration_name: String,
    /// The node's name (CN), 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub node: String,
    /// The origin of the log, on record-signing and log-signing certificates and on no others.
    pub log_origin: Option<String>,
    /// What the certificate is for.
    pub role: Role,
    /// The key.
    pub public_key: PublicKey,
    /// The first second of validity.
    pub not_before: Timestamp,
    /// The last second of validity.
    pub not_after: Timestamp,
    /// The serial number, unique under its issuer.
    pub serial: Serial,
    /// SHA-256 of the certificate's DER.
    pub fingerprint: Digest,
}

impl Claims {
    /// Reads a leaf certificate's DER, believing nothing.
    ///
    /// # Errors
    /// The first departure from the profile, in the order of the checks (`PKI-040`).
    pub fn read(der: &[u8]) -> Result<Self, ChainFault> {
        check_size(der)?;
        let certificate = Certificate::read(der, Place::Leaf)?;
        Draft::of(&certificate)?.named(&certificate)?.used(&certificate, None)
    }
}

/// A leaf of which step "malformed" is done. The steps are apart so that [`super::validate`] can keep their order over a whole chain.
pub(super) struct Draft {
    public_key: PublicKey,
    serial: Serial,
}

/// A leaf of which step "names" is done too.
pub(super) struct Named {
    draft: Draft,
    administration: Country,
    administration_name: String,
    node: String,
    log_origin: Option<String>,
}

impl Draft {
    /// Step "malformed" of a leaf.
    pub(super) fn of(certificate: &Certificate<'_>) -> Result<Self, ChainFault> {
        let malformed = |what| ChainFault::Malformed(Place::Leaf, what);
        if certificate.x509.is_ca() {
            return Err(malformed("it is an authority's certificate"));
        }
        let public_key = PublicKey::from_spki(certificate.spki()).ok_or_else(|| malformed("its key is not of Ed25519 or P-256"))?;
        let serial = Serial::from_slice(certificate.x509.raw_serial()).ok_or_else(|| malformed("its serial number is too long"))?;
        Ok(Self { public_key, serial })
    }

    /// Step "names" of a leaf.
    pub(super) fn named(self, certificate: &Certificate<'_>) -> Result<Named, ChainFault> {
        let (administration_name, node) = subject(certificate)?;
        let administration = certificate.country()?;
        Ok(Named { draft: self, administration, administration_name, node, log_origin: origin(certificate)? })
    }
}

impl Named {
    /// Step "usage" of a leaf. With `role`, a certificate of another role is refused.
    pub(super) fn used(self, certificate: &Certificate<'_>, role: Option<Role>) -> Result<Claims, ChainFault> {
        let found = usage(certificate)?;
        if role.is_some_and(|role| role != found) {
            return Err(ChainFault::Usage("it was issued for another role"));
        }
        if found == Role::PackageEncryption && self.draft.public_key.algorithm() != Algorithm::P256 {
            return Err(ChainFault::Usage("a package encryption key must be of P-256"));
        }
        // Whether a log must be named depends on the role, so this one fault of names comes after usage.
        if self.log_origin.is_some() != found.names_log() {
            return Err(ChainFault::Names(Place::Leaf, "record and log signing certificates name one log, and no others do"));
        }
        Ok(Claims {
            administration: self.administration,
            administration_name: self.administration_name,
            node: self.node,
            log_origin: self.log_origin,
            role: found,
            public_key: self.draft.public_key,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            serial: self.draft.serial,
            fingerprint: Digest::of(certificate.der),
        })
    }
}

fn subject(certificate: &Certificate<'_>) -> Result<(String, String), ChainFault> {
    let names = |what| ChainFault::Names(Place::Leaf, what);
    let subject = certificate.subject();
    if subject.iter_attributes().count() != 3 {
        return Err(names("the subject must have C, O and CN, once each, and nothing else"));
    }
    let organisation = sole(subject.iter_organization().map(|name| name.as_str().ok())).filter(|name| is_administration_name(name));
    let node = sole(subject.iter_common_name().map(|name| name.as_str().ok())).filter(|name| is_node_name(name));
    let organisation = organisation.ok_or_else(|| names("O must be the administration's name, 1 to 64 characters"))?;
    let node = node.ok_or_else(|| names("CN must be the node's name, 1 to 64 of A-Z a-z 0-9 . _ -"))?;
    Ok((organisation.to_owned(), node.to_owned()))
}

/// The log's origin, if a URI is named. DNS names are allowed beside it and mean nothing here.
fn origin(certificate: &Certificate<'_>) -> Result<Option<String>, ChainFault> {
    let names = |what| ChainFault::Names(Place::Leaf, what);
    let extension = certificate.x509.subject_alternative_name().map_err(|_| names("the alternative names cannot be read"))?;
    let mut origin = None;
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(_) => {}
            GeneralName::URI(uri) => {
                let named = uri.strip_prefix(LOG_URI_PREFIX).filter(|named| is_origin(named));
                let named = named.ok_or_else(|| names("a URI must be carnet:log: and the log's origin"))?;
                if origin.replace(named.to_owned()).is_some() {
                    return Err(names("only one log may be named"));
                }
            }
            _ => return Err(names("alternative names may be URIs and DNS names only")),
        }
    }
    Ok(origin)
}

fn usage(certificate: &Certificate<'_>) -> Result<Role, ChainFault> {
    let extended = certificate.x509.extended_key_usage().ok().flatten();
    let extended = extended.ok_or(ChainFault::Usage("it has no extended key usage"))?;
    let role = Role::ALL.into_iter().find(|role| has_exactly(extended.value, *role));
    let role = role.ok_or(ChainFault::Usage("its extended key usage is not that of exactly one role"))?;
    let usage = certificate.x509.key_usage().ok().flatten();
    if !usage.is_some_and(|extension| extension.critical && extension.value.flags == role.key_usage()) {
        return Err(ChainFault::Usage("its key usage is not exactly the role's, critical"));
    }
    Ok(role)
}

fn has_exactly(found: &ExtendedKeyUsage<'_>, role: Role) -> bool {
    let strange = found.any || found.code_signing || found.email_protection || found.time_stamping || found.ocsp_signing;
    let tls = role == Role::Node;
    // The two purposes of TLS have flags of their own in the parser; all others of ours are in the list.
    let others: &[&[u8]] = if tls { &[] } else { role.purposes() };
    !strange
        && found.server_auth == tls
        && found.client_auth == tls
        && found.other.iter().map(|oid| oid.as_bytes()).eq(others.iter().copied())
}

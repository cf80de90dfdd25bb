//! An administration's root: what a partner pins.

use super::certificate::{Certificate, check_size};
use super::names::is_administration_name;
use super::{ChainFault, MAX_CHAIN, Place};
use crate::digest::Digest;
use crate::identifier::Country;
use crate::time::Timestamp;

/// An administration's root certificate, read and checked. It is trusted because an officer compared its fingerprint with the
/// partner by another way; nothing in it can say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    der: Vec<u8>,
    administration: Country,
    administration_name: String,
    fingerprint: Digest,
    spki: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    path_length: u32,
}

impl Root {
    /// Reads a root's DER: an authority with a path length of 1 or 2, self-signed by a valid signature, subject with C and O (`PKI-016`).
    ///
    /// # Errors
    /// The first departure from the profile. Dates are judged when a chain is validated.
    pub fn read(der: &[u8]) -> Result<Self, ChainFault> {
        check_size(der)?;
        let certificate = Certificate::read(der, Place::Root)?;
        let malformed = |what| ChainFault::Malformed(Place::Root, what);
        let names = |what| ChainFault::Names(Place::Root, what);
        let longest = MAX_CHAIN as u32 - 2;
        let path_length = certificate.check_authority()?.filter(|length| (1..=longest).contains(length));
        let path_length = path_length.ok_or_else(|| malformed("its path length is not 1 or 2"))?;
        let administration = certificate.country()?;
        let name = super::certificate::sole(certificate.subject().iter_organization().map(|name| name.as_str().ok()));
        let name = name.filter(|name| is_administration_name(name)).ok_or_else(|| names("O must be the administration's name"))?;
        if certificate.issuer().as_raw() != certificate.subject().as_raw() {
            return Err(ChainFault::Untrusted("the root is not self-issued"));
        }
        certificate.check_signed_by(certificate.spki()).map_err(|_| ChainFault::Untrusted("the root's own signature does not verify"))?;
        Ok(Self {
            der: der.to_vec(),
            administration,
            administration_name: name.to_owned(),
            fingerprint: Digest::of(der),
            spki: certificate.spki().to_vec(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            path_length,
        })
    }

    /// The certificate's DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The administration (C).
    pub const fn administration(&self) -> Country {
        self.administration
    }

    /// The administration's name (O).
    pub fn administration_name(&self) -> &str {
        &self.administration_name
    }

    /// SHA-256 of the DER: the pin.
    pub const fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// The first second of validity.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second of validity.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// How many issuing certificates may stand between the root and a leaf.
    pub const fn path_length(&self) -> u32 {
        self.path_length
    }

    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }
}

//! Judging a chain. The order of the checks is part of the specification (`PKI-040`), so that two implementations give one reason.

use std::ops::Deref;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};

use super::certificate::{Certificate, check_size};
use super::claims::Draft;
use super::public_key::CERTIFICATE_ALGORITHMS;
use super::{ChainFault, Claims, MAX_CHAIN, Place, RevocationStatus, Revocations, Role, Root, SignatureFault};
use crate::digest::Digest;
use crate::time::Timestamp;

/// A leaf certificate that was validated: for one role, at one time, under one pinned root. Made by [`validate`] and
/// [`Path::at`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    claims: Claims,
    revocation: RevocationStatus,
}

impl Leaf {
    /// What the certificate says, now vouched for.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// How well it is known that nothing in the chain is revoked.
    pub const fn revocation(&self) -> RevocationStatus {
        self.revocation
    }

    /// Checks a signature by the leaf's key over `message`; forms as in [`super::PublicKey::verify`].
    ///
    /// # Errors
    /// Any signature that is not this key's over this message, and any at all by a package encryption key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        if self.claims.role == Role::PackageEncryption {
            return Err(SignatureFault);
        }
        self.claims.public_key.verify(message, signature)
    }
}

impl Deref for Leaf {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.claims
    }
}

/// A chain that leads to the pinned root, judged apart from time and revocation. Who verifies many statements of one signer keeps it
/// and asks [`Path::at`] for each: that costs no signature. Made by [`Path::trace`] alone.
#[derive(Debug, Clone)]
pub struct Path {
    claims: Claims,
    links: Vec<Link>,
    root: (Timestamp, Timestamp),
}

/// What is asked of one certificate of a traced path later.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) place: Place,
    pub(super) serial: Vec<u8>,
    /// SHA-256 of the issuer's SubjectPublicKeyInfo.
    pub(super) issuer: Digest,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Path {
    /// Steps 1 to 8 of `PKI-040`: all that depends neither on time nor on revocation. Arguments as in [`validate`].
    ///
    /// # Errors
    /// The first fault: empty, too long, malformed, names, usage, administration, untrusted. Everything that needs no signature check
    /// comes before the first one, so a hopeless chain is cheap.
    pub fn trace(chain: &[&[u8]], root: &Root, role: Role) -> Result<Self, ChainFault> {
        let chain = bounded(chain, root)?;
        let certificates: Vec<Certificate<'_>> =
            chain.iter().enumerate().map(|(index, der)| Certificate::read(der, Place::of(index))).collect::<Result<_, _>>()?;
        let Some((leaf, issuers)) = certificates.split_first() else { return Err(ChainFault::Empty) };
        let draft = Draft::of(leaf)?;
        let path_lengths: Vec<Option<u32>> = issuers.iter().map(Certificate::check_authority).collect::<Result<_, _>>()?;
        check_common_moment(&certificates)?;
        let named = draft.named(leaf)?;
        let countries: Vec<_> = issuers.iter().map(Certificate::country).collect::<Result<_, _>>()?;
        let claims = named.used(leaf, Some(role))?;
        for (index, country) in std::iter::once(claims.administration).chain(countries).enumerate() {
            if country != root.administration() {
                return Err(ChainFault::Administration(Place::of(index)));
            }
        }
        check_path(&certificates, &path_lengths, root)?;
        let keys = issuers.iter().map(Certificate::spki).chain(std::iter::once(root.spki()));
        let links = certificates.iter().zip(keys).map(|(certificate, key)| Link {
            place: certificate.place,
            serial: certificate.x509.raw_serial().to_vec(),
            issuer: Digest::of(key),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        });
        Ok(Self { claims, links: links.collect(), root: (root.not_before(), root.not_after()) })
    }

    /// Steps 9 to 12 of `PKI-040`, for the time `at`, by the lists of this root's administration.
    ///
    /// # Errors
    /// The first fault: not yet valid, expired, revoked, or lists missing or stale where the policy requires them.
    pub fn at(&self, at: Timestamp, revocations: &Revocations) -> Result<Leaf, ChainFault> {
        // A trust anchor's own dates are not judged by webpki.
        let root = (Place::Root, self.root.0, self.root.1);
        let all = || self.links.iter().map(|link| (link.place, link.not_before, link.not_after)).chain(std::iter::once(root));
        if let Some((place, from, _)) = all().find(|(_, from, _)| at < *from) {
            return Err(ChainFault::NotYetValid(place, from));
        }
        if let Some((place, _, until)) = all().find(|(_, _, until)| at > *until) {
            return Err(ChainFault::Expired(place, until));
        }
        let revocation = revocations.check(&self.links, at)?;
        Ok(Leaf { claims: self.claims.clone(), revocation })
    }
}

/// Validates a chain of DER certificates for `role` at the time `at`, under the pinned `root`.
///
/// `chain` has the leaf first, each certificate signed by the one after it, the last by the root; the root itself may follow
/// or be left out. `at` is the time for which there is evidence: now for a connection, the time of logging for a record.
/// `revocations` holds the lists of this root's administration.
///
/// # Errors
/// The first fault in the order of `PKI-040`: that of [`Path::trace`], then that of [`Path::at`].
pub fn validate(chain: &[&[u8]], root: &Root, role: Role, at: Timestamp, revocations: &Revocations) -> Result<Leaf, ChainFault> {
    Path::trace(chain, root, role)?.at(at, revocations)
}

/// Bounds the chain and takes the root off its end.
pub(super) fn bounded<'a, 'b>(chain: &'a [&'b [u8]], root: &Root) -> Result<&'a [&'b [u8]], ChainFault> {
    if chain.is_empty() {
        return Err(ChainFault::Empty);
    }
    if chain.len() > MAX_CHAIN {
        return Err(ChainFault::TooLong("there are more than 4 certificates"));
    }
    chain.iter().try_for_each(|der| check_size(der))?;
    match chain.split_last() {
        Some((last, rest)) if !rest.is_empty() && *last == root.der() => Ok(rest),
        _ if chain.len() == MAX_CHAIN => Err(ChainFault::TooLong("there are more than 3 certificates below the root")),
        _ => Ok(chain),
    }
}

/// A chain whose certificates were never valid at one moment was never a chain. So the path can be judged apart from the time.
fn check_common_moment(certificates: &[Certificate<'_>]) -> Result<(), ChainFault> {
    let last_end = certificates.iter().map(Certificate::not_after).min();
    if certificates.iter().map(Certificate::not_before).max() > last_end {
        return Err(ChainFault::Malformed(Place::Leaf, "it and its issuers were never valid at one moment"));
    }
    Ok(())
}

/// Checks that each certificate was issued by the next and the last by the root, in this order and no other.
fn check_path(certificates: &[Certificate<'_>], path_lengths: &[Option<u32>], root: &Root) -> Result<(), ChainFault> {
    check_links(certificates, root)?;
    // The count below an issuer does not include the leaf (RFC 5280, section 4.2.1.9); the root's is not checked by webpki.
    let fits = |(below, length): (usize, &Option<u32>)| length.is_none_or(|length| below as u32 <= length);
    if !path_lengths.iter().enumerate().all(fits) || path_lengths.len() as u32 > root.path_length() {
        return Err(ChainFault::Untrusted("more authorities stand below an issuer than its path length allows"));
    }
    let ders: Vec<CertificateDer<'_>> = certificates.iter().map(|certificate| CertificateDer::from(certificate.der)).collect();
    let moment = certificates.iter().map(|certificate| certificate.not_before().0).max().unwrap_or_default();
    let moment = UnixTime::since_unix_epoch(Duration::from_secs(moment.unsigned_abs()));
    let root_der = CertificateDer::from(root.der());
    let unreadable = |_| ChainFault::Malformed(Place::Leaf, "it cannot be read as a chain");
    let anchor = anchor_from_trusted_cert(&root_der).map_err(unreadable)?;
    let leaf = EndEntityCert::try_from(&ders[0]).map_err(unreadable)?;
    let path = leaf
        .verify_for_usage(CERTIFICATE_ALGORITHMS, std::slice::from_ref(&anchor), &ders[1..], moment, UsageIsJudged, None, None)
        .map_err(|fault| match fault {
            webpki::Error::BadDer | webpki::Error::BadDerTime => ChainFault::Malformed(Place::Leaf, "it or an issuer is not strict DER"),
            _ => ChainFault::Untrusted("a signature or a constraint on the way does not hold"),
        })?;
    if path.intermediate_certificates().count() != path_lengths.len() {
        return Err(ChainFault::Untrusted("a certificate of the chain is not on the path"));
    }
    Ok(())
}

/// The names of issuers and subjects must be equal byte for byte, from the leaf to the root.
fn check_links(certificates: &[Certificate<'_>], root: &Root) -> Result<(), ChainFault> {
    let root = Certificate::read(root.der(), Place::Root)?;
    let issuers = certificates.iter().skip(1).chain(std::iter::once(&root));
    for (certificate, issuer) in certificates.iter().zip(issuers) {
        if certificate.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(ChainFault::Untrusted("a certificate is not issued by the one after it"));
        }
    }
    Ok(())
}

/// Checks an issuer's chain, without a leaf and without time: for revocation lists.
pub(super) fn check_issuers(issuers: &[Certificate<'_>], root: &Root) -> Result<(), ChainFault> {
    for (below, issuer) in issuers.iter().enumerate() {
        if issuer.check_authority()?.is_some_and(|length| below as u32 > length) {
            return Err(ChainFault::Untrusted("more authorities stand below an issuer than its path length allows"));
        }
        if issuer.country()? != root.administration() {
            return Err(ChainFault::Administration(issuer.place));
        }
    }
    check_links(issuers, root)?;
    let signers = issuers.iter().skip(1).map(Certificate::spki).chain(std::iter::once(root.spki()));
    for (issuer, signer) in issuers.iter().zip(signers) {
        issuer.check_signed_by(signer).map_err(|_| ChainFault::Untrusted("a signature on the way does not hold"))?;
    }
    Ok(())
}

/// Key purposes were judged before the path, more strictly than webpki does.
struct UsageIsJudged;

impl ExtendedKeyUsageValidator for UsageIsJudged {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

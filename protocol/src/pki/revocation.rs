//! Revocation lists of one administration (`PKI-050` to `PKI-056`).

use std::collections::BTreeMap;
use std::sync::Arc;

use webpki::{CertRevocationList, OwnedCertRevocationList, RevocationReason};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::Certificate;
use super::public_key::verify_issued;
use super::validate::{Link, bounded, check_issuers};
use super::{ChainFault, Place, Root};
use crate::digest::Digest;
use crate::time::Timestamp;

/// A revocation list's DER (`PKI-050`). An entry takes about 40 bytes.
pub const MAX_CRL: usize = 1024 * 1024;
/// Lists kept for one administration (`PKI-050`): its root and its issuing authorities, old ones included.
pub const MAX_CRLS: usize = 16;

/// What to do when there is no fresh revocation list for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Go on, and say so in [`RevocationStatus`]. The default: a partner whose authority is closed for a week must not stop the
    /// border, what an old list revokes stays revoked, and whoever looks at a record is told.
    #[default]
    Report,
    /// Refuse with `chain.crl`.
    Require,
}

/// How well it is known that nothing in a chain is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevocationStatus {
    /// Every certificate was looked up in a list that was fresh at the time of judgement.
    Good,
    /// A list was used after it should have been replaced, at the time given.
    Stale(Timestamp),
    /// There is no list for at least one certificate.
    Unknown,
}

/// What became of a list that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is newer than what was held, and is held now.
    Newer,
    /// The very same list is held already.
    Same,
}

/// One authentic revocation list.
#[derive(Debug, Clone)]
pub struct RevocationList {
    der: Vec<u8>,
    number: u64,
    this_update: Timestamp,
    next_update: Timestamp,
    /// Shared, so that a snapshot of all lists can be taken cheaply.
    entries: Arc<CertRevocationList<'static>>,
}

impl RevocationList {
    /// The list's DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The CRL number; it grows with each list of an issuer.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When it was issued.
    pub const fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When the next one is due at the latest.
    pub const fn next_update(&self) -> Timestamp {
        self.next_update
    }
}

/// The newest revocation lists of one administration, by issuer. Keep one a pinned root.
///
/// A list is taken only if its signature verifies under the root or an authority below it, so looking one up costs no signature.
/// To survive a restart, store each [`RevocationList::der`] and add them again: an older list is refused as a rollback.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    policy: Policy,
    /// By SHA-256 of the issuer's SubjectPublicKeyInfo: names can be repeated, keys cannot.
    lists: BTreeMap<Digest, RevocationList>,
}

impl Revocations {
    /// No lists yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, lists: BTreeMap::new() }
    }

    /// The lists held.
    pub fn lists(&self) -> impl Iterator<Item = &RevocationList> {
        self.lists.values()
    }

    /// Takes a list issued by the first of `issuers`, which are DER certificates each signed by the one after it and the last by
    /// the root; empty, or the root alone, for the root's own list. For a leaf's chain, that is the chain without the leaf.
    ///
    /// # Errors
    /// `chain.crl` if the list is too large, not a complete version 2 list, not signed by that issuer, or older than the one held
    /// (a rollback); the issuers' own fault if they do not lead to the root.
    pub fn add(&mut self, root: &Root, issuers: &[&[u8]], der: &[u8]) -> Result<Added, ChainFault> {
        if der.len() > MAX_CRL {
            return Err(ChainFault::Crl("the list has more than 1 MiB"));
        }
        let issuers = if issuers.is_empty() || issuers == [root.der()] { &[] } else { bounded(issuers, root)? };
        let issuers: Vec<Certificate<'_>> =
            issuers.iter().enumerate().map(|(index, der)| Certificate::read(der, Place::Issuer(index + 1))).collect::<Result<_, _>>()?;
        if issuers.len() as u32 > root.path_length() {
            return Err(ChainFault::Untrusted("more authorities stand below the root than its path length allows"));
        }
        check_issuers(&issuers, root)?;
        let root_certificate = Certificate::read(root.der(), Place::Root)?;
        let issuer = issuers.first().unwrap_or(&root_certificate);
        let list = read(der, issuer)?;
        self.keep(Digest::of(issuer.spki()), list)
    }

    fn keep(&mut self, key: Digest, list: RevocationList) -> Result<Added, ChainFault> {
        match self.lists.get(&key) {
            Some(held) if held.der == list.der => return Ok(Added::Same),
            Some(held) if held.number >= list.number => {
                return Err(ChainFault::Crl("a list of the same or a higher number is held already: someone replays an old one"));
            }
            None if self.lists.len() >= MAX_CRLS => return Err(ChainFault::Crl("there are lists of 16 issuers already")),
            _ => {}
        }
        self.lists.insert(key, list);
        Ok(Added::Newer)
    }

    /// Looks up every certificate of a traced path.
    pub(super) fn check(&self, links: &[Link], at: Timestamp) -> Result<RevocationStatus, ChainFault> {
        let mut status = RevocationStatus::Good;
        let pairs: Vec<_> = links.iter().map(|link| (link, self.lists.get(&link.issuer))).collect();
        // A revocation that is known counts before what is not known.
        for (link, list) in &pairs {
            if let Some(list) = list {
                check_entry(link, list, at)?;
            }
        }
        for (_, list) in pairs {
            let found = match list {
                None => RevocationStatus::Unknown,
                Some(list) if at > list.next_update => RevocationStatus::Stale(list.next_update),
                Some(_) => RevocationStatus::Good,
            };
            match (self.policy, found) {
                (Policy::Require, RevocationStatus::Unknown) => {
                    return Err(ChainFault::Crl("there is no list of an issuer in the chain: fetch it"));
                }
                (Policy::Require, RevocationStatus::Stale(_)) => {
                    return Err(ChainFault::Crl("the list held is due for replacement: fetch a newer one"));
                }
                _ => status = status.max(found),
            }
        }
        Ok(status)
    }
}

fn read(der: &[u8], issuer: &Certificate<'_>) -> Result<RevocationList, ChainFault> {
    let malformed = || ChainFault::Crl("it is not the DER of a complete version 2 list with a number and a next update");
    let entries = CertRevocationList::from(OwnedCertRevocationList::from_der(der).map_err(|_| malformed())?);
    let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| malformed())?;
    // A list with a distribution point may leave out some of the issuer's certificates.
    let whole = entries.issuing_distribution_point().is_none();
    let number = list.crl_number().and_then(|number| u64::try_from(number).ok());
    let (true, true, Some(number), Some(next_update)) = (rest.is_empty(), whole, number, list.next_update()) else {
        return Err(malformed());
    };
    if list.issuer().as_raw() != issuer.subject().as_raw() || list.signature_algorithm != list.tbs_cert_list.signature {
        return Err(ChainFault::Crl("the list is of another issuer"));
    }
    verify_issued(issuer.spki(), &list.signature_algorithm, list.tbs_cert_list.as_ref(), &list.signature_value.data)
        .map_err(|_| ChainFault::Crl("the list's signature does not verify under its issuer's key"))?;
    Ok(RevocationList {
        der: der.to_vec(),
        number,
        this_update: Timestamp(list.last_update().timestamp()),
        next_update: Timestamp(next_update.timestamp()),
        entries: Arc::new(entries),
    })
}

/// A key that may be in other hands could have signed anything at any time, so its revocation reaches back to the date of
/// invalidity, or to the beginning. Any other reason leaves what was signed before the revocation standing.
fn check_entry(link: &Link, list: &RevocationList, at: Timestamp) -> Result<(), ChainFault> {
    let entry = list.entries.find_serial(&link.serial).map_err(|_| ChainFault::Crl("an entry of the list cannot be read"))?;
    let Some(entry) = entry else { return Ok(()) };
    let moment = |time: rustls_pki_types::UnixTime| Timestamp(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let compromised = matches!(
        entry.reason_code,
        Some(RevocationReason::KeyCompromise | RevocationReason::CaCompromise | RevocationReason::AaCompromise)
    );
    let revoked = moment(entry.revocation_date);
    let from = match (compromised, entry.invalidity_date) {
        (true, Some(invalid)) => moment(invalid).min(revoked),
        (true, None) => Timestamp(i64::MIN),
        (false, _) => revoked,
    };
    if at >= from { Err(ChainFault::Revoked(link.place, revoked)) } else { Ok(()) }
}

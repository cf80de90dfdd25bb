//! What an authority issued and revoked: an append-only file of events, one JSON object a line.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use carnet_protocol::pki::{Claims, Role, Serial};
use carnet_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CertsFault, files};

/// The index's form. A later one comes with a migration.
const VERSION: u32 = 1;
/// An index of a hundred thousand certificates has about 40 MB.
const MAX_INDEX: u64 = 256 * 1024 * 1024;

/// Why a certificate is revoked (RFC 5280, section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No reason is given.
    Unspecified,
    /// The key may be in other hands: nothing that it ever signed is believed, or nothing since the date of invalidity.
    KeyCompromise,
    /// The same, for an authority's key.
    CaCompromise,
    /// The names are no longer right.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// The node is no longer in use.
    CessationOfOperation,
    /// The node may no longer do this.
    PrivilegeWithdrawn,
}

impl Reason {
    const ALL: [(Reason, &'static str); 7] = [
        (Reason::Unspecified, "unspecified"),
        (Reason::KeyCompromise, "key-compromise"),
        (Reason::CaCompromise, "ca-compromise"),
        (Reason::AffiliationChanged, "affiliation-changed"),
        (Reason::Superseded, "superseded"),
        (Reason::CessationOfOperation, "cessation-of-operation"),
        (Reason::PrivilegeWithdrawn, "privilege-withdrawn"),
    ];

    pub(crate) const fn to_rcgen(self) -> rcgen::RevocationReason {
        match self {
            Reason::Unspecified => rcgen::RevocationReason::Unspecified,
            Reason::KeyCompromise => rcgen::RevocationReason::KeyCompromise,
            Reason::CaCompromise => rcgen::RevocationReason::CaCompromise,
            Reason::AffiliationChanged => rcgen::RevocationReason::AffiliationChanged,
            Reason::Superseded => rcgen::RevocationReason::Superseded,
            Reason::CessationOfOperation => rcgen::RevocationReason::CessationOfOperation,
            Reason::PrivilegeWithdrawn => rcgen::RevocationReason::PrivilegeWithdrawn,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(reason, _)| reason == self).map_or("", |(_, text)| text))
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text).map(|(reason, _)| *reason);
        known.ok_or_else(|| format!("a reason is one of {}", Self::ALL.map(|(_, name)| name).join(", ")))
    }
}

/// Which authority of the administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IssuerName {
    /// The root, which issues the issuing authority.
    Root,
    /// The issuing authority, which issues leaves.
    Issuing,
}

impl IssuerName {
    /// The folder's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            IssuerName::Root => "root",
            IssuerName::Issuing => "issuing",
        }
    }
}

/// That a certificate is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// Since when it was invalid, if that is known to be earlier.
    pub invalid_from: Option<Timestamp>,
}

/// A leaf certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its serial number.
    pub serial: Serial,
    /// Its role.
    pub role: Role,
    /// The node that it names.
    pub node: String,
    /// The log that it names.
    pub log_origin: Option<String>,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// When it was issued.
    pub issued: Timestamp,
    /// The certificate that it renews.
    pub replaces: Option<Serial>,
    /// Whether and why it is revoked.
    pub revoked: Option<Revoked>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
enum Event {
    Created { version: u32, at: i64 },
    Issued { at: i64, serial: String, role: String, node: String, log_origin: Option<String>, not_after: i64, replaces: Option<String> },
    Revoked { at: i64, issuer: IssuerName, serial: String, reason: Reason, invalid_from: Option<i64> },
    Listed { at: i64, issuer: IssuerName, number: u64 },
}

/// The open index: its file, and the view of it.
pub(crate) struct Index {
    path: PathBuf,
    file: File,
    /// Leaves, in the order of issue.
    pub(crate) entries: Vec<Entry>,
    /// Authorities that the root revoked.
    pub(crate) revoked_authorities: Vec<(Serial, Revoked)>,
    numbers: [u64; 2],
}

impl Index {
    /// Begins an index where there is none.
    pub(crate) fn create(path: &Path, now: Timestamp) -> Result<(), CertsFault> {
        let mut line = line(path, &Event::Created { version: VERSION, at: now.0 })?;
        line.push(b'\n');
        files::write_new(path, &line, files::SECRET)
    }

    /// Reads an index. A last line without an end was never acknowledged and is cut off.
    pub(crate) fn open(path: &Path) -> Result<Self, CertsFault> {
        let bytes = files::read(path, MAX_INDEX)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let file = OpenOptions::new().append(true).mode(files::SECRET).open(path).map_err(CertsFault::disk(path))?;
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(CertsFault::disk(path))?;
        }
        let mut index = Self { path: path.to_owned(), file, entries: Vec::new(), revoked_authorities: Vec::new(), numbers: [0; 2] };
        for (at, text) in bytes[..whole].split(|byte| *byte == b'\n').enumerate().filter(|(_, text)| !text.is_empty()) {
            let fault = || CertsFault::Index { path: path.to_owned(), line: at + 1 };
            let event = serde_json::from_slice(text).map_err(|_| fault())?;
            index.apply(event).ok_or_else(fault)?;
        }
        Ok(index)
    }

    pub(crate) fn issued(&mut self, claims: &Claims, replaces: Option<&Serial>, now: Timestamp) -> Result<(), CertsFault> {
        self.append(Event::Issued {
            at: now.0,
            serial: claims.serial.to_string(),
            role: claims.role.to_string(),
            node: claims.node.clone(),
            log_origin: claims.log_origin.clone(),
            not_after: claims.not_after.0,
            replaces: replaces.map(Serial::to_string),
        })
    }

    pub(crate) fn revoked(&mut self, issuer: IssuerName, serial: &Serial, revoked: Revoked) -> Result<(), CertsFault> {
        let invalid_from = revoked.invalid_from.map(|at| at.0);
        self.append(Event::Revoked { at: revoked.at.0, issuer, serial: serial.to_string(), reason: revoked.reason, invalid_from })
    }

    /// Takes the next CRL number of an issuer. It is durable before it is used, so no two lists share one.
    pub(crate) fn next_number(&mut self, issuer: IssuerName, now: Timestamp) -> Result<u64, CertsFault> {
        let number = self.numbers[issuer as usize] + 1;
        self.append(Event::Listed { at: now.0, issuer, number })?;
        Ok(number)
    }

    fn append(&mut self, event: Event) -> Result<(), CertsFault> {
        let mut line = line(&self.path, &event)?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_all()).map_err(CertsFault::disk(&self.path))?;
        self.apply(event).ok_or_else(|| CertsFault::Index { path: self.path.clone(), line: 0 })
    }

    fn apply(&mut self, event: Event) -> Option<()> {
        match event {
            Event::Created { version, .. } => return (version == VERSION).then_some(()),
            Event::Issued { at, serial, role, node, log_origin, not_after, replaces } => self.entries.push(Entry {
                serial: serial.parse().ok()?,
                role: role.parse().ok()?,
                node,
                log_origin,
                not_after: Timestamp(not_after),
                issued: Timestamp(at),
                replaces: replaces.map(|serial| serial.parse()).transpose().ok()?,
                revoked: None,
            }),
            Event::Revoked { at, issuer, serial, reason, invalid_from } => {
                let serial: Serial = serial.parse().ok()?;
                let revoked = Revoked { at: Timestamp(at), reason, invalid_from: invalid_from.map(Timestamp) };
                match issuer {
                    IssuerName::Root => self.revoked_authorities.push((serial, revoked)),
                    IssuerName::Issuing => self.entries.iter_mut().find(|entry| entry.serial == serial)?.revoked = Some(revoked),
                }
            }
            Event::Listed { issuer, number, .. } => self.numbers[issuer as usize] = number,
        }
        Some(())
    }
}

fn line(path: &Path, event: &Event) -> Result<Vec<u8>, CertsFault> {
    serde_json::to_vec(event).map_err(|fault| CertsFault::Making(format!("{}: {fault}", path.display())))
}

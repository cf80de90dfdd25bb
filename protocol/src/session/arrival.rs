//! The receiver's door for records: signature, log, openings and permission, all at once.

use crate::digest::Digest;
use crate::identifier::Country;
use crate::log::{Checkpoint, LogProof};
use crate::pki::{Role, validate};
use crate::reason::{Fault, Reason};
use crate::record::{Opening, Record, Release, check_openings};
use crate::signed::{Signed, TimeEvidence, Trust, Verified};
use crate::time::Timestamp;
use crate::wire::{Group, LogKey};

/// On what ground a receiver may hold a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// The record's handling names it.
    Handling,
    /// A release by the record's maker names it.
    Release,
    /// It is the maker's own.
    Own,
}

/// A record that came, judged and good.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The record.
    pub record: Verified<Record>,
    /// The openings that came with it; each belongs to a commitment.
    pub openings: Vec<Opening>,
    /// Its place in its maker's log.
    pub proof: LogProof,
    /// The state of that log which the proof leads to.
    pub checkpoint: Checkpoint,
    /// Why we may hold it.
    pub permission: Permission,
}

impl Arrival {
    /// Judges what came, in the order of `SES-020`: the record (`SIG-010`, `SIG-011`), its openings, its proof under the log's key,
    /// then permission: `us` must be the maker, or be named by the handling, or by a release that `released` finds among the
    /// verified records held.
    ///
    /// # Errors
    /// The first check that fails. Nothing of a group that fails is used.
    pub fn judge(
        group: &Group,
        trust: Trust<'_>,
        log: &LogKey,
        us: Country,
        now: Timestamp,
        released: impl FnOnce(Digest) -> Option<Release>,
    ) -> Result<Self, Fault> {
        let signed = Signed::<Record>::parse(&group.record)?;
        let record = signed.verify(trust, TimeEvidence::now(now))?;
        let openings = check_openings(&record.statement().commitments, &group.openings)?;
        let proof = LogProof::decode(&group.proof)?;
        let checkpoint = check_proof(&record, &proof, trust, log, now)?;
        let permission = permission(&record, us, now, released)?;
        Ok(Self { record, openings, proof, checkpoint, permission })
    }
}

/// Checks that `proof` places `record` in the log that it names, under a key that the maker's root certifies for that log.
///
/// # Errors
/// `chain.*` for the log's key, `log.*` for checkpoint and proof.
pub fn check_proof(
    record: &Verified<Record>,
    proof: &LogProof,
    trust: Trust<'_>,
    log: &LogKey,
    now: Timestamp,
) -> Result<Checkpoint, Fault> {
    let chain: Vec<&[u8]> = log.chain.iter().map(|certificate| certificate.as_slice()).collect();
    let leaf = validate(&chain, trust.root, Role::LogSigning, now, trust.revocations)?;
    let origin = &record.statement().maker.log;
    if leaf.claims().log_origin.as_deref() != Some(origin) {
        return Err(Fault::new(Reason::LogOrigin, "the log key is certified for another log than the record names"));
    }
    proof.open(record.entry(), origin, leaf.claims().public_key.raw())
}

fn permission(
    record: &Verified<Record>,
    us: Country,
    now: Timestamp,
    released: impl FnOnce(Digest) -> Option<Release>,
) -> Result<Permission, Fault> {
    let statement = record.statement();
    if statement.maker.administration == us {
        return Ok(Permission::Own);
    }
    if statement.handling.has_ended(now) {
        return Err(Fault::new(Reason::HandlingNotPermitted, "the record's retention has ended"));
    }
    if statement.handling.names(us) {
        return Ok(Permission::Handling);
    }
    match released(record.id()) {
        Some(release) if release.to == us && release.record == record.id() && release.until.is_none_or(|until| now < until) => {
            Ok(Permission::Release)
        }
        _ => {
            Err(Fault::new(Reason::HandlingNotPermitted, "neither the handling nor a release names us; the sender should not have sent it"))
        }
    }
}

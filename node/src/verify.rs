//! Verifying what is held and what came on a disk: every record and every byte, against pinned roots.

use std::fmt;
use std::io::Read;

use carnet_protocol::digest::Digest;
use carnet_protocol::log::LogProof;
use carnet_protocol::package::{Item, PackageError, Reader};
use carnet_protocol::payload::PayloadHasher;
use carnet_protocol::pki::Claims;
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::{Record, check_openings};
use carnet_protocol::session::check_proof;
use carnet_protocol::signed::{Signed, TimeEvidence, Verified};
use carnet_protocol::wire::LogKey;
use futures_util::StreamExt as _;
use serde::Serialize;

use crate::clock;
use crate::node::Node;
use crate::store::catalogue::Filter;
use crate::trust::TrustStore;

/// What was found of one record or one package. Good if there is no reason.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// A package's file, or `store`.
    pub target: String,
    /// The record, where the verdict is on one.
    pub record: Option<String>,
    /// `good` or `bad`.
    pub status: &'static str,
    /// The registered reason code.
    pub reason: Option<String>,
    /// Where in the package.
    pub at: Option<u64>,
    /// In words.
    pub detail: Option<String>,
    /// Payloads that were there and checked.
    pub payloads: u64,
}

impl Verdict {
    fn good(target: &str, record: Option<Digest>, payloads: u64) -> Self {
        let record = record.map(|id| id.to_string());
        Self { target: target.to_owned(), record, status: "good", reason: None, at: None, detail: None, payloads }
    }

    fn bad(target: &str, record: Option<Digest>, fault: Fault) -> Self {
        Self {
            status: "bad",
            reason: Some(fault.reason.code().to_owned()),
            at: fault.at,
            detail: Some(fault.detail),
            ..Self::good(target, record, 0)
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.record.as_ref().map_or_else(|| self.target.clone(), |record| format!("{}: record {}", self.target, &record[..16]));
        match (&self.reason, &self.detail) {
            (Some(reason), detail) => {
                write!(f, "BAD   {what}: {reason}")?;
                if let Some(at) = self.at {
                    write!(f, " at byte {at}")?;
                }
                write!(f, ": {}", detail.as_deref().unwrap_or_default())
            }
            (None, Some(detail)) => write!(f, "good  {what} ({detail} and {} payloads checked)", self.payloads),
            (None, None) => write!(f, "good  {what} ({} payloads checked)", self.payloads),
        }
    }
}

/// Verifies a package from its first byte to its trailer; one verdict a record that is bad, one for the whole.
pub fn package<R: Read>(target: &str, source: R, trust: &TrustStore, say: &mut impl FnMut(Verdict)) {
    let mut reader = Reader::new(source);
    let (mut logs, mut records, mut payloads, mut bad) = (Vec::new(), 0u64, 0u64, false);
    let mut whole: Option<Whole> = None;
    loop {
        let item = match reader.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(PackageError::Fault(fault)) => return say(Verdict::bad(target, None, fault)),
            Err(PackageError::Read { at, source }) => {
                let fault = Fault::at(Reason::PackageTruncated, at, format!("the medium cannot be read: {source}"));
                return say(Verdict::bad(target, None, fault));
            }
        };
        match item {
            Item::LogKey(log) => logs.push(log),
            Item::Record { at, signed, openings, proof } => {
                records += 1;
                let id = signed.id();
                whole = Some(Whole::new(id, signed.claimed().clone(), at));
                if let Err(fault) = judge(signed, &openings, &proof, &logs, trust) {
                    bad = true;
                    say(Verdict::bad(target, Some(id), Fault { at: fault.at.or(Some(at)), ..fault }));
                }
            }
            Item::Payload { index, .. } => {
                payloads += 1;
                if let Some(whole) = &mut whole {
                    whole.begin(index);
                    if let Err(fault) = whole.end_if_empty() {
                        bad = true;
                        say(Verdict::bad(target, Some(whole.record), fault));
                    }
                }
            }
            Item::Chunk { bytes, .. } => {
                if let Some(whole) = &mut whole
                    && let Err(fault) = whole.chunk(&bytes)
                {
                    bad = true;
                    say(Verdict::bad(target, Some(whole.record), fault));
                }
            }
            Item::End(_) => {}
        }
    }
    if !bad {
        say(Verdict { detail: Some(format!("{records} records")), ..Verdict::good(target, None, payloads) });
    }
}

/// The flat digest of the payload that is being read, held against the record.
struct Whole {
    record: Digest,
    at: u64,
    statement: Record,
    running: Option<(u32, PayloadHasher, u64)>,
}

impl Whole {
    fn new(record: Digest, statement: Record, at: u64) -> Self {
        Self { record, at, statement, running: None }
    }

    fn begin(&mut self, index: u32) {
        self.running = Some((index, PayloadHasher::new(), 0));
    }

    fn end_if_empty(&mut self) -> Result<(), Fault> {
        self.chunk(&[])
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some((index, mut hasher, so_far)) = self.running.take() else { return Ok(()) };
        let Some(named) = self.statement.payload(index) else { return Ok(()) };
        let so_far = so_far + bytes.len() as u64;
        hasher.update(bytes).map_err(|error| Fault::at(Reason::PayloadTooLarge, self.at, error.to_string()))?;
        if so_far < named.size {
            self.running = Some((index, hasher, so_far));
            return Ok(());
        }
        match hasher.finish() {
            Ok((name, _)) if name.sha256 == named.sha256 => Ok(()),
            _ => Err(Fault::at(Reason::PayloadDigest, self.at, format!("payload {index} has another SHA-256 than its record names"))),
        }
    }
}

/// Judges one record of a package: signature, chain, openings, place in its maker's log.
fn judge(
    signed: Signed<Record>,
    openings: &[Vec<u8>],
    proof: &[u8],
    logs: &[LogKey],
    trust: &TrustStore,
) -> Result<Verified<Record>, Fault> {
    let now = clock::now();
    let maker = signed.claimed().maker.administration;
    let origin = signed.claimed().maker.log.clone();
    let pinned = trust.of(maker).ok_or_else(|| {
        Fault::new(Reason::ChainUntrusted, format!("no root of {maker} is pinned; give it with --root, or add the partner"))
    })?;
    let verified = signed.verify(pinned.trust(), TimeEvidence::now(now))?;
    check_openings(&verified.statement().commitments, openings)?;
    let proof = LogProof::decode(proof)?;
    // A log may have had several keys; the record's is the one that its checkpoint verifies under.
    let mut last = Fault::new(Reason::LogSignature, "the package holds no key of the record's log");
    for log in logs.iter().filter(|log| names_log(log, &origin)) {
        match check_proof(&verified, &proof, pinned.trust(), log, now) {
            Ok(_) => return Ok(verified),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

fn names_log(log: &LogKey, origin: &str) -> bool {
    let claims = log.chain.first().and_then(|leaf| Claims::read(leaf).ok());
    claims.is_some_and(|claims| claims.log_origin.as_deref() == Some(origin))
}

/// Verifies one record of the store: its bytes, its proof, its payloads that are here.
///
/// # Errors
/// A catalogue that cannot be read.
pub async fn record(node: &Node, id: Digest, say: &mut impl FnMut(Verdict)) -> anyhow::Result<()> {
    match stored(node, id).await? {
        Ok(payloads) => say(Verdict::good("store", Some(id), payloads)),
        Err(fault) => say(Verdict::bad("store", Some(id), fault)),
    }
    Ok(())
}

/// Verifies everything that is held, oldest page last; bad ones are said one by one, good ones are counted.
///
/// # Errors
/// A catalogue that cannot be read.
pub async fn all(node: &Node, say: &mut impl FnMut(Verdict)) -> anyhow::Result<()> {
    let (mut before, mut records, mut payloads, mut bad) = (None, 0u64, 0u64, false);
    loop {
        let page = node.catalogue().list(&Filter { before, limit: 1000, ..Filter::default() }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        for row in &page {
            records += 1;
            match stored(node, row.id).await? {
                Ok(checked) => payloads += checked,
                Err(fault) => {
                    bad = true;
                    say(Verdict::bad("store", Some(row.id), fault));
                }
            }
        }
    }
    if !bad {
        say(Verdict { detail: Some(format!("{records} records")), ..Verdict::good("store", None, payloads) });
    }
    Ok(())
}

async fn stored(node: &Node, id: Digest) -> anyhow::Result<Result<u64, Fault>> {
    let stored = node.catalogue().record(id).await?;
    let verified = match node.verify_stored(&stored) {
        Ok(verified) => verified,
        Err(error) => {
            return Ok(Err(error.downcast::<Fault>().unwrap_or_else(|error| Fault::new(Reason::ChainUntrusted, format!("{error:#}")))));
        }
    };
    let maker = verified.statement().maker.administration;
    let proof = match LogProof::decode(&node.catalogue().proof_of(id).await?) {
        Ok(proof) => proof,
        Err(fault) => return Ok(Err(fault)),
    };
    if let Err(fault) = proven(node, &verified, &proof, maker).await? {
        return Ok(Err(fault));
    }
    let mut checked = 0;
    for (index, named) in (0u32..).zip(&verified.statement().payloads) {
        let served = match node.open_payload(&stored, named, index).await {
            Ok(Some(served)) => served,
            Ok(None) => continue,
            Err(error) => return Ok(Err(Fault::new(Reason::PayloadChunk, format!("payload {index}: {error:#}")))),
        };
        let mut hasher = PayloadHasher::new();
        let mut chunks = served.chunks(0..served.list.geometry().count());
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => hasher.update(&chunk)?,
                Err(error) => return Ok(Err(Fault::new(Reason::PayloadChunk, format!("payload {index}: {error}")))),
            }
        }
        let (name, _) = hasher.finish()?;
        if name.root != named.root {
            return Ok(Err(Fault::new(Reason::PayloadRoot, format!("payload {index} has another root than its record names"))));
        }
        if name.sha256 != named.sha256 {
            return Ok(Err(Fault::new(Reason::PayloadDigest, format!("payload {index} has another SHA-256 than its record names"))));
        }
        checked += 1;
    }
    Ok(Ok(checked))
}

async fn proven(
    node: &Node,
    record: &Verified<Record>,
    proof: &LogProof,
    maker: carnet_protocol::identifier::Country,
) -> anyhow::Result<Result<(), Fault>> {
    let now = clock::now();
    let identity = node.identity();
    if maker == identity.administration {
        let trust = carnet_protocol::signed::Trust { root: &identity.root, revocations: &identity.revocations };
        return Ok(check_proof(record, proof, trust, &identity.log_key(), now).map(drop));
    }
    let Some(pinned) = node.trust().of(maker) else {
        return Ok(Err(Fault::new(Reason::ChainUntrusted, format!("{maker} is no partner any more"))));
    };
    let mut last = Fault::new(Reason::LogSignature, "no key of the record's log is known");
    for known in node.catalogue().log_keys(maker).await? {
        match check_proof(record, proof, pinned.trust(), &known.key, now) {
            Ok(_) => return Ok(Ok(())),
            Err(fault) => last = fault,
        }
    }
    Ok(Err(last))
}

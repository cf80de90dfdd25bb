//! Making records: a draft becomes a signed record with its payloads durable, then an entry of the log, then an acknowledgement.
//!
//! ```text
//! Draft -> hash payloads -> sign -> verify (our own door) -> intents -> payloads durable -> record, log entry, checkpoint -> Made
//! ```

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::payload::{CHUNK, ChunkList, PayloadHasher, PayloadName};
use carnet_protocol::reason::Fault;
use carnet_protocol::record::{Content, Handling, Instrument, Maker, Opening, PROFILE_VERSION, Parent, PayloadRef, Record};
use carnet_protocol::signed::{Signed, TimeEvidence, Trust, Verified};
use ring::rand::SecureRandom;

use super::Node;
use crate::clock;
use crate::store::catalogue::{Appended, Batch, Fate, Intent, OwnRecord, PayloadPlace};
use crate::store::openings;
use crate::store::payloads::{self, KeyError, PayloadStoreError, RecordKey, SMALL_PAYLOAD, StagingId, seal_small};

/// A record to be made.
#[derive(Debug, Clone)]
pub struct Draft {
    inspection: String,
    content: Content,
    handling: Handling,
    instrument: Option<Instrument>,
    parents: Vec<Parent>,
    payloads: Vec<DraftPayload>,
    personal: Vec<(String, String)>,
    native: Option<Digest>,
    feed: Vec<Country>,
}

/// A payload of a draft.
#[derive(Debug, Clone)]
pub struct DraftPayload {
    /// What it is to the record.
    pub role: String,
    /// Its media type.
    pub media: String,
    /// Its bytes.
    pub source: Source,
    /// Its own handling, where it is stricter than the record's.
    pub handling: Option<Handling>,
}

/// Where a payload's bytes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// From memory.
    Bytes(Bytes),
    /// From memory, and their SHA-256, which their reader computed.
    Hashed(Bytes, Digest),
    /// From a file, read twice: once for its name, once for the store. Its size does not matter.
    File(PathBuf),
}

/// A record that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id; of the first record, if the native file was imported before.
    pub record: Digest,
    /// Its inspection, as given in the draft.
    pub inspection: String,
    /// Its index in the log.
    pub log_index: Option<u64>,
    /// Whether it is new.
    pub fate: Fate,
}

/// Why a record was not made. Nothing of it is visible then.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The content breaks a rule: the file, or who typed it, is at fault.
    #[error("{0}")]
    Content(#[from] Fault),
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file changed while it was read.
    #[error("{path} changed while it was imported; import it again when nothing writes to it")]
    Changed {
        /// Which file.
        path: PathBuf,
    },
    /// A payload is beyond the limit.
    #[error(transparent)]
    TooLarge(#[from] carnet_protocol::payload::TooLarge),
    /// The payload store failed.
    #[error(transparent)]
    Payload(#[from] PayloadStoreError),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The catalogue failed.
    #[error(transparent)]
    Append(#[from] crate::store::catalogue::AppendError),
    /// The system gives no randomness.
    #[error("the system gives no randomness; nothing can be signed without it")]
    Random,
    /// The node is stopping.
    #[error("the node is stopping; start the same command again")]
    Stopping,
}

impl Draft {
    /// A draft with content, handled as when nobody says anything: it stays at home.
    pub fn new(inspection: String, content: Content) -> Self {
        Self {
            inspection,
            content,
            handling: Handling::default(),
            instrument: None,
            parents: Vec::new(),
            payloads: Vec::new(),
            personal: Vec::new(),
            native: None,
            feed: Vec::new(),
        }
    }

    /// Sets the handling. Administrations that it names have the record in their feeds from the start.
    pub fn handling(mut self, handling: Handling) -> Self {
        self.feed = handling.releasable_to.clone();
        self.handling = handling;
        self
    }

    /// Sets the instrument.
    pub fn instrument(mut self, instrument: Option<Instrument>) -> Self {
        self.instrument = instrument;
        self
    }

    /// Adds a parent.
    pub fn parent(mut self, parent: Parent) -> Self {
        self.parents.push(parent);
        self
    }

    /// Adds a payload; its index is the number of those before it.
    pub fn payload(mut self, payload: DraftPayload) -> Self {
        self.payloads.push(payload);
        self
    }

    /// Adds personal data: a commitment in the record, an opening beside it.
    pub fn personal(mut self, personal: Vec<(String, String)>) -> Self {
        self.handling.personal_data |= !personal.is_empty();
        self.personal.extend(personal);
        self
    }

    /// The digest of the native file, by which a second import of it is found.
    pub fn native(mut self, sha256: Digest) -> Self {
        self.native = Some(sha256);
        self
    }

    /// The kind of record that it becomes.
    pub fn kind(&self) -> carnet_protocol::record::Kind {
        self.content.clone().into_parts().0
    }
}

impl Node {
    /// Makes a record. When this returns, it survives `kill -9` and a power cut.
    ///
    /// # Errors
    /// As [`MakeError`] says; nothing of the record is visible then.
    pub async fn make(&self, draft: Draft) -> Result<Made, MakeError> {
        let inspection = draft.inspection.clone();
        let mut own = self.prepare(draft).await?;
        let _making = self.making().await?;
        let key = own.key;
        let staged = self.place(&mut own.record, &own.lists, own.sources, &key).await?;
        let (made, payloads) = (own.record.record.id(), own.record.payloads.len());
        let batch = Batch { own: vec![own.record], intents_done: staged, ..Batch::at(clock::now()) };
        let appended = self.catalogue().append(batch).await?;
        let Some(Appended { id, log_index, fate, .. }) = appended.into_iter().next() else { return Err(MakeError::Stopping) };
        if fate == Fate::Duplicate {
            // Another import of the same file was faster: what was stored for this one belongs to no record.
            for index in (0u32..).take(payloads) {
                self.payloads().remove(made, index).await?;
            }
        }
        Ok(Made { record: id, inspection, log_index, fate })
    }

    /// Held while payloads of a record that is not logged yet lie in the store, so that no sweep takes them for left behind.
    async fn making(&self) -> Result<File, MakeError> {
        let path = self.inner.importing.clone();
        let failed = |path: PathBuf| move |source| MakeError::Read { path, source };
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed(path.clone()))?;
            file.lock_shared().map_err(failed(path))?;
            Ok(file)
        });
        locked.await.map_err(|_| MakeError::Stopping)?
    }

    /// Removes what imports that failed or were killed left behind: payloads whose record was never logged, and their intents.
    /// Such a record never comes back, since a second import makes one with another salt. Does nothing while an import runs.
    ///
    /// # Errors
    /// A catalogue or a store that cannot be written.
    pub async fn sweep_imports(&self) -> anyhow::Result<usize> {
        let lock = File::options().create(true).truncate(false).write(true).open(&self.inner.importing)?;
        if lock.try_lock().is_err() {
            return Ok(0);
        }
        let mut left = Vec::new();
        for intent in self.catalogue().intents().await? {
            if intent.partner.is_none() && self.held(intent.record).await?.is_none() {
                self.payloads().remove(intent.record, intent.index).await?;
                left.push(intent.staging);
            }
        }
        if left.is_empty() {
            return Ok(0);
        }
        let swept = left.len();
        self.catalogue().append(Batch { intents_done: left, ..Batch::at(clock::now()) }).await?;
        drop(lock);
        self.sweep_staging().await?;
        Ok(swept)
    }

    /// A record without payloads, signed, for a batch of the caller's.
    pub(crate) fn make_plain(&self, draft: Draft) -> Result<OwnRecord, MakeError> {
        self.sign(draft, Vec::new()).map(|(record, _)| record)
    }

    async fn prepare(&self, draft: Draft) -> Result<Prepared, MakeError> {
        let node = self.clone();
        // Hashing and signing are arithmetic: off the threads that serve the network.
        let prepared = tokio::task::spawn_blocking(move || {
            let named = draft.payloads.iter().map(|payload| payload.source.name()).collect::<Result<Vec<_>, _>>()?;
            let sources = draft.payloads.iter().map(|payload| payload.source.clone()).collect();
            let (names, lists) = named.into_iter().unzip();
            let (record, key) = node.sign(draft, names)?;
            Ok(Prepared { record, key, lists, sources })
        });
        prepared.await.map_err(|_| MakeError::Stopping)?
    }

    /// Builds, signs and passes the record through the same door as everybody's.
    fn sign(&self, draft: Draft, names: Vec<PayloadName>) -> Result<(OwnRecord, RecordKey), MakeError> {
        let identity = self.identity();
        let now = clock::now();
        let salt = || {
            let mut salt = [0; 32];
            identity.random.fill(&mut salt).map(|()| Digest(salt)).map_err(|_| MakeError::Random)
        };
        let openings: Vec<Opening> =
            draft.personal.iter().map(|(name, value)| Ok(Opening::of_text(salt()?, name, value))).collect::<Result<_, MakeError>>()?;
        let mut commitments: Vec<Digest> = openings.iter().map(Opening::commitment).collect();
        commitments.sort_unstable();
        let payloads = draft.payloads.into_iter().zip(names).map(|(payload, name)| PayloadRef {
            role: payload.role,
            media: payload.media,
            size: name.size,
            root: name.root,
            sha256: name.sha256,
            handling: payload.handling,
        });
        let (kind, content) = draft.content.into_parts();
        let record = Record {
            version: PROFILE_VERSION,
            salt: salt()?,
            kind,
            inspection: draft.inspection,
            maker: Maker {
                administration: identity.administration,
                office: self.config().office.clone(),
                site: self.config().site.clone(),
                instrument: draft.instrument,
                node: identity.node.clone(),
                log: identity.log.clone(),
            },
            made: now,
            parents: draft.parents,
            payloads: payloads.collect(),
            handling: draft.handling,
            content,
            commitments,
        };
        let trust = Trust { root: &identity.root, revocations: &identity.revocations };
        let verified: Verified<Record> =
            Signed::sign(&record, &identity.records, &identity.random)?.verify(trust, TimeEvidence::now(now))?;
        let key = RecordKey::generate()?;
        let id = verified.id();
        let own = OwnRecord {
            openings: openings.iter().map(|opening| openings::seal(&key, id, opening)).collect::<Result<_, _>>()?,
            payloads: Vec::new(),
            wrapped_key: Some(self.key().wrap(&key, id)?.as_bytes().to_vec()),
            native_sha256: draft.native,
            feed: draft.feed,
            record: verified,
        };
        Ok((own, key))
    }

    /// Brings the payloads to their places: small ones into the record's own row, large ones into the store, durable. Gives the
    /// intents that end with the record's transaction.
    async fn place(
        &self,
        own: &mut OwnRecord,
        lists: &[ChunkList],
        sources: Vec<Source>,
        key: &RecordKey,
    ) -> Result<Vec<String>, MakeError> {
        let record = own.record.id();
        let large: Vec<(u32, StagingId)> = (0u32..)
            .zip(lists)
            .filter(|(_, list)| list.size() >= SMALL_PAYLOAD as u64)
            .map(|(index, _)| Ok((index, StagingId::generate()?)))
            .collect::<Result<_, PayloadStoreError>>()?;
        if !large.is_empty() {
            let now = clock::now();
            let intents = large.iter().map(|(index, id)| {
                let list = &lists[*index as usize];
                Intent { staging: id.to_string(), record, index: *index, size: list.size(), root: list.root(), partner: None, created: now }
            });
            self.catalogue().append(Batch { intents: intents.collect(), ..Batch::at(now) }).await?;
        }
        let mut places = Vec::with_capacity(lists.len());
        for ((index, list), source) in (0u32..).zip(lists).zip(sources) {
            let Some((_, id)) = large.iter().find(|(large, _)| *large == index) else {
                let what = payloads::PayloadRef { record, index, size: list.size(), root: list.root() };
                places.push(PayloadPlace::Inline(seal_small(&what, key, &source.into_named_bytes(list)?)?));
                continue;
            };
            let staged = self.payloads().stage(*id, record, index, list.clone(), key).await?;
            let writer = staged.clone();
            tokio::task::spawn_blocking(move || source.write_into(&writer)).await.map_err(|_| MakeError::Stopping)??;
            staged.finish().await?;
            places.push(PayloadPlace::Stored(list.to_bytes()));
        }
        own.payloads = places;
        Ok(large.into_iter().map(|(_, id)| id.to_string()).collect())
    }
}

struct Prepared {
    record: OwnRecord,
    key: RecordKey,
    lists: Vec<ChunkList>,
    sources: Vec<Source>,
}

impl Source {
    fn name(&self) -> Result<(PayloadName, ChunkList), MakeError> {
        match self {
            Self::Bytes(bytes) => Ok(PayloadHasher::hash(bytes)?),
            Self::Hashed(bytes, sha256) => Ok(PayloadHasher::hash_chunks(bytes, *sha256)?),
            Self::File(path) => {
                let mut hasher = PayloadHasher::new();
                for_each_chunk(path, |chunk| hasher.update(chunk).map_err(MakeError::from))?;
                Ok(hasher.finish()?)
            }
        }
    }

    /// The bytes of a small payload, which are still those that were named: the record is signed by now.
    fn into_named_bytes(self, list: &ChunkList) -> Result<Bytes, MakeError> {
        match self {
            Self::Bytes(bytes) | Self::Hashed(bytes, _) => Ok(bytes),
            Self::File(path) => {
                let read = |source| MakeError::Read { path: path.clone(), source };
                let mut bytes = Vec::new();
                File::open(&path).map_err(read)?.take(list.size() + 1).read_to_end(&mut bytes).map_err(read)?;
                let same = bytes.len() as u64 == list.size() && (bytes.is_empty() || list.check(0, &bytes).is_ok());
                if same { Ok(bytes.into()) } else { Err(MakeError::Changed { path }) }
            }
        }
    }

    fn write_into(&self, staged: &payloads::StagedPayload) -> Result<(), MakeError> {
        let pool = staged.pool();
        let mut index = 0;
        let in_memory = !matches!(self, Self::File(_));
        let mut write = |chunk: &[u8]| {
            let mut buffer = pool.take();
            let fits = buffer.extend(chunk);
            debug_assert!(fits, "a chunk has at most 1 MiB");
            if in_memory {
                staged.write_hashed(index, buffer)?
            } else {
                staged.write_blocking(index, buffer)?
            };
            index += 1;
            Ok(())
        };
        match self {
            Self::Bytes(bytes) | Self::Hashed(bytes, _) => bytes.chunks(CHUNK).try_for_each(write),
            // A chunk that is not the one hashed a moment ago is refused by the staging file.
            Self::File(path) => for_each_chunk(path, &mut write).map_err(|error| match error {
                MakeError::Payload(PayloadStoreError::Refused(_)) => MakeError::Changed { path: path.clone() },
                other => other,
            }),
        }
    }
}

fn for_each_chunk(path: &PathBuf, mut each: impl FnMut(&[u8]) -> Result<(), MakeError>) -> Result<(), MakeError> {
    let read = |source| MakeError::Read { path: path.clone(), source };
    let mut file = File::open(path).map_err(read)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let mut filled = 0;
        while filled < CHUNK {
            match file.read(&mut buffer[filled..]).map_err(read)? {
                0 => break,
                more => filled += more,
            }
        }
        if filled > 0 {
            each(&buffer[..filled])?;
        }
        if filled < CHUNK {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_small_file_that_changed_after_it_was_named_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scan");
        let written = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Source::File(path.clone())
        };
        for (first, then, good) in
            [(&b"abc"[..], &b"abc"[..], true), (b"abc", b"abd", false), (b"abc", b"ab", false), (b"", b"", true), (b"", b"a", false)]
        {
            let (_, list) = written(first).name().unwrap();
            let read = written(then).into_named_bytes(&list);
            assert_eq!(read.is_ok(), good, "{first:?} then {then:?}");
        }
    }
}

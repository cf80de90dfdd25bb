//! What a partner may have: handling and releases, less withdrawals, as the catalogue's feed holds them.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::payload::ChunkList;
use carnet_protocol::reason::Reason;
use carnet_protocol::record::{Opening, Record, Release};
use carnet_protocol::signed::{Signed, TimeEvidence, Trust, Verified};
use carnet_protocol::wire::Group;

use super::Node;
use crate::clock;
use crate::store::catalogue::{Batch, PayloadPlace, ReadError, RefusalCount, StoredRecord};
use crate::store::payloads::{self, PayloadRef, RecordKey, WrappedKey, open_small};
use crate::store::served::{Served, ServedPayload};

/// What a partner may have of a record.
struct Allowed {
    stored: StoredRecord,
    record: Verified<Record>,
    /// Releases to the partner that are in force now.
    releases: Vec<Release>,
}

impl Node {
    /// The record `id` as `partner` may have it; nothing if it may not, or if there is none.
    ///
    /// # Errors
    /// A catalogue that cannot be read.
    pub async fn group_for(&self, partner: Country, id: Digest) -> anyhow::Result<Option<Group>> {
        let Some(Allowed { stored, record, releases }) = self.allowed(partner, id).await? else { return Ok(None) };
        let openings = self.openings_for(&stored, record.statement(), &releases)?;
        let proof = self.catalogue().proof_of(id).await?;
        Ok(Some(Group { record: stored.signed, openings, proof }))
    }

    /// Whether and with what a payload may be served to `partner`: its own handling, or else a release that names it, decides.
    ///
    /// # Errors
    /// A catalogue or a payload store that cannot be read.
    pub async fn payload_for(&self, partner: Country, id: Digest, index: u32) -> anyhow::Result<Option<ServedPayload>> {
        let Some(Allowed { stored, record, releases }) = self.allowed(partner, id).await? else { return Ok(None) };
        let Some(named) = record.statement().payload(index) else { return Ok(None) };
        let stays = named.handling.as_ref().is_some_and(|own| !own.names(partner) || own.has_ended(clock::now()));
        if stays && !releases.iter().any(|release| release.payloads.contains(&index)) {
            return Ok(None);
        }
        self.open_payload(&stored, named, index).await
    }

    /// Opens a payload of a record that is held, wherever its bytes are; nothing if they are not here.
    pub(crate) async fn open_payload(
        &self,
        stored: &StoredRecord,
        named: &carnet_protocol::record::PayloadRef,
        index: u32,
    ) -> anyhow::Result<Option<ServedPayload>> {
        let Some(row) = stored.payloads.iter().find(|row| row.index == index) else { return Ok(None) };
        let what = PayloadRef { record: stored.head.id, index, size: named.size, root: named.root };
        let Some(key) = self.record_key(stored)? else { return Ok(None) };
        match &row.place {
            PayloadPlace::Absent => Ok(None),
            PayloadPlace::Inline(sealed) => {
                let bytes = open_small(&what, &key, sealed)?;
                let (_, list) = carnet_protocol::payload::PayloadHasher::hash(&bytes)?;
                Ok(Some(ServedPayload { list, bytes: Served::Inline(bytes.into()) }))
            }
            PayloadPlace::Stored(hashes) => {
                let list = ChunkList::from_bytes(named.size, named.root, hashes)?;
                let reader = self.payloads().read(what, &key).await?;
                Ok(Some(ServedPayload { list, bytes: Served::Stored(reader) }))
            }
        }
    }

    /// The key at rest of a record; none once it is erased.
    pub(crate) fn record_key(&self, stored: &StoredRecord) -> Result<Option<RecordKey>, payloads::KeyError> {
        let Some(wrapped) = &stored.wrapped_key else { return Ok(None) };
        self.key().unwrap(&WrappedKey::from_bytes(wrapped)?, stored.head.id).map(Some)
    }

    /// Reads a record that `partner` may have now, and the releases that say so. It passes the door again: what the disk holds is
    /// believed as little as the wire.
    async fn allowed(&self, partner: Country, id: Digest) -> anyhow::Result<Option<Allowed>> {
        // Nothing else is looked at for what is not in the feed, so that the time taken does not tell whether the record exists.
        if !self.catalogue().in_feed(partner, id).await? {
            return Ok(None);
        }
        let Some(stored) = self.held(id).await? else { return Ok(None) };
        let record = self.verify_stored(&stored)?;
        let (now, statement) = (clock::now(), record.statement());
        let in_force = |release: &Release| release.until.is_none_or(|until| now < until);
        let released = self.catalogue().releases(id, partner, statement.maker.administration).await?;
        let releases: Vec<Release> = released.into_iter().map(|released| released.release).filter(in_force).collect();
        // Only its originator shares a record; the feed is a list of work, and no permission.
        let own = statement.maker.administration == self.identity().administration;
        let named = statement.handling.names(partner) || !releases.is_empty();
        if !own || !named || statement.handling.has_ended(now) {
            return Ok(None);
        }
        Ok(Some(Allowed { stored, record, releases }))
    }

    /// A record that is held, if it is.
    ///
    /// # Errors
    /// A catalogue that cannot be read.
    pub async fn held(&self, id: Digest) -> anyhow::Result<Option<StoredRecord>> {
        match self.catalogue().record(id).await {
            Ok(stored) => Ok(Some(stored)),
            Err(ReadError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A record from the catalogue, verified as of the moment at which it came.
    ///
    /// # Errors
    /// Bytes that were changed on the disk, or a maker who is no partner any more.
    pub fn verify_stored(&self, stored: &StoredRecord) -> anyhow::Result<Verified<Record>> {
        let signed = Signed::<Record>::parse(&stored.signed)?;
        let evidence = TimeEvidence::received(stored.head.received);
        let identity = self.identity();
        let maker = signed.claimed().maker.administration;
        let verified = if maker == identity.administration {
            signed.verify(Trust { root: &identity.root, revocations: &identity.revocations }, evidence)?
        } else {
            let pinned = self.trust().of(maker).ok_or_else(|| anyhow::anyhow!("{maker} is no partner any more"))?;
            signed.verify(pinned.trust(), evidence)?
        };
        anyhow::ensure!(verified.id() == stored.head.id, "the catalogue's row holds another record than it says: restore it from a backup");
        Ok(verified)
    }

    /// Personal data stays at home unless a release names the field.
    fn openings_for(&self, stored: &StoredRecord, record: &Record, releases: &[Release]) -> anyhow::Result<Vec<Vec<u8>>> {
        let named = |name: &String| releases.iter().any(|release| release.personal.contains(name));
        if releases.iter().all(|release| release.personal.is_empty()) {
            return Ok(Vec::new());
        }
        let openings = self.open_openings(stored, record)?.into_iter().filter(|opening| named(&opening.name));
        Ok(openings.map(|opening| carnet_protocol::cbor::encode(&opening)).collect())
    }

    /// The openings held of a record.
    ///
    /// # Errors
    /// A seal that does not open: the catalogue was changed.
    pub fn open_openings(&self, stored: &StoredRecord, record: &Record) -> anyhow::Result<Vec<Opening>> {
        let Some(key) = self.record_key(stored)? else { return Ok(Vec::new()) };
        let opened = stored.openings.iter().map(|sealed| crate::store::openings::open(&key, stored.head.id, sealed));
        let bytes = opened.collect::<Result<Vec<_>, _>>()?;
        Ok(carnet_protocol::record::check_openings(&record.commitments, &bytes)?)
    }

    /// Notes a refusal, counted by the hour. The count is for the operator; a flood of refusals costs one row.
    pub async fn refused(&self, partner: Country, reason: Reason) {
        metrics::counter!("carnet_refusals_total", "partner" => partner.to_string(), "reason" => reason.code()).increment(1);
        let now = clock::now();
        let batch = Batch { refusals: vec![RefusalCount { partner, reason, at: now, count: 1 }], ..Batch::at(now) };
        if let Err(error) = self.catalogue().append(batch).await {
            tracing::error!(%error, "a refusal could not be noted");
        }
    }
}

//! What partners send: stored with proof, acknowledged by our own receipt in our own log.

use std::collections::HashSet;

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::log::{Checkpoint, LogProof, SignedNote};
use carnet_protocol::payload::ChunkList;
use carnet_protocol::pki::{Added, ChainFault, Revocations, Role, Root, validate};
use carnet_protocol::record::{Content, Handling, PayloadRef, Receipt, Received, Release};
use carnet_protocol::session::Arrival;
use carnet_protocol::signed::Signed;
use carnet_protocol::time::DAY;
use carnet_protocol::wire::{Group, Hello};

use super::{Draft, Node};
use crate::clock;
use crate::store::catalogue::{Batch, Fate, Intent, PartnerRecord, PayloadChange, PayloadPlace};
use crate::store::incoming::Incoming;
use crate::store::openings;
use crate::store::payloads::{RecordKey, Resumed, SMALL_PAYLOAD, StagingId};

/// An import that has not ended after this long ended with its process.
const CUT_OFF: i64 = 7 * DAY;

impl Node {
    /// Learns what a hello brings: the partner's log key, if its root certifies it, and newer revocation lists, of the authorities
    /// that issued the log's key or `node`, the chain of the partner's node certificate.
    ///
    /// # Errors
    /// A log key that is not good, or a catalogue that cannot be written.
    pub async fn learn(&self, partner: Country, hello: &Hello, node: &[&[u8]]) -> anyhow::Result<()> {
        // One at a time: of two hellos the older list must not win, and a partner that is removed meanwhile must not come back.
        let _turn = self.trust_turn().await;
        let Some(pinned) = self.trust().of(partner) else { anyhow::bail!("{partner} is no partner any more") };
        let chain: Vec<&[u8]> = hello.log.chain.iter().map(|certificate| certificate.as_slice()).collect();
        let issuers = [&chain, node].map(|chain| chain.iter().skip(1).map(|issuer| issuer.to_vec()).collect());
        let (mut revocations, mut newer) = (pinned.revocations.clone(), false);
        for der in &hello.crls {
            match add_list(&mut revocations, &pinned.root, &issuers, der) {
                Ok(Added::Newer) => newer = true,
                Ok(Added::Same) => {}
                Err(fault) => tracing::warn!(%partner, %fault, "a revocation list in the hello is not taken"),
            }
        }
        let leaf = validate(&chain, &pinned.root, Role::LogSigning, clock::now(), &revocations)?;
        if let Some(origin) = &leaf.claims().log_origin {
            self.catalogue().put_log_key(partner, origin, &hello.log, clock::now()).await?;
        }
        if newer {
            // Another process of this node may have learnt of newer ones.
            for der in self.catalogue().crls(partner).await? {
                add_list(&mut revocations, &pinned.root, &issuers, &der).ok();
            }
            let lists: Vec<Vec<u8>> = revocations.lists().map(|list| list.der().to_vec()).collect();
            self.catalogue().put_crls(partner, &lists).await?;
        }
        self.trust().pin(crate::trust::Pinned { root: pinned.root.clone(), revocations });
        Ok(())
    }

    /// The release by which we may hold the record in `group`, if one came before it, in this page or earlier.
    ///
    /// # Errors
    /// A catalogue that cannot be read.
    pub async fn releases_known(&self, group: &Group, page: &[Arrival]) -> anyhow::Result<Option<Release>> {
        let us = self.identity().administration;
        let Ok(signed) = Signed::<carnet_protocol::record::Record>::parse(&group.record) else { return Ok(None) };
        if signed.claimed().handling.names(us) {
            return Ok(None);
        }
        let maker = signed.claimed().maker.administration;
        let now = clock::now();
        let in_force = |release: &Release| release.until.is_none_or(|until| now < until);
        let in_page = page.iter().rev().find_map(|arrival| match arrival.record.statement().view() {
            Ok(Content::Release(release)) if release.record == signed.id() && arrival.record.statement().maker.administration == maker => {
                Some(release).filter(in_force)
            }
            _ => None,
        });
        if in_page.is_some() {
            return Ok(in_page);
        }
        let held = self.catalogue().releases(signed.id(), us, maker).await?;
        Ok(held.into_iter().map(|released| released.release).find(in_force))
    }

    /// Stores a page: records, proofs, openings, our receipt, the cursor; one transaction. How many are new.
    ///
    /// # Errors
    /// A catalogue that cannot be written: then nothing of the page is there, and the cursor has not moved.
    pub async fn take_arrivals(&self, partner: Country, arrivals: Vec<Arrival>, cursor: u64) -> anyhow::Result<usize> {
        let now = clock::now();
        let mut batch = Batch { cursor: Some((partner, cursor)), ..Batch::at(now) };
        let mut received = Vec::new();
        for arrival in arrivals {
            if self.held(arrival.record.id()).await?.is_some_and(|held| held.entry == arrival.record.entry()) {
                continue;
            }
            received.push(Received {
                record: arrival.record.id(),
                entry: arrival.record.entry(),
                index: arrival.proof.index,
                log_size: arrival.checkpoint.size,
                payloads: Vec::new(),
            });
            let key = RecordKey::generate()?;
            let id = arrival.record.id();
            batch.partner.push(PartnerRecord {
                from: partner,
                proof: carnet_protocol::cbor::encode(&arrival.proof),
                openings: arrival.openings.iter().map(|opening| openings::seal(&key, id, opening)).collect::<Result<_, _>>()?,
                payloads: Vec::new(),
                wrapped_key: Some(self.key().wrap(&key, id)?.as_bytes().to_vec()),
                record: arrival.record,
            });
        }
        let new = batch.partner.len();
        if new > 0 {
            batch.own.push(self.receipt(partner, received)?);
        }
        for appended in self.catalogue().append(batch).await? {
            if appended.fate == Fate::Equivocation {
                tracing::error!(%partner, record = %appended.id, "EQUIVOCATION: two signed forms of one record, both in the partner's log; both are kept");
                metrics::counter!("carnet_equivocations_total", "partner" => partner.to_string()).increment(1);
            }
        }
        Ok(new)
    }

    /// Stores openings that a later release lets us have, beside the record that is held already.
    ///
    /// # Errors
    /// A record that is not held or was erased, a catalogue that cannot be written.
    pub async fn take_openings(&self, arrival: Arrival) -> anyhow::Result<()> {
        let id = arrival.record.id();
        let Some(stored) = self.held(id).await? else { return Ok(()) };
        let Some(key) = self.record_key(&stored)? else { return Ok(()) };
        let openings = arrival.openings.iter().map(|opening| Ok((id, openings::seal(&key, id, opening)?)));
        let openings = openings.collect::<anyhow::Result<_>>()?;
        self.catalogue().append(Batch { openings, ..Batch::at(clock::now()) }).await?;
        Ok(())
    }

    /// What a record that is held says of its payload `index`, if its bytes are not here yet.
    ///
    /// # Errors
    /// A record that is not held, or has no such payload.
    pub async fn payload_wanted(&self, record: Digest, index: u32) -> anyhow::Result<Option<PayloadRef>> {
        let stored = self.held(record).await?.ok_or_else(|| anyhow::anyhow!("record {record} is not here; pull the feed first"))?;
        let verified = self.verify_stored(&stored)?;
        let named = verified.statement().payload(index).cloned();
        let named = named.ok_or_else(|| anyhow::anyhow!("record {record} has no payload {index}"))?;
        let here = stored.payloads.iter().any(|row| row.index == index && row.place != PayloadPlace::Absent);
        Ok((!here).then_some(named))
    }

    /// Payloads of a partner's records that are not here and that their handling lets us have.
    ///
    /// # Errors
    /// A catalogue that cannot be read.
    pub async fn payloads_absent(&self, partner: Country) -> anyhow::Result<Vec<(Digest, u32)>> {
        let us = self.identity().administration;
        let mut wanted = Vec::new();
        for (record, index) in self.catalogue().payloads_absent(partner).await? {
            let Some(stored) = self.held(record).await? else { continue };
            let Ok(verified) = self.verify_stored(&stored) else { continue };
            let named = verified.statement().payload(index);
            let own = named.and_then(|payload| payload.handling.as_ref());
            let released = match own {
                Some(handling) if !handling.names(us) => {
                    let maker = verified.statement().maker.administration;
                    let releases = self.catalogue().releases(record, us, maker).await?;
                    releases.iter().any(|released| released.release.payloads.contains(&index))
                }
                _ => named.is_some(),
            };
            if released {
                wanted.push((record, index));
            }
        }
        Ok(wanted)
    }

    /// Where the chunks of a payload go: a staging file begun now or left by an earlier attempt, or memory for a small one.
    ///
    /// # Errors
    /// A full disk, or a catalogue that cannot be written.
    pub async fn incoming(&self, partner: Country, record: Digest, index: u32, list: ChunkList) -> anyhow::Result<Incoming> {
        let stored = self.held(record).await?.ok_or_else(|| anyhow::anyhow!("record {record} is not here"))?;
        let key = self.record_key(&stored)?.ok_or_else(|| anyhow::anyhow!("record {record} was erased"))?;
        if list.size() < SMALL_PAYLOAD as u64 {
            return Ok(Incoming::small(record, index, list, key));
        }
        if let Some(intent) = self.catalogue().intent_for(record, index).await? {
            let id: StagingId = intent
                .staging
                .parse()
                .map_err(|()| anyhow::anyhow!("an intent names no staging file: restore the catalogue from a backup"))?;
            match self.payloads().resume(id, record, index, list.clone(), &key).await? {
                Resumed::Staged(staged) => return Ok(Incoming::staged(staged)),
                Resumed::Stored => return Ok(Incoming::stored(id, list)),
                Resumed::Nothing => {
                    self.catalogue().append(Batch { intents_done: vec![intent.staging], ..Batch::at(clock::now()) }).await?;
                }
            }
        }
        let (id, now) = (StagingId::generate()?, clock::now());
        let intent =
            Intent { staging: id.to_string(), record, index, size: list.size(), root: list.root(), partner: Some(partner), created: now };
        self.catalogue().append(Batch { intents: vec![intent], ..Batch::at(now) }).await?;
        Ok(Incoming::staged(self.payloads().stage(id, record, index, list, &key).await?))
    }

    /// A payload is complete: durable first, then its place and our receipt in one transaction.
    ///
    /// # Errors
    /// A disk that does not sync, a catalogue that cannot be written.
    pub async fn received(&self, partner: Country, record: Digest, index: u32, incoming: Incoming) -> anyhow::Result<()> {
        let (place, intent) = incoming.finish().await?;
        let stored = self.held(record).await?.ok_or_else(|| anyhow::anyhow!("record {record} is not here"))?;
        let proof = LogProof::decode(&self.catalogue().proof_of(record).await?)?;
        let (position, log_size) = (proof.index, Checkpoint::from_text(SignedNote::parse(&proof.checkpoint)?.text())?.size);
        let received = Received { record, entry: stored.entry, index: position, log_size, payloads: vec![index] };
        let batch = Batch {
            own: vec![self.receipt(partner, vec![received])?],
            payloads: vec![PayloadChange { record, index, place }],
            intents_done: intent.into_iter().collect(),
            ..Batch::at(clock::now())
        };
        self.catalogue().append(batch).await?;
        metrics::counter!("carnet_payloads_received_total", "partner" => partner.to_string()).increment(1);
        Ok(())
    }

    /// Takes revocation lists of a partner from its operator. How many are newer than what was held.
    ///
    /// # Errors
    /// A list that is not the partner's, or older than one that is held.
    pub async fn take_lists(&self, partner: Country, lists: &[Vec<u8>]) -> anyhow::Result<usize> {
        let _turn = self.trust_turn().await;
        let pinned = self.trust().of(partner).ok_or_else(|| anyhow::anyhow!("{partner} is no partner"))?;
        let issuers = self.issuers_of(partner).await?;
        let mut revocations = pinned.revocations.clone();
        let mut newer = 0;
        for der in lists {
            newer += usize::from(add_list(&mut revocations, &pinned.root, &issuers, der)? == Added::Newer);
        }
        let lists: Vec<Vec<u8>> = revocations.lists().map(|list| list.der().to_vec()).collect();
        self.catalogue().put_crls(partner, &lists).await?;
        self.trust().pin(crate::trust::Pinned { root: pinned.root.clone(), revocations });
        Ok(newer)
    }

    /// Removes staging files that no intent names. A transfer that goes on keeps its own.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn sweep_staging(&self) -> anyhow::Result<usize> {
        // Files are listed before the intents are read, so that one that is begun in between is not taken for an orphan.
        let candidates = self.payloads().staging_candidates().await?;
        let intents = self.catalogue().intents().await?;
        let (mut live, now) = (HashSet::new(), clock::now());
        for intent in intents {
            // A record has its id from a salt, so an import that was cut off begins as another record and never comes back to this.
            let cut_off = intent.partner.is_none() && intent.created.plus(CUT_OFF) <= now;
            if cut_off && self.catalogue().head(intent.record).await?.is_none() {
                self.payloads().remove(intent.record, intent.index).await?;
                self.catalogue().append(Batch { intents_done: vec![intent.staging], ..Batch::at(now) }).await?;
            } else {
                live.extend(intent.staging.parse::<StagingId>().ok());
            }
        }
        Ok(candidates.collect(&live).await?.len())
    }

    fn receipt(&self, from: Country, received: Vec<Received>) -> anyhow::Result<crate::store::catalogue::OwnRecord> {
        let inspection = format!("{}-RECEIPTS", self.identity().administration);
        let draft = Draft::new(inspection, Content::Receipt(Receipt { from, received })).handling(Handling::default());
        Ok(self.make_plain(draft)?)
    }
}

/// Takes a revocation list: of an issuing authority or of the root; which one, its signature says.
pub(super) fn add_list(revocations: &mut Revocations, root: &Root, issuers: &[Vec<Vec<u8>>], der: &[u8]) -> Result<Added, ChainFault> {
    if revocations.lists().any(|held| held.der() == der) {
        return Ok(Added::Same);
    }
    let mut added = revocations.add(root, &[], der);
    for chain in issuers {
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        added = added.or_else(|_| revocations.add(root, &chain, der));
    }
    added
}

//! The originator's decisions on who may have what.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{Content, Handling, Parent, ParentRole, Record, Release, Withdrawal};
use carnet_protocol::signed::Verified;
use carnet_protocol::time::Timestamp;

use super::{Draft, Node};
use crate::clock;
use crate::store::catalogue::Batch;

impl Node {
    /// Lets `to` have an own record: a release record in the log, both in the partner's feed, one transaction.
    ///
    /// # Errors
    /// A record of somebody else's, a field that it does not have, a catalogue that cannot be written.
    pub async fn release(
        &self,
        record: Digest,
        to: Country,
        with_native: bool,
        personal: &[String],
        until: Option<Timestamp>,
    ) -> anyhow::Result<Digest> {
        let (inspection, verified) = self.own(record).await?;
        anyhow::ensure!(to != self.identity().administration, "{to} is this node's own administration");
        let statement = verified.statement();
        let at_home = (0..).zip(&statement.payloads).filter(|(_, payload)| payload.handling.as_ref().is_some_and(|own| !own.names(to)));
        let payloads = if with_native { at_home.map(|(index, _)| index).collect() } else { Vec::new() };
        let mut personal = personal.to_vec();
        personal.sort_unstable();
        personal.dedup();
        if !personal.is_empty() {
            let stored = self.catalogue().record(record).await?;
            let held = self.open_openings(&stored, statement)?;
            for field in &personal {
                let known = held.iter().any(|opening| opening.name == *field);
                anyhow::ensure!(known, "the record has no personal field {field} here; `carnet show --personal` lists them");
            }
        }
        let content = Content::Release(Release { record, to, payloads, until, personal });
        let draft =
            Draft::new(inspection, content).handling(Handling::releasable_to([to])).parent(Parent { record, role: ParentRole::About });
        let release = self.make_plain(draft)?;
        let id = release.record.id();
        // The release record stands before the record in the feed: whoever receives the record knows already why it may.
        let batch = Batch { own: vec![release], feed: vec![(to, record)], ..Batch::at(clock::now()) };
        self.catalogue().append(batch).await?;
        Ok(id)
    }

    /// Takes an own record back from one partner or from all. It is served no more; their nodes are told by the withdrawal record.
    ///
    /// # Errors
    /// A record of somebody else's, or a catalogue that cannot be written.
    pub async fn withdraw(&self, record: Digest, from: Option<Country>, reason: Option<String>) -> anyhow::Result<Digest> {
        let (inspection, verified) = self.own(record).await?;
        let holders = match from {
            Some(partner) => vec![partner],
            None => self.holders(record, &verified).await?,
        };
        let withdrawal = |from: Option<Country>| {
            let content = Content::Withdrawal(Withdrawal { record, from, reason: reason.clone() });
            let draft = Draft::new(inspection.clone(), content)
                .handling(Handling::releasable_to(from))
                .parent(Parent { record, role: ParentRole::About });
            self.make_plain(draft)
        };
        // One record a holder, so that none learns of another; one that names nobody if it is taken back from all.
        let mut own = holders.into_iter().map(|holder| withdrawal(Some(holder))).collect::<Result<Vec<_>, _>>()?;
        if from.is_none() {
            own.insert(0, withdrawal(None)?);
        }
        let id = own.first().map(|first| first.record.id()).ok_or_else(|| anyhow::anyhow!("nobody to withdraw from"))?;
        self.catalogue().append(Batch { own, ..Batch::at(clock::now()) }).await?;
        Ok(id)
    }

    /// Partners in whose feeds the record is.
    async fn holders(&self, record: Digest, verified: &Verified<Record>) -> anyhow::Result<Vec<Country>> {
        let mut holders = verified.statement().handling.releasable_to.clone();
        for partner in self.catalogue().partners().await? {
            if self.catalogue().in_feed(partner.administration, record).await? && !holders.contains(&partner.administration) {
                holders.push(partner.administration);
            }
        }
        Ok(holders)
    }

    async fn own(&self, record: Digest) -> anyhow::Result<(String, Verified<Record>)> {
        let stored = self.catalogue().record(record).await?;
        anyhow::ensure!(stored.head.own, "{record} was made by {}; only its maker shares it or takes it back", stored.head.administration);
        let verified = self.verify_stored(&stored)?;
        Ok((stored.head.inspection, verified))
    }
}

//! Writing packages: what a recipient may have, in the canonical order, verified once more on its way out.

use std::io::Write;

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::package::{Trailer, Writer};
use carnet_protocol::payload::PayloadHasher;
use carnet_protocol::wire::LogKey;
use futures_util::StreamExt as _;

use crate::node::Node;

/// Whom a package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// A partner: what its feed holds.
    Partner(Country),
    /// This administration itself: everything.
    Own,
}

/// What went into a package.
#[derive(Debug)]
pub struct Written {
    /// Counts and digest.
    pub trailer: Trailer,
    /// Records that the recipient may not have.
    pub left_out: Vec<Digest>,
}

/// Writes `records` into `sink`. Each payload's flat digest is checked on the way.
///
/// # Errors
/// A record that does not verify any more, a payload that was changed on the disk, a sink that fails.
pub async fn write<W: Write>(node: &Node, records: &[Digest], recipient: Recipient, sink: W) -> anyhow::Result<(W, Written)> {
    let (mut going, mut left_out) = (Vec::new(), Vec::new());
    for id in records {
        let allowed = match recipient {
            Recipient::Own => true,
            Recipient::Partner(partner) => node.group_for(partner, *id).await?.is_some(),
        };
        if allowed { going.push(*id) } else { left_out.push(*id) }
    }
    going.sort_unstable();
    going.dedup();
    let mut writer = Writer::new(sink, log_keys(node, &going).await?)?;
    for id in &going {
        record(node, *id, recipient, &mut writer).await?;
    }
    let (sink, trailer) = writer.finish()?;
    Ok((sink, Written { trailer, left_out }))
}

/// The keys of the logs that these records are in.
async fn log_keys(node: &Node, records: &[Digest]) -> anyhow::Result<Vec<LogKey>> {
    let mut makers = Vec::new();
    for id in records {
        if let Some(head) = node.catalogue().head(*id).await?
            && !makers.contains(&head.administration)
        {
            makers.push(head.administration);
        }
    }
    let mut keys = Vec::new();
    for maker in makers {
        if maker == node.identity().administration {
            keys.push(node.identity().log_key());
        } else {
            keys.extend(node.catalogue().log_keys(maker).await?.into_iter().map(|known| known.key));
        }
    }
    Ok(keys)
}

async fn record<W: Write>(node: &Node, id: Digest, recipient: Recipient, writer: &mut Writer<W>) -> anyhow::Result<()> {
    let stored = node.catalogue().record(id).await?;
    let verified = node.verify_stored(&stored)?;
    let openings = match recipient {
        Recipient::Partner(partner) => {
            node.group_for(partner, id).await?.ok_or_else(|| anyhow::anyhow!("{id} was withdrawn while the package was written"))?.openings
        }
        Recipient::Own => {
            let openings = node.open_openings(&stored, verified.statement())?;
            openings.iter().map(carnet_protocol::cbor::encode).collect()
        }
    };
    writer.record(&verified, openings, node.catalogue().proof_of(id).await?)?;
    for (index, named) in (0u32..).zip(&verified.statement().payloads) {
        let served = match recipient {
            Recipient::Partner(partner) => node.payload_for(partner, id, index).await?,
            Recipient::Own => node.open_payload(&stored, named, index).await?,
        };
        let Some(served) = served else { continue };
        writer.payload(id, index, &served.list)?;
        let mut hasher = PayloadHasher::new();
        let mut chunks = served.chunks(0..served.list.geometry().count());
        let mut at = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            hasher.update(&chunk)?;
            writer.chunk(at, &chunk)?;
            at += 1;
        }
        let (name, _) = hasher.finish()?;
        anyhow::ensure!(
            name.sha256 == named.sha256 && name.root == named.root,
            "payload {index} of {id} is not the one that its record names: restore it from a backup, or fetch it again"
        );
    }
    Ok(())
}

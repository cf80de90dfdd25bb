//! Two nodes in one program: NL makes a record with a payload and lets FR have it; FR pulls, fetches and verifies.
//!
//! `carnet serve` does the same with `Federation` at both ends; here FR takes each step by hand, so that they can be seen.

#![allow(clippy::print_stdout, reason = "an example's output")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use carnet::clock;
use carnet::node::{Draft, DraftPayload, Node, Source};
use carnet::peer::fetch::{self, Progress};
use carnet::peer::transport::Carrier;
use carnet::peer::{Federation, federation, feed};
use carnet::store::catalogue::Partner;
use carnet::trust::Pinned;
use carnet_protocol::pki::Revocations;
use carnet_protocol::record::{Annotation, Content, Handling};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let nl = Node::open(&carnet_examples::node(folder.path(), "NL")?).await?;
    let fr = Node::open(&carnet_examples::node(folder.path(), "FR")?).await?;

    // NL listens. Nobody is trusted yet: there is no centre that would vouch for anybody.
    let carrier = Carrier::listen(nl.identity(), nl.trust(), "127.0.0.1:0".parse()?)?;
    let address = carrier.endpoint().local_addr()?.to_string();
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(Federation::run(nl.clone(), carrier, stopping));

    // Each pins the other's root certificate, whose fingerprint two officers compared over the telephone.
    pin(&nl, &fr, Vec::new()).await?;
    pin(&fr, &nl, vec![address.clone()]).await?;

    // NL makes a record with three megabytes beside it. When `make` returns, a power cut does not lose it.
    let content = Annotation { text: "A film of the unloading.".into(), category: None, regions: Vec::new() };
    let film = DraftPayload {
        role: "optical".into(),
        media: "application/octet-stream".into(),
        source: Source::Bytes((0..3_000_000u32).map(|n| n.to_le_bytes()[1]).collect()),
        handling: None,
    };
    let draft = Draft::new("NL-EXAMPLE-2".into(), Content::Annotation(content))
        .handling(Handling::releasable_to([fr.identity().administration]))
        .payload(film);
    let made = nl.make(draft).await?;
    println!("NL made {} as entry {} of its log", made.record, made.log_index.unwrap_or_default());

    // FR pulls what is released to it: each record is verified, its place in NL's log too, before it is stored.
    let out = Carrier::outbound(fr.identity(), fr.trust())?;
    let link = federation::connect(&fr, &out, nl.identity().administration, &address).await?;
    let pulled = feed::pull(&link).await?;
    println!("FR pulled {} records, {} refused", pulled.new, pulled.refused);
    anyhow::ensure!((pulled.new, pulled.refused) == (1, 0), "one record was released");

    // The payload in 1 MiB chunks, each held against its hash as it comes.
    let progress = Arc::new(Progress::default());
    fetch::payload(&link, made.record, 0, &progress).await?;
    println!("FR fetched {} of {} bytes", progress.held.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed));
    link.close();

    // Once more from FR's disk, as an auditor would.
    let mut good = false;
    carnet::verify::record(&fr, made.record, &mut |verdict| {
        println!("FR: {verdict}");
        good = verdict.reason.is_none() && verdict.payloads == 1;
    })
    .await?;
    anyhow::ensure!(good, "what FR holds must verify");
    stop.send_replace(true);
    serving.await?;
    Ok(())
}

async fn pin(node: &Node, partner: &Node, endpoints: Vec<String>) -> anyhow::Result<()> {
    let root = partner.identity().root.clone();
    node.catalogue().put_partner(&Partner::new(&root, endpoints, clock::now())).await?;
    node.trust().pin(Pinned { root, revocations: Revocations::default() });
    Ok(())
}

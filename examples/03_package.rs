//! A package: records and payloads in one file, for a disk in a diplomatic bag.
//!
//! It is written, read forward in one pass with bounded memory, verified with nothing but the maker's root certificate, and then
//! verified once more with one bit changed. Its frames are the wire's own.

#![allow(clippy::print_stdout, reason = "an example's output")]

use carnet::export::{self, Recipient};
use carnet::node::{Draft, DraftPayload, Node, Source};
use carnet::trust::{Pinned, TrustStore};
use carnet::verify;
use carnet_protocol::package::{Item, Reader};
use carnet_protocol::pki::Revocations;
use carnet_protocol::record::{Annotation, Content};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::open(&carnet_examples::node(folder.path(), "NL")?).await?;
    let mut records = Vec::new();
    for (text, size) in [("a short film", 1_500_000), ("a photograph", 40_000)] {
        let content = Annotation { text: text.into(), category: None, regions: Vec::new() };
        let payload = DraftPayload {
            role: "optical".into(),
            media: "application/octet-stream".into(),
            source: Source::Bytes(vec![7; size].into()),
            handling: None,
        };
        records.push(node.make(Draft::new("NL-EXAMPLE-3".into(), Content::Annotation(content)).payload(payload)).await?.record);
    }

    // Into memory here; `carnet export` writes a file beside its target and renames it when it is durable.
    let (package, written) = export::write(&node, &records, Recipient::Own, Vec::new()).await?;
    println!("written: {} bytes, {} records, {} payloads", package.len(), written.trailer.records, written.trailer.payloads);

    // Forward, item by item. Reading checks order, encoding and hashes; who made it is judged below.
    let mut reader = Reader::new(&package[..]);
    while let Some(item) = reader.next()? {
        match item {
            Item::LogKey(log) => println!("  a log's key, {} certificates", log.chain.len()),
            Item::Record { at, signed, .. } => {
                println!("  record {} at byte {at}, said to be of {}", signed.id(), signed.claimed().maker.administration)
            }
            Item::Payload { index, list } => println!("  payload {index}: {} bytes", list.size()),
            Item::Chunk { index, bytes } => println!("    chunk {index}: {} bytes, as its hash says", bytes.len()),
            Item::End(trailer) => println!("  end: digest {}", trailer.digest),
        }
    }

    // All that the verifier has is a root that it trusts.
    let trust = TrustStore::default();
    trust.pin(Pinned { root: node.identity().root.clone(), revocations: Revocations::default() });
    anyhow::ensure!(good(&package, &trust), "the package must verify");
    let mut broken = package.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    anyhow::ensure!(!good(&broken, &trust), "a changed package must not verify");
    anyhow::ensure!(!good(&package, &TrustStore::default()), "nobody is trusted without a root");
    Ok(())
}

fn good(package: &[u8], trust: &TrustStore) -> bool {
    let mut good = true;
    verify::package("package", package, trust, &mut |verdict| {
        println!("{verdict}");
        good &= verdict.reason.is_none();
    });
    good
}

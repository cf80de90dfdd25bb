//! A partner asks for what it was not given, and learns nothing.

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::wire::{Asked, Frame, FrameKind, PayloadBody, Refusal};

use crate::cli::fetch::reach;
use crate::home::Home;
use crate::node::Node;
use crate::peer::Link;

/// What the asked administration answered.
pub(super) struct Answers {
    /// The registered reason code.
    pub(super) reason: String,
    /// Whether every answer was the same to the byte, whether or not the thing asked for exists.
    pub(super) alike: bool,
}

/// Asks `maker` on behalf of the node in `home` for `record` and its first payload, then for a record that does not exist.
pub(super) async fn ask(home: &Home, maker: Country, record: Digest) -> anyhow::Result<Answers> {
    let node = Node::open(home).await?;
    let (link, _carrier) = reach(&node, maker).await?;
    let nothing = Digest::of(b"a record that nobody ever made");
    let mut answers = Vec::new();
    for id in [record, nothing] {
        answers.push(first_frame(&link, &Asked::Record(id)).await?);
        let body = PayloadBody { record: id, payload: 0, list: true, ranges: Vec::new() };
        answers.push(first_frame(&link, &Asked::Payload(body)).await?);
    }
    link.close();
    node.catalogue().close().await;
    let mut reason = String::new();
    for answer in &answers {
        anyhow::ensure!(answer.kind == FrameKind::Refusal, "{maker} answered where it must refuse");
        reason = answer.message::<Refusal>()?.reason;
    }
    Ok(Answers { reason, alike: answers.iter().all(|answer| answer.body == answers[0].body) })
}

async fn first_frame(link: &Link, asked: &Asked) -> anyhow::Result<Frame> {
    let mut receive = link.ask(asked).await?;
    Ok(link.frame(&mut receive).await?)
}

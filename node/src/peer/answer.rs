//! The server's end of requests: the gate, then the handling, then frames out.
//!
//! What may not be served and what does not exist get the same answer after the same work: one look into the partner's own feed,
//! where neither is. So nobody learns from a refusal, or from its time, what is here.

use std::sync::Arc;
use std::time::Duration;

use carnet_protocol::identifier::Country;
use carnet_protocol::package::ChunkListMessage;
use carnet_protocol::reason::Reason;
use carnet_protocol::session::Gate;
use carnet_protocol::wire::{Asked, End, Frame, FrameKind, Group, PayloadBody, Refusal, chunk_frame_prefix};
use futures_util::StreamExt;
use quinn::{RecvStream, SendStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::link::{self, Link, LinkError, PATIENCE, PRIORITY_CONTROL, PRIORITY_RECORDS};
use crate::clock;
use crate::store::served::ServedPayload;

/// Requests of one partner that are worked on at once, over all its connections; the rest wait in the carrier.
const AT_ONCE: usize = 64;
/// Payloads that one partner is sent at once: each holds a few mebibytes that were read ahead.
const BULK_AT_ONCE: usize = 32;
/// A request must be there this soon after its stream opened.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);

/// Where the requests of one partner come in, whichever of its connections they use: a request is worth nothing a second time on
/// another connection, and ten connections get no more memory than one.
pub struct Desk {
    gate: Mutex<Gate>,
    room: Arc<Semaphore>,
    bulk: Semaphore,
}

impl Desk {
    /// A desk at `us` for `partner`.
    pub fn new(us: Country, partner: Country) -> Self {
        let gate = Mutex::new(Gate::new(us, partner));
        Self { gate, room: Arc::new(Semaphore::new(AT_ONCE)), bulk: Semaphore::new(BULK_AT_ONCE) }
    }

    /// Waits until no request is being worked on.
    pub async fn idle(&self) {
        // All the room there is can be had only then. A closed semaphore has no requests either.
        self.room.acquire_many(AT_ONCE as u32).await.ok();
    }
}

/// Bytes of records, openings and proofs after which a page of a feed ends, far below what a requester takes (`WIRE-031`).
const PAGE_BYTES: usize = 8 << 20;

/// Answers the partner's requests on `link` until the connection ends.
pub async fn serve(link: Link, desk: Arc<Desk>) {
    loop {
        let Ok((send, receive)) = link.connection().accept_bi().await else { return };
        // Room is asked for when there is a request: a connection that asks nothing takes nothing from the others.
        let room = tokio::select! {
            room = Arc::clone(&desk.room).acquire_owned() => room,
            _ = link.connection().closed() => return,
        };
        let Ok(room) = room else { return };
        let (link, desk) = (link.clone(), Arc::clone(&desk));
        tokio::spawn(async move {
            if let Err(error) = answer(&link, &desk, send, receive).await {
                tracing::info!(partner = %link.partner(), %error, "a request came to nothing");
            }
            drop(room);
        });
    }
}

async fn answer(link: &Link, desk: &Desk, mut send: SendStream, mut receive: RecvStream) -> Result<(), LinkError> {
    send.set_priority(PRIORITY_RECORDS).ok();
    let outcome = match link::read(link.connection(), &mut receive, REQUEST_PATIENCE, FrameKind::Request).await {
        Ok(frame) => match admit(link, desk, &frame).await {
            Ok(asked) => respond(link, desk, &mut send, asked).await,
            Err(reason) => Ok(Err(reason)),
        },
        Err(LinkError::Misbehaved { fault, .. }) => Ok(Err(fault.reason)),
        Err(error) => return Err(error),
    };
    match outcome? {
        Ok(()) => {}
        Err(reason) => {
            link.node().refused(link.partner(), reason).await;
            send.set_priority(PRIORITY_CONTROL).ok();
            link::write(link.connection(), &mut send, &Frame::of(FrameKind::Refusal, &Refusal::new(reason))).await?;
        }
    }
    send.finish().ok();
    // Until the partner has it all, or gives up.
    timeout(PATIENCE, send.stopped()).await.ok();
    Ok(())
}

async fn admit(link: &Link, desk: &Desk, frame: &Frame) -> Result<Asked, Reason> {
    let pinned = link.node().trust().of(link.partner()).ok_or(Reason::ChainUntrusted)?;
    let admitted = desk.gate.lock().await.admit(&frame.body, pinned.trust(), clock::now());
    let request = admitted.map_err(|fault| {
        tracing::warn!(partner = %link.partner(), %fault, "a request is refused");
        fault.reason
    })?;
    request.statement().asked().map_err(|fault| fault.reason)
}

/// The answer, or the reason for refusing.
type Responded = Result<Result<(), Reason>, LinkError>;

async fn respond(link: &Link, desk: &Desk, send: &mut SendStream, asked: Asked) -> Responded {
    match asked {
        Asked::Feed { after, limit } => feed(link, send, after, limit).await,
        Asked::Record(id) => {
            let group = link.node().group_for(link.partner(), id).await?;
            let Some(group) = group else { return Ok(Err(Reason::NotAvailable)) };
            group_out(link, send, group).await?;
            end(link, send, End::default()).await
        }
        Asked::Payload(body) => {
            let _room = desk.bulk.acquire().await;
            payload(link, send, body).await
        }
    }
}

/// One page, record by record: however many pages are asked for, no more than a record of each is held.
async fn feed(link: &Link, send: &mut SendStream, after: u64, limit: u32) -> Responded {
    let partner = link.partner();
    let page = link.node().catalogue().feed_after(partner, after, limit).await.map_err(anyhow::Error::from)?;
    let (mut cursor, mut sent, mut bytes) = (page.cursor, 0u64, 0);
    let mut last = after;
    for item in &page.items {
        if bytes > PAGE_BYTES {
            cursor = last;
            break;
        }
        last = item.seq;
        match link.node().group_for(partner, item.record).await {
            Ok(Some(group)) => {
                bytes += group.size();
                sent += 1;
                group_out(link, send, group).await?;
            }
            Ok(None) => {}
            // One record that does not verify any more must not keep everything after it from the partner, withdrawals least of all.
            Err(error) => {
                tracing::error!(%partner, record = %item.record, error = %format!("{error:#}"), "a released record cannot be served");
            }
        }
    }
    if sent > 0 {
        tracing::info!(%partner, records = sent, cursor, "records served");
        metrics::counter!("carnet_records_served_total", "partner" => partner.to_string()).increment(sent);
    }
    end(link, send, End { cursor: Some(cursor), head: Some(page.head) }).await
}

async fn group_out(link: &Link, send: &mut SendStream, group: Group) -> Result<(), LinkError> {
    for frame in group.into_frames() {
        link::write(link.connection(), send, &frame).await?;
    }
    Ok(())
}

async fn end(link: &Link, send: &mut SendStream, end: End) -> Responded {
    link::write(link.connection(), send, &Frame::of(FrameKind::End, &end)).await.map(Ok)
}

async fn payload(link: &Link, send: &mut SendStream, body: PayloadBody) -> Responded {
    let Some(served) = link.node().payload_for(link.partner(), body.record, body.payload).await? else {
        return Ok(Err(Reason::NotAvailable));
    };
    let geometry = served.list.geometry();
    if body.ranges.iter().any(|range| u64::from(range.first) + u64::from(range.count) > u64::from(geometry.count())) {
        return Ok(Err(Reason::RequestLimit));
    }
    if body.list {
        let hashes = served.list.to_bytes().into();
        let message = ChunkListMessage { record: body.record, payload: body.payload, size: served.list.size(), hashes };
        link::write(link.connection(), send, &Frame::of(FrameKind::ChunkList, &message)).await?;
    }
    // Bulk never delays a small message: chunks have the lowest priority of all streams.
    send.set_priority(0).ok();
    let chunks: u64 = body.ranges.iter().map(|range| u64::from(range.count)).sum();
    for range in &body.ranges {
        chunks_out(link, send, &served, range.first..range.first + range.count).await?;
    }
    if chunks > 0 {
        tracing::info!(partner = %link.partner(), record = %body.record, payload = body.payload, chunks, "chunks served");
        metrics::counter!("carnet_chunks_served_total", "partner" => link.partner().to_string()).increment(chunks);
    }
    end(link, send, End::default()).await
}

async fn chunks_out(link: &Link, send: &mut SendStream, served: &ServedPayload, range: std::ops::Range<u32>) -> Result<(), LinkError> {
    let connection = link.connection();
    let silent = |_| LinkError::Silent { partner: link.partner().to_string() };
    let mut index = range.start;
    let mut chunks = std::pin::pin!(served.chunks(range));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(anyhow::Error::from)?;
        let prefix = bytes::Bytes::copy_from_slice(&chunk_frame_prefix(index, chunk.len()));
        // Patience is for each part that is taken, not for the chunk: on a slow line it is long under way.
        let mut parts = [prefix, chunk];
        let mut taken = 0;
        while taken < parts.len() {
            let written = timeout(PATIENCE, send.write_chunks(&mut parts[taken..])).await.map_err(silent)?;
            taken += written.map_err(|error| link::lost(connection, error))?.chunks;
        }
        index += 1;
    }
    Ok(())
}

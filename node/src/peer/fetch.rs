//! The client's end for payloads: chunks over several streams at once into one staging file, each held against its hash as it
//! is written; after a cut only what is missing is fetched.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carnet_protocol::digest::Digest;
use carnet_protocol::payload::ChunkList;
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::PayloadRef;
use carnet_protocol::session::{ChunkStep, PayloadPull};
use carnet_protocol::wire::{Asked, ChunkRange, Frame, FrameKind, MAX_RANGES, PayloadBody};
use futures_util::future::try_join_all;
use quinn::RecvStream;
use tokio::time::timeout;

use super::link::{self, Link, LinkError, PATIENCE};
use super::transport;
use crate::store::incoming::Incoming;

/// Streams on which one payload is fetched at once.
pub const STREAMS: usize = 4;
/// Chunks in one request: small enough that a cut costs little bookkeeping, large enough that signing is nothing.
const CHUNKS_A_REQUEST: u32 = 256;

/// Bytes that must come within [`PATIENCE`]: with four streams at once, a line of 25 kbit/s still moves.
const PIECE: usize = 16 * 1024;

/// How a fetch is going; read by whoever draws a progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of the payload.
    pub total: AtomicU64,
    /// Bytes that are in the staging file, those of earlier attempts included.
    pub held: AtomicU64,
    /// Bytes that came over the wire in this attempt.
    pub fetched: AtomicU64,
}

/// Fetches one payload of a record that is held, unless it is here already. Durable when this returns.
///
/// # Errors
/// A lost connection (what came stays in the staging file), a refusal, a partner that breaks a rule, a full disk.
pub async fn payload(link: &Link, record: Digest, index: u32, progress: &Arc<Progress>) -> Result<(), LinkError> {
    let Some(named) = link.node().payload_wanted(record, index).await? else {
        return Ok(());
    };
    progress.total.store(named.size, Ordering::Relaxed);
    // The path may have become another since the connection began.
    transport::fit(link.connection());
    let list = chunk_list(link, record, index, &named).await?;
    let incoming = link.node().incoming(link.partner(), record, index, list.clone()).await?;
    let missing = incoming.missing();
    let absent: u64 = missing.iter().cloned().flatten().filter_map(|chunk| list.geometry().len_of(chunk)).map(|len| len as u64).sum();
    progress.held.store(named.size - absent, Ordering::Relaxed);
    let pulls = split(&missing, STREAMS).into_iter().map(|share| chunks(link, record, index, &named, &list, &incoming, share, progress));
    try_join_all(pulls).await?;
    link.node().received(link.partner(), record, index, incoming).await?;
    Ok(())
}

/// The list of chunk hashes, which has the root that the record names.
async fn chunk_list(link: &Link, record: Digest, index: u32, named: &PayloadRef) -> Result<ChunkList, LinkError> {
    let body = PayloadBody { record, payload: index, list: true, ranges: Vec::new() };
    let mut receive = link.ask(&Asked::Payload(body)).await?;
    let mut pull = PayloadPull::new(record, index, named, None, &[]);
    loop {
        let frame = link.frame(&mut receive).await?;
        if step(link, &mut pull, frame)? {
            break;
        }
    }
    pull.list().cloned().ok_or_else(|| link.misbehaved(Fault::new(Reason::WireOrder, "the answer has no chunk list")))
}

/// Takes a frame that is no chunk; whether it was the last.
fn step(link: &Link, pull: &mut PayloadPull, frame: Frame) -> Result<bool, LinkError> {
    match pull.frame(frame).map_err(|fault| link.misbehaved(fault))? {
        ChunkStep::List => Ok(false),
        ChunkStep::End => Ok(true),
        ChunkStep::Refused(refusal) => Err(LinkError::Refused { partner: link.partner().to_string(), reason: refusal.reason }),
    }
}

#[allow(clippy::too_many_arguments, reason = "one stream's share of one transfer")]
async fn chunks(
    link: &Link,
    record: Digest,
    index: u32,
    named: &PayloadRef,
    list: &ChunkList,
    incoming: &Incoming,
    share: Vec<ChunkRange>,
    progress: &Progress,
) -> Result<(), LinkError> {
    for ranges in share.chunks(MAX_RANGES.min(16)) {
        let body = PayloadBody { record, payload: index, list: false, ranges: ranges.to_vec() };
        let mut receive = link.ask(&Asked::Payload(body)).await?;
        let mut pull = PayloadPull::new(record, index, named, Some(list.clone()), ranges);
        loop {
            let header = timeout(PATIENCE, link::read_header(link.connection(), &mut receive)).await.map_err(|_| silent(link))??;
            if header.kind != FrameKind::Chunk {
                let mut body = vec![0; header.length];
                fill(link, &mut receive, &mut body).await?;
                if step(link, &mut pull, Frame { kind: header.kind, body })? {
                    break;
                }
                continue;
            }
            let mut place = [0; 4];
            if header.length < place.len() {
                return Err(link.misbehaved(Fault::new(Reason::WireFrame, "a chunk frame without an index")));
            }
            fill(link, &mut receive, &mut place).await?;
            let (chunk, length) = (u32::from_be_bytes(place), header.length - place.len());
            pull.accept(chunk, length).map_err(|fault| link.misbehaved(fault))?;
            let mut buffer = link.node().payloads().pool().take();
            buffer.set_len(length);
            fill(link, &mut receive, &mut buffer).await?;
            progress.fetched.fetch_add(length as u64, Ordering::Relaxed);
            // Hashed, sealed and written on this thread, while its bytes are in this core's cache; others go on elsewhere.
            tokio::task::block_in_place(|| incoming.write(chunk, buffer)).map_err(|error| match error.reason() {
                Some(reason) => link.misbehaved(Fault::new(reason, error.to_string())),
                None => LinkError::Ours(error.into()),
            })?;
            progress.held.fetch_add(length as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Fills a buffer piece by piece: a slow line may take long for a chunk, as long as something comes.
async fn fill(link: &Link, receive: &mut RecvStream, buffer: &mut [u8]) -> Result<(), LinkError> {
    for piece in buffer.chunks_mut(PIECE) {
        let filled = timeout(PATIENCE, receive.read_exact(piece)).await.map_err(|_| silent(link))?;
        filled.map_err(|error| link::lost(link.connection(), error))?;
    }
    Ok(())
}

fn silent(link: &Link) -> LinkError {
    LinkError::Silent { partner: link.partner().to_string() }
}

/// Deals the missing chunks out to `streams` in runs, so that each stream asks for few ranges.
fn split(missing: &[Range<u32>], streams: usize) -> Vec<Vec<ChunkRange>> {
    let mut pieces = Vec::new();
    let total: u32 = missing.iter().map(|range| range.end - range.start).sum();
    let most = total.div_ceil(streams as u32).clamp(1, CHUNKS_A_REQUEST);
    for range in missing {
        let mut first = range.start;
        while first < range.end {
            let count = most.min(range.end - first);
            pieces.push(ChunkRange { first, count });
            first += count;
        }
    }
    let mut shares = vec![Vec::new(); streams.min(pieces.len())];
    for (turn, piece) in pieces.into_iter().enumerate() {
        let share = turn % shares.len();
        shares[share].push(piece);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_chunk_is_asked_for_once() {
        let one = |range| std::iter::once(range).collect();
        for missing in [Vec::new(), one(0..1), vec![0..3, 5..6], one(0..2048), vec![0..1, 2..1000, 5000..6000]] {
            let mut asked: Vec<u32> =
                split(&missing, STREAMS).into_iter().flatten().flat_map(|range| range.first..range.first + range.count).collect();
            asked.sort_unstable();
            assert_eq!(asked, missing.iter().cloned().flatten().collect::<Vec<_>>());
            assert!(split(&missing, STREAMS).len() <= STREAMS);
        }
    }
}

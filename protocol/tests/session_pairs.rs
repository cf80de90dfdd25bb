//! Simulated pairs: an answer cut at every place, with frames lost, doubled, swapped and lying. Nothing wrong is ever kept, and the
//! next answer makes whole what is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/pair.rs"]
mod pair;

use carnet_protocol::digest::Digest;
use carnet_protocol::limits::MAX_RECORD;
use carnet_protocol::package::ChunkListMessage;
use carnet_protocol::payload::CHUNK;
use carnet_protocol::reason::Reason;
use carnet_protocol::session::{FeedPull, FeedStep, PayloadPull, Permission};
use carnet_protocol::wire::{Asked, ChunkRange, End, FRAME_HEADER, Frame, FrameKind, MAX_PAGE_BYTES, Refusal};
use common::NOW;
use pair::{Came, Requester, Responder, link};

const FEED: Asked = Asked::Feed { after: 0, limit: 10 };

/// A fresh answer to the whole feed.
fn feed(responder: &mut Responder, requester: &mut Requester) -> Vec<Frame> {
    let request = requester.ask(&responder.be, &Asked::Feed { after: requester.cursor, limit: 10 });
    responder.answer(&request, NOW)
}

fn whole(responder: &mut Responder, requester: &mut Requester) {
    let after = requester.cursor;
    let frames = feed(responder, requester);
    assert_eq!(requester.records(responder, link(frames, usize::MAX), after, 10), Came::Whole);
    assert_eq!((requester.cursor, requester.held.len()), (3, 3));
    for (record, _) in &responder.feed {
        assert_eq!(requester.held[&record.id()].record.bytes(), record.bytes());
        assert_eq!(requester.held[&record.id()].permission, Permission::Handling);
    }
}

#[test]
fn a_feed_comes_whole_and_once() {
    let (mut responder, mut requester) = (Responder::new(), Requester::default());
    whole(&mut responder, &mut requester);
    assert_eq!(requester.held[&responder.feed[0].0.id()].openings[0].text().as_deref(), Some("Example Trading Ltd"));
    // Nothing new: an end and nothing else.
    let frames = feed(&mut responder, &mut requester);
    assert_eq!(frames.len(), 1);
    assert_eq!(requester.records(&responder, frames, 3, 10), Came::Whole);
    // By pages of one.
    let mut pages = Requester::default();
    for sequence in 0..3 {
        let request = pages.ask(&responder.be, &Asked::Feed { after: sequence, limit: 1 });
        let mut gate = Responder::new();
        let frames = gate.answer(&request, NOW);
        assert_eq!(pages.records(&responder, frames, sequence, 1), Came::Whole);
        assert_eq!((pages.cursor, pages.held.len() as u64), (sequence + 1, sequence + 1));
    }
}

#[test]
fn a_feed_cut_at_every_byte_is_made_whole() {
    let mut responder = Responder::new();
    let frames = feed(&mut responder, &mut Requester::default());
    let total: usize = frames.iter().map(|frame| FRAME_HEADER + frame.body.len()).sum();
    for cut in (0..total).step_by(37).chain(total - 12..total) {
        let mut requester = Requester::default();
        assert_eq!(requester.records(&responder, link(frames.clone(), cut), 0, 10), Came::Cut, "{cut}");
        assert_eq!(requester.cursor, 0, "the cursor moves at the end alone");
        for id in requester.held.keys() {
            assert!(responder.feed.iter().any(|(record, _)| record.id() == *id));
        }
    }
    let mut requester = Requester::default();
    requester.records(&responder, link(frames, total / 2), 0, 10);
    assert!(!requester.held.is_empty());
    whole(&mut Responder::new(), &mut requester);
}

/// What stays is a record as it was sent, whatever the link did.
fn nothing_wrong(responder: &Responder, requester: &Requester) {
    for (id, arrival) in &requester.held {
        assert!(responder.feed.iter().any(|(record, _)| record.id() == *id && record.bytes() == arrival.record.bytes()));
    }
}

#[test]
fn frames_lost_doubled_and_swapped() {
    let mut responder = Responder::new();
    let frames = feed(&mut responder, &mut Requester::default());
    let take = |frames: Vec<Frame>| {
        let mut requester = Requester::default();
        let came = requester.records(&responder, frames, 0, 3);
        nothing_wrong(&responder, &requester);
        (came, requester.held.len())
    };
    for at in 0..frames.len() {
        let mut lost = frames.clone();
        let kind = lost.remove(at).kind;
        let (came, held) = take(lost);
        match kind {
            // Openings may be withheld; a lost end is a cut.
            FrameKind::Openings => assert_eq!((came, held), (Came::Whole, 3)),
            FrameKind::End => assert_eq!(came, Came::Cut),
            _ => assert_eq!(came, Came::Fault(Reason::WireOrder), "{kind:?} lost"),
        }
        let mut doubled = frames.clone();
        doubled.insert(at, frames[at].clone());
        let (came, _) = take(doubled);
        let wanted = if kind == FrameKind::End { Came::Whole } else { Came::Fault(Reason::WireOrder) };
        assert_eq!(came, wanted, "{kind:?} doubled");
        for other in at + 1..frames.len() {
            let mut swapped = frames.clone();
            swapped.swap(at, other);
            let (came, held) = take(swapped);
            match (frames[at].kind, frames[other].kind) {
                // Whole records in another order would be good; a record under another's proof is not.
                (FrameKind::Record, FrameKind::Record) | (FrameKind::Proof, FrameKind::Proof) => {
                    assert!(matches!(came, Came::Fault(Reason::LogInclusion | Reason::OpeningUnknown)), "{came:?}");
                }
                // An end that comes early leaves the rest for the next time.
                (_, FrameKind::End) if at == 0 => assert_eq!((came, held), (Came::Whole, 0)),
                (_, FrameKind::End) => assert!(matches!(came, Came::Fault(Reason::WireOrder) | Came::Whole), "{came:?}"),
                // Openings and a proof in each other's place: a record under another's proof again.
                _ => assert!(matches!(came, Came::Fault(Reason::WireOrder | Reason::LogInclusion)), "{came:?}"),
            }
        }
    }
}

#[test]
fn answers_that_break_the_rules() {
    let mut responder = Responder::new();
    let mut frames = feed(&mut responder, &mut Requester::default());
    let end = frames.pop().unwrap();
    // More than was asked for.
    assert_eq!(Requester::default().records(&responder, frames.clone(), 0, 2), Came::Fault(Reason::WireOrder));
    // A cursor that goes back.
    let back = [frames.clone(), vec![Frame::of(FrameKind::End, &End { cursor: Some(4), head: Some(9) })]].concat();
    assert_eq!(Requester::default().records(&responder, back, 5, 10), Came::Fault(Reason::WireOrder));
    // An end or a refusal within a record.
    let refusal = Frame::of(FrameKind::Refusal, &Refusal::new(Reason::Internal));
    for last in [end.clone(), refusal.clone()] {
        assert_eq!(Requester::default().records(&responder, vec![frames[0].clone(), last], 0, 10), Came::Fault(Reason::WireOrder));
    }
    // A refusal between records: what came stays.
    let mut requester = Requester::default();
    let broken = [frames[..3].to_vec(), vec![refusal]].concat();
    assert_eq!(requester.records(&responder, broken, 0, 10), Came::Refused("request.internal".into()));
    assert_eq!((requester.held.len(), requester.cursor), (1, 0));
    // As many bytes as a page may have, and one more.
    let sized = |last: usize| {
        let mut pull = FeedPull::new(0, 256);
        let whole = MAX_PAGE_BYTES / (2 * MAX_RECORD);
        for n in 0..2 * whole {
            let proof = n % 2 == 1;
            let kind = if proof { FrameKind::Proof } else { FrameKind::Record };
            pull.frame(Frame::new(kind, vec![0; if proof { 0 } else { MAX_RECORD }])).unwrap();
        }
        for _ in 0..whole {
            pull.frame(Frame::new(FrameKind::Record, vec![0; MAX_RECORD - 1])).unwrap();
            pull.frame(Frame::new(FrameKind::Proof, vec![0; 1])).unwrap();
        }
        pull.frame(Frame::new(FrameKind::Record, vec![0; last])).map(|_| ())
    };
    sized(0).unwrap();
    assert_eq!(sized(1).unwrap_err().reason, Reason::WireOrder);
    // A frame after the end, after a refusal.
    let mut pull = FeedPull::new(0, 10);
    assert!(matches!(pull.frame(end.clone()), Ok(FeedStep::End(_))));
    assert_eq!(pull.frame(end.clone()).unwrap_err().reason, Reason::WireOrder);
    // Frames of other answers, and malformed ones.
    for kind in FrameKind::ALL {
        if !matches!(kind, FrameKind::Record | FrameKind::End | FrameKind::Refusal) {
            assert_eq!(FeedPull::new(0, 10).frame(Frame::new(*kind, vec![0xa0])).unwrap_err().reason, Reason::WireOrder, "{kind:?}");
        }
    }
    for (body, wanted) in [(vec![0xbf, 0xff], Reason::CborIndefinite), (vec![0x80], Reason::WireStructure), (vec![], Reason::CborTruncated)]
    {
        assert_eq!(FeedPull::new(0, 10).frame(Frame::new(FrameKind::End, body)).unwrap_err().reason, wanted);
    }
    assert_eq!(FeedPull::new(0, 10).frame(Frame::new(FrameKind::Refusal, vec![0xa0])).unwrap_err().reason, Reason::WireStructure);
}

/// One changed byte anywhere in an answer: never a record that was not sent.
#[test]
fn a_changed_byte_in_an_answer() {
    let mut responder = Responder::new();
    let frames = feed(&mut responder, &mut Requester::default());
    for (at, frame) in frames.iter().enumerate().filter(|(_, frame)| frame.kind != FrameKind::End) {
        for byte in (0..frame.body.len()).step_by(5) {
            let mut changed = frames.clone();
            changed[at].body[byte] ^= 1 << (byte % 8);
            let mut requester = Requester::default();
            assert!(matches!(requester.records(&responder, changed, 0, 10), Came::Fault(_)), "{:?} byte {byte}", frame.kind);
            nothing_wrong(&responder, &requester);
        }
    }
}

#[test]
fn a_refusal_tells_nothing() {
    let (mut responder, mut requester) = (Responder::new(), Requester::default());
    let (there, hidden) = (responder.feed[1].0.id(), responder.hidden.id());
    let request = requester.ask(&responder.be, &Asked::Record(there));
    let frames = responder.answer(&request, NOW);
    assert_eq!(requester.records(&responder, frames, 0, 1), Came::Whole);
    let refusals: Vec<Vec<Frame>> = [hidden, Digest([0xee; 32])]
        .map(|id| requester.ask(&responder.be, &Asked::Record(id)))
        .iter()
        .map(|request| responder.answer(request, NOW))
        .collect();
    assert_eq!(refusals[0], refusals[1]);
    assert_eq!(requester.records(&responder, refusals[0].clone(), 0, 1), Came::Refused("request.not-available".into()));
    // A request that the gate does not admit is refused by its own fault.
    let twice = requester.ask(&responder.be, &FEED);
    responder.answer(&twice, NOW);
    let again = responder.answer(&twice, NOW);
    assert_eq!(requester.records(&responder, again, 0, 1), Came::Refused("request.replayed".into()));
}

const COUNT: u32 = 4;

#[test]
fn a_payload_cut_anywhere_is_fetched_without_a_chunk_twice() {
    // A list and four chunks: the answer is cut after each number of whole frames, and in the middle of the next.
    for whole_frames in 0..=5 {
        for partly in [0, 1000] {
            let (mut responder, mut requester) = (Responder::new(), Requester::default());
            let (request, mut pull) = requester.ask_payload(&responder, COUNT);
            let frames = responder.answer(&request, NOW);
            let bytes: usize = frames[..whole_frames].iter().map(|frame| FRAME_HEADER + frame.body.len()).sum();
            let cut = link(frames.clone(), bytes + partly.min(FRAME_HEADER + frames[whole_frames].body.len() - 1));
            assert_eq!(requester.payload(&mut pull, cut), Came::Cut);
            assert_eq!(requester.list.is_some(), whole_frames > 0);
            assert_eq!(requester.chunks.len(), whole_frames.saturating_sub(1));
            let before = responder.chunks_sent;
            let (request, mut pull) = requester.ask_payload(&responder, COUNT);
            let frames = responder.answer(&request, NOW);
            assert_eq!(requester.payload(&mut pull, link(frames, usize::MAX)), Came::Whole);
            let again = responder.chunks_sent - before;
            assert_eq!(again, COUNT as usize - whole_frames.saturating_sub(1), "only what was missing");
            assert_eq!(requester.chunks.values().flatten().copied().collect::<Vec<u8>>(), responder.bytes);
        }
    }
}

#[test]
fn chunks_that_are_not_the_ones_asked_for() {
    let (mut responder, mut requester) = (Responder::new(), Requester::default());
    let (request, _) = requester.ask_payload(&responder, COUNT);
    let frames = responder.answer(&request, NOW);
    let take = |frames: Vec<Frame>| {
        let mut requester = Requester::default();
        let (_, mut pull) = requester.ask_payload(&responder, COUNT);
        let came = requester.payload(&mut pull, frames);
        for (index, bytes) in &requester.chunks {
            assert_eq!(Some(bytes.as_slice()), responder.bytes.chunks(CHUNK).nth(*index as usize));
        }
        came
    };
    let order = Came::Fault(Reason::WireOrder);
    assert_eq!(take(frames.clone()), Came::Whole);
    for at in 0..frames.len() - 1 {
        let mut lost = frames.clone();
        lost.remove(at);
        assert_eq!(take(lost), order, "{at} lost");
        let mut doubled = frames.clone();
        doubled.insert(at, frames[at].clone());
        assert_eq!(take(doubled), order, "{at} doubled");
        let mut swapped = frames.clone();
        swapped.swap(at, at + 1);
        assert_eq!(take(swapped), order, "{at} swapped");
    }
    for (byte, wanted) in [(3, Reason::WireOrder), (4, Reason::PayloadChunk), (4 + CHUNK / 2, Reason::PayloadChunk)] {
        let mut changed = frames.clone();
        changed[2].body[byte] ^= 0x40;
        assert_eq!(take(changed), Came::Fault(wanted));
    }
    let mut short = frames.clone();
    short[1].body.pop();
    assert_eq!(take(short), Came::Fault(Reason::PayloadChunk));
    let mut long = frames.clone();
    long[4].body.push(0);
    assert_eq!(take(long), Came::Fault(Reason::PayloadChunk));
    let refused = [frames[..3].to_vec(), vec![Frame::of(FrameKind::Refusal, &Refusal::new(Reason::Internal))]].concat();
    assert_eq!(take(refused), Came::Refused("request.internal".into()));
    let mut end = frames.clone();
    end[5].body = vec![0x9f, 0xff];
    assert_eq!(take(end), Came::Fault(Reason::CborIndefinite));
}

#[test]
fn chunk_lists_that_lie() {
    let (mut responder, mut requester) = (Responder::new(), Requester::default());
    let (request, _) = requester.ask_payload(&responder, COUNT);
    let frames = responder.answer(&request, NOW);
    let honest: ChunkListMessage = frames[0].message().unwrap();
    let lies: [fn(&mut ChunkListMessage); 7] = [
        |m| m.record = Digest([0; 32]),
        |m| m.payload = 1,
        |m| m.size -= 1,
        |m| m.size = u64::MAX,
        |m| m.hashes = vec![].into(),
        |m| {
            let mut hashes = m.hashes.to_vec();
            hashes.rotate_left(32);
            m.hashes = hashes.into();
        },
        |m| m.hashes = [m.hashes.to_vec(), vec![0; 32]].concat().into(),
    ];
    for (at, lie) in lies.iter().enumerate() {
        let mut lying = honest.clone();
        lie(&mut lying);
        let (_, mut pull) = Requester::default().ask_payload(&responder, COUNT);
        let judged = pull.frame(Frame::of(FrameKind::ChunkList, &lying));
        assert_eq!(judged.unwrap_err().reason, Reason::PayloadRoot, "lie {at}");
        assert!(pull.list().is_none() && pull.expected().is_none());
    }
    // A list that is held already is not taken again.
    requester.list = Some(responder.list.clone());
    let (_, mut pull) = requester.ask_payload(&responder, COUNT);
    assert_eq!(pull.frame(frames[0].clone()).unwrap_err().reason, Reason::WireOrder);
}

#[test]
fn ranges_in_any_order_and_an_empty_payload() {
    let responder = Responder::new();
    let (record, list) = (&responder.feed[0].0, &responder.list);
    let ranges = [ChunkRange { first: 3, count: 1 }, ChunkRange { first: 0, count: 2 }];
    let mut pull = PayloadPull::new(record.id(), 0, record.statement().payload(0).unwrap(), Some(list.clone()), &ranges);
    for index in [3u32, 0, 1] {
        let chunk = responder.bytes.chunks(CHUNK).nth(index as usize).unwrap();
        assert_eq!(pull.expected(), Some((index, chunk.len())));
        assert_eq!(pull.frame(Frame::of(FrameKind::End, &End::default())).unwrap_err().reason, Reason::WireOrder);
        pull.chunk(index, chunk).unwrap();
    }
    assert_eq!(pull.expected(), None);
    assert!(pull.frame(Frame::of(FrameKind::End, &End::default())).is_ok());
    assert_eq!(pull.frame(Frame::of(FrameKind::End, &End::default())).unwrap_err().reason, Reason::WireOrder);
    // The empty payload: a list of nothing, and the end.
    let mut pull = PayloadPull::new(record.id(), 1, record.statement().payload(1).unwrap(), None, &[]);
    assert_eq!(pull.frame(Frame::of(FrameKind::End, &End::default())).unwrap_err().reason, Reason::WireOrder);
    let message = ChunkListMessage { record: record.id(), payload: 1, size: 0, hashes: Vec::new().into() };
    pull.frame(Frame::of(FrameKind::ChunkList, &message)).unwrap();
    assert!(pull.frame(Frame::of(FrameKind::End, &End::default())).is_ok());
}

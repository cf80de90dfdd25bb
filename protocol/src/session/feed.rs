//! Pulling records: the answer to `feed` and to `record`, frame by frame.

use crate::reason::{Fault, Reason};
use crate::wire::{End, Frame, FrameKind, Group, Groups, MAX_FEED_PAGE, MAX_PAGE_BYTES, Refusal};

/// What a frame of the answer led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedStep {
    /// More frames are needed.
    More,
    /// A record is complete, unverified.
    Group(Box<Group>),
    /// The answer is complete.
    End(End),
    /// The partner refuses.
    Refused(Refusal),
}

/// The requester's end of one answer with records.
#[derive(Debug)]
pub struct FeedPull {
    after: u64,
    left: u32,
    room: usize,
    groups: Groups,
    over: bool,
}

impl FeedPull {
    /// An answer of at most `limit` records to a request for what came after sequence `after`.
    pub fn new(after: u64, limit: u32) -> Self {
        Self { after, left: limit.min(MAX_FEED_PAGE), room: MAX_PAGE_BYTES, groups: Groups::default(), over: false }
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// `wire.order` for frames out of order, more records or bytes than asked for, or a cursor that goes back; the partner is at
    /// fault.
    pub fn frame(&mut self, frame: Frame) -> Result<FeedStep, Fault> {
        if self.over {
            return Err(Fault::new(Reason::WireOrder, "a frame after the end of the answer"));
        }
        self.room = self
            .room
            .checked_sub(frame.body.len())
            .ok_or_else(|| Fault::new(Reason::WireOrder, "an answer of more bytes than a page may have"))?;
        match frame.kind {
            FrameKind::End | FrameKind::Refusal if !self.groups.is_between() => {
                Err(Fault::new(Reason::WireOrder, "the answer ends within a record"))
            }
            FrameKind::Refusal => {
                self.over = true;
                frame.message().map(FeedStep::Refused)
            }
            FrameKind::End => {
                self.over = true;
                let end: End = frame.message()?;
                if end.cursor.is_some_and(|cursor| cursor < self.after) {
                    return Err(Fault::new(Reason::WireOrder, "the feed's cursor goes back"));
                }
                Ok(FeedStep::End(end))
            }
            _ => match self.groups.push(frame)? {
                None => Ok(FeedStep::More),
                Some(_) if self.left == 0 => Err(Fault::new(Reason::WireOrder, "more records than were asked for")),
                Some(group) => {
                    self.left -= 1;
                    Ok(FeedStep::Group(Box::new(group)))
                }
            },
        }
    }
}

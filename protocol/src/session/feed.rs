//! Pulling records: the answer to `feed` and to `record`, frame by frame.

use crate::reason::{Fault, Reason};
use crate::wire::{End, Frame, FrameKind, Group, Groups, MAX_FEED_PAGE, MAX_FEED_PAGE_BYTES, Refusal};

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
    bytes: usize,
    groups: Groups,
    over: bool,
}

impl FeedPull {
    /// An answer of at most `limit` records to a request for what came after sequence `after`.
    pub fn new(after: u64, limit: u32) -> Self {
        Self { after, left: limit.min(MAX_FEED_PAGE), bytes: 0, groups: Groups::default(), over: false }
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// `wire.order` for frames out of order, more records or bytes than a page may have, or a cursor that goes back; the partner is at fault.
    pub fn frame(&mut self, frame: Frame) -> Result<FeedStep, Fault> {
        if self.over {
            return Err(Fault::new(Reason::WireOrder, "a frame after the end of the answer"));
        }
        match frame.kind {
            FrameKind::End | FrameKind::Refusal if !self.groups.is_between() => {
                Err(Fault::new(Reason::WireOrder, "the answer ends within a record"))
            }
            FrameKind::Refusal => {
                self.over = true;
                Refusal::read(&frame).map(FeedStep::Refused)
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
                Some(_) if self.bytes > MAX_FEED_PAGE_BYTES => {
                    Err(Fault::new(Reason::WireOrder, "a record after the page has as many bytes as it may have"))
                }
                Some(group) => {
                    self.left -= 1;
                    self.bytes += group.size();
                    Ok(FeedStep::Group(Box::new(group)))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn group(pull: &mut FeedPull, bytes: usize) -> Result<FeedStep, Fault> {
        pull.frame(Frame::new(FrameKind::Record, vec![0; bytes]))?;
        pull.frame(Frame::new(FrameKind::Proof, Vec::new()))
    }

    #[test]
    fn a_page_is_bounded_in_bytes_as_in_records() {
        let most = FrameKind::Record.limit();
        let mut pull = FeedPull::new(0, MAX_FEED_PAGE);
        for _ in 0..MAX_FEED_PAGE_BYTES / most {
            group(&mut pull, most).unwrap();
        }
        // The page is full to the byte; the record that ends it may still come.
        group(&mut pull, most).unwrap();
        assert_eq!(group(&mut pull, 1).unwrap_err().reason, Reason::WireOrder);

        let mut pull = FeedPull::new(0, 1);
        group(&mut pull, 1).unwrap();
        assert_eq!(group(&mut pull, 1).unwrap_err().reason, Reason::WireOrder);
    }

    #[test]
    fn a_refusal_gives_a_code_and_nothing_else() {
        let said = |reason: &str| {
            let refusal = Refusal { reason: reason.to_owned(), retry_after: None };
            FeedPull::new(0, 1).frame(Frame::of(FrameKind::Refusal, &refusal))
        };
        assert!(matches!(said("not.available"), Ok(FeedStep::Refused(_))));
        for text in ["", "\u{1b}]0;owned\u{7}", "Not Allowed", &"a".repeat(65)] {
            assert_eq!(said(text).unwrap_err().reason, Reason::WireStructure, "{text:?}");
        }
    }
}

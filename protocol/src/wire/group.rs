//! A record on its way: its signed bytes, its openings, the proof that it is in its maker's log. The same in a stream and in a package.

use minicbor::bytes::ByteVec;

use super::{Frame, FrameKind};
use crate::reason::{Fault, Reason};

/// A record with what travels beside it, nothing of it verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The record's signed bytes.
    pub record: Vec<u8>,
    /// Openings of its commitments, each one's encoding. What is withheld is absent.
    pub openings: Vec<Vec<u8>>,
    /// The encoding of its [`crate::log::LogProof`].
    pub proof: Vec<u8>,
}

impl Group {
    /// Bytes that it takes on its way, without its frames' heads.
    pub fn size(&self) -> usize {
        self.record.len() + self.openings.iter().map(Vec::len).sum::<usize>() + self.proof.len()
    }

    /// The frames, in their one order: record, openings if there are any, proof.
    pub fn into_frames(self) -> Vec<Frame> {
        let mut frames = vec![Frame::new(FrameKind::Record, self.record)];
        if !self.openings.is_empty() {
            let openings: Vec<ByteVec> = self.openings.into_iter().map(ByteVec::from).collect();
            frames.push(Frame::of(FrameKind::Openings, &openings));
        }
        frames.push(Frame::new(FrameKind::Proof, self.proof));
        frames
    }
}

/// Puts groups together from frames as they come.
#[derive(Debug, Default)]
pub struct Groups {
    open: Option<Open>,
}

/// A record whose proof has not come yet: its bytes, and its openings if they came.
type Open = (Vec<u8>, Option<Vec<Vec<u8>>>);

impl Groups {
    /// Takes the next frame; gives a group when its proof has come.
    ///
    /// # Errors
    /// `wire.order` for a frame that does not belong here, `cbor.*` and `wire.structure` for malformed openings.
    pub fn push(&mut self, frame: Frame) -> Result<Option<Group>, Fault> {
        match (frame.kind, self.open.take()) {
            (FrameKind::Record, None) => {
                self.open = Some((frame.body, None));
                Ok(None)
            }
            (FrameKind::Openings, Some((record, None))) => {
                let openings: Vec<ByteVec> = frame.message()?;
                self.open = Some((record, Some(openings.into_iter().map(Vec::from).collect())));
                Ok(None)
            }
            (FrameKind::Proof, Some((record, openings))) => {
                Ok(Some(Group { record, openings: openings.unwrap_or_default(), proof: frame.body }))
            }
            (kind, _) => Err(Fault::new(Reason::WireOrder, format!("a {kind:?} frame out of order"))),
        }
    }

    /// Whether no group is half complete.
    pub fn is_between(&self) -> bool {
        self.open.is_none()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn groups_come_back_from_their_frames() {
        let with = Group { record: vec![1], openings: vec![vec![2], vec![]], proof: vec![3] };
        let without = Group { openings: Vec::new(), ..with.clone() };
        let mut groups = Groups::default();
        let mut back = Vec::new();
        for frame in [with.clone(), without.clone()].into_iter().flat_map(Group::into_frames) {
            back.extend(groups.push(frame).unwrap());
        }
        assert_eq!(back, [with, without]);
        assert!(groups.is_between());
    }

    #[test]
    fn order_is_one() {
        let frame = |kind| Frame::new(kind, vec![0x80]);
        for wrong in [
            &[FrameKind::Proof] as &[_],
            &[FrameKind::Openings],
            &[FrameKind::Record, FrameKind::Record],
            &[FrameKind::Record, FrameKind::Openings, FrameKind::Openings],
            &[FrameKind::Record, FrameKind::End],
            &[FrameKind::Chunk],
        ] {
            let mut groups = Groups::default();
            let last = wrong.iter().map(|kind| groups.push(frame(*kind))).last().unwrap();
            assert_eq!(last.unwrap_err().reason, Reason::WireOrder, "{wrong:?}");
        }
    }
}

//! When a statement is known to have existed, and on whose word.

use crate::limits::CLOCK_SKEW;
use crate::reason::{Fault, Reason};
use crate::time::Timestamp;

/// The moment by which a statement is known to exist. Certificates are judged at that moment, not at the one that the maker writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEvidence {
    /// It existed by then.
    pub latest: Timestamp,
    /// On whose word.
    pub source: TimeSource,
}

/// Where evidence of time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The verifier holds the statement now: its own clock.
    Now,
    /// The verifier's own records say that it held the statement then.
    Received,
}

impl TimeEvidence {
    /// The verifier holds the statement at `now`.
    pub fn now(now: Timestamp) -> Self {
        Self { latest: now, source: TimeSource::Now }
    }

    /// The verifier's own store says that it has held the statement since `then`.
    pub fn received(then: Timestamp) -> Self {
        Self { latest: then, source: TimeSource::Received }
    }

    /// Whether a statement made at `made` fits the evidence and the certificate's validity (`SIG-014`).
    pub(super) fn admits(self, made: Timestamp, not_before: Timestamp, not_after: Timestamp) -> Result<(), Fault> {
        if made > self.latest.plus(CLOCK_SKEW) {
            return Err(Fault::new(Reason::RecordFuture, "made later than it is known to exist; compare the two clocks"));
        }
        if made < not_before {
            return Err(Fault::new(Reason::ChainNotYetValid, "made before its certificate was valid"));
        }
        if made > not_after {
            return Err(Fault::new(Reason::ChainExpired, "made after its certificate expired"));
        }
        Ok(())
    }
}

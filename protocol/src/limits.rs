//! Every bound on what comes from outside. Each is quoted in spec/ and tested at its edge and one past it.

/// A record's signed bytes (`REC-002`): chain, handling and content, never pixels.
pub const MAX_RECORD: usize = 256 * 1024;
/// A request's signed bytes (`WIRE-020`).
pub const MAX_REQUEST: usize = 64 * 1024;
/// All openings of one record together (`REC-041`).
pub const MAX_OPENINGS: usize = 64 * 1024;
/// Openings of one record.
pub const MAX_OPENING_COUNT: usize = 256;
/// Payloads of one record.
pub const MAX_PAYLOADS: usize = 1024;
/// Parents of one record.
pub const MAX_PARENTS: usize = 256;
/// Entries of any other list in a record.
pub const MAX_LIST: usize = 4096;
/// Axes of a signal (`REC-025`).
pub const MAX_AXES: usize = 8;
/// Seconds that a maker's clock may run ahead of the evidence (`SIG-014`).
pub const CLOCK_SKEW: i64 = crate::time::HOUR;
/// A short text: a name, a code.
pub const MAX_NAME: usize = 256;
/// A long text: a description, a tip.
pub const MAX_TEXT: usize = 16 * 1024;

//! Being written.
/// Largest payload, in bytes.
pub const MAX_PAYLOAD: u64 = 64 << 30;

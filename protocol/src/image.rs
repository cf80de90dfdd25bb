//! Being written.
/// Most samples.
pub const MAX_SAMPLES: u64 = 1 << 28;
/// Fewest stored bits.
pub const MIN_STORED_BITS: u8 = 8;
/// Most stored bits.
pub const MAX_STORED_BITS: u8 = 16;

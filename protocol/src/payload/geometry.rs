//! Where a payload's chunks lie (`PAY-002`). A [`Geometry`] is within the limits by construction.

/// Bytes of every chunk but the last: 1 MiB.
pub const CHUNK: usize = 1 << 20;
/// Chunks of one payload at most.
pub const MAX_CHUNKS: u32 = 65_536;
/// Bytes of one payload at most: 64 GiB.
pub const MAX_PAYLOAD: u64 = MAX_CHUNKS as u64 * CHUNK as u64;

/// A size past [`MAX_PAYLOAD`]. Who named the size is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {0} bytes is past the limit of {MAX_PAYLOAD}: split it into several payloads")]
pub struct TooLarge(pub u64);

/// The size of a payload, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    size: u64,
}

impl Geometry {
    /// The geometry of a payload of `size` bytes.
    pub const fn new(size: u64) -> Result<Self, TooLarge> {
        if size > MAX_PAYLOAD { Err(TooLarge(size)) } else { Ok(Self { size }) }
    }

    /// Bytes of the payload.
    pub const fn size(self) -> u64 {
        self.size
    }

    /// Chunks of the payload; an empty payload has none.
    pub const fn count(self) -> u32 {
        // At most MAX_CHUNKS, by `new`.
        self.size.div_ceil(CHUNK as u64) as u32
    }

    /// Bytes of chunk `index`, if the payload has it: never zero.
    pub const fn len_of(self, index: u32) -> Option<usize> {
        if index >= self.count() {
            return None;
        }
        let left = self.size - Self::offset_of(index);
        Some(if left < CHUNK as u64 { left as usize } else { CHUNK })
    }

    /// Where chunk `index` begins, in bytes from the payload's first.
    pub const fn offset_of(index: u32) -> u64 {
        index as u64 * CHUNK as u64
    }

    /// Whether `index` is the last chunk.
    pub const fn is_last(self, index: u32) -> bool {
        index + 1 == self.count()
    }
}

//! A wall around decoders that others wrote.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::imaging::ImageFault;

/// Runs a foreign decoder. Our own code proves that it does not panic; foreign decoders of complex formats have a
/// record of panics on hostile input, and one bad file must cost that file alone. What `decode` captures is dropped
/// or unused after a panic, so no half-changed state is seen.
pub(super) fn guarded<T>(format: &'static str, decode: impl FnOnce() -> Result<T, ImageFault>) -> Result<T, ImageFault> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ImageFault::Malformed { format, offset: None, what: "the decoder gave up on it".to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_refusal() {
        let result = guarded("test", || -> Result<(), ImageFault> { panic!("as a broken decoder does") });
        assert!(matches!(result, Err(ImageFault::Malformed { format: "test", .. })));
    }
}

//! A wall around decoders that others wrote.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::FormatError;

/// Runs a foreign decoder. Our own code proves that it does not panic; foreign decoders of complex formats have a
/// record of panics on hostile input, and one bad file must cost that file alone. What `decode` captures is dropped
/// or unused after a panic, so no half-changed state is seen.
pub(super) fn guarded<T>(format: &'static str, decode: impl FnOnce() -> Result<T, FormatError>) -> Result<T, FormatError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(FormatError::Malformed { format, offset: None, what: "the decoder gave up on it".to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_refusal() {
        let result = guarded("test", || -> Result<(), FormatError> { panic!("as a broken decoder does") });
        assert!(matches!(result, Err(FormatError::Malformed { format: "test", .. })));
    }
}

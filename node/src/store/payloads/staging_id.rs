//! Names of staging files.

use std::fmt;
use std::str::FromStr;

use ring::rand::{SecureRandom, SystemRandom};

use super::PayloadStoreError;

/// The name of one staging file: 16 random bytes, never used again, so that a late collector cannot hit a younger file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StagingId(pub [u8; 16]);

impl StagingId {
    /// A new name.
    pub fn generate() -> Result<Self, PayloadStoreError> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| PayloadStoreError::Random)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for StagingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl FromStr for StagingId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let value = plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().ok_or(())?;
        Ok(Self(value.to_be_bytes()))
    }
}

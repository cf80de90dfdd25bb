//! The one place that reads the clock. Everything below takes time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use carnet_protocol::time::Timestamp;

/// Now, by this machine's clock.
pub fn now() -> Timestamp {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX))
}

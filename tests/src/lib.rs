//! Whole federations of nodes on one machine, for the tests in tests/.
//!
//! ```text
//! program     the `carnet` binary, built if it is missing or older than its sources
//! federation  administrations in temporary folders: init, partners, serving processes, commands and their JSON
//! fixtures    small files made in code: PNG, N42, DICOM, declarations, noise
//! proxy       a UDP path between two nodes that cuts, loses, delays, reorders
//! peer        a node driven from inside the test: requests by hand, and servers that lie
//! ```
//!
//! A harness fails by panicking with everything that helps: what was run, what it said, what the server logged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a harness of tests: its failure is the test's failure, and its words go to the test's output"
)]

pub mod federation;
pub mod fixtures;
pub mod peer;
pub mod program;
pub mod proxy;

use std::time::{Duration, Instant};

/// Small random numbers with a seed, so that a failing random test can be run again: xorshift64*.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From CARNET_TEST_SEED, or from the clock; says which, so that it can be given again.
    pub fn from_environment(test: &str) -> Self {
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = std::env::var("CARNET_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(clock % 1_000_000);
        eprintln!("{test}: CARNET_TEST_SEED={seed}");
        Self::new(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.draw() >> 11) % limit.max(1)
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Looks until `found` gives something, for at most `seconds`; then panics with `what`.
#[track_caller]
pub fn wait_until<T>(what: &str, seconds: u64, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

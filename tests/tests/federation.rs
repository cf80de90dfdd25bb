//! What the node promises, proved on whole federations of real processes, faults included.
//!
//! Each test is named after the promise it proves. Each makes its own administrations in a temporary folder, on free ports of
//! loopback, so they run beside each other; none takes more than a minute. CARNET_TEST_SEED repeats a random one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

#[path = "federation/certificates.rs"]
mod certificates;
#[path = "federation/contract.rs"]
mod contract;
#[path = "federation/disk_full.rs"]
mod disk_full;
#[path = "federation/hostile.rs"]
mod hostile;
#[path = "federation/killed.rs"]
mod killed;
#[path = "federation/lying.rs"]
mod lying;
#[path = "federation/network.rs"]
mod network;
#[path = "federation/packages.rs"]
mod packages;
#[path = "federation/random.rs"]
mod random;
#[path = "federation/real_data.rs"]
mod real_data;
#[path = "federation/story.rs"]
mod story;

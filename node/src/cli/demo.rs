//! `carnet demo`: placeholder until the story is written.

use super::Done;

/// Three administrations on this machine.
#[derive(Debug, clap::Args)]
pub struct Demo {}

impl Demo {
    pub(super) async fn run(self, _json: bool) -> anyhow::Result<Done> {
        Ok(Done::Well)
    }
}

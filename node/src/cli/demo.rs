//! `carnet demo`: three administrations on this machine, from scan to outcome, told as it happens.
//!
//! Nothing in it is special: each administration is this same program, started anew with a folder, keys, ports and a process of
//! its own, and does what the commands of the same names do. Only the measurements are made up, and say so.

mod load;
mod office;
mod refusal;
mod story;
mod timeline;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures_util::future::join_all;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::signal::unix::{SignalKind, signal};

use super::Done;
use office::Office;
use timeline::Timeline;

/// Three administrations on this machine: one makes records of a container, shares them with the second and not with the third,
/// and gets back what was found.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Files of your own that go the same way: images, spectra, declarations. They stay on this machine.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Keep the three folders, to look around in them afterwards.
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<Done> {
        let mut folder = Folder::create()?;
        folder.keep = self.keep;
        let mut offices = Vec::new();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut timeline = Timeline::start(json);
        let told = tokio::select! {
            told = Box::pin(story::tell(&mut timeline, folder.path(), &self.files, &mut offices)) => told,
            _ = interrupt.recv() => Err(anyhow::anyhow!("stopped; the three nodes are stopped too")),
            _ = terminate.recv() => Err(anyhow::anyhow!("stopped; the three nodes are stopped too")),
        };
        // Whatever happened, no process of ours outlives this one.
        join_all(offices.iter_mut().map(Office::stop)).await;
        let told = told.with_context(|| match self.keep {
            true => format!("the demonstration did not go as told; folders and logs are in {}", folder.path().display()),
            false => "the demonstration did not go as told; `carnet demo --keep` keeps folders and logs".to_owned(),
        })?;
        story::look_further(&mut timeline, &offices, &told, self.keep);
        Ok(if told.files_refused { Done::Refused } else { Done::Well })
    }
}

/// A folder of this run alone, removed when it goes, unless it is to be kept.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn create() -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut random = [0; 4];
        SystemRandom::new().fill(&mut random).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
        let path = std::env::temp_dir().join(format!("carnet-demo-{:08x}", u32::from_be_bytes(random)));
        // Not recursive: a folder that somebody put there first is not taken.
        std::fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path, keep: false })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("carnet: {} could not be removed: {error}", self.path.display());
        }
    }
}

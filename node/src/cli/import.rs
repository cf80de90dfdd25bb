//! `carnet import`: files in, in parallel, each durable before it is acknowledged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carnet_protocol::identifier::{Country, IdentifierFault, check_container, check_inspection};
use carnet_protocol::record::Handling;
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use ring::rand::SecureRandom;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::{Done, open, print, short};
use crate::home::Home;
use crate::ingest::{NativeFile, Wishes};
use crate::node::Node;
use crate::store::catalogue::Fate;

/// Files that are worked on at once: enough for their commits to share a sync of the disk.
const AT_ONCE: usize = 64;
/// MiB of native files held at once.
const MEMORY_MIB: u32 = 256;
/// Folders within folders; a loop of links ends here.
const MAX_DEPTH: usize = 32;

/// Brings files in.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Files and folders: JPEG, PNG, TIFF, DICOM and DICOS; N42.42, SPE, IEC, CHN, PCF, CNF, RADDATA; declarations in JSON or CSV.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The inspection that all of them belong to. Without it each file is an inspection of its own.
    #[arg(long, value_name = "ID", value_parser = inspection)]
    inspection: Option<String>,
    /// Administrations that may have the records. Without it they stay at home until shared.
    #[arg(long, value_name = "CC", value_delimiter = ',')]
    releasable_to: Vec<Country>,
    /// A container in the picture (ISO 6346); several may be given.
    #[arg(long, value_name = "NUMBER", value_parser = container)]
    container: Vec<String>,
    /// Let the native file go where the decoded view goes. It may hold what the decoded view leaves out.
    #[arg(long)]
    share_native: bool,
    /// Carry the files as they are, without decoding them: a vendor's own format, or a UFF file of the WCO.
    #[arg(long)]
    opaque: bool,
}

/// What became of a file: the contract for callers.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    status: &'static str,
    kind: Option<String>,
    record: Option<String>,
    inspection: Option<String>,
    reason: Option<String>,
}

impl Import {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        node.sweep_imports().await?;
        let mut files = Vec::new();
        for path in &self.paths {
            collect(path, 0, &mut files);
        }
        let bar = bar(files.len(), json);
        let memory = Arc::new(Semaphore::new(MEMORY_MIB as usize));
        let this = Arc::new(self);
        let mut refused = false;
        let mut lines = futures_util::stream::iter(files)
            .map(|file| {
                let (node, memory, this) = (node.clone(), Arc::clone(&memory), Arc::clone(&this));
                // A task of its own, so that files are read and decoded on all cores.
                tokio::spawn(async move { this.one(&node, &memory, &file).await })
            })
            .buffered(AT_ONCE);
        while let Some(line) = lines.next().await {
            let line = line?;
            refused |= line.status == "refused";
            bar.suspend(|| print(json, &line, || text(&line)));
            bar.inc(1);
        }
        drop(lines);
        bar.finish_and_clear();
        // What this import could not finish gives its room back now; on a disk that is full, it is the next one that does so.
        if refused && let Err(error) = node.sweep_imports().await {
            tracing::warn!(error = %format!("{error:#}"), "what was begun and refused is swept at the next import");
        }
        node.catalogue().close().await;
        Ok(if refused { Done::Refused } else { Done::Well })
    }

    async fn one(&self, node: &Node, memory: &Semaphore, file: &Result<PathBuf, (PathBuf, String)>) -> Line {
        let (path, outcome) = match file {
            Ok(path) => (path, self.import(node, memory, path).await),
            Err((path, reason)) => (path, Err(anyhow::anyhow!(reason.clone()))),
        };
        outcome.unwrap_or_else(|error| Line {
            file: path.display().to_string(),
            status: "refused",
            kind: None,
            record: None,
            inspection: None,
            reason: Some(super::explain(&error)),
        })
    }

    async fn import(&self, node: &Node, memory: &Semaphore, path: &Path) -> anyhow::Result<Line> {
        let size = tokio::fs::metadata(path).await?.len();
        let share = u32::try_from(size.div_ceil(1 << 20)).unwrap_or(MEMORY_MIB).clamp(1, MEMORY_MIB);
        let room = memory.acquire_many(if self.opaque { 1 } else { share }).await?;
        let (owned, opaque) = (path.to_owned(), self.opaque);
        let file = tokio::task::spawn_blocking(move || NativeFile::read(&owned, opaque)).await??;
        let line = |status, kind, record: carnet_protocol::digest::Digest, inspection| Line {
            file: path.display().to_string(),
            status,
            kind: Some(kind),
            record: Some(record.to_string()),
            inspection: Some(inspection),
            reason: None,
        };
        if let Some(known) = node.catalogue().by_native(file.sha256).await?
            && let Some(head) = node.catalogue().head(known).await?
        {
            return Ok(line("duplicate", head.kind.to_string(), known, head.inspection));
        }
        let wishes = Wishes {
            inspection: self.inspection.clone().map_or_else(|| new_inspection(node), Ok)?,
            handling: Handling::releasable_to(self.releasable_to.iter().copied()),
            share_native: self.share_native,
            containers: self.container.clone(),
            opaque,
        };
        let draft = tokio::task::spawn_blocking(move || file.into_draft(wishes)).await??;
        let kind = draft.kind().to_string();
        let made = node.make(draft).await?;
        drop(room);
        if made.fate == Fate::New {
            return Ok(line("imported", kind, made.record, made.inspection));
        }
        let head = node.catalogue().head(made.record).await?;
        Ok(line("duplicate", kind, made.record, head.map_or(made.inspection, |head| head.inspection)))
    }
}

fn inspection(text: &str) -> Result<String, IdentifierFault> {
    check_inspection(text).map(|()| text.to_owned())
}

fn container(text: &str) -> Result<String, IdentifierFault> {
    check_container(text).map(|()| text.to_owned())
}

/// A new inspection: the administration and 80 random bits.
pub(super) fn new_inspection(node: &Node) -> anyhow::Result<String> {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut random = [0u8; 16];
    node.identity().random.fill(&mut random).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    let name: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
    Ok(format!("{}-{name}", node.identity().administration))
}

/// Files below `path`, in order. What cannot be read is kept with its reason: it is refused, not passed over.
fn collect(path: &Path, depth: usize, files: &mut Vec<Result<PathBuf, (PathBuf, String)>>) {
    if !path.is_dir() {
        files.push(Ok(path.to_owned()));
        return;
    }
    if depth == MAX_DEPTH {
        files.push(Err((path.to_owned(), "folders are nested too deeply; is there a loop of links?".into())));
        return;
    }
    match std::fs::read_dir(path) {
        Ok(entries) => {
            let mut below: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
            below.sort();
            below.iter().for_each(|path| collect(path, depth + 1, files));
        }
        Err(error) => files.push(Err((path.to_owned(), format!("the folder cannot be read: {error}")))),
    }
}

fn bar(files: usize, json: bool) -> ProgressBar {
    if json || files < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {eta} left").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(files as u64).with_style(style)
}

fn text(line: &Line) -> String {
    let record = line.record.as_deref().and_then(|record| record.parse().ok()).map(short).unwrap_or_default();
    match &line.reason {
        Some(reason) => format!("{:<9} {}: {reason}", line.status, line.file),
        None => format!("{:<9} {record} {:<11} {}", line.status, line.kind.as_deref().unwrap_or(""), line.file),
    }
}

//! `carnet export` and `carnet verify`.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Revocations, Root, certificates_from_pem};
use serde_json::json;

use super::{Done, open, print, resolve};
use crate::export::{self, Recipient};
use crate::home::Home;
use crate::node::Node;
use crate::trust::{Pinned, TrustStore};
use crate::verify::{self, Verdict};

/// Writes a package.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Records (ids or beginnings of them) or inspections.
    #[arg(required = true)]
    target: Vec<String>,
    /// The package to write.
    #[arg(long, short, value_name = "FILE.uff")]
    out: PathBuf,
    /// For whom: only what this administration may have goes in. Or --own.
    #[arg(long, value_name = "CC", required_unless_present = "own")]
    to: Option<Country>,
    /// For this administration's own archive or auditor: everything that is held goes in, native files and personal data included.
    #[arg(long, conflicts_with = "to")]
    own: bool,
}

/// Verifies.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Packages (files), or records of this node (ids or beginnings of them). Nothing: everything that is held.
    target: Vec<String>,
    /// Further roots to trust (PEM), beside this node's own and its partners'. Needed where there is no node.
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let mut records = Vec::new();
        for target in &self.target {
            let rows = node.catalogue().of_inspection(target).await?;
            if rows.is_empty() {
                records.push(resolve(&node, target).await?);
            }
            records.extend(rows.into_iter().map(|row| row.id));
        }
        let recipient = self.to.map_or(Recipient::Own, Recipient::Partner);
        // Written beside the target and renamed when it is durable: nobody finds half a package under the right name.
        let partial = self.out.with_extension("uff.part");
        let file = private(&partial).with_context(|| format!("{} cannot be written", partial.display()))?;
        let written = export::write(&node, &records, recipient, BufWriter::with_capacity(1 << 20, file)).await;
        let (mut sink, written) = match written {
            Ok(written) => written,
            Err(error) => {
                std::fs::remove_file(&partial).ok();
                return Err(error);
            }
        };
        sink.flush()?;
        sink.get_ref().sync_all()?;
        std::fs::rename(&partial, &self.out).with_context(|| format!("{} cannot be written", self.out.display()))?;
        let value = json!({ "file": self.out, "records": written.trailer.records, "payloads": written.trailer.payloads,
            "left_out": written.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(), "digest": written.trailer.digest.to_string() });
        print(json, &value, || {
            format!(
                "{}: {} records, {} payloads{}",
                self.out.display(),
                written.trailer.records,
                written.trailer.payloads,
                if written.left_out.is_empty() {
                    String::new()
                } else {
                    format!("; {} records left out, not releasable", written.left_out.len())
                }
            )
        });
        Ok(if written.left_out.is_empty() { Done::Well } else { Done::Refused })
    }
}

/// A new file that only this user reads: a package may hold personal data. What lies there under its name, a link above all, goes.
fn private(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

impl Verify {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = if home.is_node() { Some(open(home).await?) } else { None };
        let trust = node.as_ref().map_or_else(TrustStore::default, |node| node.trust().clone());
        if let Some(node) = &node {
            let identity = node.identity();
            trust.pin(Pinned { root: identity.root.clone(), revocations: identity.revocations.clone() });
        }
        for path in &self.root {
            let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let certificates = certificates_from_pem(&text).with_context(|| format!("{} holds no certificate in PEM", path.display()))?;
            let root = Root::read(certificates.first().map_or(&[][..], Vec::as_slice)).with_context(|| path.display().to_string())?;
            // A root that is pinned already keeps the revocation lists that are held of it.
            let held = trust.of(root.administration()).filter(|held| held.root.fingerprint() == root.fingerprint());
            if held.is_none() {
                trust.pin(Pinned { root, revocations: Revocations::default() });
            }
        }
        let mut good = true;
        let mut say = |verdict: Verdict| {
            good &= verdict.reason.is_none();
            print(json, &verdict, || verdict.to_string());
        };
        if self.target.is_empty() {
            let node = node.as_ref().context("there is no node here; give a package to verify, and --root")?;
            verify::all(node, &mut say).await?;
        }
        for target in &self.target {
            let path = PathBuf::from(target);
            if path.is_file() {
                let file = File::open(&path).with_context(|| format!("{target} cannot be read"))?;
                verify::package(target, BufReader::with_capacity(1 << 20, file), &trust, &mut say);
            } else {
                let node: &Node =
                    node.as_ref().with_context(|| format!("{target}: no such file, and there is no node here to look for a record"))?;
                let record = resolve(node, target).await.with_context(|| format!("{target} is not a file either"))?;
                verify::record(node, record, &mut say).await?;
            }
        }
        Ok(if good { Done::Well } else { Done::Refused })
    }
}

//! What others take for the same gibibyte on the same machine, and what Carnet takes.
//!
//! Disk speed drifts between runs, so the three are measured in turn, round after round, and medians are compared.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{Figure, Measured, bench_exists, orthanc, rsync, run_bench};
use crate::{run, tools};

const ROUNDS: usize = 3;

/// Measures the anchors, then Carnet's own time as `bench_figures transfer-anchors` reports it: `value` in seconds.
pub fn measure(figure: &Figure) -> Result<Measured> {
    let needed = [("rsync", "rsync"), ("sshd", "openssh-server"), ("ssh", "openssh-client"), ("Orthanc", "orthanc")];
    tools::packages(&needed)?;
    let folder = tempfile::Builder::new().prefix("anchors-").tempdir_in(run::target())?;
    let files = rsync::Corpus::write(&folder.path().join("source"))?;
    let server = rsync::Server::start(&folder.path().join("ssh"))?;
    let studies = orthanc::Sender::start(&folder.path().join("orthanc"))?;
    let carnet = bench_exists("carnet", "bench_figures");
    let (mut by_rsync, mut by_orthanc, mut by_carnet) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        settle()?;
        by_rsync.push(server.copy(&files, &folder.path().join(format!("copy-{round}")))?);
        settle()?;
        by_orthanc.push(studies.store(round)?);
        if carnet {
            settle()?;
            let printed = run_bench("carnet", "bench_figures", figure.name)?;
            by_carnet.push(printed["value"].as_f64().context("bench_figures printed no seconds")?);
        }
    }
    let (rsync, orthanc) = (median(&mut by_rsync), median(&mut by_orthanc));
    let details = json!({
        "seconds": { "rsync": by_rsync, "orthanc": by_orthanc, "carnet": by_carnet },
        "medians": { "rsync": rsync, "orthanc": orthanc },
    });
    if !carnet {
        return Ok(Measured::Missing { why: "carnet has no example bench_figures".to_owned(), details });
    }
    Ok(Measured::Value { value: median(&mut by_carnet) / rsync.min(orthanc), details })
}

/// Waits until earlier rounds' pages are on the disk, so that nobody pays for another's writes.
fn settle() -> Result<()> {
    if !run::command("sync").status()?.success() {
        bail!("sync failed");
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Seconds that `work` takes.
pub fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Bytes that no program can compress: xorshift64*, since `/dev/urandom` would take longer than the transfer.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A port of the loopback that nobody listens on now.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

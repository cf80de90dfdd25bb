//! Every real file that is at hand: imported, or refused with a reason. Skipped where there are none, as on a clean clone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use carnet_tests::federation::{Federation, run};
use carnet_tests::program;

/// The folder of real files: CARNET_REAL_DATA, or `../shared/data` beside the workspace.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("CARNET_REAL_DATA").map_or_else(|| program::root().join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{}: in CI the real data must be there", folder.display());
    eprintln!("skipped: no real data");
    None
}

#[test]
fn every_real_file_is_imported_or_refused_with_a_reason() {
    let Some(folder) = folder() else { return };
    let federation = Federation::strangers(&["NL"]);
    let a = federation.of("NL");
    let began = Instant::now();
    let ran = run(a.command(&["import", folder.to_str().unwrap()]), Duration::from_secs(600));
    let took = began.elapsed();
    assert!(ran.code == 0 || ran.code == 2, "exit {}: {}", ran.code, ran.err);
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for line in &ran.lines {
        let status = line["status"].as_str().unwrap();
        let extension = line["file"].as_str().unwrap().rsplit_once('.').map_or("", |(_, extension)| extension).to_lowercase();
        *counts.entry((status.to_owned(), extension)).or_default() += 1;
        if status == "refused" {
            let reason = line["reason"].as_str().unwrap();
            assert!(!reason.trim().is_empty() && !reason.contains("panic"), "{line}");
            *reasons.entry(reason.chars().take(70).collect()).or_default() += 1;
        } else {
            assert!(line["record"].is_string(), "{line}");
        }
    }
    let files = count_files(&folder);
    assert_eq!(ran.lines.len(), files, "each file has its line");
    for ((status, extension), count) in &counts {
        eprintln!("{status:<9} {count:>5} {extension}");
    }
    for (reason, count) in &reasons {
        eprintln!("{count:>5} {reason}");
    }
    let imported = ran.lines.iter().filter(|line| line["status"] == "imported").count();
    eprintln!("{files} files, {imported} records, in {took:?}");
    assert_eq!(a.one(&["status"])["records"]["own"].as_u64(), Some(imported as u64));
    assert!(imported > 0);
    let verified = run(a.command(&["verify"]), Duration::from_secs(600));
    assert_eq!(verified.code, 0, "{}", verified.err);
}

fn count_files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| if entry.path().is_dir() { count_files(&entry.path()) } else { 1 }).sum()
}

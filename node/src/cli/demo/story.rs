//! The story: who does what, what is checked, and what must come of it. Anything else is an error.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use carnet_protocol::record::{Content, Handling};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::load::{self, Load};
use super::office::{LOOK_AGAIN, Office};
use super::refusal;
use super::timeline::Timeline;
use crate::clock;
use crate::ingest::{Wishes, synthetic};
use crate::node::{Draft, Node};

/// What one administration waits for another to do happens this soon, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Records that the story follows: one listing shows them all, with their releases.
const MAX_RECORDS: usize = 400;
/// The inspection that is shared.
const INSPECTION: &str = "NL-DEMO-1";
/// One that is nobody else's business.
const OTHER: &str = "NL-DEMO-2";

/// What the story leaves behind, for who looks further.
pub(super) struct Told {
    /// The scan that was shared.
    scan: String,
    /// Whether a file of the caller's was refused.
    pub(super) files_refused: bool,
}

/// Tells it. `offices` is filled as administrations come to be, so that the caller can end their processes whatever happens.
pub(super) async fn tell(timeline: &mut Timeline, folder: &Path, files: &[PathBuf], offices: &mut Vec<Office>) -> anyhow::Result<Told> {
    timeline.remark("Three customs administrations on this machine. Names, keys and measurements are made up and marked so.\n");
    found(timeline, folder, offices).await?;
    let [nl, fr, de] = &offices[..] else { anyhow::bail!("there are three administrations") };
    declare(timeline, nl, folder).await?;
    let made = measure(timeline, nl).await?;
    let files_refused = import(timeline, nl, files).await?;
    let shared = share(timeline, nl, fr).await?;
    receive(timeline, fr, &shared, &made.scan).await?;
    refuse(timeline, nl, de, &made.scan).await?;
    outcome(timeline, nl, fr, &made.scan).await?;
    withdraw(timeline, nl, fr, &made.tip).await?;
    carry(timeline, nl, folder, &made.scan).await?;
    audit(timeline, &[nl, fr, de]).await?;
    Ok(Told { scan: made.scan, files_refused })
}

/// Three nodes that know each other.
async fn found(timeline: &mut Timeline, folder: &Path, offices: &mut Vec<Office>) -> anyhow::Result<()> {
    for country in ["NL", "FR", "DE"] {
        let mut office = Office::make(country, folder).await?;
        office.serve().await?;
        let text = format!(
            "{} makes its node (keys, certificates, log) and starts it: process {}, UDP {}.",
            office.name,
            office.process().unwrap_or_default(),
            office.endpoint()
        );
        timeline.say(country, "serving", &text, json!({ "process": office.process(), "endpoint": office.endpoint() }));
        offices.push(office);
    }
    for office in offices.iter() {
        for partner in offices.iter().filter(|partner| partner.country != office.country) {
            let (root, endpoint) = (partner.root(), partner.endpoint());
            let words: [OsString; 8] = [
                "partner".into(),
                "add".into(),
                "--root".into(),
                root.into(),
                "--fingerprint".into(),
                partner.fingerprint.clone().into(),
                "--endpoint".into(),
                endpoint.into(),
            ];
            office.carnet(&words).await?;
        }
    }
    let text = "Each pins the root certificates of the two others by fingerprint, as read over the telephone. There is no centre.";
    timeline.say("all", "pinned", text, json!({}));
    Ok(())
}

/// NL takes in what was declared.
async fn declare(timeline: &mut Timeline, nl: &Office, folder: &Path) -> anyhow::Result<()> {
    let file = folder.join("declaration.json");
    std::fs::write(&file, load::declaration().to_string()).with_context(|| format!("{} cannot be written", file.display()))?;
    let words: [OsString; 4] = ["import".into(), file.into(), "--inspection".into(), INSPECTION.into()];
    let answer = nl.carnet(&words).await?;
    let text = format!(
        "Imports a declaration: container {}, ceramic tiles, in transit to FR. It becomes a signed record; consignor and consignee are sealed apart from it.",
        load::CONTAINER
    );
    let details = json!({ "record": answer.text("record")?, "kind": answer.text("kind")?, "inspection": INSPECTION });
    timeline.say("NL", "record-made", &text, details);
    Ok(())
}

struct Measured {
    scan: String,
    tip: String,
}

/// NL measures two containers.
async fn measure(timeline: &mut Timeline, nl: &Office) -> anyhow::Result<Measured> {
    let load = tokio::task::spawn_blocking(Load::simulate).await??;
    let node = Node::open(&nl.home()).await?;
    let now = clock::now();
    let wishes = |inspection: &str, container: Option<&str>| Wishes {
        inspection: inspection.into(),
        handling: Handling::default(),
        share_native: false,
        containers: container.map(str::to_owned).into_iter().collect(),
        opaque: false,
    };
    let of_interest = || wishes(INSPECTION, Some(load::CONTAINER));
    let (most, quiet) = load.portal_rates();
    let mut keep = async |draft: Draft, text: &str| -> anyhow::Result<String> {
        let kind = draft.kind().to_string();
        let made = node.make(draft).await?;
        let record = made.record.to_string();
        let details = json!({ "record": record, "kind": kind, "log_index": made.log_index, "inspection": made.inspection });
        timeline.say("NL", "record-made", text, details);
        Ok(record)
    };
    let tip = keep(Draft::new(INSPECTION.into(), Content::Intelligence(load::tip())), "A tip, graded B2 (4x4).").await?;
    let text = format!("The portal counts {most:.0} gamma rays a second as the lorry passes, {quiet:.0} before it. SIMULATED.");
    keep(synthetic::portal(&load.portal, now, of_interest())?, &text).await?;
    let counts: u64 = load.spectrum.counts.iter().map(|&count| u64::from(count)).sum();
    let text = format!("A hand-held detector: {counts} counts in 60 s. SIMULATED.");
    keep(synthetic::spectrum(&load.spectrum, now, of_interest())?, &text).await?;
    let (rows, columns) = load.scan.low.dim();
    let text = format!("A dual-energy X-ray scan, {columns} x {rows} samples of 16 bits at 6 and 9 MV. SIMULATED.");
    let scan = keep(synthetic::scan(&load.scan, now, of_interest())?, &text).await?;
    keep(synthetic::spectrum(&load.other_spectrum, now, wishes(OTHER, None))?, "Another lorry, nothing about it: a spectrum. SIMULATED.")
        .await?;
    keep(synthetic::scan(&load.other_scan, now, wishes(OTHER, None))?, "And its scan. Both stay at home. SIMULATED.").await?;
    node.catalogue().close().await;
    Ok(Measured { scan, tip })
}

/// NL imports the caller's own files; whether one was refused.
async fn import(timeline: &mut Timeline, nl: &Office, files: &[PathBuf]) -> anyhow::Result<bool> {
    if files.is_empty() {
        return Ok(false);
    }
    let mut words: Vec<OsString> = vec!["import".into(), "--inspection".into(), INSPECTION.into(), "--".into()];
    words.extend(files.iter().map(|file| file.clone().into_os_string()));
    let answer = nl.ask(&words).await?;
    anyhow::ensure!(matches!(answer.code, 0 | 2), "NL: `carnet import` ended with code {}: {}", answer.code, answer.errors.trim());
    for line in &answer.lines {
        let of = |field: &str| line[field].as_str().unwrap_or_default();
        let text = match of("status") {
            "refused" => format!("Your file {} is refused: {}", name(of("file")), of("reason")),
            status => {
                let (file, kind) = (name(of("file")), of("kind"));
                format!("Your file {file} is {status}: {kind}. The file itself stays at home; its decoded view can travel.")
            }
        };
        timeline.say("NL", "file", &text, line.clone());
    }
    Ok(answer.code == 2)
}

/// A file's name without its folders.
fn name(file: &str) -> std::borrow::Cow<'_, str> {
    Path::new(file).file_name().map_or(file.into(), std::ffi::OsStr::to_string_lossy)
}

/// NL lets FR have the first inspection. Gives the records that FR must get, no more and no less.
async fn share(timeline: &mut Timeline, nl: &Office, fr: &Office) -> anyhow::Result<BTreeSet<String>> {
    let answer = nl.carnet(&["share", INSPECTION, "--to", fr.country.as_str()]).await?;
    let shared: BTreeSet<String> = answer.lines.iter().filter_map(|line| line["record"].as_str().map(str::to_owned)).collect();
    anyhow::ensure!(
        shared.len() <= MAX_RECORDS,
        "{} records; the demonstration follows up to {MAX_RECORDS}: give fewer files",
        shared.len()
    );
    let text = format!(
        "Shares the inspection with FR: {} records, each release a signed record too. DE is given nothing; the persons stay sealed.",
        shared.len()
    );
    timeline.say("NL", "shared", &text, json!({ "inspection": INSPECTION, "to": "FR", "records": shared }));
    Ok(shared)
}

/// FR has the records without asking, and fetches and verifies the pixels.
async fn receive(timeline: &mut Timeline, fr: &Office, shared: &BTreeSet<String>, scan: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let got = until("FR to receive the records", async || {
        let got = records(fr, "NL").await?;
        Ok((got.len() >= shared.len()).then_some(got))
    });
    let got = got.await?;
    anyhow::ensure!(got == *shared, "FR has other records of NL than those that were shared with it");
    let text = format!(
        "Has the {} records {:.1} s later without asking: signature, certificate chain, revocation and place in NL's log verified for each. No pixels yet.",
        got.len(),
        begun.elapsed().as_secs_f64()
    );
    timeline.say("FR", "received", &text, json!({ "records": got, "from": "NL" }));

    let begun = Instant::now();
    let answer = fr.carnet(&["fetch", "--from", "NL", "--payloads"]).await?;
    let payloads = answer.lines.first().and_then(|line| line["payloads"].as_u64()).unwrap_or_default();
    let seconds = begun.elapsed().as_secs_f64();
    let mut bytes = 0;
    for record in &got {
        let shown = fr.carnet(&["show", record]).await?;
        let held = shown.lines.first().and_then(|line| line["payloads"].as_array()).into_iter().flatten();
        bytes += held.filter(|payload| payload["here"] == true).filter_map(|payload| payload["size"].as_u64()).sum::<u64>();
    }
    anyhow::ensure!(payloads > 0 && bytes > 0, "FR fetched no payloads");
    let text = format!(
        "Fetches {payloads} payloads, {:.1} MB, in {seconds:.1} s, each chunk held against its hash as it comes, and kept encrypted.",
        bytes as f64 / 1e6
    );
    timeline.say("FR", "fetched", &text, json!({ "payloads": payloads, "bytes": bytes }));

    let verdict = fr.carnet(&["verify", scan]).await?;
    let shown = fr.carnet(&["show", scan]).await?;
    let content = shown.lines.first().map(|line| line["content"].clone()).unwrap_or_default();
    anyhow::ensure!(content["synthetic"] == true, "a simulated scan must arrive marked as one");
    let checked = verdict.lines.first().and_then(|line| line["payloads"].as_u64()).unwrap_or_default();
    let text = format!("Verifies the scan once more from its own disk: good, {checked} planes checked. It says that it is simulated.");
    timeline.say("FR", "verified", &text, json!({ "record": scan }));
    Ok(())
}

/// DE sees nothing, and learns nothing from asking.
async fn refuse(timeline: &mut Timeline, nl: &Office, de: &Office, scan: &str) -> anyhow::Result<()> {
    let got = records(de, "NL").await?;
    anyhow::ensure!(got.is_empty(), "DE has records that nobody shared with it");
    let id = scan.parse().map_err(|_| anyhow::anyhow!("{scan} is no record id"))?;
    let answers = refusal::ask(&de.home(), nl.country, id).await?;
    anyhow::ensure!(answers.alike, "NL's refusals differ: DE can tell what exists from what does not");
    let text = format!(
        "Has received nothing. Asks NL directly for the scan and its pixels, then for a record that does not exist: four times the same refusal, {}. DE cannot tell whether there is such a scan.",
        answers.reason
    );
    timeline.say("DE", "refused", &text, json!({ "record": scan, "reason": answers.reason, "alike": answers.alike }));
    Ok(())
}

/// FR opens the container; NL hears of it.
async fn outcome(timeline: &mut Timeline, nl: &Office, fr: &Office, scan: &str) -> anyhow::Result<()> {
    let found = "radioactive-source:13.5:caesium-137 in a lead pot between the pallets, not declared";
    let words = ["outcome", scan, "--decision", "seized", "--examined", "full", "--reason", "request", "--found", found];
    let answer = fr.carnet(&words).await?;
    let outcome = answer.text("record")?;
    let text =
        "An officer opens the container: a caesium-137 source in a lead pot. Seized. The outcome is a signed record about NL's scan.";
    timeline.say("FR", "outcome", text, json!({ "record": outcome, "about": scan }));
    let begun = Instant::now();
    until("NL to receive the outcome", async || Ok(records(nl, "FR").await?.contains(&outcome).then_some(()))).await?;
    let shown = nl.carnet(&["show", &outcome]).await?;
    let line = shown.lines.first().cloned().unwrap_or_default();
    anyhow::ensure!(line["verified"] == true && line["content"]["decision"] == "seized", "NL has another outcome than FR recorded");
    let text =
        format!("Has FR's outcome {:.1} s later, verified the same way: now NL knows what its scan showed.", begun.elapsed().as_secs_f64());
    timeline.say("NL", "outcome-received", &text, json!({ "record": outcome, "from": "FR" }));
    Ok(())
}

/// NL takes the tip back.
async fn withdraw(timeline: &mut Timeline, nl: &Office, fr: &Office, tip: &str) -> anyhow::Result<()> {
    nl.carnet(&["withdraw", tip, "--from", "FR", "--reason", "no longer needed"]).await?;
    let withdrawn = async || {
        let shown = fr.carnet(&["show", tip]).await?;
        Ok(shown.lines.first().is_some_and(|line| line["withdrawn"] == true).then_some(()))
    };
    until("FR to hear of the withdrawal", withdrawn).await?;
    let text = "Takes the tip back. FR's node is told and marks its copy withdrawn; NL serves it no more.";
    timeline.say("NL", "withdrawn", text, json!({ "record": tip, "from": "FR" }));
    Ok(())
}

/// The same scan on a disk, without any network; then with one bit changed.
async fn carry(timeline: &mut Timeline, nl: &Office, folder: &Path, scan: &str) -> anyhow::Result<()> {
    let package = folder.join("for-fr.uff");
    let words: [OsString; 6] = ["export".into(), scan.into(), "--to".into(), "FR".into(), "--out".into(), package.clone().into()];
    nl.carnet(&words).await?;
    let mut bytes = std::fs::read(&package).with_context(|| format!("{} cannot be read", package.display()))?;
    // An administration without a node: all it has is NL's root certificate.
    let nobody = Office::nowhere(nl, folder.join("nobody"));
    let verify = |file: &Path| -> [OsString; 4] { ["verify".into(), file.into(), "--root".into(), nl.root().into()] };
    nobody.carnet(&verify(&package)).await?;
    let text = format!(
        "Writes the scan into a package for a disk, {:.1} MB. It verifies with nothing but NL's root certificate: no node, no network.",
        bytes.len() as f64 / 1e6
    );
    timeline.say("NL", "exported", &text, json!({ "bytes": bytes.len() }));

    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let tampered = folder.join("tampered.uff");
    std::fs::write(&tampered, &bytes).with_context(|| format!("{} cannot be written", tampered.display()))?;
    let answer = nobody.ask(&verify(&tampered)).await?;
    let line = answer.lines.first().cloned().unwrap_or_default();
    anyhow::ensure!(answer.code == 2 && line["reason"].is_string(), "a package with a changed bit must be refused");
    let reason = line["reason"].as_str().unwrap_or_default();
    let text = format!("One bit of that package, at byte {middle}, is changed: refused, {reason}.");
    timeline.say("any", "tampered", &text, json!({ "byte": middle, "reason": reason, "at": line["at"] }));
    Ok(())
}

/// Everybody verifies everything that they hold.
async fn audit(timeline: &mut Timeline, offices: &[&Office]) -> anyhow::Result<()> {
    let mut counts = Vec::new();
    for office in offices {
        anyhow::ensure!(office.country.as_str() != "DE" || records(office, "NL").await?.is_empty(), "DE got records after all");
        office.carnet(&["verify"]).await?;
        let status = office.carnet(&["status"]).await?;
        let line = status.lines.first().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        counts.push(format!(
            "{} {} own and {} of partners",
            office.country,
            number(&line["records"]["own"]),
            number(&line["records"]["partners"])
        ));
    }
    let text = format!("Each verifies everything that it holds: all good. Records: {}.", counts.join("; "));
    timeline.say("all", "audited", &text, json!({}));
    Ok(())
}

/// Says that all went as told, and where to look next.
pub(super) fn look_further(timeline: &mut Timeline, offices: &[Office], told: &Told, keep: bool) {
    let text = if told.files_refused {
        "Everything went as told, but for files of yours that were refused above. The three nodes are stopped."
    } else {
        "Everything went as told. The three nodes are stopped."
    };
    let homes: Vec<PathBuf> = offices.iter().map(|office| office.home().path().to_owned()).collect();
    let details = if keep { json!({ "ok": !told.files_refused, "homes": homes }) } else { json!({ "ok": !told.files_refused }) };
    timeline.say("all", "done", text, details);
    timeline.remark("");
    let [nl, fr, ..] = &homes[..] else { return };
    // As the program was called, so that the lines can be typed as they stand.
    let carnet = std::env::args().next().unwrap_or_else(|| "carnet".into());
    if keep {
        let (nl, fr, scan) = (nl.display(), fr.display(), &told.scan[..16]);
        timeline.remark("Look around:");
        for (words, what) in [
            (format!("--home {nl} list --all"), "what NL made, released and received"),
            (format!("--home {fr} show {scan}"), "the scan, as FR has it"),
            (format!("--home {fr} verify"), "everything once more"),
            (format!("--home {nl} serve"), "start that node again"),
        ] {
            timeline.remark(&format!("  {carnet} {words}\n      {what}"));
        }
        timeline.remark(&format!("Remove {} when you are done.", homes[0].parent().unwrap_or(&homes[0]).display()));
    } else {
        timeline.remark(&format!("  {carnet} demo --keep\n      leaves the folders to look around in"));
        timeline.remark(&format!("  {carnet} demo FILE...\n      takes files of yours along"));
        timeline.remark("README.md walks the same way by hand.");
    }
}

/// The records of `maker` that an administration holds, releases and receipts left out.
async fn records(office: &Office, maker: &str) -> anyhow::Result<BTreeSet<String>> {
    let answer = office.carnet(&["list", "--from", maker, "--limit", "1000"]).await?;
    Ok(answer.lines.iter().filter_map(|line| line["record"].as_str().map(str::to_owned)).collect())
}

/// Looks again and again until there is something.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "waited {} s for {what}", PATIENCE.as_secs());
        sleep(LOOK_AGAIN).await;
    }
}

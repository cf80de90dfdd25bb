//! A full disk: said clearly, nothing half visible, and all is well once there is room.

use std::path::PathBuf;
use std::process::Command;

use carnet_tests::federation::{Administration, Federation};
use carnet_tests::fixtures;

/// A small disk of its own; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of `mib` MiB at `path`; `None`, with a message, where the machine does not let us.
    fn mount(path: PathBuf, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={mib}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "carnet-test"]).arg(&path).output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(path)),
            _ => {
                eprintln!("skipped: this user may not mount a small disk");
                None
            }
        }
    }

    fn resize(&self, mib: u32) {
        let options = format!("remount,size={mib}m");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

fn says_full(text: &str) -> bool {
    let text = text.to_lowercase();
    ["no space", "full", "disk"].iter().any(|word| text.contains(word))
}

#[test]
fn an_import_onto_a_full_disk_is_refused_clearly_and_goes_on_when_there_is_room() {
    let federation = Federation::strangers(&[]);
    let Some(disk) = SmallDisk::mount(federation.folder.path().join("disk"), 6) else { return };
    let a = Administration::new("NL", &disk.0.join("NL"));
    for number in 0..40 {
        federation.file(&format!("in/{number:02}.bin"), &fixtures::noise(400 << 10, number));
    }
    let folder = federation.folder.path().join("in");
    let words = ["import", folder.to_str().unwrap(), "--opaque"];
    // Some while there is room; then all at once, which is too much.
    let early: Vec<String> = (0..4).map(|number| a.import(&folder.join(format!("{number:02}.bin")), &["--opaque"])).collect();
    let ran = a.run(&words);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert_eq!(ran.lines.len(), 40, "each file has its line");
    let of = |status: &str| -> Vec<_> { ran.lines.iter().filter(|line| line["status"] == status).collect() };
    let (imported, refused) = ([of("imported"), of("duplicate")].concat(), of("refused"));
    eprintln!("{} imported, {} refused: {}", imported.len(), refused.len(), refused[0]["reason"]);
    assert!(imported.len() >= early.len() && !refused.is_empty());
    // One more by one, until the disk is full to the last page: then the catalogue itself has no room.
    let one_more = |number: u64| {
        let file = federation.file(&format!("more/{number}.bin"), &fixtures::noise(30 << 10, 500 + number));
        a.run(&["import", file.to_str().unwrap(), "--opaque"])
    };
    let full = (0..400).map(one_more).find(|ran| ran.code != 0).expect("a disk of 6 MiB is full after 12 MiB");
    eprintln!("with the catalogue's disk full: exit {} {}{}", full.code, full.out.trim(), full.err.trim());
    assert!(says_full(&full.out) || says_full(&full.err), "{}{}", full.out, full.err);
    for line in &refused {
        assert!(says_full(line["reason"].as_str().unwrap()), "{line}");
        assert!(line["record"].is_null());
    }
    disk.resize(64);
    let held = a.records().len();
    for line in &imported {
        assert!(a.has(line["record"].as_str().unwrap()), "{line}");
    }
    a.verify();
    let rest = a.ok(&words);
    assert_eq!(rest.iter().filter(|line| line["status"] == "duplicate").count(), imported.len());
    assert_eq!(a.records().len(), held + 40 - imported.len(), "what was refused was not there, and is now");
    a.verify();
    assert_eq!(a.one(&["status"])["transfers_open"], 0);
}

#[test]
fn a_fetch_onto_a_full_disk_fails_clearly_and_goes_on_when_there_is_room() {
    let federation = Federation::strangers(&["NL"]);
    let Some(disk) = SmallDisk::mount(federation.folder.path().join("disk"), 5) else { return };
    let a = federation.of("NL");
    let b = Administration::new("DE", &disk.0.join("DE"));
    a.partner(&b, &[]);
    b.partner(a, &[&a.endpoint()]);
    let record =
        a.import(&federation.file("large", &fixtures::noise(12 << 20, 5)), &["--opaque", "--share-native", "--releasable-to", "DE"]);
    a.serve();
    b.ok(&["fetch"]);
    let ran = b.run(&["fetch", &record]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    eprintln!("{}", ran.err.trim());
    assert!(says_full(&ran.err), "{}", ran.err);
    disk.resize(64);
    assert_eq!(b.show(&record)["payloads"][0]["here"], false, "half a payload is not visible");
    b.verify();
    b.ok(&["fetch", &record]);
    assert_eq!(b.show(&record)["payloads"][0]["here"], true);
    b.verify();
}

//! What scripts depend on: fields, words, exit codes.

use std::collections::BTreeSet;

use carnet_tests::federation::Federation;
use carnet_tests::fixtures;
use serde_json::Value;

fn keys(line: &Value) -> BTreeSet<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn import_says_one_line_a_file_and_exits_0_or_2() {
    let federation = Federation::strangers(&["NL"]);
    let a = federation.of("NL");
    let image = federation.file("in/a.png", &fixtures::png(40, 30, 1));
    federation.file("in/b.n42", &fixtures::n42(1));
    federation.file("in/c.json", &fixtures::declaration(1));
    let folder = federation.folder.path().join("in");
    let lines = a.ok(&["import", folder.to_str().unwrap()]);
    assert_eq!(lines.len(), 3);
    let fields = BTreeSet::from(["file", "inspection", "kind", "reason", "record", "status"]);
    for (line, kind) in lines.iter().zip(["image", "spectrum", "declaration"]) {
        assert_eq!(keys(line), fields);
        assert_eq!((line["status"].as_str(), line["kind"].as_str()), (Some("imported"), Some(kind)));
        assert!(line["reason"].is_null());
        assert_eq!(line["record"].as_str().unwrap().len(), 64);
        assert!(line["inspection"].as_str().unwrap().starts_with("NL-"));
    }
    // A second time each is the same record.
    let again = a.ok(&["import", folder.to_str().unwrap()]);
    for (line, before) in again.iter().zip(&lines) {
        assert_eq!(line["status"], "duplicate");
        assert_eq!((&line["record"], &line["inspection"], &line["kind"]), (&before["record"], &before["inspection"], &before["kind"]));
    }
    // The same bytes under another name too.
    let copy = federation.file("copy.png", &std::fs::read(image).unwrap());
    assert_eq!(a.ok(&["import", copy.to_str().unwrap()])[0]["status"], "duplicate");
    // One bad file among good ones: named, and the others are taken.
    federation.file("in/d.txt", b"not a scan");
    federation.file("in/e.n42", &fixtures::n42(2));
    federation.file("in/f.png", &fixtures::png(40, 30, 9)[..400]);
    federation.file("in/g.bin", b"");
    let mixed = a.run(&["import", folder.to_str().unwrap(), "/no/such/file"]);
    assert_eq!(mixed.code, 2, "{}", mixed.err);
    let statuses: Vec<_> = mixed.lines.iter().map(|line| line["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["duplicate", "duplicate", "duplicate", "refused", "imported", "refused", "refused", "refused"]);
    for line in mixed.lines.iter().filter(|line| line["status"] == "refused") {
        assert_eq!(keys(line), fields);
        assert!(line["record"].is_null() && !line["reason"].as_str().unwrap().is_empty(), "{line}");
    }
    assert_eq!(a.records().len(), 4);
    assert!(mixed.err.is_empty(), "results go to standard output alone: {}", mixed.err);
}

#[test]
fn list_show_verify_and_status_print_json() {
    let federation = Federation::strangers(&["NL"]);
    let a = federation.of("NL");
    let record =
        a.import(&federation.file("a.png", &fixtures::png(40, 30, 1)), &["--inspection", "NL-2026-9", "--container", "CSQU3054383"]);
    let list = a.ok(&["list"]);
    let expected = [
        "administration",
        "container",
        "goods",
        "inspection",
        "kind",
        "log_index",
        "made",
        "own",
        "received",
        "record",
        "seq",
        "withdrawn",
    ];
    assert_eq!(keys(&list[0]), BTreeSet::from(expected));
    assert_eq!((list[0]["container"].as_str(), list[0]["inspection"].as_str()), (Some("CSQU3054383"), Some("NL-2026-9")));
    let shown = a.show(&record[..12]);
    assert_eq!(shown["record"], record.as_str(), "the beginning of an id is enough");
    for field in ["verified", "entry", "maker", "handling", "content", "parents", "payloads", "children", "personal_fields"] {
        assert!(!shown[field].is_null(), "{field}");
    }
    assert_eq!(shown["content"]["views"][0]["width"], 40);
    let verified = a.run(&["verify"]);
    assert_eq!((verified.code, verified.lines.len() == verified.out.lines().count()), (0, true));
    let status = a.one(&["status"]);
    for field in ["administration", "fingerprint", "log", "log_size", "records", "kinds", "partners", "transfers_open", "equivocations"] {
        assert!(!status[field].is_null(), "{field}");
    }
    assert_eq!(status["kinds"]["image"], 1);
}

#[test]
fn exit_codes_tell_whose_fault_it_is() {
    let federation = Federation::strangers(&["NL"]);
    let a = federation.of("NL");
    assert_eq!(a.run(&["import"]).code, 64, "the command line");
    assert_eq!(a.run(&["no-such-command"]).code, 64);
    assert_eq!(a.run(&["import", "--inspection", "no spaces allowed", "x"]).code, 64);
    assert_ne!(a.run(&["show", &"ab".repeat(32)]).code, 0, "a record that is not here");
    let again = a.run(&["init", "--administration", "NL", "--name", "Twice"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("nothing was changed"), "{}", again.err);
    let nowhere = carnet_tests::federation::run(
        {
            let mut command = std::process::Command::new(carnet_tests::program::carnet());
            command.args(["--home", "/nonexistent/node", "status"]);
            command
        },
        std::time::Duration::from_secs(20),
    );
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.err.contains("carnet init"), "an error says what to do next: {}", nowhere.err);
}

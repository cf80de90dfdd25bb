//! The binary, as an operator runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use carnet_certs::{NodeKeys, Subject};
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::Role;

fn run(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_carnet-pki")).current_dir(home).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_whole_desk() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let init = ["init", "--ca", "ca", "--administration", "NL", "--name", "Douane"];
    let made = run(home, &init);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    for key in ["ca/root/key.pem", "ca/issuing/key.pem"] {
        assert_eq!(fs::metadata(home.join(key)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let key = fs::read(home.join("ca/root/key.pem")).unwrap();
    let again = run(home, &init);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again).contains("exists already"));
    assert_eq!(fs::read(home.join("ca/root/key.pem")).unwrap(), key);

    let subject = Subject {
        administration: Country::new("NL").unwrap(),
        administration_name: "Douane".into(),
        node: "nl-1".into(),
        log_origin: Some("log.example/nl-1".into()),
    };
    let request = NodeKeys::create(&home.join("keys")).unwrap().request(Role::RecordSigning, &subject).unwrap();
    fs::write(home.join("record.csr"), request.to_pem()).unwrap();
    assert!(text(&run(home, &["show", "record.csr"])).contains("NL / Douane / nl-1"));

    let issue = ["issue", "--ca", "ca", "--role", "record", "--request", "record.csr", "--out", "record.pem"];
    assert_eq!(run(home, &issue).status.code(), Some(0));
    assert_eq!(run(home, &issue).status.code(), Some(2), "the chain is not overwritten");
    let wrong = run(home, &["issue", "--ca", "ca", "--role", "tls", "--request", "record.csr"]);
    assert_eq!(wrong.status.code(), Some(2));

    let listed = String::from_utf8(run(home, &["list", "--ca", "ca", "--json"]).stdout).unwrap();
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!((first["role"].as_str(), first["state"].as_str()), (Some("record"), Some("valid")));
    let serial = first["serial"].as_str().unwrap();
    assert_eq!(run(home, &["renew", "--ca", "ca", "--serial", serial, "--out", "renewed.pem"]).status.code(), Some(0));
    let revoke = ["revoke", "--ca", "ca", "--serial", serial, "--reason", "key-compromise"];
    assert_eq!(run(home, &revoke).status.code(), Some(0));
    assert_eq!(run(home, &revoke).status.code(), Some(2));
    assert_eq!(run(home, &["crl", "--ca", "ca", "--out", "crl.pem"]).status.code(), Some(0));
    assert!(text(&run(home, &["show", "crl.pem"])).contains(&format!("revoked     {serial}")));
    for file in ["ca/root/cert.pem", "renewed.pem"] {
        let shown = run(home, &["show", file]);
        assert_eq!(shown.status.code(), Some(0));
        assert!(text(&shown).contains("SHA-256") && !text(&shown).contains("PRIVATE"));
    }
    assert_eq!(run(home, &["list", "--ca", "nowhere"]).status.code(), Some(2));
    assert_eq!(run(home, &["show", "nothing.pem"]).status.code(), Some(1));
    assert_eq!(run(home, &["revoke", "--ca", "ca", "--serial", "00", "--reason", "whim"]).status.code(), Some(2));
}

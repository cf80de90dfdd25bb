//! An administration's life: issue, renew, revoke, and what partners make of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use carnet_certs::{
    Authority, CertsFault, DevelopmentPki, ISSUING_LIFETIME, LIST_LIFETIME, NodeKeys, Reason, Revocation, SigningRequest, Subject,
};
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{
    ChainFault, Leaf, RevocationStatus, Revocations, Role, Root, SigningKey, certificates_from_pem, lists_from_pem, validate,
};
use carnet_protocol::time::{DAY, Timestamp};
use ring::rand::SystemRandom;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn nl() -> Country {
    Country::new("NL").unwrap()
}

fn subject(role: Role) -> Subject {
    Subject {
        administration: nl(),
        administration_name: "Douane".into(),
        node: "nl-1".into(),
        log_origin: role.names_log().then(|| "log.example/nl-1".into()),
    }
}

fn judge(chain: &[Vec<u8>], root: &Root, role: Role, at: Timestamp, lists: &Revocations) -> Result<Leaf, ChainFault> {
    validate(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>(), root, role, at, lists)
}

fn add_lists(authority: &Authority, into: &mut Revocations) {
    let [of_root, of_issuing] = authority.lists().unwrap();
    into.add(authority.root(), &[], &of_root).unwrap();
    into.add(authority.root(), &[authority.issuing_der()], &of_issuing).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_certificate_lives_is_renewed_and_revoked() {
    let home = tempfile::tempdir().unwrap();
    let keys = NodeKeys::create(&home.path().join("keys")).unwrap();
    let mut authority = Authority::create(&home.path().join("ca"), nl(), "Douane", NOW).unwrap();
    let role = Role::RecordSigning;
    let request = SigningRequest::from_pem(keys.request(role, &subject(role)).unwrap().to_pem().as_bytes()).unwrap();
    let first = authority.issue(&request, role, NOW).unwrap();
    let renewed = authority.renew(&first.claims.serial, None, NOW.plus(DAY)).unwrap();
    assert_eq!(renewed.claims.public_key, first.claims.public_key);
    assert_ne!(renewed.claims.serial, first.claims.serial);
    assert_eq!(authority.entries()[1].replaces.as_ref(), Some(&first.claims.serial));
    let mut lists = Revocations::default();
    add_lists(&authority, &mut lists);
    assert_eq!(judge(&first.chain, authority.root(), role, NOW, &lists).unwrap().revocation(), RevocationStatus::Good);
    let late = judge(&renewed.chain, authority.root(), role, NOW.plus(LIST_LIFETIME + 1), &lists).unwrap();
    assert_eq!(late.revocation(), RevocationStatus::Stale(NOW.plus(LIST_LIFETIME)));

    let then = NOW.plus(2 * DAY);
    let why = Revocation { reason: Reason::Superseded, invalid_from: None };
    authority.revoke(&first.claims.serial, why, then).unwrap();
    assert!(matches!(authority.revoke(&first.claims.serial, why, then), Err(CertsFault::AlreadyRevoked)));
    assert!(matches!(authority.renew(&first.claims.serial, None, then), Err(CertsFault::AlreadyRevoked)));
    add_lists_of_issuing(&authority, &mut lists);
    assert!(judge(&first.chain, authority.root(), role, then.plus(-1), &lists).is_ok());
    assert!(matches!(judge(&first.chain, authority.root(), role, then, &lists), Err(ChainFault::Revoked(..))));
    assert!(judge(&renewed.chain, authority.root(), role, then, &lists).is_ok());

    // Everything is there again after the folder is opened anew.
    let entries = authority.entries().to_vec();
    assert!(matches!(Authority::open(&home.path().join("ca")), Err(CertsFault::Busy(_))));
    drop(authority);
    let mut authority = Authority::open(&home.path().join("ca")).unwrap();
    assert_eq!(authority.entries(), entries);

    // The issuing authority itself is revoked by the root, and issues no more.
    let serial = authority.issuing_serial().clone();
    authority.revoke(&serial, Revocation { reason: Reason::CaCompromise, invalid_from: Some(NOW) }, then).unwrap();
    assert!(matches!(authority.issue(&request, role, then), Err(CertsFault::Authority(ChainFault::Revoked(..)))));
    let mut lists = Revocations::default();
    add_lists(&authority, &mut lists);
    assert!(matches!(judge(&renewed.chain, authority.root(), role, then, &lists), Err(ChainFault::Revoked(..))));
}

fn add_lists_of_issuing(authority: &Authority, lists: &mut Revocations) {
    lists.add(authority.root(), &[authority.issuing_der()], &authority.lists().unwrap()[1]).unwrap();
}

#[test]
fn an_expired_authority_issues_nothing() {
    let home = tempfile::tempdir().unwrap();
    let keys = NodeKeys::create(&home.path().join("keys")).unwrap();
    let mut authority = Authority::create(&home.path().join("ca"), nl(), "Douane", NOW).unwrap();
    let request = keys.request(Role::Node, &subject(Role::Node)).unwrap();
    let last = NOW.plus(ISSUING_LIFETIME);
    assert_eq!(authority.issue(&request, Role::Node, last).unwrap().claims.not_after, last);
    assert!(authority.issue(&request, Role::Node, last.plus(1)).is_err());
}

#[test]
fn requests_are_checked() {
    let home = tempfile::tempdir().unwrap();
    let keys = NodeKeys::create(&home.path().join("keys")).unwrap();
    let mut authority = Authority::create(&home.path().join("ca"), nl(), "Douane", NOW).unwrap();
    let refused = |result: Result<carnet_certs::Issued, CertsFault>| matches!(result, Err(CertsFault::Request(_)));
    let abroad = Subject { administration: Country::new("BE").unwrap(), ..subject(Role::Node) };
    assert!(refused(authority.issue(&keys.request(Role::Node, &abroad).unwrap(), Role::Node, NOW)));
    let without_log = keys.request(Role::Node, &subject(Role::Node)).unwrap();
    assert!(refused(authority.issue(&without_log, Role::RecordSigning, NOW)));
    assert!(refused(authority.issue(&without_log, Role::PackageEncryption, NOW)));
    let with_log = keys.request(Role::LogSigning, &subject(Role::LogSigning)).unwrap();
    assert!(refused(authority.issue(&with_log, Role::Node, NOW)));
    // No changed byte changes what is certified. (The parser takes a few other spellings of the algorithm after the signed part.)
    let pem = with_log.to_pem();
    let der = pem::parse(&pem).unwrap().into_contents();
    for at in 0..der.len() {
        let mut spoiled = der.clone();
        spoiled[at] ^= 1;
        if let Ok(read) = SigningRequest::from_der(&spoiled) {
            assert_eq!((read.subject(), read.public_key()), (with_log.subject(), with_log.public_key()), "{at}");
        }
        assert!(SigningRequest::from_der(&der[..at]).is_err());
    }
    let padded = |length: usize| [pem.as_bytes(), &vec![b'\n'; length - pem.len()]].concat();
    assert!(SigningRequest::from_pem(&padded(carnet_certs::MAX_REQUEST_FILE)).is_ok());
    assert!(SigningRequest::from_pem(&padded(carnet_certs::MAX_REQUEST_FILE + 1)).is_err());
    assert!(SigningRequest::from_der(&vec![0; carnet_certs::MAX_REQUEST_FILE + 1]).is_err());
    let wrong = Subject { node: "nl 1".into(), ..subject(Role::Node) };
    assert!(matches!(keys.request(Role::Node, &wrong), Err(CertsFault::Name(_))));
    assert!(authority.entries().is_empty());
}

#[test]
fn a_torn_index_line_is_cut_off_and_a_strange_one_refused() {
    let home = tempfile::tempdir().unwrap();
    let ca = home.path().join("ca");
    drop(Authority::create(&ca, nl(), "Douane", NOW).unwrap());
    let index = ca.join("index.jsonl");
    let whole = fs::read(&index).unwrap();
    fs::write(&index, [&whole[..], b"{\"event\":\"issu"].concat()).unwrap();
    Authority::open(&ca).unwrap().refresh_lists(NOW).unwrap();
    assert_eq!(fs::read_to_string(&index).unwrap().lines().count(), whole.iter().filter(|c| **c == b'\n').count() + 2);
    fs::write(&index, [&whole[..], b"{\"event\":\"later\"}\n"].concat()).unwrap();
    assert!(matches!(Authority::open(&ca), Err(CertsFault::Index { line: 4, .. })));
}

#[test]
fn a_development_pki_works_in_whole_and_is_never_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let make = || DevelopmentPki::create(home.path(), nl(), "Douane", "nl-1", "log.example/nl-1", NOW);
    let made = make().unwrap();
    let read = |name: &str| fs::read(home.path().join("pki").join(name)).unwrap();
    let root = Root::read(&certificates_from_pem(&read("root.pem")).unwrap()[0]).unwrap();
    assert_eq!(root.fingerprint(), made.fingerprint);
    let mut lists = Revocations::default();
    let [of_root, of_issuing]: [Vec<u8>; 2] = lists_from_pem(&read("crl.pem")).unwrap().try_into().unwrap();
    lists.add(&root, &[], &of_root).unwrap();
    for role in Role::ALL {
        let chain = certificates_from_pem(&read(&format!("{role}.pem"))).unwrap();
        lists.add(&root, &[&chain[1]], &of_issuing).unwrap();
        let leaf = judge(&chain, &root, role, NOW, &lists).unwrap();
        assert_eq!((leaf.node.as_str(), leaf.revocation()), ("nl-1", RevocationStatus::Good));
        let key = home.path().join("keys").join(format!("{role}.key"));
        assert_eq!(mode(&key), 0o600);
        let key = SigningKey::from_pkcs8_pem(&fs::read(key).unwrap(), &SystemRandom::new()).unwrap();
        assert_eq!(key.public(), &leaf.public_key);
    }
    for key in ["dev-pki/root/key.pem", "dev-pki/issuing/key.pem"] {
        assert_eq!(mode(&home.path().join(key)), 0o600);
    }
    assert_eq!(mode(&home.path().join("dev-pki")), 0o700);

    let before = fs::read(home.path().join("keys/tls.key")).unwrap();
    assert!(matches!(make(), Err(CertsFault::Exists(_))));
    assert!(matches!(NodeKeys::create(&home.path().join("keys")), Err(CertsFault::Exists(_))));
    assert!(matches!(Authority::create(&home.path().join("dev-pki"), nl(), "Douane", NOW), Err(CertsFault::Exists(_))));
    // Not even when only a key is left.
    fs::remove_dir_all(home.path().join("pki")).unwrap();
    fs::remove_dir_all(home.path().join("dev-pki")).unwrap();
    assert!(matches!(make(), Err(CertsFault::Exists(_))));
    assert_eq!(fs::read(home.path().join("keys/tls.key")).unwrap(), before);
    assert!(!home.path().join("dev-pki").exists());
}

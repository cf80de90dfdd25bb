use rcgen::RevocationReason;

use super::maker::*;
use crate::pki::{
    Added, ChainFault, Claims, MAX_CRL, MAX_CRLS, MAX_LISTS_PEM, Place, Policy, RevocationStatus, Revocations, Role, lists_from_pem,
    pem_from_lists,
};
use crate::reason::Reason;
use crate::time::{DAY, Timestamp};

fn serial(der: &[u8]) -> Vec<u8> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
    certificate.raw_serial().to_vec()
}

fn lists(world: &World, of_root: &[u8], of_issuing: &[u8]) -> Revocations {
    let mut lists = Revocations::default();
    lists.add(&world.pinned(), &[], of_root).unwrap();
    lists.add(&world.pinned(), &[&world.issuing.der], of_issuing).unwrap();
    lists
}

#[test]
fn nothing_revoked_is_good() {
    let world = World::new(Role::Node);
    let lists = lists(&world, &world.root.list(1, &[]), &world.issuing.list(1, &[(&[7], NOW, RevocationReason::Superseded)]));
    assert_eq!(world.judge_at(NOW, &lists).unwrap().revocation(), RevocationStatus::Good);
    assert_eq!(lists.lists().map(|list| list.number()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_revoked_leaf_or_issuer_is_refused_from_then_on() {
    let world = World::new(Role::Node);
    let then = NOW.plus(-100);
    let entry = |der: &[u8]| world_list(&world.issuing, &serial(der), then, RevocationReason::Superseded);
    let leaf = lists(&world, &world.root.list(1, &[]), &entry(&world.leaf));
    assert_eq!(world.judge_at(NOW, &leaf), Err(ChainFault::Revoked(Place::Leaf, then)));
    assert_eq!(reason(world.judge_at(then, &leaf)), Reason::ChainRevoked);
    assert!(world.judge_at(then.plus(-1), &leaf).is_ok());
    let of_root = world_list(&world.root, &serial(&world.issuing.der), then, RevocationReason::CessationOfOperation);
    let issuer = lists(&world, &of_root, &world.issuing.list(1, &[]));
    assert_eq!(world.judge_at(NOW, &issuer), Err(ChainFault::Revoked(Place::Issuer(1), then)));
    // The same serial number in another issuer's list means nothing.
    let other = world_list(&world.root, &serial(&world.leaf), then, RevocationReason::Superseded);
    assert!(world.judge_at(NOW, &lists(&world, &other, &world.issuing.list(1, &[]))).is_ok());
}

fn world_list(issuer: &Authority, serial: &[u8], at: Timestamp, reason: RevocationReason) -> Vec<u8> {
    issuer.list(2, &[(serial, at, reason)])
}

#[test]
fn a_stolen_key_is_refused_for_all_time_or_since_it_was_stolen() {
    let world = World::new(Role::RecordSigning);
    let entry = [(&serial(&world.leaf)[..], NOW, RevocationReason::KeyCompromise)];
    let always = lists(&world, &world.root.list(1, &[]), &world.issuing.list(1, &entry));
    assert_eq!(reason(world.judge_at(NOW.plus(-DAY), &always)), Reason::ChainRevoked);
    let stolen = NOW.plus(-500);
    let dated = lists(&world, &world.root.list(1, &[]), &world.issuing.dated_list(1, &entry, Some(stolen), NOW.plus(DAY)));
    assert!(world.judge_at(stolen.plus(-1), &dated).is_ok());
    assert_eq!(reason(world.judge_at(stolen, &dated)), Reason::ChainRevoked);
}

#[test]
fn old_lists_do_not_come_back() {
    let world = World::new(Role::Node);
    let root = world.pinned();
    let (old, new) = (world.issuing.list(3, &[]), world.issuing.list(4, &[(&serial(&world.leaf), NOW, RevocationReason::Superseded)]));
    let mut lists = Revocations::default();
    let chain: [&[u8]; 1] = [&world.issuing.der];
    assert_eq!(lists.add(&root, &chain, &old), Ok(Added::Newer));
    assert_eq!(lists.add(&root, &chain, &new), Ok(Added::Newer));
    assert_eq!(lists.add(&root, &chain, &new), Ok(Added::Same));
    assert_eq!(reason(lists.add(&root, &chain, &old)), Reason::ChainCrl);
    // The same number with another content is no better.
    assert_eq!(reason(lists.add(&root, &chain, &world.issuing.list(4, &[]))), Reason::ChainCrl);
    assert_eq!(reason(world.judge_at(NOW, &lists)), Reason::ChainRevoked);
}

#[test]
fn only_the_issuer_itself_may_revoke() {
    let (world, other) = (World::new(Role::Node), World::new(Role::Node));
    let root = world.pinned();
    let mut lists = Revocations::default();
    // Another key of the same name, the root for the issuing authority, and the reverse.
    assert_eq!(reason(lists.add(&root, &[&world.issuing.der], &other.issuing.list(1, &[]))), Reason::ChainCrl);
    assert_eq!(reason(lists.add(&root, &[&world.issuing.der], &world.root.list(1, &[]))), Reason::ChainCrl);
    assert_eq!(reason(lists.add(&root, &[], &world.issuing.list(1, &[]))), Reason::ChainCrl);
    // An issuing authority of another root, and a leaf.
    assert_eq!(reason(lists.add(&root, &[&other.issuing.der], &other.issuing.list(1, &[]))), Reason::ChainUntrusted);
    assert_eq!(reason(lists.add(&root, &[&world.leaf], &world.issuing.list(1, &[]))), Reason::ChainMalformed);
    assert_eq!(lists.lists().count(), 0);
    // The root may be sent along, or alone for itself.
    assert_eq!(lists.add(&root, &[&world.root.der], &world.root.list(1, &[])), Ok(Added::Newer));
    assert_eq!(lists.add(&root, &[&world.issuing.der, &world.root.der], &world.issuing.list(1, &[])), Ok(Added::Newer));
}

#[test]
fn missing_and_stale_lists_are_told_or_refused() {
    let world = World::new(Role::Node);
    assert_eq!(world.judge().unwrap().revocation(), RevocationStatus::Unknown);
    assert_eq!(reason(world.judge_at(NOW, &Revocations::new(Policy::Require))), Reason::ChainCrl);
    for (policy, expected) in [(Policy::Report, Some(RevocationStatus::Stale(NOW.plus(-10)))), (Policy::Require, None)] {
        let mut lists = Revocations::new(policy);
        lists.add(&world.pinned(), &[], &world.root.list(1, &[])).unwrap();
        lists.add(&world.pinned(), &[&world.issuing.der], &world.issuing.dated_list(1, &[], None, NOW.plus(-10))).unwrap();
        assert_eq!(world.judge_at(NOW, &lists).ok().map(|leaf| leaf.revocation()), expected);
        assert_eq!(world.judge_at(NOW.plus(-10), &lists).unwrap().revocation(), RevocationStatus::Good);
    }
    // What an old list revokes stays revoked.
    let entry = [(&serial(&world.leaf)[..], NOW.plus(-50), RevocationReason::Superseded)];
    let stale = lists(&world, &world.root.list(1, &[]), &world.issuing.dated_list(1, &entry, None, NOW.plus(-10)));
    assert_eq!(reason(world.judge_at(NOW, &stale)), Reason::ChainRevoked);
}

#[test]
fn spoiled_lists_are_refused_without_panic() {
    let world = World::new(Role::Node);
    let root = world.pinned();
    let list = world.issuing.list(1, &[(&serial(&world.leaf), NOW, RevocationReason::KeyCompromise)]);
    let mut lists = Revocations::default();
    let chain: [&[u8]; 1] = [&world.issuing.der];
    for at in 0..list.len() {
        assert_eq!(reason(lists.add(&root, &chain, &list[..at])), Reason::ChainCrl);
        let mut flipped = list.clone();
        flipped[at] ^= 1 << (at % 8);
        assert_eq!(reason(lists.add(&root, &chain, &flipped)), Reason::ChainCrl, "{at}");
    }
    assert_eq!(reason(lists.add(&root, &chain, &vec![0; MAX_CRL + 1])), Reason::ChainCrl);
    assert!(Claims::read(&list).is_err());
}

#[test]
fn lists_are_counted_and_large_ones_taken() {
    let world = World::new(Role::Node);
    let root = world.pinned();
    let mut lists = Revocations::default();
    for _ in 0..MAX_CRLS {
        let issuing = world.root.issue_authority(ca_params("NL", "Issuing", 0));
        assert_eq!(lists.add(&root, &[&issuing.der], &issuing.list(1, &[])), Ok(Added::Newer));
    }
    assert_eq!(reason(lists.add(&root, &[&world.issuing.der], &world.issuing.list(1, &[]))), Reason::ChainCrl);

    let serials: Vec<[u8; 4]> = (0..20_000u32).map(|n| (0x4000_0000 + n).to_be_bytes()).collect();
    let entries: Vec<_> = serials.iter().map(|serial| (&serial[..], NOW, RevocationReason::Superseded)).collect();
    let large = world.issuing.list(1, &entries);
    assert!(large.len() > MAX_CRL / 2 && large.len() <= MAX_CRL, "{}", large.len());
    assert_eq!(Revocations::default().add(&root, &[&world.issuing.der], &large), Ok(Added::Newer));
}

#[test]
fn lists_come_back_from_pem() {
    let world = World::new(Role::Node);
    let lists = [world.root.list(1, &[]), world.issuing.list(2, &[])];
    let text = pem_from_lists(lists.iter().map(Vec::as_slice));
    assert_eq!(lists_from_pem(text.as_bytes()).unwrap(), lists);
    assert_eq!(lists_from_pem(b"").unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(lists_from_pem(pem_from_lists([&lists[0][..]; MAX_CRLS]).as_bytes()).unwrap().len(), MAX_CRLS);
    assert_eq!(reason(lists_from_pem(pem_from_lists([&lists[0][..]; MAX_CRLS + 1]).as_bytes())), Reason::ChainCrl);
    assert_eq!(reason(lists_from_pem(&vec![b' '; MAX_LISTS_PEM + 1])), Reason::ChainCrl);
}

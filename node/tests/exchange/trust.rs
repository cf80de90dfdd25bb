//! Connections live as long as the trust that they were made in.

use std::time::Duration;

use carnet::clock;
use carnet_certs::{Authority, Reason, Revocation};
use carnet_protocol::pki::Claims;
use rustls::pki_types::CertificateDer;

use super::node::{Running, pair, until};

/// BE's authority revokes BE's node certificate; gives its lists.
fn revoked(be: &Running) -> Vec<Vec<u8>> {
    let mut authority = Authority::open(&be.home.path().join("dev-pki")).unwrap();
    let leaf: &CertificateDer<'static> = &be.node.identity().tls_chain[0];
    let serial = Claims::read(leaf).unwrap().serial;
    let revocation = Revocation { reason: Reason::KeyCompromise, invalid_from: None };
    authority.revoke(&serial, revocation, clock::now()).unwrap();
    authority.lists().unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_ends_connections_and_makes_none() {
    let (nl, be) = pair().await;
    let (link, carrier) = be.link(&nl).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(link.connection().close_reason(), None, "a good link stays");
    assert!(nl.node.take_lists(be.country(), &revoked(&be)).await.unwrap() > 0);
    until("the link is closed", || link.connection().close_reason().is_some()).await;
    let again = carnet::peer::federation::connect(&be.node, &carrier, nl.country(), &nl.address().to_string()).await;
    assert!(again.is_err(), "a revoked certificate opens nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_is_removed_is_gone_on_links_either_way() {
    let (nl, be) = pair().await;
    let (came, _carrier) = be.link(&nl).await;
    // NL dials BE too.
    nl.pin(&be, vec![be.address().to_string()]).await;
    until("NL has dialled", || be.carrier.endpoint().open_connections() == 1).await;
    nl.node.catalogue().remove_partner(be.country()).await.unwrap();
    until("the link that came is closed", || came.connection().close_reason().is_some()).await;
    until("the link that went is closed", || be.carrier.endpoint().open_connections() == 0).await;
}

/// A hello that comes late with an old list does not undo a newer one.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_list_in_a_hello_changes_nothing() {
    let (nl, be) = pair().await;
    // A hello first: it brings the issuing authority, under which its list is read.
    drop(be.link(&nl).await);
    let lists = revoked(&be);
    nl.node.take_lists(be.country(), &lists).await.unwrap();
    let hello = carnet_protocol::wire::Hello {
        versions: vec![1],
        administration: be.country(),
        node: "node-1".to_owned(),
        head: 0,
        log: be.node.identity().log_key(),
        crls: be.node.identity().revocations.lists().map(|list| list.der().to_vec().into()).collect(),
        streams: 1,
    };
    let old: Vec<Vec<u8>> = hello.crls.iter().map(|list| list.to_vec()).collect();
    nl.node.learn(be.country(), &hello, &[]).await.unwrap();
    let held = nl.node.catalogue().crls(be.country()).await.unwrap();
    assert!(lists.iter().all(|list| held.contains(list)));
    assert!(old.iter().filter(|list| !lists.contains(list)).all(|list| !held.contains(list)));
}

/// Connections that say nothing are a partner's own: they count before the hello.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_has_so_many_connections_and_no_more() {
    let (nl, be) = pair().await;
    let mut kept = Vec::new();
    for _ in 0..16 {
        kept.push(be.carrier.connect(nl.address()).unwrap().await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let more = be.carrier.connect(nl.address()).unwrap().await.unwrap();
    until("the 17th is closed", || more.close_reason().is_some()).await;
    assert!(kept.iter().all(|connection| connection.close_reason().is_none()));
}

//! What comes in, and what is kept of it.

use std::sync::Arc;

use carnet::node::{Draft, DraftPayload, Source};
use carnet::peer::feed;
use carnet::peer::fetch;
use carnet::store::catalogue::{Batch, Intent};
use carnet::store::payloads::{RecordKey, StagingId};
use carnet_protocol::digest::Digest;
use carnet_protocol::log::{Checkpoint, LogProof};
use carnet_protocol::payload::PayloadHasher;
use carnet_protocol::record::{Annotation, Content, Handling};
use carnet_protocol::session::{Arrival, Permission};
use carnet_protocol::time::DAY;

use super::maker::{Maker, NOW};
use super::node::pair;

/// A second signed form of a record reaches the catalogue, is kept with its proof, and is no new record.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_form_is_kept_with_its_proof() {
    let (nl, be) = pair().await;
    let maker = Maker::with_p256("BE");
    let draft = maker.draft(Content::Annotation(Annotation { text: "seen".to_owned(), category: None, regions: Vec::new() }));
    let forms = [maker.sign(&draft), maker.sign(&draft)];
    assert_eq!(forms[0].id(), forms[1].id());
    for (index, record) in (0u64..).zip(forms.clone()) {
        let proof = LogProof { index, path: Vec::new(), checkpoint: Vec::new().into() };
        let checkpoint = Checkpoint { origin: maker.origin.clone(), size: 2, root: record.entry() };
        let arrival = Arrival { record, openings: Vec::new(), proof, checkpoint, permission: Permission::Handling };
        nl.node.take_arrivals(be.country(), vec![arrival], index).await.unwrap();
    }
    let found = nl.node.catalogue().equivocations().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].first), (forms[0].id(), forms[0].entry()));
    assert_eq!(found[0].second, forms[1].bytes());
    let proof = LogProof::decode(found[0].proof.as_deref().unwrap()).unwrap();
    assert_eq!(proof.index, 1);
    assert!(found[0].seen.0 < NOW.0 * 2);
}

/// Two fetches of one payload at once, as by `serve` and by the command line: both end well, the payload is whole.
#[tokio::test(flavor = "multi_thread")]
async fn two_fetches_of_one_payload_end_well() {
    let (nl, be) = pair().await;
    let bytes: Vec<u8> = (0..9 << 20).map(|at: u32| (at / 7) as u8).collect();
    let content = Content::Annotation(Annotation { text: "seen".to_owned(), category: None, regions: Vec::new() });
    let payload = DraftPayload {
        role: "plane".into(),
        media: "application/octet-stream".into(),
        source: Source::Bytes(bytes.clone().into()),
        handling: None,
    };
    let draft = Draft::new("NL-2026-000001".into(), content).handling(Handling::releasable_to([be.country()])).payload(payload);
    let made = nl.node.make(draft).await.unwrap();
    let (link, _carrier) = be.link(&nl).await;
    feed::pull(&link).await.unwrap();
    let (one, two) = (Arc::default(), Arc::default());
    let both = tokio::join!(fetch::payload(&link, made.record, 0, &one), fetch::payload(&link, made.record, 0, &two));
    both.0.unwrap();
    both.1.unwrap();
    let stored = be.node.held(made.record).await.unwrap().unwrap();
    let verified = be.node.verify_stored(&stored).unwrap();
    let named = verified.statement().payload(0).unwrap();
    let what = carnet::store::payloads::PayloadRef { record: made.record, index: 0, size: named.size, root: named.root };
    assert_eq!(PayloadHasher::hash(&bytes).unwrap().0.root, what.root);
    let mut bad = Vec::new();
    carnet::verify::record(&be.node, made.record, &mut |verdict| bad.extend(verdict.reason)).await.unwrap();
    assert!(bad.is_empty(), "{bad:?}");
    assert!(be.node.catalogue().intents().await.unwrap().is_empty());
    assert!(be.node.payloads().staging_candidates().await.unwrap().found().is_empty());
}

/// What an import left behind that was cut off goes when the node starts; what may still be going on stays.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_cut_off_leaves_nothing_for_ever() {
    let (nl, _be) = pair().await;
    let now = carnet::clock::now();
    let bytes = vec![7; 2 << 20];
    let (_, list) = PayloadHasher::hash(&bytes).unwrap();
    let mut staged = Vec::new();
    for (record, created) in [(Digest::of(b"old"), now.plus(-8 * DAY)), (Digest::of(b"new"), now)] {
        let id = StagingId::generate().unwrap();
        let intent = Intent { staging: id.to_string(), record, index: 0, size: list.size(), root: list.root(), partner: None, created };
        nl.node.catalogue().append(Batch { intents: vec![intent], ..Batch::at(now) }).await.unwrap();
        let key = RecordKey::generate().unwrap();
        staged.push(nl.node.payloads().stage(id, record, 0, list.clone(), &key).await.unwrap());
    }
    assert_eq!(nl.node.sweep_staging().await.unwrap(), 1);
    let left = nl.node.catalogue().intents().await.unwrap();
    assert_eq!(left.iter().map(|intent| intent.record).collect::<Vec<_>>(), [Digest::of(b"new")]);
    assert_eq!(nl.node.payloads().staging_candidates().await.unwrap().found(), [staged[1].id()]);
}

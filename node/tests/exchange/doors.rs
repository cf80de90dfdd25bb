//! Requests: who gets what, once, and until when.

use std::time::Duration;

use carnet::clock;
use carnet::export::{self, Recipient};
use carnet::peer::feed;
use carnet_protocol::digest::Digest;
use carnet_protocol::wire::{Asked, Frame, FrameHeader, FrameKind};

use super::node::{exchange, frame, pair, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_worth_nothing_on_another_connection() {
    let (nl, be) = pair().await;
    let (first, _one) = be.link(&nl).await;
    let (second, _two) = be.link(&nl).await;
    let request = be.request(nl.country(), &Asked::Feed { after: 0, limit: 1 });
    let bytes = Frame::new(FrameKind::Request, request).to_bytes();
    assert_eq!(refused(&exchange(first.connection(), &bytes).await), None);
    assert_eq!(refused(&exchange(second.connection(), &bytes).await).as_deref(), Some("request.replayed"));
    assert_eq!(refused(&exchange(first.connection(), &bytes).await).as_deref(), Some("request.replayed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_released_and_what_does_not_exist_look_the_same() {
    let (nl, be) = pair().await;
    let hidden = nl.note(&[]).await;
    let (link, _carrier) = be.link(&nl).await;
    let mut answers = Vec::new();
    for id in [hidden, Digest::of(b"nothing")] {
        let request = be.request(nl.country(), &Asked::Record(id));
        answers.push(exchange(link.connection(), &Frame::new(FrameKind::Request, request).to_bytes()).await);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(refused(&answers[0]).as_deref(), Some("request.not-available"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_ends_on_time_and_leaves_others_in_force() {
    let (nl, be) = pair().await;
    let (brief, both) = (nl.note(&[("driver", "N. N.")]).await, nl.note(&[("driver", "N. N."), ("plate", "X")]).await);
    let soon = Some(clock::now().plus(3));
    nl.node.release(brief, be.country(), false, &["driver".to_owned()], soon).await.unwrap();
    nl.node.release(both, be.country(), false, &["driver".to_owned()], None).await.unwrap();
    nl.node.release(both, be.country(), false, &["plate".to_owned()], soon).await.unwrap();
    let openings = async |id| nl.node.group_for(be.country(), id).await.unwrap().map(|group| group.openings.len());
    assert_eq!((openings(brief).await, openings(both).await), (Some(1), Some(2)));
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!((openings(brief).await, openings(both).await), (None, Some(1)));

    let (link, _carrier) = be.link(&nl).await;
    let request = be.request(nl.country(), &Asked::Record(brief));
    let answer = exchange(link.connection(), &Frame::new(FrameKind::Request, request).to_bytes()).await;
    assert_eq!(refused(&answer).as_deref(), Some("request.not-available"));
    // The feed goes past what has ended, and brings the rest.
    let pulled = feed::pull(&link).await.unwrap();
    assert_eq!((pulled.cursor, pulled.refused), (pulled.head, 0));
    assert!(be.node.held(both).await.unwrap().is_some() && be.node.held(brief).await.unwrap().is_none());

    let (_, written) = export::write(&nl.node, &[brief, both], Recipient::Partner(be.country()), Vec::new()).await.unwrap();
    assert_eq!((written.left_out, written.trailer.records), (vec![brief], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_another_kind_is_refused_by_its_head() {
    let (nl, be) = pair().await;
    let (link, _carrier) = be.link(&nl).await;
    let (mut send, mut receive) = link.connection().open_bi().await.unwrap();
    // The body is announced and never sent: the answer does not wait for it.
    let head = FrameHeader { kind: FrameKind::ChunkList, length: FrameKind::ChunkList.limit() };
    send.write_all(&head.to_bytes()).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(5), frame(&mut receive)).await.unwrap();
    assert_eq!(refused(&answer).as_deref(), Some("wire.order"));
}

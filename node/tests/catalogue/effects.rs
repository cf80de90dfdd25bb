use carnet::store::catalogue::{
    AppendError, Batch, Fate, Intent, Partner, PayloadChange, PayloadPlace, ReadError, RefusalCount, SealedOpening,
};
use carnet_protocol::digest::Digest;
use carnet_protocol::reason::Reason;
use carnet_protocol::record::{Annotation, Content};
use carnet_protocol::wire::LogKey;

use crate::fresh;
use crate::maker::{Maker, NOW, country, partner_batch};

#[tokio::test]
async fn a_payload_on_its_way_arrives_in_one_transaction() {
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let record = be.declaration(Digest::of(b"p"));
    let intent = Intent {
        staging: "00ff".to_owned(),
        record: record.id(),
        index: 1,
        size: 7,
        root: Digest::of(b"decoded"),
        partner: Some(be.country),
        created: NOW,
    };
    let mut batch = partner_batch([record.clone()]);
    batch.intents = vec![intent.clone()];
    batch.cursor = Some((be.country, 3));
    catalogue.append(batch).await.unwrap();
    assert_eq!(catalogue.intents().await.unwrap(), std::slice::from_ref(&intent));
    assert_eq!(catalogue.intent_for(record.id(), 1).await.unwrap(), Some(intent.clone()));
    assert_eq!(catalogue.payload(record.id(), 1).await.unwrap().place, PayloadPlace::Absent);
    let arrived = Batch {
        payloads: vec![PayloadChange { record: record.id(), index: 1, place: PayloadPlace::Stored(vec![5; 32]) }],
        intents_done: vec![intent.staging.clone()],
        cursor: Some((be.country, 2)),
        ..Batch::at(NOW)
    };
    assert_eq!(catalogue.append(arrived).await.unwrap(), []);
    assert_eq!(catalogue.intents().await.unwrap(), []);
    assert_eq!(catalogue.payload(record.id(), 1).await.unwrap().place, PayloadPlace::Stored(vec![5; 32]));
    let opening = SealedOpening { commitment: Digest::of(b"c"), sealed: vec![1] };
    for _ in 0..2 {
        catalogue.append(Batch { openings: vec![(record.id(), opening.clone())], ..Batch::at(NOW) }).await.unwrap();
        assert_eq!(catalogue.record(record.id()).await.unwrap().openings, std::slice::from_ref(&opening));
    }
    let nowhere = Batch { openings: vec![(Digest::of(b"?"), opening)], ..Batch::at(NOW) };
    assert!(matches!(catalogue.append(nowhere).await, Err(AppendError::NotHeld { .. })));
    // A cursor never goes back.
    assert_eq!(catalogue.cursor(be.country).await.unwrap(), 3);
    assert!(matches!(catalogue.payload(record.id(), 2).await, Err(ReadError::NotFound { .. })));
    let nowhere = Batch { feed: vec![(be.country, Digest::of(b"?"))], ..Batch::at(NOW) };
    assert!(matches!(catalogue.append(nowhere).await, Err(AppendError::NotHeld { .. })));
}

#[tokio::test]
async fn two_signed_forms_of_one_record_are_kept_and_reported() {
    let (nl, be) = (Maker::new("NL"), Maker::with_p256("BE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let draft = be.draft(Content::Annotation(Annotation { text: "n".to_owned(), category: None, regions: Vec::new() }));
    let (first, second) = (be.sign(&draft), be.sign(&draft));
    assert_eq!(first.id(), second.id());
    assert_ne!(first.entry(), second.entry());
    for (record, fate) in [(&first, Fate::New), (&second, Fate::Equivocation), (&first, Fate::Known), (&second, Fate::Equivocation)] {
        assert_eq!(catalogue.append(partner_batch([record.clone()])).await.unwrap()[0].fate, fate);
    }
    let found = catalogue.equivocations().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].first, found[0].second.as_slice()), (first.id(), first.entry(), second.bytes()));
    assert_eq!(catalogue.record(first.id()).await.unwrap().signed, first.bytes());
    assert_eq!(catalogue.status().await.unwrap().partner, 1);
}

#[tokio::test]
async fn refusals_are_counted_by_the_hour() {
    let nl = Maker::new("NL");
    let (_folder, catalogue) = fresh(&nl).await;
    for (minutes, reason) in [(0, Reason::RequestReplayed), (59, Reason::RequestReplayed), (60, Reason::RequestReplayed), (0, Reason::Busy)]
    {
        let refusals = vec![RefusalCount { partner: country("BE"), reason, at: NOW.plus(minutes * 60), count: 2 }];
        catalogue.append(Batch { refusals, ..Batch::at(NOW) }).await.unwrap();
    }
    let found = catalogue.refusals(NOW).await.unwrap();
    let counts: Vec<_> = found.iter().map(|r| (r.code.as_str(), r.hour.since(NOW), r.count)).collect();
    assert_eq!(counts, [("request.replayed", 3600, 2), ("request.replayed", 0, 4), ("request.busy", 0, 2)]);
    assert_eq!(catalogue.refusals(NOW.plus(3600)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn partners_come_and_go_with_their_lists_and_keys() {
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let key = LogKey { chain: vec![vec![1].into()] };
    assert!(matches!(catalogue.put_log_key(be.country, "o", &key, NOW).await, Err(AppendError::NotHeld { .. })));
    assert!(matches!(catalogue.put_crls(be.country, &[vec![1]]).await, Err(AppendError::NotHeld { .. })));
    let mut partner = Partner::new(&be.root, vec!["be.example:7443".to_owned()], NOW);
    catalogue.put_partner(&partner).await.unwrap();
    partner.endpoints.push("[::1]:7443".to_owned());
    catalogue.put_partner(&partner).await.unwrap();
    assert_eq!(catalogue.partners().await.unwrap(), [partner.clone()]);
    assert_eq!(catalogue.partner(be.country).await.unwrap(), partner);

    catalogue.put_crls(be.country, &[vec![1], vec![2]]).await.unwrap();
    catalogue.put_crls(be.country, &[vec![3]]).await.unwrap();
    assert_eq!(catalogue.crls(be.country).await.unwrap(), [vec![3]]);
    for n in 0..65u8 {
        let key = LogKey { chain: vec![vec![n].into()] };
        let put = catalogue.put_log_key(be.country, &be.origin, &key, NOW.plus(n.into())).await;
        assert_eq!(put.is_ok(), n < 64);
    }
    catalogue.put_log_key(be.country, &be.origin, &key, NOW.plus(999)).await.unwrap();
    let keys = catalogue.log_keys(be.country).await.unwrap();
    assert_eq!((keys.len(), keys[0].seen, keys[62].key == key), (64, NOW.plus(63), true));

    catalogue.remove_partner(be.country).await.unwrap();
    assert!(matches!(catalogue.remove_partner(be.country).await, Err(AppendError::NotHeld { .. })));
    assert!(matches!(catalogue.partner(be.country).await, Err(ReadError::NotFound { .. })));
    assert_eq!(catalogue.crls(be.country).await.unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(catalogue.log_keys(be.country).await.unwrap(), []);
}

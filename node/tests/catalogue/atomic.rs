use std::collections::BTreeSet;

use carnet::store::catalogue::{AppendError, Batch, Catalogue, Fate, MAX_BATCH, MAX_INLINE, Options, PayloadChange, PayloadPlace};
use carnet_protocol::digest::Digest;

use crate::maker::{Maker, NOW, country, own, own_batch};
use crate::{check_log, fresh};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_batch_takes_no_other_with_it() {
    let nl = Maker::new("NL");
    let (_folder, catalogue) = fresh(&nl).await;
    let mut tasks = Vec::new();
    for n in 0..200u32 {
        let mut batch = own_batch([nl.note("a"), nl.note("b")]);
        batch.own[0].feed = vec![country("BE")];
        let refused = n % 3 == 0;
        if refused {
            // The last effect fails, after everything else of the batch was written.
            batch.feed = vec![(country("DE"), batch.own[1].record.id())];
            batch.payloads = vec![PayloadChange { record: Digest::of(b"?"), index: 0, place: PayloadPlace::Stored(vec![5; 32]) }];
        }
        let catalogue = catalogue.clone();
        tasks.push(tokio::spawn(async move { (refused, catalogue.append(batch).await) }));
    }
    let mut taken = BTreeSet::new();
    for task in tasks {
        match task.await.unwrap() {
            (true, Err(AppendError::NotHeld { .. })) => {}
            (false, Ok(appended)) => taken.extend(appended.into_iter().map(|a| a.log_index.unwrap())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(check_log(&catalogue).await, 266);
    assert_eq!(taken, (0..266).collect());
    let feed = catalogue.feed_after(country("BE"), 0, 1000).await.unwrap();
    assert_eq!(feed.items.iter().map(|item| item.seq).collect::<Vec<_>>(), (1..=133).collect::<Vec<_>>());
    assert_eq!(catalogue.feed_head(country("DE")).await.unwrap(), 0);
    assert_eq!(catalogue.status().await.unwrap().own, 266);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_on_one_file_keep_one_log() {
    let nl = Maker::new("NL");
    let (folder, first) = fresh(&nl).await;
    let second = Catalogue::open(&folder.path().join("carnet.db"), nl.options()).await.unwrap();
    let before = first.data_version().await.unwrap();
    let mut tasks = Vec::new();
    for n in 0..300u32 {
        let catalogue = if n % 2 == 0 { first.clone() } else { second.clone() };
        let mut batch = own_batch([nl.note("n")]);
        batch.own[0].feed = vec![country("BE")];
        tasks.push(tokio::spawn(async move { catalogue.append(batch).await.unwrap()[0] }));
    }
    let mut indexes = BTreeSet::new();
    for task in tasks {
        indexes.insert(task.await.unwrap().log_index.unwrap());
    }
    assert_eq!(indexes, (0..300).collect());
    assert_eq!((check_log(&first).await, check_log(&second).await), (300, 300));
    let feed = second.feed_after(country("BE"), 0, 1000).await.unwrap();
    assert_eq!(feed.items.iter().map(|item| item.seq).collect::<Vec<_>>(), (1..=300).collect::<Vec<_>>());
    assert_ne!(first.data_version().await.unwrap(), before);
    // What only the other wrote is noticed as well.
    let (mine, theirs) = (first.data_version().await.unwrap(), second.data_version().await.unwrap());
    assert_eq!(first.data_version().await.unwrap(), mine);
    second.append(own_batch([nl.note("n")])).await.unwrap();
    assert_ne!(first.data_version().await.unwrap(), mine);
    assert_ne!(second.data_version().await.unwrap(), theirs);
}

#[tokio::test]
async fn one_native_file_is_one_record() {
    let nl = Maker::new("NL");
    let (_folder, catalogue) = fresh(&nl).await;
    let import = || {
        let mut own = own(nl.note("n"));
        own.native_sha256 = Some(Digest::of(b"file"));
        own.feed = vec![country("BE")];
        own
    };
    // In one batch, and again later.
    let first = catalogue.append(Batch { own: vec![import(), import()], ..Batch::at(NOW) }).await.unwrap();
    assert_eq!((first[0].fate, first[1].fate, first[0].id), (Fate::New, Fate::Duplicate, first[1].id));
    let again = catalogue.append(Batch { own: vec![import()], ..Batch::at(NOW) }).await.unwrap();
    assert_eq!((again[0].fate, again[0].id, again[0].log_index), (Fate::Duplicate, first[0].id, Some(0)));
    assert_eq!(check_log(&catalogue).await, 1);
    assert_eq!(catalogue.feed_head(country("BE")).await.unwrap(), 1);
}

#[tokio::test]
async fn limits_hold_at_their_edge() {
    let nl = Maker::new("NL");
    let (_folder, catalogue) = fresh(&nl).await;
    let records: Vec<_> = (0..=MAX_BATCH).map(|_| nl.note("n")).collect();
    let refused = catalogue.append(own_batch(records.clone())).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { count: 258, limit: 257, .. })), "{refused:?}");
    catalogue.append(own_batch(records.into_iter().take(MAX_BATCH))).await.unwrap();

    for (len, good) in [(MAX_INLINE, true), (MAX_INLINE + 1, false)] {
        let mut own = own(nl.declaration(Digest::of(b"p")));
        own.payloads = vec![PayloadPlace::Inline(vec![1; len])];
        assert_eq!(catalogue.append(Batch { own: vec![own], ..Batch::at(NOW) }).await.is_ok(), good);
    }
    assert_eq!(check_log(&catalogue).await, 258);
}

#[tokio::test]
async fn only_own_records_with_the_logs_key_are_logged() {
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let (folder, catalogue) = fresh(&nl).await;
    assert!(matches!(catalogue.append(own_batch([be.note("n")])).await, Err(AppendError::NotOurs { .. })));
    let keyless = Catalogue::open(&folder.path().join("carnet.db"), Options { us: nl.country, signer: None }).await.unwrap();
    assert!(matches!(keyless.append(own_batch([nl.note("n")])).await, Err(AppendError::NoLogKey)));
    assert_eq!(check_log(&catalogue).await, 0);
}

/// Servers spawn these; a future that cannot be sent between threads would show only there.
#[tokio::test]
async fn answers_can_be_awaited_on_any_thread() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let nl = Maker::new("NL");
    let (_folder, catalogue) = fresh(&nl).await;
    let (id, be) = (Digest::of(b"?"), country("BE"));
    sendable(catalogue.append(Batch::at(NOW))).await.unwrap();
    assert!(sendable(catalogue.proof_of(id)).await.is_err());
    assert!(sendable(catalogue.consistency(1, 2)).await.unwrap().is_none());
    assert!(sendable(catalogue.record(id)).await.is_err());
    assert!(sendable(catalogue.by_prefix("00")).await.is_err());
    assert!(sendable(catalogue.put_crls(be, &[])).await.is_ok());
    assert!(sendable(catalogue.list(&Default::default())).await.unwrap().is_empty());
    assert_eq!(sendable(catalogue.feed_after(be, 7, 10)).await.unwrap().cursor, 7);
    assert!(sendable(catalogue.released(id, be, be)).await.unwrap().is_none());
    sendable(catalogue.status()).await.unwrap();
    sendable(catalogue.data_version()).await.unwrap();
    sendable(catalogue.close()).await;
}

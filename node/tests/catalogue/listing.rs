use std::os::unix::fs::PermissionsExt as _;

use carnet::store::catalogue::{
    AppendError, Batch, Catalogue, Fate, Filter, OpenError, Options, PayloadPlace, ReadError, SealedOpening, StorageFault,
};
use carnet_protocol::digest::Digest;
use carnet_protocol::log::LogProof;
use carnet_protocol::record::{Kind, ParentRole};

use crate::maker::{Maker, NOW, country, own, own_batch, partner, partner_batch};
use crate::{check_log, fresh};

#[tokio::test]
async fn what_is_written_is_read_back() {
    let nl = Maker::new("NL");
    let (folder, catalogue) = fresh(&nl).await;
    let parent = nl.note("first");
    let record = nl.declaration(parent.id());
    let native = Digest::of(b"native");
    let mut with = own(record.clone());
    with.openings = vec![SealedOpening { commitment: Digest::of(b"c"), sealed: vec![1, 2] }];
    with.payloads = vec![PayloadPlace::Stored(vec![5; 32]), PayloadPlace::Inline(vec![7; 10])];
    with.wrapped_key = Some(vec![9; 60]);
    with.native_sha256 = Some(native);
    let appended = catalogue.append(Batch { own: vec![own(parent.clone()), with.clone()], ..Batch::at(NOW) }).await.unwrap();
    assert_eq!(
        appended.iter().map(|a| (a.id, a.seq, a.log_index, a.fate)).collect::<Vec<_>>(),
        [(parent.id(), 1, Some(0), Fate::New), (record.id(), 2, Some(1), Fate::New)]
    );

    for _ in 0..2 {
        let held = catalogue.record(record.id()).await.unwrap();
        assert_eq!((held.signed.as_slice(), held.entry), (record.bytes(), record.entry()));
        assert_eq!((held.head.kind.clone(), held.head.own, held.head.log_index), (Kind::Declaration, true, Some(1)));
        assert_eq!((held.head.container.as_deref(), held.head.goods.as_deref()), (Some("MSKU1234565"), Some("0803 bananas")));
        assert_eq!((held.wrapped_key.as_ref(), held.native_sha256), (with.wrapped_key.as_ref(), Some(native)));
        assert_eq!((&held.openings, &held.parents), (&with.openings, &vec![(parent.id(), ParentRole::About)]));
        assert_eq!(held.payloads.iter().map(|p| p.place.clone()).collect::<Vec<_>>(), with.payloads);
        // The same bytes again are not news.
        let again = catalogue.append(own_batch([record.clone()])).await.unwrap()[0];
        assert_eq!((again.seq, again.fate), (2, Fate::Known));
    }
    assert_eq!(catalogue.payload(record.id(), 1).await.unwrap().role, "decoded");
    assert_eq!(catalogue.children(parent.id()).await.unwrap(), [(record.id(), ParentRole::About)]);
    assert_eq!(catalogue.by_native(native).await.unwrap(), Some(record.id()));
    assert!(matches!(catalogue.record(Digest::of(b"?")).await, Err(ReadError::NotFound { .. })));

    // Reopened, it is the same; as another log it is refused.
    catalogue.close().await;
    assert!(matches!(catalogue.append(own_batch([parent])).await, Err(AppendError::Closed)));
    let path = folder.path().join("carnet.db");
    let be = Maker::new("BE");
    assert!(matches!(Catalogue::open(&path, be.options()).await, Err(OpenError::OtherLog { .. })));
    let catalogue = Catalogue::open(&path, nl.options()).await.unwrap();
    assert_eq!(check_log(&catalogue).await, 2);
}

#[tokio::test]
async fn every_own_record_is_proved_at_every_size() {
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let mut records = Vec::new();
    for size in 1..=20u64 {
        let record = nl.note("n");
        catalogue.append(own_batch([record.clone()])).await.unwrap();
        records.push(record);
        for (index, record) in records.iter().enumerate() {
            let proof = LogProof::decode(&catalogue.proof_of(record.id()).await.unwrap()).unwrap();
            let checkpoint = proof.open(record.entry(), &nl.origin, nl.log_key().raw()).unwrap();
            assert_eq!((proof.index, checkpoint.size), (index as u64, size));
        }
        for old in 1..=size {
            assert!(catalogue.consistency(old, size).await.unwrap().is_some());
        }
        assert_eq!(catalogue.consistency(size, size + 1).await.unwrap(), None);
        assert!(catalogue.checkpoint_at(size).await.unwrap().is_some());
    }
    // A partner's record is no entry of our log; its proof is the one that came.
    let theirs = be.note("n");
    let appended = catalogue.append(partner_batch([theirs.clone()])).await.unwrap();
    assert_eq!(appended[0].log_index, None);
    assert_eq!(catalogue.proof_of(theirs.id()).await.unwrap(), partner(theirs).proof);
    assert_eq!(check_log(&catalogue).await, 20);
}

#[tokio::test]
async fn listings_page_newest_first_and_filter() {
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let mut ids = Vec::new();
    for n in 0..30 {
        let maker = if n % 3 == 0 { &be } else { &nl };
        let record = if n % 2 == 0 { maker.note("n") } else { maker.declaration(Digest::of(b"p")) };
        ids.push((record.id(), record.statement().kind.clone(), maker.country, record.statement().inspection.clone()));
        let batch = if n % 3 == 0 { partner_batch([record]) } else { own_batch([record]) };
        catalogue.append(batch).await.unwrap();
    }
    ids.reverse();
    let mut filter = Filter { limit: 7, ..Filter::default() };
    let mut seen = Vec::new();
    loop {
        let page = catalogue.list(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.seq);
        seen.extend(page.into_iter().map(|row| row.id));
    }
    assert_eq!(seen, ids.iter().map(|id| id.0).collect::<Vec<_>>());

    let (kind, administration, inspection) = (Kind::Declaration, country("NL"), ids[4].3.clone());
    for (by_kind, by_maker, by_inspection) in
        [(true, false, false), (false, true, false), (false, false, true), (true, true, false), (true, true, true), (true, false, true)]
    {
        let filter = Filter {
            kind: by_kind.then(|| kind.clone()),
            administration: by_maker.then_some(administration),
            inspection: by_inspection.then(|| inspection.clone()),
            before: None,
            limit: 1000,
        };
        let expected: Vec<Digest> = ids
            .iter()
            .filter(|id| (!by_kind || id.1 == kind) && (!by_maker || id.2 == administration) && (!by_inspection || id.3 == inspection))
            .map(|id| id.0)
            .collect();
        let found: Vec<Digest> = catalogue.list(&filter).await.unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let status = catalogue.status().await.unwrap();
    assert_eq!((status.own, status.partner, status.log_size), (20, 10, 20));
    assert_eq!(status.kinds, [("annotation".to_owned(), 15), ("declaration".to_owned(), 15)]);
}

#[tokio::test]
async fn prefixes_name_one_record_or_say_why_not() {
    let nl = Maker::new("NL");
    let (_folder, catalogue) = fresh(&nl).await;
    // Seventeen ids share a first digit at least once.
    let records: Vec<_> = (0..17).map(|_| nl.note("n")).collect();
    catalogue.append(own_batch(records.clone())).await.unwrap();
    let text = records[0].id().to_string();
    for digits in [12, 13, 63, 64] {
        assert_eq!(catalogue.by_prefix(&text[..digits]).await.unwrap(), records[0].id());
    }
    assert_eq!(catalogue.by_prefix(&text.to_uppercase()).await.unwrap(), records[0].id());
    let mut ambiguous = 0;
    for digit in "0123456789abcdef".chars() {
        if let Err(ReadError::Ambiguous { found, .. }) = catalogue.by_prefix(&digit.to_string()).await {
            assert!(found.len() >= 2 && found.iter().all(|id| id.to_string().starts_with(digit)));
            ambiguous += 1;
        }
    }
    assert!(ambiguous > 0);
    for wrong in ["", "xyz", &"0".repeat(65), "é"] {
        assert!(matches!(catalogue.by_prefix(wrong).await, Err(ReadError::Prefix)), "{wrong}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let nl = Maker::new("NL");
    let (folder, catalogue) = fresh(&nl).await;
    catalogue.close().await;
    let path = folder.path().join("carnet.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'x', 1, x'00', 0)")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let opened = Catalogue::open(&path, Options { us: nl.country, signer: None }).await;
    assert!(matches!(opened, Err(OpenError::SchemaNewer { found: 9999, .. })), "{opened:?}");
}

#[tokio::test]
async fn what_is_no_catalogue_is_said_to_be_none() {
    let nl = Maker::new("NL");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("carnet.db");
    std::fs::write(&path, vec![0x55; 8192]).unwrap();
    let error = Catalogue::open(&path, nl.options()).await.unwrap_err();
    assert!(matches!(&error, OpenError::Storage { source, .. } if source.to_string().contains("damaged")), "{error:?}");
    let nowhere = Catalogue::open(&folder.path().join("no/such/carnet.db"), nl.options()).await.unwrap_err();
    assert!(matches!(&nowhere, OpenError::Storage { source, .. } if source.to_string().contains("cannot be written")), "{nowhere:?}");
}

#[tokio::test]
async fn a_log_that_was_touched_is_not_written_on() {
    let nl = Maker::new("NL");
    let (folder, catalogue) = fresh(&nl).await;
    catalogue.append(own_batch((0..3).map(|_| nl.note("n")))).await.unwrap();
    catalogue.close().await;
    assert!(matches!(catalogue.status().await, Err(ReadError::Storage(StorageFault::Closed))));
    let path = folder.path().join("carnet.db");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::query("UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 1").execute(&pool).await.unwrap();
    pool.close().await;
    let error = Catalogue::open(&path, nl.options()).await.unwrap_err();
    assert!(matches!(error, OpenError::Storage { source: StorageFault::Corrupt { .. }, .. }), "{error:?}");
}

use carnet::store::catalogue::{Batch, Fate, PayloadPlace};
use carnet_protocol::digest::Digest;
use carnet_protocol::record::{Annotation, Content, Handling};
use carnet_protocol::signed::Verified;

use crate::fresh;
use crate::maker::{Maker, NOW, country, own_batch, partner_batch, payload};

#[tokio::test]
async fn a_feed_skips_what_was_withdrawn_and_runs_on() {
    let nl = Maker::new("NL");
    let (_folder, catalogue) = fresh(&nl).await;
    let (be, de) = (country("BE"), country("DE"));
    let records: Vec<_> = (0..5).map(|_| nl.note("n")).collect();
    let mut batch = own_batch(records.clone());
    batch.own.iter_mut().for_each(|own| own.feed = vec![be, de]);
    catalogue.append(batch).await.unwrap();
    let fed = async |partner, after, limit| {
        let page = catalogue.feed_after(partner, after, limit).await.unwrap();
        (page.items.iter().map(|item| item.seq).collect::<Vec<_>>(), page.cursor, page.head)
    };
    assert_eq!(fed(be, 0, 2).await, (vec![1, 2], 2, 5));
    assert_eq!(fed(be, 2, 100).await, (vec![3, 4, 5], 5, 5));
    assert_eq!(fed(be, 5, 100).await, (vec![], 5, 5));
    assert_eq!(fed(country("FR"), 0, 100).await, (vec![], 0, 0));

    // From one partner; from all; and by somebody whose record it is not.
    catalogue.append(own_batch([nl.withdrawal(records[4].id(), Some(be))])).await.unwrap();
    catalogue.append(own_batch([nl.withdrawal(records[1].id(), None)])).await.unwrap();
    catalogue.append(partner_batch([Maker::new("BE").withdrawal(records[0].id(), None)])).await.unwrap();
    assert_eq!(fed(be, 0, 100).await, (vec![1, 3, 4], 5, 5));
    assert_eq!(fed(de, 0, 100).await, (vec![1, 3, 4, 5], 5, 5));
    let withdrawn = async |record: &Verified<_>| catalogue.record(record.id()).await.unwrap().head.withdrawn;
    assert!(withdrawn(&records[1]).await);
    assert!(!withdrawn(&records[4]).await && !withdrawn(&records[0]).await);

    // Released again, it comes at the end; what is in the feed stays where it is.
    let again = Batch { feed: vec![(be, records[4].id()), (be, records[0].id())], ..Batch::at(NOW) };
    catalogue.append(again).await.unwrap();
    assert_eq!(fed(be, 0, 100).await, (vec![1, 3, 4, 6], 6, 6));
}

#[tokio::test]
async fn a_release_counts_if_the_maker_signed_it() {
    let (nl, be, de) = (Maker::new("NL"), Maker::new("BE"), Maker::new("DE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let record = be.note("n");
    // The release comes before its record, as in a feed; another's does not count.
    let release = be.release(record.id(), nl.country);
    catalogue.append(partner_batch([release.clone(), de.release(record.id(), nl.country)])).await.unwrap();
    let found = catalogue.released(record.id(), nl.country, be.country).await.unwrap().unwrap();
    assert_eq!((found.id, found.release.payloads.as_slice(), found.release.to), (release.id(), &[0][..], nl.country));
    assert_eq!(catalogue.released(record.id(), de.country, be.country).await.unwrap(), None);
    assert_eq!(catalogue.released(record.id(), nl.country, nl.country).await.unwrap(), None);
    catalogue.append(partner_batch([record.clone()])).await.unwrap();

    // Taken back, and given again.
    catalogue.append(partner_batch([be.withdrawal(record.id(), Some(nl.country))])).await.unwrap();
    assert_eq!(catalogue.released(record.id(), nl.country, be.country).await.unwrap(), None);
    assert!(catalogue.head(record.id()).await.unwrap().unwrap().withdrawn);
    catalogue.append(partner_batch([be.release(record.id(), nl.country)])).await.unwrap();
    assert!(catalogue.released(record.id(), nl.country, be.country).await.unwrap().is_some());
}

#[tokio::test]
async fn a_withdrawal_may_come_before_its_record() {
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let (from_us, from_other, forged) = (be.note("a"), be.note("b"), be.note("c"));
    let withdrawals = [
        be.withdrawal(from_us.id(), Some(nl.country)),
        be.withdrawal(from_other.id(), Some(country("DE"))),
        Maker::new("DE").withdrawal(forged.id(), None),
    ];
    catalogue.append(partner_batch(withdrawals)).await.unwrap();
    catalogue.append(partner_batch([from_us.clone(), from_other.clone(), forged.clone()])).await.unwrap();
    let withdrawn = async |id: Digest| catalogue.head(id).await.unwrap().unwrap().withdrawn;
    assert!(withdrawn(from_us.id()).await);
    assert!(!withdrawn(from_other.id()).await && !withdrawn(forged.id()).await);
    let again = catalogue.append(partner_batch([from_us])).await.unwrap();
    assert_eq!(again[0].fate, Fate::Known);
}

/// What a partner keeps to itself is not fetched again and again; once it is released, it is.
#[tokio::test]
async fn absent_payloads_are_those_that_we_may_have() {
    let (nl, be) = (Maker::new("NL"), Maker::new("BE"));
    let (_folder, catalogue) = fresh(&nl).await;
    let made = |n: u8| {
        let content = Annotation { text: "n".to_owned(), category: None, regions: Vec::new() };
        let mut draft = be.draft(Content::Annotation(content));
        draft.payloads = vec![payload("native", &[n]), payload("decoded", &[n, n])];
        draft.payloads[0].handling = Some(Handling::default());
        be.sign(&draft)
    };
    let (first, second) = (made(1), made(2));
    let absent = async || catalogue.payloads_absent(be.country).await.unwrap();
    catalogue.append(partner_batch([be.release(second.id(), nl.country), first.clone(), second.clone()])).await.unwrap();
    assert_eq!(absent().await, [(first.id(), 1), (second.id(), 0), (second.id(), 1)]);
    assert_eq!(catalogue.payload(first.id(), 0).await.unwrap().place, PayloadPlace::Absent);
    // Another administration's word does not open it.
    catalogue.append(partner_batch([Maker::new("DE").release(first.id(), nl.country)])).await.unwrap();
    assert_eq!(absent().await.len(), 3);
    catalogue.append(partner_batch([be.release(first.id(), nl.country)])).await.unwrap();
    assert_eq!(absent().await, [(first.id(), 0), (first.id(), 1), (second.id(), 0), (second.id(), 1)]);
    catalogue.append(partner_batch([be.withdrawal(first.id(), None)])).await.unwrap();
    assert_eq!(absent().await, [(second.id(), 0), (second.id(), 1)]);
    // An own record's payload that is not here is no partner's.
    catalogue.append(own_batch([nl.declaration(first.id())])).await.unwrap();
    assert_eq!(catalogue.payloads_absent(nl.country).await.unwrap(), []);
}

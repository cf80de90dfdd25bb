//! The client's end for records: pull a page, judge each record, store what is good, move the cursor, all in one transaction.

use carnet_protocol::digest::Digest;
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::{Content, Record};
use carnet_protocol::session::{Arrival, FeedPull, FeedStep};
use carnet_protocol::signed::Signed;
use carnet_protocol::time::{DAY, Timestamp};
use carnet_protocol::wire::{Asked, Group, MAX_FEED_PAGE};

use super::link::{Link, LinkError};
use crate::clock;

/// What a pull brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Records that are new here.
    pub new: usize,
    /// Records refused at the door.
    pub refused: usize,
    /// The cursor, after.
    pub cursor: u64,
    /// The feed's head, as the partner said.
    pub head: u64,
}

/// How far a maker's clock may run ahead before a record of its is refused for good, and not only until its time has come.
const PATIENCE_WITH_CLOCKS: i64 = DAY;
/// Pages without a record, one after the other: beyond them the partner's head is a story.
const MAX_EMPTY_PAGES: u32 = 1000;

/// Pulls everything after our cursor, page by page.
///
/// # Errors
/// A lost connection or a partner that breaks a rule of the wire; what was stored before stays, and the next pull goes on from it.
pub async fn pull(link: &Link) -> Result<Pulled, LinkError> {
    let mut total = Pulled::default();
    let mut after = link.node().catalogue().cursor(link.partner()).await.map_err(anyhow::Error::from)?;
    let (mut stays, mut empty) = (None, 0);
    loop {
        let page = pull_page(link, after, &mut stays).await?;
        total.new += page.new;
        total.refused += page.refused;
        total.cursor = stays.unwrap_or(page.cursor);
        total.head = page.head;
        if page.cursor >= page.head || page.cursor == after {
            return Ok(total);
        }
        after = page.cursor;
        empty = if page.new > 0 { 0 } else { empty + 1 };
        if empty > MAX_EMPTY_PAGES {
            return Err(link.misbehaved(Fault::new(Reason::WireOrder, "the feed goes on and on and brings nothing")));
        }
    }
}

/// `stays` is where our cursor stays because of a record whose time has not come; what lies behind it is taken all the same.
async fn pull_page(link: &Link, after: u64, stays: &mut Option<u64>) -> Result<Pulled, LinkError> {
    let mut receive = link.ask(&Asked::Feed { after, limit: MAX_FEED_PAGE }).await?;
    let mut pull = FeedPull::new(after, MAX_FEED_PAGE);
    let mut groups = Vec::new();
    let end = loop {
        let frame = link.frame(&mut receive).await?;
        match pull.frame(frame).map_err(|fault| link.misbehaved(fault))? {
            FeedStep::More => {}
            FeedStep::Group(group) => groups.push(*group),
            FeedStep::End(end) => break end,
            FeedStep::Refused(refusal) => {
                return Err(LinkError::Refused { partner: link.partner().to_string(), reason: refusal.reason });
            }
        }
    };
    let cursor = end.cursor.unwrap_or(after);
    let Judged { arrivals, refused, early } = judge(link, groups).await?;
    if early > 0 {
        stays.get_or_insert(after);
        tracing::warn!(partner = %link.partner(), records = early, "made in our future: asked for again later. Compare the two clocks");
    }
    let opened: Vec<Digest> = arrivals.iter().filter_map(opens).collect();
    let new = link.node().take_arrivals(link.partner(), arrivals, stays.unwrap_or(cursor)).await?;
    for record in opened {
        if let Err(error) = pull_openings(link, record).await {
            tracing::warn!(partner = %link.partner(), %record, %error, "personal fields that were released did not come");
        }
    }
    Ok(Pulled { new, refused, cursor, head: end.head.unwrap_or(cursor) })
}

/// The record whose personal fields a release opens, if it opens any. The record itself may have come long before.
fn opens(arrival: &Arrival) -> Option<Digest> {
    match arrival.record.statement().view() {
        Ok(Content::Release(release)) if !release.personal.is_empty() => Some(release.record),
        _ => None,
    }
}

/// Asks for one record again, for the openings that go with it now.
async fn pull_openings(link: &Link, record: Digest) -> Result<(), LinkError> {
    let mut receive = link.ask(&Asked::Record(record)).await?;
    let mut pull = FeedPull::new(0, 1);
    let mut groups = Vec::new();
    loop {
        let frame = link.frame(&mut receive).await?;
        match pull.frame(frame).map_err(|fault| link.misbehaved(fault))? {
            FeedStep::More => {}
            FeedStep::Group(group) => groups.push(*group),
            FeedStep::End(_) => break,
            FeedStep::Refused(refusal) => {
                return Err(LinkError::Refused { partner: link.partner().to_string(), reason: refusal.reason });
            }
        }
    }
    for arrival in judge(link, groups).await?.arrivals {
        if arrival.record.id() == record {
            link.node().take_openings(arrival).await?;
        }
    }
    Ok(())
}

struct Judged {
    arrivals: Vec<Arrival>,
    refused: usize,
    early: usize,
}

/// Judges what came. A record that is refused is counted and logged, and does not hold up the rest. One whose time has not come,
/// by our clock, is not lost for it: ours may be the one that is wrong.
async fn judge(link: &Link, groups: Vec<Group>) -> Result<Judged, LinkError> {
    let node = link.node();
    let Some(pinned) = node.trust().of(link.partner()) else {
        return Err(anyhow::anyhow!("{} is no partner any more", link.partner()).into());
    };
    let us = node.identity().administration;
    let mut judged = Judged { arrivals: Vec::with_capacity(groups.len()), refused: 0, early: 0 };
    for group in groups {
        let known = node.releases_known(&group, &judged.arrivals).await?;
        let now = clock::now();
        match Arrival::judge(&group, pinned.trust(), link.log_key(), us, now, |_| known) {
            Ok(arrival) => judged.arrivals.push(arrival),
            Err(fault) if is_early(&fault, &group, now) => judged.early += 1,
            Err(fault) => {
                judged.refused += 1;
                tracing::warn!(partner = %link.partner(), %fault, "a record is refused at the door");
                node.refused(link.partner(), fault.reason).await;
            }
        }
    }
    Ok(judged)
}

fn is_early(fault: &Fault, group: &Group, now: Timestamp) -> bool {
    matches!(fault.reason, Reason::RecordFuture | Reason::ChainNotYetValid)
        && Signed::<Record>::parse(&group.record).is_ok_and(|signed| signed.claimed().made <= now.plus(PATIENCE_WITH_CLOCKS))
}

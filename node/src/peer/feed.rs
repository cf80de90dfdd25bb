//! The client's end for records: pull a page, judge each record, store what is good, move the cursor, all in one transaction.

use carnet_protocol::digest::Digest;
use carnet_protocol::record::Content;
use carnet_protocol::session::{Arrival, FeedPull, FeedStep};
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

/// Pulls everything after our cursor, page by page.
///
/// # Errors
/// A lost connection or a partner that breaks a rule of the wire; what was stored before stays, and the next pull goes on from it.
pub async fn pull(link: &Link) -> Result<Pulled, LinkError> {
    let mut total = Pulled::default();
    loop {
        let after = link.node().catalogue().cursor(link.partner()).await.map_err(anyhow::Error::from)?;
        let page = pull_page(link, after).await?;
        total.new += page.new;
        total.refused += page.refused;
        total.cursor = page.cursor;
        total.head = page.head;
        if page.cursor >= page.head || page.cursor == after {
            return Ok(total);
        }
    }
}

async fn pull_page(link: &Link, after: u64) -> Result<Pulled, LinkError> {
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
    let (arrivals, refused) = judge(link, groups).await?;
    let opened: Vec<Digest> = arrivals.iter().filter_map(opens).collect();
    let new = link.node().take_arrivals(link.partner(), arrivals, cursor).await?;
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
    for arrival in judge(link, groups).await?.0 {
        if arrival.record.id() == record {
            link.node().take_openings(arrival).await?;
        }
    }
    Ok(())
}

/// Judges what came. A record that is refused is counted and logged, and does not hold up the rest: the sender keeps it, and a
/// pull from an earlier cursor brings it again.
async fn judge(link: &Link, groups: Vec<Group>) -> Result<(Vec<Arrival>, usize), LinkError> {
    let node = link.node();
    let Some(pinned) = node.trust().of(link.partner()) else {
        return Err(anyhow::anyhow!("{} is no partner any more", link.partner()).into());
    };
    let us = node.identity().administration;
    let mut arrivals: Vec<Arrival> = Vec::with_capacity(groups.len());
    let mut refused = 0;
    for group in groups {
        let known = node.releases_known(&group, &arrivals).await?;
        match Arrival::judge(&group, pinned.trust(), link.log_key(), us, clock::now(), |_| known) {
            Ok(arrival) => arrivals.push(arrival),
            Err(fault) => {
                refused += 1;
                tracing::warn!(partner = %link.partner(), %fault, "a record is refused at the door");
                node.refused(link.partner(), fault.reason).await;
            }
        }
    }
    Ok((arrivals, refused))
}

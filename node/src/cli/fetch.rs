//! `carnet fetch`: pulls what partners released, and payloads.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Done, open, print, resolve, short};
use crate::home::Home;
use crate::node::Node;
use crate::peer::fetch::{self, Progress};
use crate::peer::transport::Carrier;
use crate::peer::{Link, LinkError, federation, feed};
use crate::store::catalogue::PayloadPlace;

/// What a payload is said to do whose own handling keeps it at its maker's.
const STAYS_HOME: &str = "stays-home";

/// Pulls records and payloads.
#[derive(Debug, clap::Args)]
pub struct Fetch {
    /// A record whose payloads are fetched: its id, or the beginning of it. Without it, the feeds of all partners are pulled.
    record: Option<String>,
    /// Only from this partner.
    #[arg(long, value_name = "CC")]
    from: Option<Country>,
    /// After the feeds, every payload that we may have.
    #[arg(long)]
    payloads: bool,
}

impl Fetch {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let done = match &self.record {
            Some(record) => {
                let id = resolve(&node, record).await?;
                one(&node, id, self.from, json).await?
            }
            None => self.feeds(&node, json).await?,
        };
        node.catalogue().close().await;
        Ok(done)
    }

    async fn feeds(&self, node: &Node, json: bool) -> anyhow::Result<Done> {
        let mut all_well = true;
        let partners = node.catalogue().partners().await?;
        anyhow::ensure!(!partners.is_empty(), "there are no partners yet; `carnet partner add` pins one");
        for partner in partners {
            if self.from.is_some_and(|from| from != partner.administration) {
                continue;
            }
            let outcome = async {
                let (link, _carrier) = reach(node, partner.administration).await?;
                let pulled = feed::pull(&link).await?;
                let mut payloads = 0;
                if self.payloads {
                    for (record, index) in node.payloads_absent(partner.administration).await? {
                        match with_bar(&link, record, index, json).await {
                            Ok(()) => payloads += 1,
                            Err(LinkError::Refused { reason, .. }) => eprintln!("carnet: {} payload {index}: {reason}", short(record)),
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
                link.close();
                anyhow::Ok((pulled, payloads))
            };
            match outcome.await {
                Ok((pulled, payloads)) => {
                    all_well &= pulled.refused == 0;
                    let value = json!({ "partner": partner.administration.as_str(), "new": pulled.new, "refused": pulled.refused, "cursor": pulled.cursor, "payloads": payloads });
                    print(json, &value, || {
                        format!("{}: {} new records, {} refused, {payloads} payloads", partner.administration, pulled.new, pulled.refused)
                    });
                }
                Err(error) => {
                    all_well = false;
                    let value = json!({ "partner": partner.administration.as_str(), "error": super::explain(&error) });
                    print(json, &value, || format!("{}: {}", partner.administration, super::explain(&error)));
                }
            }
        }
        anyhow::ensure!(all_well, "not every partner's feed was taken whole; what is missing comes with the next attempt");
        Ok(Done::Well)
    }
}

/// Fetches every payload of a record that we may have.
async fn one(node: &Node, id: Digest, from: Option<Country>, json: bool) -> anyhow::Result<Done> {
    let stored = node.catalogue().record(id).await?;
    anyhow::ensure!(!stored.head.own, "{} is our own record; its payloads are here", short(id));
    let partner = from.unwrap_or(stored.head.administration);
    let (link, _carrier) = reach(node, partner).await?;
    let mut refused = false;
    for row in &stored.payloads {
        let status = if row.place != PayloadPlace::Absent {
            "here".to_owned()
        } else {
            match with_bar(&link, id, row.index, json).await {
                Ok(()) => "fetched".to_owned(),
                Err(LinkError::Refused { reason, .. }) => {
                    // A payload that stays at home by its own handling is no failure of this fetch.
                    let verified = node.verify_stored(&stored)?;
                    let stays = verified.statement().payloads.get(row.index as usize).is_some_and(|payload| payload.handling.is_some());
                    refused |= !stays;
                    if stays { STAYS_HOME.to_owned() } else { reason }
                }
                Err(error) => return Err(error.into()),
            }
        };
        let value = json!({ "record": id.to_string(), "payload": row.index, "role": row.role, "size": row.size, "status": status });
        print(json, &value, || format!("{} payload {} ({}, {} bytes): {status}", short(id), row.index, row.role, row.size));
    }
    link.close();
    Ok(if refused { Done::Refused } else { Done::Well })
}

/// A link to the first endpoint of a partner that answers. The endpoint lives as long as the link is used.
pub(super) async fn reach(node: &Node, partner: Country) -> anyhow::Result<(Link, Carrier)> {
    let addresses = node.endpoints_of(partner).await?;
    anyhow::ensure!(!addresses.is_empty(), "no endpoint of {partner} is known: it must come to us, or be added with --endpoint");
    let mut last = None;
    for address in &addresses {
        let carrier = Carrier::outbound(node.identity(), node.trust())?;
        match federation::connect(node, &carrier, partner, address).await {
            Ok(link) => return Ok((link, carrier)),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => anyhow::bail!("{partner} has no endpoint"),
    }
}

async fn with_bar(link: &Link, record: Digest, index: u32, json: bool) -> Result<(), LinkError> {
    let progress = Arc::new(Progress::default());
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let style = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let drawing = {
        let (bar, progress) = (bar.clone(), Arc::clone(&progress));
        tokio::spawn(async move {
            loop {
                bar.set_length(progress.total.load(Ordering::Relaxed));
                bar.set_position(progress.held.load(Ordering::Relaxed));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
    };
    let fetched = fetch::payload(link, record, index, &progress).await;
    drawing.abort();
    bar.finish_and_clear();
    fetched
}

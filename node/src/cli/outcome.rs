//! `carnet outcome`: what officers decided and found, back to where the record came from.

use carnet_protocol::cbor::Real;
use carnet_protocol::identifier::Country;
use carnet_protocol::record::{self, Content, Found, Handling, Parent, ParentRole};
use serde_json::json;

use super::{Done, open, print, resolve, short};
use crate::clock;
use crate::home::Home;
use crate::node::Draft;

/// Records an outcome.
#[derive(Debug, clap::Args)]
pub struct Outcome {
    /// The record that it is about: its id, or the beginning of it.
    record: String,
    /// What was decided.
    #[arg(long, value_parser = ["released", "seized", "detained", "returned", "destroyed"])]
    decision: String,
    /// How far it was looked into.
    #[arg(long, value_parser = ["none", "documents", "scan", "partial", "full"])]
    examined: String,
    /// Why it was chosen. Without it outcomes cannot be weighed.
    #[arg(long, value_parser = ["random", "risk", "alarm", "tip", "request"])]
    reason: String,
    /// What was found, as CATEGORY[:KILOGRAMS[:DESCRIPTION]]; several may be given.
    #[arg(long, value_name = "FOUND")]
    found: Vec<String>,
    /// Remarks.
    #[arg(long)]
    remarks: Option<String>,
    /// Who else may have the outcome. The record's maker always may.
    #[arg(long, value_name = "CC", value_delimiter = ',')]
    releasable_to: Vec<Country>,
}

impl Outcome {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let record = resolve(&node, &self.record).await?;
        let about = node.catalogue().head(record).await?.ok_or_else(|| anyhow::anyhow!("record {record} is not here"))?;
        let content = record::Outcome {
            decision: self.decision,
            examined: self.examined,
            reason: self.reason,
            found: self.found.iter().map(|found| parse(found)).collect::<anyhow::Result<_>>()?,
            decided: Some(clock::now()),
            remarks: self.remarks,
        };
        let us = node.identity().administration;
        let recipients = self.releasable_to.into_iter().chain([about.administration]).filter(|country| *country != us);
        let draft = Draft::new(about.inspection, Content::Outcome(content))
            .handling(Handling::releasable_to(recipients))
            .parent(Parent { record, role: ParentRole::About });
        let made = node.make(draft).await?;
        let value = json!({ "record": made.record.to_string(), "about": record.to_string(), "inspection": made.inspection });
        print(json, &value, || {
            let back = if about.own { String::new() } else { format!("; {} receives it", about.administration) };
            format!("outcome {} recorded{back}", short(made.record))
        });
        node.catalogue().close().await;
        Ok(Done::Well)
    }
}

fn parse(found: &str) -> anyhow::Result<Found> {
    let mut parts = found.splitn(3, ':');
    let category = parts.next().unwrap_or_default().to_owned();
    let mass = match parts.next().filter(|mass| !mass.is_empty()) {
        None => None,
        Some(mass) => {
            let kilograms: Option<f64> = mass.parse().ok().filter(|mass| *mass >= 0.0);
            let kilograms = kilograms.and_then(Real::new);
            Some(kilograms.ok_or_else(|| anyhow::anyhow!("{found}: {mass} is no number of kilograms"))?)
        }
    };
    Ok(Found { category, description: parts.next().map(str::to_owned), mass, pieces: None })
}

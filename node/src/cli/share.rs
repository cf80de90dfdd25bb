//! `carnet share` and `carnet withdraw`: the originator's decisions, each a record.

use anyhow::Context as _;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::time::Timestamp;
use serde_json::json;

use super::{Done, open, print, resolve, short};
use crate::home::Home;
use crate::node::Node;

/// Lets a partner have records.
#[derive(Debug, clap::Args)]
pub struct Share {
    /// A record (its id or the beginning of it) or an inspection: then all of its own records.
    target: String,
    /// To whom: partners' countries, as FR or FR,DE.
    #[arg(long, value_name = "CC", required = true, value_delimiter = ',')]
    to: Vec<Country>,
    /// The native files too. They may hold what the decoded views leave out.
    #[arg(long)]
    with_native: bool,
    /// A personal field that goes along, by its name; several may be given.
    #[arg(long, value_name = "FIELD")]
    personal: Vec<String>,
    /// Until when it can be fetched (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

/// Takes a record back.
#[derive(Debug, clap::Args)]
pub struct Withdraw {
    /// The record: its id, or the beginning of it.
    record: String,
    /// From whom. Without it, from everybody.
    #[arg(long, value_name = "CC")]
    from: Option<Country>,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
}

impl Share {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let partners = node.catalogue().partners().await?;
        for to in &self.to {
            anyhow::ensure!(
                partners.iter().any(|partner| partner.administration == *to),
                "{to} is no partner. `carnet partner list` shows those that are, `carnet partner add` pins one"
            );
        }
        for record in targets(&node, &self.target).await? {
            for to in &self.to {
                let release = node.release(record, *to, self.with_native, &self.personal, self.until).await?;
                let value = json!({ "record": record.to_string(), "to": to.as_str(), "release": release.to_string() });
                print(json, &value, || format!("{} is released to {to}", short(record)));
            }
        }
        node.catalogue().close().await;
        Ok(Done::Well)
    }
}

/// One record, or the own records of an inspection that can be shared.
async fn targets(node: &Node, target: &str) -> anyhow::Result<Vec<Digest>> {
    let of_inspection = node.catalogue().of_inspection(target).await?;
    if of_inspection.is_empty() {
        let record = resolve(node, target).await;
        return Ok(vec![record.with_context(|| format!("{target} is no inspection that is here"))?]);
    }
    let own = of_inspection.into_iter().filter(|row| row.own && !row.withdrawn);
    let mut own: Vec<_> = own.filter(|row| !matches!(row.kind.as_str(), "release" | "withdrawal" | "receipt")).collect();
    own.sort_by_key(|row| row.seq);
    anyhow::ensure!(!own.is_empty(), "inspection {target} has no records of this administration; only their maker shares records");
    Ok(own.into_iter().map(|row| row.id).collect())
}

impl Withdraw {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let record = resolve(&node, &self.record).await?;
        let withdrawal = node.withdraw(record, self.from, self.reason).await?;
        let whom = self.from.map_or_else(|| "everybody".to_owned(), |from| from.to_string());
        let value =
            json!({ "record": record.to_string(), "from": self.from.map(|from| from.to_string()), "withdrawal": withdrawal.to_string() });
        print(json, &value, || format!("{} is withdrawn from {whom}; their nodes are told when they connect", short(record)));
        node.catalogue().close().await;
        Ok(Done::Well)
    }
}

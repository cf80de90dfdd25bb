//! `carnet status`: the node in numbers.

use carnet_protocol::time::DAY;
use serde_json::json;

use super::{Done, open, print};
use crate::clock;
use crate::home::Home;

/// Shows the node in numbers.
#[derive(Debug, clap::Args)]
pub struct Status {}

impl Status {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        let status = node.catalogue().status().await?;
        let identity = node.identity();
        let refusals = node.catalogue().refusals(clock::now().plus(-7 * DAY)).await?;
        let equivocations = node.catalogue().equivocations().await?;
        let development = home.path().join("dev-pki").exists();
        let value = json!({
            "administration": identity.administration.as_str(),
            "name": identity.administration_name,
            "node": identity.node,
            "log": identity.log,
            "log_size": status.log_size,
            "fingerprint": identity.root.fingerprint().to_string(),
            "records": { "own": status.own, "partners": status.partner },
            "kinds": status.kinds.iter().map(|(kind, count)| (kind.clone(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "partners": status.partners,
            "transfers_open": status.intents,
            "equivocations": equivocations.iter().map(|found| json!({ "record": found.id.to_string(), "from": found.sender.as_str(), "seen": found.seen.to_string() })).collect::<Vec<_>>(),
            "refusals_last_7_days": refusals.iter().map(|refusal| json!({ "partner": refusal.partner.as_str(), "reason": refusal.code, "hour": refusal.hour.to_string(), "count": refusal.count })).collect::<Vec<_>>(),
            "database_bytes": status.bytes,
            "development_pki": development,
        });
        print(json, &value, || {
            let mut text = format!(
                "{} ({}), node {}\nlog {} with {} entries\n{} own records, {} of partners; {} partners, {} transfers under way\nroot {}",
                identity.administration,
                identity.administration_name,
                identity.node,
                identity.log,
                status.log_size,
                status.own,
                status.partner,
                status.partners,
                status.intents,
                identity.root.fingerprint()
            );
            for refusal in refusals.iter().take(10) {
                text.push_str(&format!(
                    "\nrefused {}: {} x {} in the hour of {}",
                    refusal.partner, refusal.count, refusal.code, refusal.hour
                ));
            }
            for found in &equivocations {
                text.push_str(&format!(
                    "\nEQUIVOCATION: {} sent a second signed form of record {} on {}",
                    found.sender, found.id, found.seen
                ));
            }
            if development {
                text.push_str("\nWARNING: development PKI; the certificate authority's keys lie on this machine");
            }
            text
        });
        Ok(Done::Well)
    }
}

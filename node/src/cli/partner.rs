//! `carnet partner`: whom this node trusts.

use std::path::PathBuf;

use anyhow::Context as _;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Root, certificates_from_pem, lists_from_pem};
use serde_json::json;

use super::{Done, open, print};
use crate::clock;
use crate::home::Home;
use crate::store::catalogue;

/// Partner administrations.
#[derive(Debug, clap::Subcommand)]
pub enum Partner {
    /// Pin an administration by its root certificate, after its fingerprint was compared over another way.
    Add {
        /// The partner's root certificate (PEM).
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// SHA-256 of that certificate, as the partner read it to you over the telephone.
        #[arg(long, value_name = "HEX")]
        fingerprint: Option<Digest>,
        /// Where the partner's nodes are reached; several may be given. None: the partner comes to us.
        #[arg(long, value_name = "HOST:PORT")]
        endpoint: Vec<String>,
    },
    /// List partners.
    List,
    /// Trust an administration no longer. Its records stay.
    Remove {
        /// The administration.
        administration: Country,
    },
    /// Take a partner's revocation lists from a file (PEM), before its node brings them.
    Crl {
        /// The administration.
        administration: Country,
        /// The lists.
        file: PathBuf,
    },
}

impl Partner {
    pub(super) async fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        let node = open(home).await?;
        match self {
            Self::Add { root, fingerprint, endpoint } => {
                let text = std::fs::read(&root).with_context(|| format!("{} cannot be read", root.display()))?;
                let certificates =
                    certificates_from_pem(&text).with_context(|| format!("{} holds no certificate in PEM", root.display()))?;
                let certificate = Root::read(certificates.first().map_or(&[][..], Vec::as_slice))
                    .with_context(|| format!("{} is not an administration's root certificate", root.display()))?;
                let found = certificate.fingerprint();
                match fingerprint {
                    Some(expected) if expected == found => {}
                    Some(_) => {
                        eprintln!("carnet: the fingerprint of {} is {found}: not the one given. Do not trust this file.", root.display());
                        return Ok(Done::Refused);
                    }
                    None => {
                        eprintln!(
                            "carnet: {} is the root of {} ({}). Its fingerprint is\n  {found}\nAsk the partner to read it to you \
                             over the telephone, then give it with --fingerprint.",
                            root.display(),
                            certificate.administration(),
                            certificate.administration_name()
                        );
                        return Ok(Done::Refused);
                    }
                }
                anyhow::ensure!(certificate.administration() != node.identity().administration, "that is this node's own administration");
                for address in &endpoint {
                    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
                    anyhow::ensure!(port.is_some(), "{address}: an endpoint is HOST:PORT");
                }
                node.catalogue().put_partner(&catalogue::Partner::new(&certificate, endpoint.clone(), clock::now())).await?;
                let value = json!({ "administration": certificate.administration().as_str(), "name": certificate.administration_name(), "fingerprint": found.to_string(), "endpoints": endpoint });
                print(json, &value, || {
                    format!("{} ({}) is a partner now.", certificate.administration(), certificate.administration_name())
                });
            }
            Self::List => {
                for partner in node.catalogue().partners().await? {
                    let cursor = node.catalogue().cursor(partner.administration).await?;
                    let head = node.catalogue().feed_head(partner.administration).await?;
                    let value = json!({ "administration": partner.administration.as_str(), "name": partner.name, "fingerprint": partner.fingerprint.to_string(), "endpoints": partner.endpoints, "added": partner.added.to_string(), "taken": cursor, "released": head });
                    print(json, &value, || {
                        format!(
                            "{}  {:<32} {}  taken {cursor}, released {head}\n    {}",
                            partner.administration,
                            partner.name,
                            partner.endpoints.join(" "),
                            partner.fingerprint
                        )
                    });
                }
            }
            Self::Remove { administration } => {
                node.catalogue().remove_partner(administration).await?;
                print(json, &json!({ "removed": administration.as_str() }), || format!("{administration} is no partner any more."));
            }
            Self::Crl { administration, file } => {
                let text = std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
                let taken = node.take_lists(administration, &lists_from_pem(&text)?).await?;
                print(json, &json!({ "administration": administration.as_str(), "newer": taken }), || {
                    format!("{taken} newer lists taken.")
                });
            }
        }
        node.catalogue().close().await;
        Ok(Done::Well)
    }
}

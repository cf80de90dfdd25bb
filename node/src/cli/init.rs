//! `carnet init`: a node's folder, its keys, and who vouches for them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use carnet_certs::{DevelopmentPki, NodeKeys, Subject};
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Claims, Role, Root, certificates_from_pem, pem_from_certificates};
use serde_json::json;

use super::{Done, print};
use crate::clock;
use crate::config::Config;
use crate::home::Home;
use crate::identity::Identity;
use crate::store::payloads::NodeKey;

/// Makes a node.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// The administration (ISO 3166-1 alpha-2), as NL.
    #[arg(long, value_name = "CC", required_unless_present = "chain")]
    administration: Option<Country>,
    /// The administration's name, as it stands in certificates.
    #[arg(long, required_unless_present = "chain")]
    name: Option<String>,
    /// The node's name.
    #[arg(long, default_value = "node-1")]
    node: String,
    /// The origin of the node's log: a name under a domain that is yours, without a scheme.
    #[arg(long, value_name = "ORIGIN")]
    log: Option<String>,
    /// Address on which partners reach this node.
    #[arg(long, default_value = "0.0.0.0:4433", value_name = "ADDR:PORT")]
    quic: SocketAddr,
    /// Address of metrics and health.
    #[arg(long, default_value = "127.0.0.1:9433", value_name = "ADDR:PORT")]
    http: SocketAddr,
    /// Make keys and signing requests only: the administration's certificate authority answers with chains.
    #[arg(long, conflicts_with = "chain")]
    request: bool,
    /// Take the authority's answers: PEM files, each a chain (leaf first), and the root.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    chain: Vec<PathBuf>,
}

impl Init {
    pub(super) fn run(self, home: &Home, json: bool) -> anyhow::Result<Done> {
        if !self.chain.is_empty() {
            return take_chains(home, &self.chain, json);
        }
        let (Some(administration), Some(name)) = (self.administration, self.name.clone()) else {
            anyhow::bail!("--administration and --name are needed");
        };
        anyhow::ensure!(!home.is_node(), "there is a node in {} already; nothing was changed", home.path().display());
        let log = self.log.clone().unwrap_or_else(|| format!("carnet.{}.invalid/{}", administration.as_str().to_lowercase(), self.node));
        folder(home.path())?;
        folder(&home.keys())?;
        folder(&home.store())?;
        if self.request {
            self.write_requests(home, administration, &name, &log)?;
        } else {
            DevelopmentPki::create(home.path(), administration, &name, &self.node, &log, clock::now())?;
        }
        NodeKey::generate(&home.node_key())?;
        let config = Config::template(self.quic, self.http);
        std::fs::write(home.config(), config).with_context(|| format!("{} cannot be written", home.config().display()))?;
        if self.request {
            let requests = home.path().join("requests");
            print(json, &json!({ "home": home.path(), "requests": requests }), || {
                format!(
                    "Keys made. Send the files in {} to the administration's certificate authority (`carnet-pki issue`),\n\
                     then run `carnet init --home {} --chain FILE...` with its answers and the root.",
                    requests.display(),
                    home.path().display()
                )
            });
            return Ok(Done::Well);
        }
        eprintln!("carnet: DEVELOPMENT PKI. The certificate authority's keys lie in {}/dev-pki on this machine.", home.path().display());
        eprintln!("carnet: Whoever reads that folder can speak for the administration. For real work use `carnet init --request`.");
        report(home, json)
    }

    fn write_requests(&self, home: &Home, administration: Country, name: &str, log: &str) -> anyhow::Result<()> {
        let requests = home.path().join("requests");
        folder(&requests)?;
        let keys = NodeKeys::create(&home.keys())?;
        for role in Role::ALL {
            let subject = Subject {
                administration,
                administration_name: name.to_owned(),
                node: self.node.clone(),
                log_origin: role.names_log().then(|| log.to_owned()),
            };
            let path = requests.join(role.as_str()).with_extension("csr");
            std::fs::write(&path, keys.request(role, &subject)?.to_pem())
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }
}

/// Puts each chain where its role belongs; the certificate itself says which.
fn take_chains(home: &Home, files: &[PathBuf], json: bool) -> anyhow::Result<Done> {
    anyhow::ensure!(home.keys().is_dir(), "there are no keys in {}; `carnet init --request` makes them first", home.path().display());
    folder(&home.pki())?;
    // Everything is read and judged before anything is written.
    let mut placed = Vec::new();
    for file in files {
        let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let certificates = certificates_from_pem(&text).with_context(|| format!("{} holds no certificates", file.display()))?;
        let leaf = certificates.first().context("an empty file")?;
        let name = match Claims::read(leaf) {
            Ok(claims) => format!("{}.pem", claims.role),
            // Not a leaf of ours: then it can only be the root.
            Err(_) => {
                Root::read(leaf).with_context(|| format!("{} is neither a certificate of a node nor a root", file.display()))?;
                "root.pem".to_owned()
            }
        };
        let target = home.pki().join(&name);
        anyhow::ensure!(!target.exists(), "{} exists already; move it away first if it is to be replaced", target.display());
        placed.push((target, pem_from_certificates(certificates.iter().map(Vec::as_slice))));
    }
    let root = home.pki().join("root.pem");
    anyhow::ensure!(
        root.is_file() || placed.iter().any(|(target, _)| *target == root),
        "the administration's root is missing; give its file too"
    );
    for (target, text) in placed {
        std::fs::write(&target, text).with_context(|| format!("{} cannot be written", target.display()))?;
    }
    report(home, json)
}

/// Loads the identity as `serve` will, so that a wrong chain is found now.
fn report(home: &Home, json: bool) -> anyhow::Result<Done> {
    let identity = Identity::load(home, clock::now())?;
    let fingerprint = identity.root.fingerprint();
    let value = json!({
        "home": home.path(),
        "administration": identity.administration.as_str(),
        "node": identity.node,
        "log": identity.log,
        "root": home.pki().join("root.pem"),
        "fingerprint": fingerprint.to_string(),
    });
    print(json, &value, || {
        format!(
            "Node {} of {} ({}) is ready in {}.\nRoot fingerprint: {fingerprint}\n\
             Give partners {} and read them the fingerprint over another way.\nNext: `carnet serve --home {}`",
            identity.node,
            identity.administration,
            identity.administration_name,
            home.path().display(),
            home.pki().join("root.pem").display(),
            home.path().display()
        )
    });
    Ok(Done::Well)
}

/// A folder that only this user enters.
fn folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("{} cannot be made", path.display()))
}

//! What the examples share: a node for trying things out. The programs beside this folder are what to read, in their order.

use std::path::Path;

use carnet::clock;
use carnet::config::Config;
use carnet::home::Home;
use carnet::store::payloads::NodeKey;
use carnet_certs::DevelopmentPki;

/// The folder of a new node of `country` below `folder`, with a development PKI: what `carnet init` does.
///
/// # Errors
/// A name that is not of the profile's form, a folder that exists, a disk that fails.
pub fn node(folder: &Path, country: &str) -> anyhow::Result<Home> {
    let home = Home::new(folder.join(country));
    std::fs::create_dir_all(home.store())?;
    let name = format!("Customs of {country} (example)");
    DevelopmentPki::create(home.path(), country.parse()?, &name, "node-1", &format!("log.example/{country}"), clock::now())?;
    NodeKey::generate(&home.node_key())?;
    let free = "127.0.0.1:0".parse()?;
    std::fs::write(home.config(), Config::template(free, free))?;
    Ok(home)
}

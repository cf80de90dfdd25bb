//! What the operator sets: one versioned TOML file, raw, then validated once, then passed around.
//!
//! Every key has a row in [`KEYS`]; `carnet config --explain` prints the rows, and a test holds them against the raw structure.
//! `CARNET_<SECTION>_<KEY>` in the environment overrides the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use carnet_protocol::identifier::{check_locode, check_office};
use serde::{Deserialize, Serialize};

/// The version that this program writes and reads.
const VERSION: u32 = 1;

/// A key of the file: section, name, default, what it does.
pub struct Key {
    /// Section and name, as `listen.quic`.
    pub name: &'static str,
    /// The default, as it stands in a file.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// Every key that an operator may set.
pub const KEYS: &[Key] = &[
    Key { name: "version", default: "1", help: "Version of this file's format. The program refuses a newer one." },
    Key { name: "node.office", default: "\"\"", help: "Customs office that makes the records, as NL000510. Empty: not stated." },
    Key { name: "node.site", default: "\"\"", help: "Place of the control (UN/LOCODE), as NLRTM. Empty: not stated." },
    Key { name: "listen.quic", default: "\"0.0.0.0:4433\"", help: "Address and UDP port on which partners reach this node." },
    Key {
        name: "listen.http",
        default: "\"127.0.0.1:9433\"",
        help: "Address of metrics and health. Keep it local: it is not authenticated.",
    },
    Key {
        name: "exchange.fetch",
        default: "\"records\"",
        help: "What is fetched when a partner announces: `records` (payloads when asked for) or `all` (payloads too).",
    },
    Key { name: "exchange.retry_seconds", default: "30", help: "Longest wait between attempts to reach a partner; 1 to 3600." },
    Key {
        name: "log.format",
        default: "\"text\"",
        help: "Log lines on standard error: `text` or `json`. RUST_LOG chooses what is logged.",
    },
];

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u32,
    #[serde(default)]
    node: RawNode,
    #[serde(default)]
    listen: RawListen,
    #[serde(default)]
    exchange: RawExchange,
    #[serde(default)]
    log: RawLog,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct RawNode {
    office: String,
    site: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct RawListen {
    quic: String,
    http: String,
}

impl Default for RawListen {
    fn default() -> Self {
        Self { quic: "0.0.0.0:4433".into(), http: "127.0.0.1:9433".into() }
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct RawExchange {
    fetch: String,
    retry_seconds: u64,
}

impl Default for RawExchange {
    fn default() -> Self {
        Self { fetch: "records".into(), retry_seconds: 30 }
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct RawLog {
    format: String,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { format: "text".into() }
    }
}

/// The configuration, valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Customs office that makes the records.
    pub office: Option<String>,
    /// Place of the control.
    pub site: Option<String>,
    /// Where partners reach this node.
    pub quic: SocketAddr,
    /// Where metrics and health are.
    pub http: SocketAddr,
    /// Whether payloads are fetched without being asked for.
    pub fetch_all: bool,
    /// Longest wait between attempts, in seconds.
    pub retry_seconds: u64,
    /// Whether log lines are JSON.
    pub json_logs: bool,
}

/// Why there is no valid configuration. The operator is at fault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}. Is this a node's folder? `carnet init` makes one")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML of the right shape.
    #[error("{path}: {detail}. `carnet config --explain` lists every key")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What and where.
        detail: String,
    },
    /// A value is out of range.
    #[error("{key} = {value}: {what}")]
    Value {
        /// Which key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        what: String,
    },
}

impl Config {
    /// Reads and validates `path`, with overrides from the environment.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::from_text(&text, path, |name| std::env::var(name).ok())
    }

    fn from_text(text: &str, path: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let parse = |detail: String| ConfigError::Parse { path: path.to_owned(), detail };
        let mut raw: Raw = toml::from_str(text).map_err(|error| parse(error.to_string().trim_end().to_owned()))?;
        if raw.version != VERSION {
            return Err(parse(format!("version {} of the format; this program reads version {VERSION}", raw.version)));
        }
        for (name, field) in [
            ("CARNET_NODE_OFFICE", &mut raw.node.office),
            ("CARNET_NODE_SITE", &mut raw.node.site),
            ("CARNET_LISTEN_QUIC", &mut raw.listen.quic),
            ("CARNET_LISTEN_HTTP", &mut raw.listen.http),
            ("CARNET_EXCHANGE_FETCH", &mut raw.exchange.fetch),
            ("CARNET_LOG_FORMAT", &mut raw.log.format),
        ] {
            if let Some(value) = environment(name) {
                *field = value;
            }
        }
        if let Some(value) = environment("CARNET_EXCHANGE_RETRY_SECONDS") {
            let number = value.parse();
            raw.exchange.retry_seconds =
                number.map_err(|_| ConfigError::Value { key: "exchange.retry_seconds", value, what: "a number of seconds".into() })?;
        }
        raw.validate()
    }

    /// The file as `carnet init` writes it: every key with its help.
    pub fn template(quic: SocketAddr, http: SocketAddr) -> String {
        let mut text = String::from("# A Carnet node. `carnet config --explain` says what each key does.\n");
        let mut section = "";
        for key in KEYS {
            let (group, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if group != section {
                section = group;
                text.push_str(&format!("\n[{group}]\n"));
            }
            let value = match key.name {
                "listen.quic" => format!("\"{quic}\""),
                "listen.http" => format!("\"{http}\""),
                _ => key.default.to_owned(),
            };
            text.push_str(&format!("# {}\n{name} = {value}\n", key.help));
        }
        text
    }
}

impl Raw {
    fn validate(self) -> Result<Config, ConfigError> {
        let address = |key: &'static str, value: String| {
            value.parse().map_err(|_| ConfigError::Value { key, value, what: "an address and a port, as 127.0.0.1:4433".into() })
        };
        let stated = |text: String| (!text.is_empty()).then_some(text);
        let (office, site) = (stated(self.node.office), stated(self.node.site));
        if let Some(value) = &office {
            check_office(value).map_err(|fault| ConfigError::Value {
                key: "node.office",
                value: value.clone(),
                what: fault.to_string(),
            })?;
        }
        if let Some(value) = &site {
            check_locode(value).map_err(|fault| ConfigError::Value { key: "node.site", value: value.clone(), what: fault.to_string() })?;
        }
        let one_of = |key: &'static str, value: String, first: &str, second: &str| match value.as_str() {
            word if word == first => Ok(false),
            word if word == second => Ok(true),
            _ => Err(ConfigError::Value { key, value, what: format!("`{first}` or `{second}`") }),
        };
        if !(1..=3600).contains(&self.exchange.retry_seconds) {
            let value = self.exchange.retry_seconds.to_string();
            return Err(ConfigError::Value { key: "exchange.retry_seconds", value, what: "1 to 3600".into() });
        }
        Ok(Config {
            office,
            site,
            quic: address("listen.quic", self.listen.quic)?,
            http: address("listen.http", self.listen.http)?,
            fetch_all: one_of("exchange.fetch", self.exchange.fetch, "records", "all")?,
            retry_seconds: self.exchange.retry_seconds,
            json_logs: one_of("log.format", self.log.format, "text", "json")?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        Config::from_text(text, Path::new("config.toml"), |_| None)
    }

    #[test]
    fn the_template_is_valid_and_explains_every_key() {
        let (quic, http) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let text = Config::template(quic, http);
        let config = load(&text).unwrap();
        assert_eq!((config.quic, config.http), (quic, http));
        // Every key that can be written is explained, and the other way round.
        let raw: Raw = toml::from_str(&text).unwrap();
        let toml::Value::Table(sections) = toml::Value::try_from(&raw).unwrap() else { panic!() };
        let mut names = Vec::new();
        for (section, value) in sections {
            match value {
                toml::Value::Table(keys) => names.extend(keys.keys().map(|key| format!("{section}.{key}"))),
                _ => names.push(section),
            }
        }
        let mut explained: Vec<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
        names.sort();
        explained.sort();
        assert_eq!(names, explained);
    }

    #[test]
    fn wrong_values_are_named() {
        assert!(load("version = 1").is_ok());
        for (text, part) in [
            ("version = 2", "reads version 1"),
            ("version = 1\n[listen]\nquic = \"here\"", "listen.quic = here"),
            ("version = 1\n[listen]\nquick = \"here\"", "unknown field"),
            ("version = 1\n[exchange]\nfetch = \"some\"", "`records` or `all`"),
            ("version = 1\n[exchange]\nretry_seconds = 0", "1 to 3600"),
            ("version = 1\n[node]\nsite = \"Rotterdam\"", "UN/LOCODE"),
            ("", "missing field `version`"),
        ] {
            let message = load(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_environment_overrides() {
        let environment = |name: &str| (name == "CARNET_LISTEN_QUIC").then(|| "[::1]:9".to_owned());
        let config = Config::from_text("version = 1", Path::new("x"), environment).unwrap();
        assert_eq!(config.quic, "[::1]:9".parse().unwrap());
    }
}

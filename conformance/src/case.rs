//! A case: a folder that says what it hunts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Largest input of a case, in bytes.
const MAX_INPUT: u64 = 16 << 20;

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// What the implementation is asked to do.
    pub verb: String,
    /// The rules that it shows.
    pub rules: Vec<String>,
    /// What it must answer.
    pub expect: Expectation,
    /// What it is given.
    pub input: Vec<u8>,
}

/// What an implementation must answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// `accept` or `refuse`.
    pub verdict: String,
    /// The registered reason code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Further values that the answer must have, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub verb: String,
    pub rules: Vec<String>,
    pub expect: Expectation,
}

/// Why a case cannot be read. The suite is at fault.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A description is malformed.
    #[error("{path}: {detail}")]
    Parse {
        /// Which.
        path: PathBuf,
        /// What.
        detail: String,
    },
}

impl Case {
    /// Reads the case in `folder`.
    ///
    /// # Errors
    /// A missing file, a malformed description, an input larger than 16 MiB.
    pub fn read(folder: &Path) -> Result<Self, CaseError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| CaseError::Read { path, source })
        };
        let parse = |detail: String| CaseError::Parse { path: folder.join("case.toml"), detail };
        // Every case says in words what it hunts.
        read("README.md")?;
        let file: File = toml::from_str(&String::from_utf8_lossy(&read("case.toml")?)).map_err(|error| parse(error.to_string()))?;
        let refuses = file.expect.verdict == "refuse";
        if !refuses && file.expect.verdict != "accept" {
            return Err(parse("the verdict is accept or refuse".into()));
        }
        if refuses != file.expect.reason.is_some() {
            return Err(parse("a refusal has a reason, and nothing else has".into()));
        }
        let input = read("input.bin")?;
        if input.len() as u64 > MAX_INPUT {
            return Err(parse("the input is larger than 16 MiB".into()));
        }
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { name, verb: file.verb, rules: file.rules, expect: file.expect, input })
    }

    /// Reads every case below `cases`, by name.
    ///
    /// # Errors
    /// The first case that cannot be read.
    pub fn read_all(cases: &Path) -> Result<Vec<Self>, CaseError> {
        let entries = std::fs::read_dir(cases).map_err(|source| CaseError::Read { path: cases.to_owned(), source })?;
        let mut folders: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        folders.iter().map(|folder| Self::read(folder)).collect()
    }
}

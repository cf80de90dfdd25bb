//! Why a file was refused.

/// A file that no decoder takes. The file, or whoever made it, is at fault in every case but `Limit`, where the
/// operator may know better.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// No decoder knows the file by its first bytes or its name.
    #[error("the format is not known; see `carnet import --help` for those that are")]
    Unknown,
    /// The file says that it is of a format and breaks the format's rules.
    #[error("malformed {format}{}: {what}", offset.map(|at| format!(" at byte {at}")).unwrap_or_default())]
    Malformed {
        /// The format.
        format: &'static str,
        /// Where in the file, if known.
        offset: Option<u64>,
        /// What is wrong.
        what: String,
    },
    /// The file would take more than a limit allows.
    #[error("too large: {what} is limited to {limit}; split the file or export less of it")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The file is lawful, but uses a part of its format that is not read here.
    #[error("unsupported {format}: {what}")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// The part, and if possible what to do instead.
        what: String,
    },
}

//! Why a file is refused.

use carnet_protocol::spectrum::ViewError;

use crate::Format;

/// Why a file is not decoded. The fault lies with the file or with whoever wrote it; the file stays as it is.
///
/// No message quotes the file's content: it may hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No known format begins like this.
    #[error("the format is not known; see `carnet import --help` for those that are")]
    Unknown,
    /// The file departs from its format.
    #[error("{format}: {what} (at byte {at}); export the file again from the instrument or its software")]
    Malformed {
        /// The format the file was read as.
        format: Format,
        /// Offset in the file near which the fault lies.
        at: u64,
        /// What was found.
        what: String,
    },
    /// A limit is exceeded.
    #[error("{what} exceeds the limit of {limit}; split the file")]
    Limit {
        /// What is too large or too many.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The format is known but this variant of it is not decoded.
    #[error("{format}: {what} is not supported; export the file in another variant")]
    Unsupported {
        /// The format the file was read as.
        format: Format,
        /// The variant.
        what: String,
    },
    /// What the file says breaks a rule of the view.
    #[error("the file's values do not make a valid view: {0}")]
    View(ViewError),
}

impl From<ViewError> for FormatError {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Limit { what, limit } => Self::Limit { what, limit },
            other => Self::View(other),
        }
    }
}

impl FormatError {
    /// A departure from `format` near byte `at`.
    pub fn malformed(format: Format, at: usize, what: impl Into<String>) -> Self {
        Self::Malformed { format, at: at as u64, what: what.into() }
    }

    /// A variant of `format` that is not decoded.
    pub fn unsupported(format: Format, what: impl Into<String>) -> Self {
        Self::Unsupported { format, what: what.into() }
    }
}

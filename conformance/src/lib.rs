//! Judges any implementation of the Carnet profile from outside, against committed bytes. Implements spec/09-conformance.md.
//!
//! ```text
//! cases/NAME/{README.md, case.toml, input.bin} -> run the implementation -> its JSON -> held against the expectation -> Report
//! ```
//!
//! At run time nothing of our own code decides what is right: the expectation is in the case.

mod author;
mod case;
mod run;

pub use author::{author, folder};
pub use case::{Case, CaseError, Expectation};
pub use run::{Outcome, Report, run};

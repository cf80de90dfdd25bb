//! The certificates of an administration: issue, renew, revoke. Implements spec/06-pki.md from the issuer's side.
//!
//! This is the only crate that ever holds an authority's key. A serving node does not link it; `carnet init` and `carnet demo` do,
//! for a development PKI and for signing requests. Time is an argument; only the binary reads the clock.
//!
//! An authority is a folder:
//! ```text
//! root/key.pem  root/cert.pem  root/crl.der       the administration's root; the key is best kept offline
//! issuing/key.pem  issuing/cert.pem  issuing/crl.der
//! issued/SERIAL.pem                               every leaf, for renewal
//! index.jsonl                                     what was issued, revoked and listed, one event a line, only ever appended to
//! ```
//! Keys are written once, mode 0600, never overwritten and never printed. An event is durable in the index before the file that
//! follows from it is written, so a crash loses no revocation and never repeats a CRL number.

mod authority;
mod development;
mod fault;
mod files;
mod index;
mod keys;
mod profile;
mod request;

pub use authority::{Authority, Issued, Revocation};
pub use development::DevelopmentPki;
pub use fault::CertsFault;
pub use index::{Entry, IssuerName, Reason, Revoked};
pub use keys::NodeKeys;
pub use profile::{CLOCK_SLACK, ISSUING_LIFETIME, LIST_LIFETIME, ROOT_LIFETIME, leaf_lifetime};
pub use request::{MAX_REQUEST_FILE, SigningRequest, Subject};

//! Certificates: who may sign, serve and receive for an administration. Implements spec/06-pki.md.
//!
//! Pure: time, revocation lists and the pinned root are arguments. The way of a chain is
//! `DER bytes, bounded -> Claims (believed by nobody) -> validate(root, role, time, revocations) -> Leaf`,
//! and only a [`Leaf`] verifies signatures.

mod certificate;
mod claims;
mod fault;
mod key;
mod names;
mod pem;
mod public_key;
mod revocation;
mod role;
mod root;
mod validate;

#[cfg(test)]
mod tests;

pub use claims::{Claims, Serial};
pub use fault::{ChainFault, Place, SignatureFault};
pub use key::{KeyFault, SigningKey};
pub use names::{LOG_URI_PREFIX, MAX_ADMINISTRATION_NAME, MAX_NODE_NAME, MAX_ORIGIN, is_administration_name, is_node_name, is_origin};
pub use pem::{MAX_LISTS_PEM, MAX_PEM, certificates_from_pem, lists_from_pem, pem_from_certificates, pem_from_lists};
pub use public_key::{Algorithm, PublicKey};
pub use revocation::{Added, MAX_CRL, MAX_CRLS, Policy, RevocationList, RevocationStatus, Revocations};
pub use role::Role;
pub use root::Root;
pub use validate::{Leaf, Path, validate};

/// A certificate's DER (`PKI-030`). Ours have about 600 bytes; a name and a key of the profile never need more.
pub const MAX_CERTIFICATE: usize = 4 * 1024;
/// Certificates of a chain, the root counted if it is sent (`PKI-030`).
pub const MAX_CHAIN: usize = 4;

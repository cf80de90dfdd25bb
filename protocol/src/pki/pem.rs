//! Chains as PEM files (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::certificate::check_size;
use super::{ChainFault, MAX_CERTIFICATE, MAX_CHAIN, Place};

/// A chain file: four certificates of the largest size in base64, and room for remarks between them.
pub const MAX_PEM: usize = MAX_CHAIN * MAX_CERTIFICATE * 2;

/// The DER certificates in a PEM file, in its order.
///
/// # Errors
/// The file is beyond [`MAX_PEM`], holds none or more than [`MAX_CHAIN`] certificates, or is not PEM.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, ChainFault> {
    if text.len() > MAX_PEM {
        return Err(ChainFault::TooLong("the file has more than 32 KiB"));
    }
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|_| ChainFault::Malformed(Place::of(certificates.len()), "it is not PEM"))?;
        check_size(&certificate)?;
        if certificates.len() == MAX_CHAIN {
            return Err(ChainFault::TooLong("there are more than 4 certificates"));
        }
        certificates.push(certificate.to_vec());
    }
    if certificates.is_empty() { Err(ChainFault::Empty) } else { Ok(certificates) }
}

/// The PEM text of DER certificates, in their order.
pub fn pem_from_certificates<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let base64 = STANDARD.encode(certificate);
        for line in base64.as_bytes().chunks(64) {
            text.extend(line.iter().map(|c| char::from(*c)));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

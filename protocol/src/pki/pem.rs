//! Chains as PEM files (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use super::certificate::check_size;
use super::{ChainFault, MAX_CERTIFICATE, MAX_CHAIN, MAX_CRL, MAX_CRLS, Place};

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

/// A file of revocation lists: as many as one [`super::Revocations`] holds would be 32 MiB in base64; no one needs them all at
/// their largest.
pub const MAX_LISTS_PEM: usize = 4 * MAX_CRL;

/// The DER revocation lists in a PEM file, in its order; none if the file has none.
///
/// # Errors
/// `chain.crl` if the file is beyond [`MAX_LISTS_PEM`], holds more than [`MAX_CRLS`] lists or one too large, or is not PEM.
pub fn lists_from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, ChainFault> {
    if text.len() > MAX_LISTS_PEM {
        return Err(ChainFault::Crl("the file has more than 4 MiB"));
    }
    let mut lists = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(text) {
        let list = list.map_err(|_| ChainFault::Crl("the file is not PEM"))?;
        if list.len() > MAX_CRL || lists.len() == MAX_CRLS {
            return Err(ChainFault::Crl("the file has more than 16 lists, or one of more than 1 MiB"));
        }
        lists.push(list.to_vec());
    }
    Ok(lists)
}

/// The PEM text of DER certificates, in their order.
pub fn pem_from_certificates<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> String {
    armour("CERTIFICATE", certificates)
}

/// The PEM text of DER revocation lists, in their order.
pub fn pem_from_lists<'a>(lists: impl IntoIterator<Item = &'a [u8]>) -> String {
    armour("X509 CRL", lists)
}

fn armour<'a>(label: &str, items: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for item in items {
        text.push_str(&format!("-----BEGIN {label}-----\n"));
        let base64 = STANDARD.encode(item);
        for line in base64.as_bytes().chunks(64) {
            text.extend(line.iter().map(|c| char::from(*c)));
            text.push('\n');
        }
        text.push_str(&format!("-----END {label}-----\n"));
    }
    text
}

//! Reading one certificate: bounds, DER, and what holds for every certificate of the profile (`PKI-010`, `PKI-011`).

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{X509Name, X509Version};

use super::public_key::{KeyKind, is_certificate_algorithm, verify_issued};
use super::{ChainFault, MAX_CERTIFICATE, Place, SignatureFault};
use crate::identifier::Country;
use crate::time::Timestamp;

/// keyCertSign and cRLSign, bits 5 and 6 (RFC 5280, section 4.2.1.3).
const CA_KEY_USAGE: u16 = 1 << 5 | 1 << 6;

/// A certificate that follows the rules common to all certificates of the profile. Nobody vouches for it yet.
pub(super) struct Certificate<'a> {
    pub(super) der: &'a [u8],
    pub(super) x509: X509Certificate<'a>,
    pub(super) place: Place,
}

impl<'a> Certificate<'a> {
    /// Reads DER that has passed [`check_size`]. Two parsers must take it: the path is judged by webpki, the profile through
    /// x509-parser, and what only one of them understands is not to be argued about.
    pub(super) fn read(der: &'a [u8], place: Place) -> Result<Self, ChainFault> {
        let malformed = |what| ChainFault::Malformed(place, what);
        EndEntityCert::try_from(&CertificateDer::from(der)).map_err(|_| {
            malformed("it is not the DER of an X.509 version 3 certificate, or it has a critical extension that nobody knows")
        })?;
        let (rest, x509) = X509Certificate::from_der(der).map_err(|_| malformed("it is not the DER of an X.509 certificate"))?;
        if !rest.is_empty() || x509.version() != X509Version::V3 {
            return Err(malformed("it is not exactly one X.509 version 3 certificate"));
        }
        let certificate = Self { der, x509, place };
        certificate.check_algorithms()?;
        certificate.check_extensions()?;
        if certificate.not_before().0 < 0 || certificate.not_before() > certificate.not_after() {
            return Err(malformed("its validity ends before it begins, or begins before 1970"));
        }
        Ok(certificate)
    }

    fn malformed(&self, what: &'static str) -> ChainFault {
        ChainFault::Malformed(self.place, what)
    }

    fn check_algorithms(&self) -> Result<(), ChainFault> {
        if self.x509.signature_algorithm != self.x509.tbs_certificate.signature || !is_certificate_algorithm(&self.x509.signature_algorithm)
        {
            return Err(self.malformed("it is not signed with Ed25519, or ECDSA with SHA-256 or SHA-384"));
        }
        if KeyKind::of_spki(self.spki()).is_none() {
            return Err(self.malformed("its key is not of Ed25519, P-256 or P-384"));
        }
        Ok(())
    }

    fn check_extensions(&self) -> Result<(), ChainFault> {
        self.x509.extensions_map().map_err(|_| self.malformed("an extension occurs twice"))?;
        for extension in self.x509.extensions() {
            let known = match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(_)
                | ParsedExtension::KeyUsage(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::SubjectAlternativeName(_) => true,
                // webpki would apply them; the profile has no use for them, and one rule is better than two.
                ParsedExtension::NameConstraints(_) => return Err(self.malformed("it has name constraints")),
                ParsedExtension::ParseError { .. } => return Err(self.malformed("an extension cannot be read")),
                _ => false,
            };
            if extension.critical && !known {
                return Err(self.malformed("it has a critical extension that the profile does not know"));
            }
        }
        Ok(())
    }

    /// Checks that this certificate may issue others, and says how many issuing certificates may stand below it.
    pub(super) fn check_authority(&self) -> Result<Option<u32>, ChainFault> {
        let constraints = self.x509.basic_constraints().ok().flatten().filter(|extension| extension.critical && extension.value.ca);
        let Some(constraints) = constraints else { return Err(self.malformed("it is not marked as a certificate authority's")) };
        let usage = self.x509.key_usage().ok().flatten();
        if !usage.is_some_and(|extension| extension.critical && extension.value.flags == CA_KEY_USAGE) {
            return Err(self.malformed("its key usage is not exactly keyCertSign and cRLSign, critical"));
        }
        if !matches!(self.x509.extended_key_usage(), Ok(None)) {
            return Err(self.malformed("an authority's certificate has no extended key usage"));
        }
        Ok(constraints.value.path_len_constraint)
    }

    /// The administration in the subject: one country, in the standard's form.
    pub(super) fn country(&self) -> Result<Country, ChainFault> {
        let names = |what| ChainFault::Names(self.place, what);
        let text = sole(self.x509.subject().iter_country().map(|name| name.as_str().ok()));
        Country::new(text.ok_or_else(|| names("the subject must have one country (C)"))?)
            .map_err(|_| names("the country (C) is not an ISO 3166-1 alpha-2 code"))
    }

    /// Checks that `issuer_spki` signed this certificate.
    pub(super) fn check_signed_by(&self, issuer_spki: &[u8]) -> Result<(), SignatureFault> {
        let message = self.x509.tbs_certificate.as_ref();
        verify_issued(issuer_spki, &self.x509.signature_algorithm, message, &self.x509.signature_value.data)
    }

    pub(super) fn subject(&self) -> &X509Name<'a> {
        &self.x509.tbs_certificate.subject
    }

    pub(super) fn issuer(&self) -> &X509Name<'a> {
        &self.x509.tbs_certificate.issuer
    }

    pub(super) fn spki(&self) -> &'a [u8] {
        self.x509.tbs_certificate.subject_pki.raw
    }

    pub(super) fn not_before(&self) -> Timestamp {
        Timestamp(self.x509.validity().not_before.timestamp())
    }

    pub(super) fn not_after(&self) -> Timestamp {
        Timestamp(self.x509.validity().not_after.timestamp())
    }
}

/// Refuses a certificate beyond [`MAX_CERTIFICATE`] before any parser sees it.
pub(super) fn check_size(der: &[u8]) -> Result<(), ChainFault> {
    if der.len() > MAX_CERTIFICATE { Err(ChainFault::TooLong("a certificate has more than 4096 bytes")) } else { Ok(()) }
}

/// The item, if there is exactly one and it is readable.
pub(super) fn sole<T>(mut items: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = items.next()??;
    items.next().is_none().then_some(first)
}

//! Signing requests (PKCS#10, RFC 2986): what a node asks for, with proof that it holds the key.

use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{LOG_URI_PREFIX, PublicKey, Role, is_administration_name, is_node_name, is_origin};
use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, SanType};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

use crate::CertsFault;
use crate::profile::distinguished_name;

/// A request's file. Ours have about 500 bytes.
pub const MAX_REQUEST_FILE: usize = 16 * 1024;

/// Whom a leaf certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The administration (C).
    pub administration: Country,
    /// The administration's name (O).
    pub administration_name: String,
    /// The node's name (CN).
    pub node: String,
    /// The log's origin, for record and log signing.
    pub log_origin: Option<String>,
}

impl Subject {
    pub(crate) fn check(&self) -> Result<(), CertsFault> {
        let form = |holds: bool, what| if holds { Ok(()) } else { Err(CertsFault::Name(what)) };
        form(is_administration_name(&self.administration_name), "an administration's name has 1 to 64 characters, none of them hidden")?;
        form(is_node_name(&self.node), "a node's name has 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or digit")?;
        let origin = self.log_origin.as_deref().is_none_or(is_origin);
        form(origin, "a log's origin has 1 to 128 of A-Z a-z 0-9 . _ - / : and begins with a letter or digit")
    }

    /// The parts of a certificate or request that name the subject, for `role`.
    pub(crate) fn params(&self, role: Role) -> Result<CertificateParams, CertsFault> {
        self.check()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(self.administration, &self.administration_name, &self.node)?;
        if role.names_log() {
            let origin =
                self.log_origin.as_deref().ok_or(CertsFault::Name("record and log signing certificates name a log: give its origin"))?;
            params.subject_alt_names = vec![SanType::URI(format!("{LOG_URI_PREFIX}{origin}").try_into()?)];
        }
        Ok(params)
    }
}

/// A signing request whose signature was checked: the sender holds the private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    der: Vec<u8>,
    subject: Subject,
    public_key: PublicKey,
}

impl SigningRequest {
    pub(crate) fn make(role: Role, subject: &Subject, key: &KeyPair) -> Result<Self, CertsFault> {
        Self::from_der(subject.params(role)?.serialize_request(key)?.der())
    }

    /// Reads a PEM file with one request.
    ///
    /// # Errors
    /// As [`SigningRequest::from_der`].
    pub fn from_pem(text: &[u8]) -> Result<Self, CertsFault> {
        if text.len() > MAX_REQUEST_FILE {
            return Err(CertsFault::Request("the file has more than 16 KiB"));
        }
        let der = CertificateSigningRequestDer::from_pem_slice(text)
            .map_err(|_| CertsFault::Request("it is not a PEM file with a CERTIFICATE REQUEST"))?;
        Self::from_der(&der)
    }

    /// Reads a request and checks its signature, which proves possession of the key.
    ///
    /// # Errors
    /// Not one DER request; a signature that does not verify; names not of the profile's form; anything asked for beside names.
    pub fn from_der(der: &[u8]) -> Result<Self, CertsFault> {
        let refuse = CertsFault::Request;
        if der.len() > MAX_REQUEST_FILE {
            return Err(refuse("it has more than 16 KiB"));
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| refuse("it is not a PKCS#10 request"))?;
        if !rest.is_empty() {
            return Err(refuse("bytes follow the request"));
        }
        CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der))
            .map_err(|_| refuse("its signature does not verify, or it asks for extensions that are not granted"))?;
        let info = &request.certification_request_info;
        let public_key = PublicKey::from_spki(info.subject_pki.raw).ok_or(refuse("its key is not of Ed25519 or P-256"))?;
        if info.subject.iter_attributes().count() != 3 {
            return Err(refuse("its subject must have C, O and CN, once each, and nothing else"));
        }
        let missing = refuse("its subject must have C, O and CN");
        let (Some(country), Some(name), Some(node)) =
            (first(info.subject.iter_country()), first(info.subject.iter_organization()), first(info.subject.iter_common_name()))
        else {
            return Err(missing);
        };
        let administration = Country::new(country).map_err(|_| refuse("C is not an ISO 3166-1 alpha-2 code"))?;
        let subject = Subject {
            administration,
            administration_name: name.to_owned(),
            node: node.to_owned(),
            log_origin: requested_origin(&request)?,
        };
        subject.check()?;
        Ok(Self { der: der.to_vec(), subject, public_key })
    }

    /// The request as PEM.
    pub fn to_pem(&self) -> String {
        pem::encode_config(
            &pem::Pem::new("CERTIFICATE REQUEST", self.der.clone()),
            pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
        )
    }

    /// Whom the certificate shall name.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key to be certified.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

fn first<'a>(mut names: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Option<&'a str> {
    names.next().and_then(|name| name.as_str().ok())
}

fn requested_origin(request: &X509CertificationRequest<'_>) -> Result<Option<String>, CertsFault> {
    let mut origin = None;
    for extension in request.requested_extensions().into_iter().flatten() {
        let ParsedExtension::SubjectAlternativeName(names) = extension else {
            return Err(CertsFault::Request("it asks for more than names; usages come from the role"));
        };
        for name in &names.general_names {
            let named = match name {
                GeneralName::URI(uri) => uri.strip_prefix(LOG_URI_PREFIX),
                _ => None,
            };
            let named = named.ok_or(CertsFault::Request("an alternative name is not carnet:log: and the log's origin"))?;
            if origin.replace(named.to_owned()).is_some() {
                return Err(CertsFault::Request("it names two logs"));
            }
        }
    }
    Ok(origin)
}

//! The profile of spec/06-pki.md, as certificates are made from it.

use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Role, Serial};
use carnet_protocol::time::{DAY, MINUTE, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, IsCa, KeyUsagePurpose, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use time::OffsetDateTime;

use crate::{CertsFault, Subject};

const YEAR: i64 = 365 * DAY;

/// A root's life: 20 years, in seconds. It is compared by people on the telephone, so it changes seldom.
pub const ROOT_LIFETIME: i64 = 20 * YEAR;
/// An issuing authority's life: 10 years, in seconds.
pub const ISSUING_LIFETIME: i64 = 10 * YEAR;
/// A revocation list is due for replacement after 30 days, in seconds.
pub const LIST_LIFETIME: i64 = 30 * DAY;
/// Certificates begin this many seconds before they are made: partners' clocks differ.
pub const CLOCK_SLACK: i64 = 5 * MINUTE;

/// A leaf's life in seconds: TLS 1 year, all others 3 years.
pub const fn leaf_lifetime(role: Role) -> i64 {
    match role {
        Role::Node => YEAR,
        Role::RecordSigning | Role::LogSigning | Role::PackageEncryption => 3 * YEAR,
    }
}

pub(crate) fn moment(at: Timestamp) -> Result<OffsetDateTime, CertsFault> {
    OffsetDateTime::from_unix_timestamp(at.0).map_err(|_| CertsFault::Making("the time lies outside the years of the calendar".into()))
}

/// C, O and CN in this order; the country as PrintableString (RFC 5280, appendix A), the others as UTF-8.
pub(crate) fn distinguished_name(country: Country, organisation: &str, name: &str) -> Result<DistinguishedName, CertsFault> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CountryName, DnValue::PrintableString(country.as_str().try_into()?));
    subject.push(DnType::OrganizationName, DnValue::Utf8String(organisation.to_owned()));
    subject.push(DnType::CommonName, DnValue::Utf8String(name.to_owned()));
    Ok(subject)
}

/// A random serial number of 126 bits, in its shortest DER form.
pub(crate) fn new_serial() -> Result<Serial, CertsFault> {
    let failed = || CertsFault::Making("the system's random number source does not answer".into());
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| failed())?;
    // Neither negative nor with a leading zero: DER has one spelling for it.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Serial::from_slice(&bytes).ok_or_else(failed)
}

fn dated(mut params: CertificateParams, from: Timestamp, until: Timestamp, serial: &Serial) -> Result<CertificateParams, CertsFault> {
    params.not_before = moment(from)?;
    params.not_after = moment(until)?;
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// An authority's certificate; `below` is how many authorities may stand below it.
pub(crate) fn authority(
    country: Country,
    organisation: &str,
    name: &str,
    below: u8,
    now: Timestamp,
    life: i64,
) -> Result<CertificateParams, CertsFault> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(country, organisation, name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    dated(params, now.plus(-CLOCK_SLACK), now.plus(life), &new_serial()?)
}

/// A leaf's certificate. It ends with its issuer's at the latest.
pub(crate) fn leaf(
    subject: &Subject,
    role: Role,
    now: Timestamp,
    latest: Timestamp,
    serial: &Serial,
) -> Result<CertificateParams, CertsFault> {
    let mut params = subject.params(role)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![match role {
        Role::PackageEncryption => KeyUsagePurpose::KeyAgreement,
        Role::Node | Role::RecordSigning | Role::LogSigning => KeyUsagePurpose::DigitalSignature,
    }];
    params.custom_extensions = vec![key_purposes(role)];
    dated(params, now.plus(-CLOCK_SLACK), now.plus(leaf_lifetime(role)).min(latest), serial)
}

/// The extended key usage by hand: rcgen cannot write arcs of 128 bits.
fn key_purposes(role: Role) -> CustomExtension {
    // Every length here is far below 128, so one octet holds it.
    let list: Vec<u8> = role.purposes().iter().flat_map(|oid| [&[0x06, oid.len() as u8], *oid].concat()).collect();
    CustomExtension::from_oid_content(&[2, 5, 29, 37], [&[0x30, list.len() as u8], &list[..]].concat())
}

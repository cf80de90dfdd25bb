//! Makes certificates, by default of the profile, and lets a test spoil any part.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DistinguishedName, DnType, DnValue, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::pki::{ChainFault, Leaf, Revocations, Role, Root, validate};
use crate::reason::Reason;
use crate::time::{DAY, Timestamp};

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(super) const ORIGIN: &str = "log.example/nl-1";

pub(super) fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0).unwrap()
}

pub(super) fn subject(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in parts {
        let value = match kind {
            DnType::CountryName => DnValue::PrintableString((*value).try_into().unwrap()),
            _ => DnValue::Utf8String((*value).to_owned()),
        };
        name.push(kind.clone(), value);
    }
    name
}

pub(super) fn params(country: &str, name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name =
        subject(&[(DnType::CountryName, country), (DnType::OrganizationName, "Douane"), (DnType::CommonName, name)]);
    params.not_before = moment(NOW.plus(-DAY));
    params.not_after = moment(NOW.plus(DAY));
    params.use_authority_key_identifier_extension = true;
    params
}

pub(super) fn ca_params(country: &str, name: &str, path_length: u8) -> CertificateParams {
    let mut params = params(country, name);
    params.not_before = moment(NOW.plus(-10 * DAY));
    params.not_after = moment(NOW.plus(10 * DAY));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// An extended key usage extension of these purposes.
pub(super) fn purposes(oids: &[&[u8]]) -> CustomExtension {
    let list: Vec<u8> = oids.iter().flat_map(|oid| [&[0x06, oid.len() as u8], *oid].concat()).collect();
    CustomExtension::from_oid_content(&[2, 5, 29, 37], [&[0x30, list.len() as u8], &list[..]].concat())
}

pub(super) fn leaf_params(role: Role) -> CertificateParams {
    let mut params = params("NL", "nl-1");
    let usage = if role == Role::PackageEncryption { KeyUsagePurpose::KeyAgreement } else { KeyUsagePurpose::DigitalSignature };
    params.key_usages = vec![usage];
    params.custom_extensions = vec![purposes(role.purposes())];
    if role.names_log() {
        params.subject_alt_names = vec![SanType::URI(format!("carnet:log:{ORIGIN}").try_into().unwrap())];
    }
    params
}

pub(super) fn key_for(role: Role) -> KeyPair {
    let algorithm = if role == Role::PackageEncryption { &rcgen::PKCS_ECDSA_P256_SHA256 } else { &rcgen::PKCS_ED25519 };
    KeyPair::generate_for(algorithm).unwrap()
}

/// An authority: its certificate and what issues under it.
pub(super) struct Authority {
    pub(super) der: Vec<u8>,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn root(params: CertificateParams) -> Self {
        Self::root_with(params, KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap())
    }

    pub(super) fn root_with(params: CertificateParams, key: KeyPair) -> Self {
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub(super) fn issue_authority(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub(super) fn issue(&self, params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        params.signed_by(key, &self.issuer).unwrap().der().to_vec()
    }

    /// A revocation list that is due in five days.
    pub(super) fn list(&self, number: u64, revoked: &[(&[u8], Timestamp, RevocationReason)]) -> Vec<u8> {
        self.dated_list(number, revoked, None, NOW.plus(5 * DAY))
    }

    pub(super) fn dated_list(
        &self,
        number: u64,
        revoked: &[(&[u8], Timestamp, RevocationReason)],
        invalid_from: Option<Timestamp>,
        next_update: Timestamp,
    ) -> Vec<u8> {
        let revoked_certs = revoked
            .iter()
            .map(|(serial, at, reason)| RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial),
                revocation_time: moment(*at),
                reason_code: Some(*reason),
                invalidity_date: invalid_from.map(moment),
            })
            .collect();
        let list = CertificateRevocationListParams {
            this_update: moment(NOW.plus(-DAY)),
            next_update: moment(next_update),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// A whole administration, and a leaf of it.
pub(super) struct World {
    pub(super) root: Authority,
    pub(super) issuing: Authority,
    pub(super) key: KeyPair,
    pub(super) leaf: Vec<u8>,
    pub(super) role: Role,
}

impl World {
    pub(super) fn new(role: Role) -> Self {
        Self::with(role, leaf_params(role))
    }

    pub(super) fn with(role: Role, leaf: CertificateParams) -> Self {
        let root = Authority::root(ca_params("NL", "Root", 1));
        let issuing = root.issue_authority(ca_params("NL", "Issuing", 0));
        let key = key_for(role);
        let leaf = issuing.issue(&leaf, &key);
        Self { root, issuing, key, leaf, role }
    }

    pub(super) fn pinned(&self) -> Root {
        Root::read(&self.root.der).unwrap()
    }

    pub(super) fn judge(&self) -> Result<Leaf, ChainFault> {
        self.judge_at(NOW, &Revocations::default())
    }

    pub(super) fn judge_at(&self, at: Timestamp, revocations: &Revocations) -> Result<Leaf, ChainFault> {
        validate(&[&self.leaf, &self.issuing.der], &self.pinned(), self.role, at, revocations)
    }
}

pub(super) fn reason<T: std::fmt::Debug>(judged: Result<T, ChainFault>) -> Reason {
    judged.expect_err("must be refused").reason()
}

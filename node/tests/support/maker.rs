//! An administration that makes verified records, for tests and measurements.
#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "tests: each user takes a part")]

use std::sync::atomic::{AtomicU64, Ordering};

use carnet::store::catalogue::{Batch, LogSigner, Options, OwnRecord, PartnerRecord};
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{PublicKey, Revocations, Role, Root, SigningKey};
use carnet_protocol::record::{
    Annotation, Content, Declaration, Handling, Item, Maker as By, Parent, ParentRole, PayloadRef, Record, Release, Withdrawal,
};
use carnet_protocol::signed::{Signed, Signer, TimeEvidence, Trust, Verified};
use carnet_protocol::time::{DAY, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use ring::rand::SystemRandom;

pub const NOW: Timestamp = Timestamp(1_800_000_000);

pub fn country(code: &str) -> Country {
    Country::new(code).unwrap()
}

/// An administration with a record key and a log key.
pub struct Maker {
    pub country: Country,
    pub origin: String,
    pub root: Root,
    signer: Signer,
    log: Vec<u8>,
    log_key: PublicKey,
    random: SystemRandom,
    salt: AtomicU64,
    run: Digest,
}

fn params(country: &str, name: &str) -> CertificateParams {
    let moment = |at: Timestamp| time::OffsetDateTime::from_unix_timestamp(at.0).unwrap();
    let mut params = CertificateParams::default();
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(DnType::CountryName, DnValue::PrintableString(country.try_into().unwrap()));
    subject.push(DnType::OrganizationName, "Customs");
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.not_before = moment(NOW.plus(-DAY));
    params.not_after = moment(NOW.plus(DAY));
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(country: &str, name: &str, path_length: u8) -> (CertificateParams, KeyPair) {
    let mut params = params(country, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params, KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap())
}

impl Maker {
    pub fn new(code: &str) -> Self {
        Self::with_key(code, &rcgen::PKCS_ED25519)
    }

    /// A maker whose signatures differ from one time to the next.
    pub fn with_p256(code: &str) -> Self {
        Self::with_key(code, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    fn with_key(code: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let origin = format!("log.example/{}", code.to_lowercase());
        let random = SystemRandom::new();
        let (root_params, root_key) = authority(code, "Root", 1);
        let root_der = root_params.self_signed(&root_key).unwrap().der().to_vec();
        let root_issuer = Issuer::new(root_params, root_key);
        let (issuing_params, issuing_key) = authority(code, "Issuing", 0);
        let issuing_der = issuing_params.signed_by(&issuing_key, &root_issuer).unwrap().der().to_vec();
        let issuing = Issuer::new(issuing_params, issuing_key);

        let mut leaf = params(code, "node-1");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let purpose = Role::RecordSigning.purposes()[0];
        let oid = [&[0x06, purpose.len() as u8], purpose].concat();
        let usage = [&[0x30, oid.len() as u8], &oid[..]].concat();
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 37], usage)];
        leaf.subject_alt_names = vec![SanType::URI(format!("carnet:log:{origin}").try_into().unwrap())];
        let key = KeyPair::generate_for(algorithm).unwrap();
        let leaf_der = leaf.signed_by(&key, &issuing).unwrap().der().to_vec();
        let signing = |pair: &KeyPair| SigningKey::from_pkcs8(&pair.serialize_der(), &random).unwrap();
        let log = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let log_key = signing(&log).public().clone();
        let mut run = [0; 32];
        ring::rand::SecureRandom::fill(&random, &mut run).unwrap();
        Self {
            country: country(code),
            root: Root::read(&root_der).unwrap(),
            signer: Signer { key: signing(&key), chain: vec![leaf_der, issuing_der] },
            origin,
            log: log.serialize_der(),
            log_key,
            random,
            salt: AtomicU64::new(0),
            run: Digest(run),
        }
    }

    pub fn options(&self) -> Options {
        Options { us: self.country, signer: Some(self.log_signer()) }
    }

    pub fn log_signer(&self) -> LogSigner {
        LogSigner::new(self.origin.clone(), SigningKey::from_pkcs8(&self.log, &self.random).unwrap()).unwrap()
    }

    pub fn log_key(&self) -> &PublicKey {
        &self.log_key
    }

    /// A record of `content` as it would be signed.
    pub fn draft(&self, content: Content) -> Record {
        let (kind, content) = content.into_parts();
        let number = self.salt.fetch_add(1, Ordering::Relaxed);
        Record {
            version: 1,
            salt: Digest::of_parts(&[self.run.as_bytes(), &number.to_be_bytes()]),
            kind,
            inspection: format!("{}-2026-{:06}", self.country, number / 4),
            maker: By {
                administration: self.country,
                office: None,
                site: None,
                instrument: None,
                node: "node-1".to_owned(),
                log: self.origin.clone(),
            },
            made: NOW,
            parents: Vec::new(),
            payloads: Vec::new(),
            handling: Handling::default(),
            content,
            commitments: Vec::new(),
        }
    }

    pub fn sign(&self, record: &Record) -> Verified<Record> {
        let revocations = Revocations::default();
        let trust = Trust { root: &self.root, revocations: &revocations };
        Signed::sign(record, &self.signer, &self.random).unwrap().verify(trust, TimeEvidence::now(NOW)).unwrap()
    }

    pub fn note(&self, text: &str) -> Verified<Record> {
        self.sign(&self.draft(Content::Annotation(Annotation { text: text.to_owned(), category: None, regions: Vec::new() })))
    }

    pub fn declaration(&self, parent: Digest) -> Verified<Record> {
        let item = Item { number: 1, hs: Some("0803".to_owned()), description: Some("bananas".to_owned()), ..Item::default() };
        let content = Declaration { items: vec![item], containers: vec!["MSKU1234565".to_owned()], ..Declaration::default() };
        let mut record = self.draft(Content::Declaration(Box::new(content)));
        record.parents = vec![Parent { record: parent, role: ParentRole::About }];
        record.payloads = ["native", "decoded"].map(|role| payload(role, role.as_bytes())).to_vec();
        self.sign(&record)
    }

    pub fn release(&self, record: Digest, to: Country) -> Verified<Record> {
        self.sign(&self.draft(Content::Release(Release {
            record,
            to,
            payloads: vec![0],
            until: Some(NOW.plus(DAY)),
            personal: Vec::new(),
        })))
    }

    pub fn withdrawal(&self, record: Digest, from: Option<Country>) -> Verified<Record> {
        self.sign(&self.draft(Content::Withdrawal(Withdrawal { record, from, reason: None })))
    }
}

pub fn payload(role: &str, bytes: &[u8]) -> PayloadRef {
    let sha256 = Digest::of(bytes);
    PayloadRef {
        role: role.to_owned(),
        media: "application/octet-stream".to_owned(),
        size: bytes.len() as u64,
        root: sha256,
        sha256,
        handling: None,
    }
}

pub fn own(record: Verified<Record>) -> OwnRecord {
    OwnRecord { record, openings: Vec::new(), payloads: Vec::new(), wrapped_key: None, native_sha256: None, feed: Vec::new() }
}

pub fn partner(record: Verified<Record>) -> PartnerRecord {
    let from = record.statement().maker.administration;
    PartnerRecord { record, from, proof: vec![0x80], openings: Vec::new(), payloads: Vec::new(), wrapped_key: None }
}

pub fn own_batch(records: impl IntoIterator<Item = Verified<Record>>) -> Batch {
    Batch { own: records.into_iter().map(own).collect(), ..Batch::at(NOW) }
}

pub fn partner_batch(records: impl IntoIterator<Item = Verified<Record>>) -> Batch {
    Batch { partner: records.into_iter().map(partner).collect(), ..Batch::at(NOW) }
}

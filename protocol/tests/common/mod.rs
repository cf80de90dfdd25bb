//! What the tests share: administrations with fixed keys, records, logs. All of it is the same in every run.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::log::{Checkpoint, LogProof};
use carnet_protocol::merkle::{inclusion_proof, leaf_hash, root_of};
use carnet_protocol::payload::PayloadHasher;
use carnet_protocol::pki::{Revocations, Role, Root, SigningKey};
use carnet_protocol::record::{Annotation, Content, Handling, Kind, Maker, PayloadRef, Record};
use carnet_protocol::signed::{Signed, Signer, TimeEvidence, Trust, Verified};
use carnet_protocol::time::{DAY, Timestamp};
use carnet_protocol::wire::{Asked, Group, LogKey, Request};
use minicbor::bytes::ByteVec;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, SerialNumber,
};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair as _;
use rustls_pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;

/// 2027-01-15T08:00:00Z.
pub const NOW: Timestamp = Timestamp(1_800_000_000);
/// 2026-01-01 and 2049-12-31: the examples of the specification stay valid for long.
pub const FROM: Timestamp = Timestamp(1_767_225_600);
pub const UNTIL: Timestamp = Timestamp(2_524_521_600);

pub fn country(code: &str) -> Country {
    code.parse().unwrap()
}

/// An Ed25519 private key in PKCS#8 (RFC 8410) from its seed.
pub fn pkcs8(seed: [u8; 32]) -> Vec<u8> {
    let head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    [head.as_slice(), &seed].concat()
}

fn key_pair(seed: [u8; 32]) -> KeyPair {
    KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8(seed))).unwrap()
}

fn params(code: &str, name: &str, serial: u64) -> CertificateParams {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CountryName, DnValue::PrintableString(code.try_into().unwrap()));
    subject.push(DnType::OrganizationName, DnValue::Utf8String(format!("Customs {code}")));
    subject.push(DnType::CommonName, DnValue::Utf8String(name.to_owned()));
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from(serial));
    params.not_before = OffsetDateTime::from_unix_timestamp(FROM.0).unwrap();
    params.not_after = OffsetDateTime::from_unix_timestamp(UNTIL.0).unwrap();
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(code: &str, name: &str, serial: u64, path_length: u8) -> CertificateParams {
    let mut params = params(code, name, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub fn leaf(code: &str, node: &str, origin: &str, role: Role, serial: u64) -> CertificateParams {
    let mut params = params(code, node, serial);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let list: Vec<u8> = role.purposes().iter().flat_map(|oid| [&[0x06, oid.len() as u8], *oid].concat()).collect();
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 37], [&[0x30, list.len() as u8], &list[..]].concat())];
    if role.names_log() {
        params.subject_alt_names = vec![SanType::URI(format!("carnet:log:{origin}").try_into().unwrap())];
    }
    params
}

/// One administration: its root, what signs its records, its log's key.
pub struct Administration {
    pub country: Country,
    pub node: String,
    pub origin: String,
    pub root: Root,
    pub issuing: Vec<u8>,
    pub issuer: Issuer<'static, KeyPair>,
    pub signer: Signer,
    pub log_pair: Ed25519KeyPair,
    pub log: LogKey,
    pub revocations: Revocations,
}

impl Administration {
    /// The administration `code`, all keys from `seed`: root, issuing, record and log have the seeds of 32 times seed, seed + 1, ...
    pub fn new(code: &str, seed: u8) -> Self {
        let (node, origin) = (format!("{}-1", code.to_lowercase()), format!("{}.example/log", code.to_lowercase()));
        let root_params = authority(code, "Root", 1, 1);
        let root_key = key_pair([seed; 32]);
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root_params, root_key);
        let issuing_params = authority(code, "Issuing", 2, 0);
        let issuing_key = key_pair([seed + 1; 32]);
        let issuing = issuing_params.signed_by(&issuing_key, &root_issuer).unwrap().der().to_vec();
        let issuer = Issuer::new(issuing_params, issuing_key);
        let issue =
            |role, serial, seed| leaf(code, &node, &origin, role, serial).signed_by(&key_pair([seed; 32]), &issuer).unwrap().der().to_vec();
        let record = issue(Role::RecordSigning, 3, seed + 2);
        let log = issue(Role::LogSigning, 4, seed + 3);
        Self {
            country: country(code),
            root: Root::read(root.der()).unwrap(),
            signer: Signer {
                key: SigningKey::from_pkcs8(&pkcs8([seed + 2; 32]), &SystemRandom::new()).unwrap(),
                chain: vec![record, issuing.clone()],
            },
            log_pair: Ed25519KeyPair::from_seed_unchecked(&[seed + 3; 32]).unwrap(),
            log: LogKey { chain: vec![ByteVec::from(log), ByteVec::from(issuing.clone())] },
            revocations: Revocations::default(),
            node,
            origin,
            issuing,
            issuer,
        }
    }

    /// A record signer with any key and certificate.
    pub fn signer_with(&self, key: &KeyPair, params: &CertificateParams) -> Signer {
        let der = params.signed_by(key, &self.issuer).unwrap().der().to_vec();
        Signer { key: SigningKey::from_pkcs8(&key.serialize_der(), &SystemRandom::new()).unwrap(), chain: vec![der, self.issuing.clone()] }
    }

    /// A record signer on P-256.
    pub fn p256_signer(&self) -> Signer {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        self.signer_with(&key, &leaf(self.country.as_str(), &self.node, &self.origin, Role::RecordSigning, 30))
    }

    pub fn trust(&self) -> Trust<'_> {
        Trust { root: &self.root, revocations: &self.revocations }
    }

    pub fn maker(&self) -> Maker {
        Maker {
            administration: self.country,
            office: None,
            site: None,
            instrument: None,
            node: self.node.clone(),
            log: self.origin.clone(),
        }
    }

    /// A short remark with a salt of its own, released to `to`.
    pub fn record(&self, salt: u8, to: &[&str]) -> Record {
        let (kind, content) =
            Content::Annotation(Annotation { text: format!("remark {salt}"), category: None, regions: Vec::new() }).into_parts();
        Record {
            version: 1,
            salt: Digest([salt; 32]),
            kind,
            inspection: format!("{}-2027-000123", self.country),
            maker: self.maker(),
            made: NOW.plus(-60),
            parents: Vec::new(),
            payloads: Vec::new(),
            handling: Handling::releasable_to(to.iter().map(|code| country(code))),
            content,
            commitments: Vec::new(),
        }
    }

    pub fn sign(&self, record: &Record) -> Signed<Record> {
        Signed::sign(record, &self.signer, &SystemRandom::new()).unwrap()
    }

    pub fn verified(&self, record: &Record) -> Verified<Record> {
        self.sign(record).verify(self.trust(), TimeEvidence::now(NOW)).unwrap()
    }

    pub fn checkpoint(&self, size: u64, root: Digest) -> Vec<u8> {
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        checkpoint.sign(self.log_pair.public_key().as_ref(), |text| self.log_pair.sign(text).as_ref().to_vec())
    }

    /// The proofs of `entries` in a log that holds just them, in this order.
    pub fn proofs(&self, entries: &[Digest]) -> Vec<LogProof> {
        let leaves: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry.as_bytes())).collect();
        let checkpoint = self.checkpoint(leaves.len() as u64, root_of(&leaves));
        let proof = |index: u64| {
            let subtree = |level: u8, at: u64| {
                let (from, to) = ((at << level) as usize, ((at + 1) << level) as usize);
                Ok::<_, std::convert::Infallible>(root_of(&leaves[from..to]))
            };
            let path = inclusion_proof(index, leaves.len() as u64, subtree).unwrap().unwrap();
            LogProof { index, path, checkpoint: ByteVec::from(checkpoint.clone()) }
        };
        (0..leaves.len() as u64).map(proof).collect()
    }

    /// The records as they travel, without openings.
    pub fn groups(&self, records: &[Verified<Record>]) -> Vec<Group> {
        let entries: Vec<Digest> = records.iter().map(Verified::entry).collect();
        let group = |(record, proof): (&Verified<Record>, LogProof)| Group {
            record: record.bytes().to_vec(),
            openings: Vec::new(),
            proof: cbor::encode(&proof),
        };
        records.iter().zip(self.proofs(&entries)).map(group).collect()
    }

    /// A signed request of this administration.
    pub fn request(&self, to: &str, nonce: u8, asked: &Asked) -> Vec<u8> {
        self.request_of(&self.asking(to, nonce, asked))
    }

    pub fn asking(&self, to: &str, nonce: u8, asked: &Asked) -> Request {
        let (verb, body) = asked.to_parts();
        Request {
            version: 1,
            nonce: Digest([nonce; 32]),
            from: self.country,
            node: self.node.clone(),
            to: country(to),
            expires: NOW.plus(60),
            verb: verb.to_owned(),
            body,
        }
    }

    pub fn request_of(&self, request: &Request) -> Vec<u8> {
        Signed::sign(request, &self.signer, &SystemRandom::new()).unwrap().bytes().to_vec()
    }
}

/// The name of `bytes` as a record's payload.
pub fn payload(role: &str, media: &str, bytes: &[u8]) -> PayloadRef {
    let (name, _) = PayloadHasher::hash(bytes).unwrap();
    PayloadRef { role: role.into(), media: media.into(), size: name.size, root: name.root, sha256: name.sha256, handling: None }
}

pub fn later(days: i64) -> Timestamp {
    NOW.plus(days * DAY)
}

pub fn is_annotation(kind: &Kind) -> bool {
    *kind == Kind::Annotation
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! An administration's certificate authority, in its folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{
    Algorithm, Claims, PublicKey, Revocations, Role, Root, Serial, certificates_from_pem, is_administration_name, pem_from_certificates,
    validate,
};
use carnet_protocol::time::Timestamp;
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, SubjectPublicKeyInfo};
use rustls_pki_types::CertificateDer;

use crate::files::{self, PUBLIC, SECRET};
use crate::index::{Entry, Index, IssuerName, Reason, Revoked};
use crate::keys::{new_key, read_key};
use crate::profile::{self, ISSUING_LIFETIME, LIST_LIFETIME, ROOT_LIFETIME, moment};
use crate::{CertsFault, SigningRequest, Subject};

const MAX_CERTIFICATE_FILE: u64 = carnet_protocol::pki::MAX_PEM as u64;

/// A certificate that was just issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// What it says.
    pub claims: Claims,
    /// The leaf and the issuing authority, DER.
    pub chain: Vec<Vec<u8>>,
}

impl Issued {
    /// The chain as PEM: what a node keeps.
    pub fn to_pem(&self) -> String {
        pem_from_certificates(self.chain.iter().map(Vec::as_slice))
    }
}

/// Why a certificate is to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The reason.
    pub reason: Reason,
    /// Since when the key may have been in other hands, if that is known. Only with the reasons of compromise.
    pub invalid_from: Option<Timestamp>,
}

/// An authority, open for work. No other process can open it meanwhile.
pub struct Authority {
    folder: PathBuf,
    root: Root,
    issuing: Vec<u8>,
    issuing_serial: Serial,
    index: Index,
    /// Held for its lock.
    _lock: File,
}

impl Authority {
    /// Makes an administration: a root, an issuing authority and their empty revocation lists.
    ///
    /// # Errors
    /// The folder holds an authority already, a name is not of the profile's form, or the disk fails.
    pub fn create(folder: &Path, administration: Country, name: &str, now: Timestamp) -> Result<Self, CertsFault> {
        if !is_administration_name(name) {
            return Err(CertsFault::Name("an administration's name has 1 to 64 characters, none of them hidden"));
        }
        let at = |issuer: IssuerName, file: &str| folder.join(issuer.as_str()).join(file);
        if let Some(taken) = [at(IssuerName::Root, "key.pem"), at(IssuerName::Issuing, "key.pem"), folder.join("index.jsonl")]
            .into_iter()
            .find(|path| path.exists())
        {
            return Err(CertsFault::Exists(taken));
        }
        for part in ["root", "issuing", "issued"] {
            files::make_folder(&folder.join(part))?;
        }
        let lock = lock(folder)?;
        let (root_text, root_key) = new_key(Algorithm::Ed25519)?;
        let root_params = profile::authority(administration, name, "Carnet root", 1, now, ROOT_LIFETIME)?;
        let root_der = root_params.self_signed(&root_key)?.der().to_vec();
        let (issuing_text, issuing_key) = new_key(Algorithm::Ed25519)?;
        let issuing_params = profile::authority(administration, name, "Carnet issuing 1", 0, now, ISSUING_LIFETIME)?;
        let issuing_der = issuing_params.signed_by(&issuing_key, &Issuer::new(root_params, root_key))?.der().to_vec();
        for (issuer, key, certificate) in [(IssuerName::Root, root_text, root_der), (IssuerName::Issuing, issuing_text, issuing_der)] {
            files::write_new(&at(issuer, "key.pem"), key.as_bytes(), SECRET)?;
            files::write_new(&at(issuer, "cert.pem"), pem_from_certificates([&certificate[..]]).as_bytes(), PUBLIC)?;
        }
        Index::create(&folder.join("index.jsonl"), now)?;
        drop(lock);
        let mut authority = Self::open(folder)?;
        authority.refresh_lists(now)?;
        Ok(authority)
    }

    /// Opens the authority in a folder.
    ///
    /// # Errors
    /// There is none, another process has it open, or its files are damaged.
    pub fn open(folder: &Path) -> Result<Self, CertsFault> {
        let index = folder.join("index.jsonl");
        if !index.exists() {
            return Err(CertsFault::NoAuthority(folder.to_owned()));
        }
        let lock = lock(folder)?;
        let certificate = |issuer: IssuerName| {
            let text = files::read(&folder.join(issuer.as_str()).join("cert.pem"), MAX_CERTIFICATE_FILE)?;
            Ok::<_, CertsFault>(certificates_from_pem(&text)?.swap_remove(0))
        };
        let root = Root::read(&certificate(IssuerName::Root)?)?;
        let issuing = certificate(IssuerName::Issuing)?;
        let issuing_serial = serial_of(&issuing)?;
        Ok(Self { folder: folder.to_owned(), root, issuing, issuing_serial, index: Index::open(&index)?, _lock: lock })
    }

    /// The root, to be pinned by partners.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The issuing authority's certificate, DER.
    pub fn issuing_der(&self) -> &[u8] {
        &self.issuing
    }

    /// The issuing authority's serial number, under which the root can revoke it.
    pub const fn issuing_serial(&self) -> &Serial {
        &self.issuing_serial
    }

    /// Every leaf, in the order of issue.
    pub fn entries(&self) -> &[Entry] {
        &self.index.entries
    }

    /// Issues a leaf for a request. The role is the issuer's choice, not the request's.
    ///
    /// # Errors
    /// The request names another administration, lacks a log's origin that the role needs or has one that it must not have, or its
    /// key is not of the role's algorithm.
    pub fn issue(&mut self, request: &SigningRequest, role: Role, now: Timestamp) -> Result<Issued, CertsFault> {
        self.certify(request.subject(), request.public_key(), role, None, now)
    }

    /// Issues a leaf of the same role and names as an older one, for the same key, or for a request's new key.
    /// The older one stays valid until it expires or is revoked.
    ///
    /// # Errors
    /// There is no such leaf, it is revoked, or the request names another node or log.
    pub fn renew(&mut self, serial: &Serial, request: Option<&SigningRequest>, now: Timestamp) -> Result<Issued, CertsFault> {
        let entry = self.index.entries.iter().find(|entry| entry.serial == *serial).ok_or(CertsFault::UnknownSerial)?;
        if entry.revoked.is_some() {
            return Err(CertsFault::AlreadyRevoked);
        }
        let text = files::read(&self.leaf_path(serial), MAX_CERTIFICATE_FILE)?;
        let old = Claims::read(&certificates_from_pem(&text)?.swap_remove(0))?;
        let subject = Subject {
            administration: old.administration,
            administration_name: old.administration_name,
            node: old.node,
            log_origin: old.log_origin,
        };
        if request.is_some_and(|request| *request.subject() != subject) {
            return Err(CertsFault::Request("it does not have the names of the certificate to be renewed; issue a new one instead"));
        }
        let key = request.map_or(&old.public_key, SigningRequest::public_key);
        self.certify(&subject, key, old.role, Some(serial), now)
    }

    fn certify(
        &mut self,
        subject: &Subject,
        key: &PublicKey,
        role: Role,
        replaces: Option<&Serial>,
        now: Timestamp,
    ) -> Result<Issued, CertsFault> {
        if subject.administration != self.root.administration() {
            return Err(CertsFault::Request("it names another administration than this authority's"));
        }
        if role == Role::PackageEncryption && key.algorithm() != Algorithm::P256 {
            return Err(CertsFault::Request("a package encryption key must be of P-256"));
        }
        if subject.log_origin.is_some() != role.names_log() {
            return Err(CertsFault::Request("record and log signing certificates name a log's origin, and no others do"));
        }
        let serial = profile::new_serial()?;
        let params = profile::leaf(subject, role, now, self.issuing_end()?, &serial)?;
        let public = SubjectPublicKeyInfo::from_der(key.spki())?;
        let leaf = params.signed_by(&public, &self.issuer(IssuerName::Issuing)?)?.der().to_vec();
        // What this authority hands out is what every other node will accept: judged by the same code.
        let judged = validate(&[&leaf, &self.issuing], &self.root, role, now, &Revocations::default()).map_err(CertsFault::Authority)?;
        if let Some((_, revoked)) = self.index.revoked_authorities.iter().find(|(serial, _)| *serial == self.issuing_serial) {
            let place = carnet_protocol::pki::Place::Issuer(1);
            return Err(CertsFault::Authority(carnet_protocol::pki::ChainFault::Revoked(place, revoked.at)));
        }
        let claims = judged.claims().clone();
        self.index.issued(&claims, replaces, now)?;
        files::write_new(&self.leaf_path(&serial), pem_from_certificates([&leaf[..]]).as_bytes(), PUBLIC)?;
        Ok(Issued { claims, chain: vec![leaf, self.issuing.clone()] })
    }

    /// Revokes a leaf, or the issuing authority itself, and writes the new revocation list of its issuer.
    ///
    /// # Errors
    /// There is no such certificate, it is revoked already, or a date of invalidity is given for a reason that has none.
    pub fn revoke(&mut self, serial: &Serial, revocation: Revocation, now: Timestamp) -> Result<(), CertsFault> {
        if revocation.invalid_from.is_some() && !matches!(revocation.reason, Reason::KeyCompromise | Reason::CaCompromise) {
            return Err(CertsFault::Name("a date of invalidity goes with key-compromise and ca-compromise only"));
        }
        let revoked = Revoked { at: now, reason: revocation.reason, invalid_from: revocation.invalid_from };
        let (issuer, already) = if *serial == self.issuing_serial {
            (IssuerName::Root, self.index.revoked_authorities.iter().any(|(other, _)| other == serial))
        } else {
            let entry = self.index.entries.iter().find(|entry| entry.serial == *serial).ok_or(CertsFault::UnknownSerial)?;
            (IssuerName::Issuing, entry.revoked.is_some())
        };
        if already {
            return Err(CertsFault::AlreadyRevoked);
        }
        self.index.revoked(issuer, serial, revoked)?;
        self.refresh_list(issuer, now)
    }

    /// Writes both revocation lists anew. Do so before they are due: every [`LIST_LIFETIME`] at the latest.
    ///
    /// # Errors
    /// The disk's.
    pub fn refresh_lists(&mut self, now: Timestamp) -> Result<(), CertsFault> {
        self.refresh_list(IssuerName::Root, now)?;
        self.refresh_list(IssuerName::Issuing, now)
    }

    /// The newest revocation lists, DER: the root's and the issuing authority's.
    ///
    /// # Errors
    /// The disk's.
    pub fn lists(&self) -> Result<[Vec<u8>; 2], CertsFault> {
        let list = |issuer| files::read(&self.list_path(issuer), carnet_protocol::pki::MAX_CRL as u64);
        Ok([list(IssuerName::Root)?, list(IssuerName::Issuing)?])
    }

    fn refresh_list(&mut self, issuer: IssuerName, now: Timestamp) -> Result<(), CertsFault> {
        let revoked: Vec<(Serial, Revoked)> = match issuer {
            IssuerName::Root => self.index.revoked_authorities.clone(),
            IssuerName::Issuing => self.index.entries.iter().filter_map(|entry| Some((entry.serial.clone(), entry.revoked?))).collect(),
        };
        let revoked_certs = revoked.iter().map(|(serial, revoked)| revoked_entry(serial, revoked)).collect::<Result<_, _>>()?;
        let list = CertificateRevocationListParams {
            this_update: moment(now)?,
            next_update: moment(now.plus(LIST_LIFETIME))?,
            crl_number: SerialNumber::from(self.index.next_number(issuer, now)?),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer(issuer)?)?;
        files::replace(&self.list_path(issuer), list.der(), PUBLIC)
    }

    /// Reads the key for one signature's time only.
    fn issuer(&self, issuer: IssuerName) -> Result<Issuer<'static, KeyPair>, CertsFault> {
        let key = read_key(&self.folder.join(issuer.as_str()).join("key.pem"))?;
        let der = match issuer {
            IssuerName::Root => self.root.der(),
            IssuerName::Issuing => &self.issuing,
        };
        Ok(Issuer::from_ca_cert_der(&CertificateDer::from(der), key)?)
    }

    fn issuing_end(&self) -> Result<Timestamp, CertsFault> {
        let certificate = parse(&self.issuing)?;
        Ok(Timestamp(certificate.validity().not_after.timestamp()))
    }

    fn leaf_path(&self, serial: &Serial) -> PathBuf {
        self.folder.join("issued").join(format!("{serial}.pem"))
    }

    fn list_path(&self, issuer: IssuerName) -> PathBuf {
        self.folder.join(issuer.as_str()).join("crl.der")
    }
}

fn lock(folder: &Path) -> Result<File, CertsFault> {
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(CertsFault::disk(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(CertsFault::Busy(folder.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(CertsFault::Disk { path, source }),
    }
}

fn parse(der: &[u8]) -> Result<x509_parser::certificate::X509Certificate<'_>, CertsFault> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).map_err(|_| {
        CertsFault::Chain(carnet_protocol::pki::ChainFault::Malformed(carnet_protocol::pki::Place::Issuer(1), "it is not DER"))
    })?;
    Ok(certificate)
}

fn serial_of(der: &[u8]) -> Result<Serial, CertsFault> {
    let certificate = parse(der)?;
    Serial::from_slice(certificate.raw_serial()).ok_or(CertsFault::UnknownSerial)
}

fn revoked_entry(serial: &Serial, revoked: &Revoked) -> Result<RevokedCertParams, CertsFault> {
    Ok(RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial.as_bytes()),
        revocation_time: moment(revoked.at)?,
        reason_code: Some(revoked.reason.to_rcgen()),
        invalidity_date: revoked.invalid_from.map(moment).transpose()?,
    })
}

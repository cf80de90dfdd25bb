//! Making private keys.

use std::path::{Path, PathBuf};

use carnet_protocol::pki::{Algorithm, Role};
use rcgen::KeyPair;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::files::{self, SECRET};
use crate::{CertsFault, SigningRequest, Subject};

/// PKCS#8 version 1 of an Ed25519 seed (RFC 8410, section 7). Version 2, which adds the public key, is read by fewer programs.
const ED25519_PKCS8: &[u8] = &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const MAX_KEY_FILE: u64 = 4096;

/// A new private key as PEM, and ready for use.
pub(crate) fn new_key(algorithm: Algorithm) -> Result<(Zeroizing<String>, KeyPair), CertsFault> {
    let rng = SystemRandom::new();
    let random = |_| CertsFault::Making("the system's random number source does not answer".into());
    let der = match algorithm {
        Algorithm::Ed25519 => {
            let mut der = Zeroizing::new([ED25519_PKCS8, &[0; 32]].concat());
            rng.fill(&mut der[ED25519_PKCS8.len()..]).map_err(random)?;
            der
        }
        Algorithm::P256 => {
            Zeroizing::new(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).map_err(random)?.as_ref().to_vec())
        }
    };
    // Line by line would leave copies behind; one buffer is wiped.
    let text = Zeroizing::new(pem::encode_config(
        &pem::Pem::new("PRIVATE KEY", der.to_vec()),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    ));
    Ok((text, pair(&der)?))
}

/// Reads a private key's PEM file.
pub(crate) fn read_key(path: &Path) -> Result<KeyPair, CertsFault> {
    let text = Zeroizing::new(files::read(path, MAX_KEY_FILE)?);
    let der = Zeroizing::new(PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| carnet_protocol::pki::KeyFault::NotAKey)?);
    pair(der.secret_pkcs8_der())
}

fn pair(der: &[u8]) -> Result<KeyPair, CertsFault> {
    let der = PrivatePkcs8KeyDer::from(der);
    [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384]
        .into_iter()
        .find_map(|algorithm| KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm).ok())
        .ok_or(CertsFault::Key(carnet_protocol::pki::KeyFault::NotAKey))
}

/// The private keys of a node, in their folder: `tls.key`, `record.key`, `log.key` (Ed25519) and `package.key` (P-256).
pub struct NodeKeys {
    folder: PathBuf,
}

impl NodeKeys {
    /// Makes all four, mode 0600.
    ///
    /// # Errors
    /// The disk's, or a key that exists already: then no key is written.
    pub fn create(folder: &Path) -> Result<Self, CertsFault> {
        let keys = Self { folder: folder.to_owned() };
        if let Some(taken) = Role::ALL.iter().map(|role| keys.path(*role)).find(|path| path.exists()) {
            return Err(CertsFault::Exists(taken));
        }
        files::make_folder(folder)?;
        for role in Role::ALL {
            let algorithm = if role == Role::PackageEncryption { Algorithm::P256 } else { Algorithm::Ed25519 };
            files::write_new(&keys.path(role), new_key(algorithm)?.0.as_bytes(), SECRET)?;
        }
        Ok(keys)
    }

    /// The keys that lie in a folder already.
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The file of a role's key.
    pub fn path(&self, role: Role) -> PathBuf {
        self.folder.join(format!("{role}.key"))
    }

    /// A signing request (PKCS#10) by a role's key. The key stays where it is.
    ///
    /// # Errors
    /// The key cannot be read, or a name is not of the profile's form.
    pub fn request(&self, role: Role, subject: &Subject) -> Result<SigningRequest, CertsFault> {
        SigningRequest::make(role, subject, &read_key(&self.path(role))?)
    }
}

//! Public keys and signatures by them.

use ring::signature::{self, UnparsedPublicKey};
use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::ring as algorithms;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::SignatureFault;

/// The key algorithm of a leaf (`PKI-015`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032); COSE algorithm -19.
    Ed25519,
    /// ECDSA or ECDH on P-256 (FIPS 186-5), for keys in hardware; COSE algorithm -9 with SHA-256.
    P256,
}

/// Key algorithms of the profile, certificate authorities' included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Ed25519,
    P256,
    P384,
}

/// The DER before the key's own bytes in a SubjectPublicKeyInfo: RFC 8410, section 4, and RFC 5480, section 2.
const ED25519_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];
const P384_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62,
    0x00,
];

impl KeyKind {
    /// Tells the kind by the exact DER: there is one encoding of each, and another one is not of the profile.
    pub(super) fn of_spki(der: &[u8]) -> Option<Self> {
        [(KeyKind::Ed25519, ED25519_PREFIX, 32), (KeyKind::P256, P256_PREFIX, 65), (KeyKind::P384, P384_PREFIX, 97)]
            .into_iter()
            .find(|(kind, prefix, length)| {
                der.len() == prefix.len() + length && der.starts_with(prefix) && (*kind == KeyKind::Ed25519 || der[prefix.len()] == 4)
            })
            .map(|(kind, _, _)| kind)
    }
}

/// The public key of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    spki: Vec<u8>,
}

impl PublicKey {
    /// The key in a DER SubjectPublicKeyInfo, if it is of the profile: Ed25519, or P-256 with an uncompressed point.
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        let algorithm = match KeyKind::of_spki(der)? {
            KeyKind::Ed25519 => Algorithm::Ed25519,
            KeyKind::P256 => Algorithm::P256,
            KeyKind::P384 => return None,
        };
        Some(Self { algorithm, spki: der.to_vec() })
    }

    pub(super) fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Self {
        let prefix = match algorithm {
            Algorithm::Ed25519 => ED25519_PREFIX,
            Algorithm::P256 => P256_PREFIX,
        };
        Self { algorithm, spki: [prefix, raw].concat() }
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key itself: 32 bytes for Ed25519; 65 bytes, an uncompressed point, for P-256.
    pub fn raw(&self) -> &[u8] {
        match self.algorithm {
            Algorithm::Ed25519 => &self.spki[ED25519_PREFIX.len()..],
            Algorithm::P256 => &self.spki[P256_PREFIX.len()..],
        }
    }

    /// Checks a signature over `message`: 64 bytes of RFC 8032, or r and s of 32 bytes each (ECDSA with SHA-256, as COSE has it).
    ///
    /// # Errors
    /// Any signature that is not this key's over this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        let algorithm: &dyn signature::VerificationAlgorithm = match self.algorithm {
            Algorithm::Ed25519 => &signature::ED25519,
            Algorithm::P256 => &signature::ECDSA_P256_SHA256_FIXED,
        };
        UnparsedPublicKey::new(algorithm, self.raw()).verify(message, signature).map_err(|_| SignatureFault)
    }
}

/// Signature algorithms of certificates and revocation lists (`PKI-015`).
pub(super) static CERTIFICATE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ED25519,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
];

/// Whether certificates may be signed with `algorithm`: Ed25519, or ECDSA with SHA-256 or SHA-384, without parameters.
pub(super) fn is_certificate_algorithm(algorithm: &AlgorithmIdentifier<'_>) -> bool {
    let oid = algorithm.algorithm.as_bytes();
    algorithm.parameters.is_none() && [ED25519_OID, ECDSA_SHA256_OID, ECDSA_SHA384_OID].contains(&oid)
}

const ED25519_OID: &[u8] = &[0x2b, 0x65, 0x70];
const ECDSA_SHA256_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_SHA384_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];

/// Checks the signature of a certificate or a revocation list under the issuer's key.
pub(super) fn verify_issued(
    issuer_spki: &[u8],
    algorithm: &AlgorithmIdentifier<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFault> {
    let (Some(kind), true) = (KeyKind::of_spki(issuer_spki), is_certificate_algorithm(algorithm)) else { return Err(SignatureFault) };
    let verifier = match (kind, algorithm.algorithm.as_bytes()) {
        (KeyKind::Ed25519, ED25519_OID) => algorithms::ED25519,
        (KeyKind::P256, ECDSA_SHA256_OID) => algorithms::ECDSA_P256_SHA256,
        (KeyKind::P256, ECDSA_SHA384_OID) => algorithms::ECDSA_P256_SHA384,
        (KeyKind::P384, ECDSA_SHA256_OID) => algorithms::ECDSA_P384_SHA256,
        (KeyKind::P384, ECDSA_SHA384_OID) => algorithms::ECDSA_P384_SHA384,
        _ => return Err(SignatureFault),
    };
    let (_, spki) = SubjectPublicKeyInfo::from_der(issuer_spki).map_err(|_| SignatureFault)?;
    verifier.verify_signature(&spki.subject_public_key.data, message, signature).map_err(|_| SignatureFault)
}

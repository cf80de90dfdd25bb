//! Private keys that sign.

use std::fmt;

use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::{Algorithm, PublicKey};

/// A private key file beyond this is not a key of ours.
const MAX_KEY_FILE: usize = 4 * 1024;

/// Why a private key cannot be used. Never says anything about the key's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not a private key of the profile.
    #[error("not a PKCS#8 private key for Ed25519 or P-256: write one with carnet init, or convert with openssl pkcs8 -topk8")]
    NotAKey,
    /// The random number source failed, or the key cannot sign.
    #[error("signing failed: the system's random number source does not answer")]
    Signing,
}

/// A private key for signatures. It is neither printed nor copied.
///
/// The caller's buffers are the caller's to wipe: read key files into memory that is wiped. The parsed copy lives in ring,
/// which does not wipe it when dropped.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKey {
    /// Reads PKCS#8 DER (RFC 5958), Ed25519 or P-256. `rng` blinds the check of a P-256 key.
    ///
    /// # Errors
    /// Anything else, or a private key that does not belong to the public key beside it.
    pub fn from_pkcs8(der: &[u8], rng: &dyn SecureRandom) -> Result<Self, KeyFault> {
        if der.len() > MAX_KEY_FILE {
            return Err(KeyFault::NotAKey);
        }
        // OpenSSL writes Ed25519 keys without the public half, which ring then computes.
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            let public = PublicKey::from_raw(Algorithm::Ed25519, pair.public_key().as_ref());
            return Ok(Self { pair: Pair::Ed25519(pair), public });
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, rng).map_err(|_| KeyFault::NotAKey)?;
        let public = PublicKey::from_raw(Algorithm::P256, pair.public_key().as_ref());
        Ok(Self { pair: Pair::P256(pair), public })
    }

    /// Reads a PEM file with one `PRIVATE KEY` block.
    ///
    /// # Errors
    /// As [`SigningKey::from_pkcs8`].
    pub fn from_pkcs8_pem(text: &[u8], rng: &dyn SecureRandom) -> Result<Self, KeyFault> {
        if text.len() > MAX_KEY_FILE {
            return Err(KeyFault::NotAKey);
        }
        let der = Zeroizing::new(PrivatePkcs8KeyDer::from_pem_slice(text).map_err(|_| KeyFault::NotAKey)?);
        Self::from_pkcs8(der.secret_pkcs8_der(), rng)
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The public key.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`: 64 bytes of RFC 8032, or r and s of 32 bytes each. Ed25519 takes nothing from `rng`.
    ///
    /// # Errors
    /// The random number source failed (P-256 only).
    pub fn sign(&self, message: &[u8], rng: &dyn SecureRandom) -> Result<Vec<u8>, KeyFault> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => Ok(pair.sign(rng, message).map_err(|_| KeyFault::Signing)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, private part not shown)", self.algorithm())
    }
}

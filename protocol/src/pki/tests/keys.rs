use rcgen::KeyPair;
use ring::rand::SystemRandom;

use super::maker::*;
use crate::pki::{Algorithm, KeyFault, PublicKey, Role, SigningKey};

#[test]
fn signs_and_verifies_by_certificate() {
    let rng = SystemRandom::new();
    for (pair, algorithm) in [(&rcgen::PKCS_ED25519, Algorithm::Ed25519), (&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::P256)] {
        let pair = KeyPair::generate_for(pair).unwrap();
        let key = SigningKey::from_pkcs8(&pair.serialize_der(), &rng).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let world = World::new(Role::RecordSigning);
        let leaf = world.issuing.issue(&leaf_params(Role::RecordSigning), &pair);
        let leaf = World { leaf, ..world }.judge().unwrap();
        assert_eq!(&leaf.public_key, key.public());
        let signature = key.sign(b"message", &rng).unwrap();
        assert_eq!(signature.len(), 64);
        assert!(leaf.verify(b"message", &signature).is_ok());
        assert!(leaf.verify(b"massage", &signature).is_err());
        for at in 0..64 {
            let mut spoiled = signature.clone();
            spoiled[at] ^= 1;
            assert!(leaf.verify(b"message", &spoiled).is_err());
        }
        assert!(leaf.verify(b"message", &signature[..63]).is_err() && leaf.verify(b"message", &[]).is_err());
    }
}

#[test]
fn keys_are_read_from_pem_and_never_shown() {
    let rng = SystemRandom::new();
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let key = SigningKey::from_pkcs8_pem(pair.serialize_pem().as_bytes(), &rng).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(Ed25519, private part not shown)");
    assert_eq!(PublicKey::from_spki(key.public().spki()).as_ref(), Some(key.public()));
    let too_large = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(SigningKey::from_pkcs8(&too_large.serialize_der(), &rng).unwrap_err(), KeyFault::NotAKey);
    assert_eq!(SigningKey::from_pkcs8_pem(b"-----BEGIN PRIVATE KEY-----", &rng).unwrap_err(), KeyFault::NotAKey);
    assert_eq!(SigningKey::from_pkcs8(&[0; 4097], &rng).unwrap_err(), KeyFault::NotAKey);
}

#[test]
fn purposes_are_the_documented_object_identifiers() {
    let texts: Vec<String> = Role::ALL
        .iter()
        .flat_map(|role| role.purposes())
        .map(|oid| decoded(oid).iter().map(u128::to_string).collect::<Vec<_>>().join("."))
        .collect();
    let uuid = u128::from_str_radix("5832d16a7f2b4cdea5e93f0b873064a2", 16).unwrap();
    assert_eq!(
        texts,
        [
            "1.3.6.1.5.5.7.3.1".to_owned(),
            "1.3.6.1.5.5.7.3.2".to_owned(),
            "1.3.6.1.5.5.7.3.36".to_owned(),
            format!("2.25.{uuid}.1"),
            format!("2.25.{uuid}.2")
        ]
    );
}

fn decoded(oid: &[u8]) -> Vec<u128> {
    let mut arcs = vec![];
    let mut arc = 0u128;
    for byte in oid {
        arc = arc << 7 | u128::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            arcs.push(std::mem::take(&mut arc));
        }
    }
    let first = arcs[0].min(80) / 40;
    arcs.splice(0..1, [first, oid[0] as u128 - 40 * first]);
    arcs
}

//! COSE_Sign1 (RFC 9052, section 4.2) as the profile has it: tagged, everything in the protected header, the payload attached.

use std::ops::Range;

use coset::{CoseSign1Builder, HeaderBuilder, ProtectedHeader, TaggedCborSerializable as _, iana};
use minicbor::Decoder;
use ring::rand::SecureRandom;

use super::{Signer, low_s};
use crate::cbor;
use crate::pki::{Algorithm, MAX_CERTIFICATE, MAX_CHAIN};
use crate::reason::{Fault, Reason};

/// Fully specified algorithm numbers (RFC 9864): Ed25519, and ES256 on P-256.
pub(super) const ED25519: i64 = iana::Algorithm::Ed25519 as i64;
pub(super) const ESP256: i64 = iana::Algorithm::ESP256 as i64;

/// Header labels: alg, content type (RFC 9052), x5chain (RFC 9360).
const ALG: i64 = 1;
const CONTENT_TYPE: i64 = 3;
const X5CHAIN: i64 = 33;

/// The head of a tagged COSE_Sign1: tag 18, array of four.
const HEAD: [u8; 2] = [0xd2, 0x84];

/// Where the parts of signed bytes are, and the small ones themselves.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    protected: Range<usize>,
    pub payload: Range<usize>,
    pub signature: Vec<u8>,
    pub algorithm: i64,
    pub chain: Vec<Vec<u8>>,
}

impl Parts {
    /// The bytes that are signed: `["Signature1", protected, h'', payload]` (RFC 9052, section 4.4).
    pub fn signature_structure(&self, bytes: &[u8]) -> Vec<u8> {
        let payload = &bytes[self.payload.clone()];
        let protected = ProtectedHeader { original_data: Some(bytes[self.protected.clone()].to_vec()), header: coset::Header::default() };
        coset::sig_structure_data(coset::SignatureContext::CoseSign1, protected, None, &[], payload)
    }
}

/// Signs `payload`.
pub(super) fn sign(content_type: &str, payload: &[u8], signer: &Signer, random: &dyn SecureRandom) -> Result<Vec<u8>, Fault> {
    let algorithm = match signer.key.algorithm() {
        Algorithm::Ed25519 => iana::Algorithm::Ed25519,
        Algorithm::P256 => iana::Algorithm::ESP256,
    };
    let chain = signer.chain.iter().map(|certificate| coset::cbor::Value::Bytes(certificate.clone())).collect();
    let header = HeaderBuilder::new()
        .algorithm(algorithm)
        .content_type(content_type.to_owned())
        .value(X5CHAIN, coset::cbor::Value::Array(chain))
        .build();
    let mut failed = None;
    let signed = CoseSign1Builder::new()
        .protected(header)
        .payload(payload.to_vec())
        .create_signature(&[], |message| match signer.key.sign(message, random) {
            Ok(signature) if algorithm == iana::Algorithm::ESP256 => low_s::lowered(signature),
            Ok(signature) => signature,
            Err(fault) => {
                failed = Some(fault.to_string());
                Vec::new()
            }
        })
        .build();
    if let Some(detail) = failed {
        return Err(Fault::new(Reason::Internal, detail));
    }
    signed.to_tagged_vec().map_err(|error| Fault::new(Reason::CoseShape, error.to_string()))
}

/// Takes signed bytes apart (`SIG-010`, steps 2 to 4). The outer array, the protected header and the payload are each deterministic.
pub(super) fn parse(bytes: &[u8], content_type: &str) -> Result<Parts, Fault> {
    if !bytes.starts_with(&HEAD) {
        return Err(Fault::at(Reason::CoseShape, 0, "not a tagged COSE_Sign1 of four items"));
    }
    // The tag is the one place where the profile has one, so the scan begins at the array behind it.
    cbor::scan(&bytes[1..]).map_err(|fault| Fault { at: fault.at.map(|at| at + 1), ..fault })?;
    let mut decoder = Decoder::new(bytes);
    decoder.set_position(HEAD.len());
    let protected = bytes_range(&mut decoder)?;
    if bytes.get(decoder.position()) != Some(&0xa0) {
        return Err(Fault::at(Reason::CoseUnprotected, decoder.position() as u64, "the unprotected header must be an empty map"));
    }
    decoder.set_position(decoder.position() + 1);
    let payload = bytes_range(&mut decoder)?;
    let signature = bytes[bytes_range(&mut decoder)?].to_vec();
    let (algorithm, chain) = header(&bytes[protected.clone()], protected.start as u64, content_type)?;
    Ok(Parts { protected, payload, signature, algorithm, chain })
}

fn bytes_range(decoder: &mut Decoder<'_>) -> Result<Range<usize>, Fault> {
    let at = decoder.position() as u64;
    let bytes = decoder.bytes().map_err(|_| Fault::at(Reason::CoseShape, at, "a byte string belongs here"))?;
    let end = decoder.position();
    Ok(end - bytes.len()..end)
}

/// Reads the protected header: exactly alg, content type and x5chain.
fn header(bytes: &[u8], at: u64, content_type: &str) -> Result<(i64, Vec<Vec<u8>>), Fault> {
    cbor::scan(bytes).map_err(|fault| Fault { at: fault.at.map(|inner| inner + at), ..fault })?;
    let wrong = |detail: &str| Fault::at(Reason::CoseHeader, at, detail);
    let fields = cbor::map_fields(bytes)?;
    let [(alg_key, alg), (type_key, media), (chain_key, chain)] = fields.as_slice() else {
        return Err(wrong("the protected header has exactly alg, content type and x5chain"));
    };
    let label = |key: &[u8]| minicbor::decode::<i64>(key).ok();
    if [label(alg_key), label(type_key), label(chain_key)] != [Some(ALG), Some(CONTENT_TYPE), Some(X5CHAIN)] {
        return Err(wrong("the protected header has exactly alg, content type and x5chain"));
    }
    let algorithm: i64 = minicbor::decode(alg).map_err(|_| wrong("alg is a number"))?;
    if algorithm != ED25519 && algorithm != ESP256 {
        return Err(Fault::at(Reason::CoseAlgorithm, at, format!("algorithm {algorithm}; the profile has -19 (Ed25519) and -9 (ESP256)")));
    }
    if minicbor::decode::<&str>(media).ok() != Some(content_type) {
        return Err(Fault::at(Reason::CoseContentType, at, format!("the content type is not {content_type}")));
    }
    // A lone byte string is RFC 9360's form for one certificate; the profile has one form, a list.
    if chain.first().is_none_or(|head| head >> 5 != 4) {
        return Err(wrong("x5chain is a list of certificates"));
    }
    let mut certificates = Vec::new();
    for item in cbor::array_items(chain)? {
        let certificate: &minicbor::bytes::ByteSlice = minicbor::decode(item).map_err(|_| wrong("x5chain is a list of certificates"))?;
        if certificate.len() > MAX_CERTIFICATE {
            return Err(Fault::at(Reason::ChainTooLong, at, "a certificate is larger than the limit"));
        }
        certificates.push(certificate.to_vec());
    }
    match certificates.len() {
        0 => Err(Fault::at(Reason::ChainEmpty, at, "x5chain has no certificate")),
        n if n > MAX_CHAIN => Err(Fault::at(Reason::ChainTooLong, at, format!("{n} certificates; the limit is {MAX_CHAIN}"))),
        _ => Ok((algorithm, certificates)),
    }
}

//! Signed statements with any fault, put together byte by byte and not by the code under test.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use carnet_protocol::signed::Signer;
use ring::rand::SystemRandom;

pub const RECORD_TYPE: &str = "application/carnet-record+cbor";

/// The head of a CBOR item in its shortest form.
pub fn head(major: u8, argument: u64) -> Vec<u8> {
    let major = major << 5;
    match argument {
        0..=23 => vec![major | argument as u8],
        24..=0xff => vec![major | 24, argument as u8],
        0x100..=0xffff => [&[major | 25][..], &(argument as u16).to_be_bytes()].concat(),
        0x1_0000..=0xffff_ffff => [&[major | 26][..], &(argument as u32).to_be_bytes()].concat(),
        _ => [&[major | 27][..], &argument.to_be_bytes()].concat(),
    }
}

pub fn bstr(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len() as u64), bytes.to_vec()].concat()
}

pub fn tstr(text: &str) -> Vec<u8> {
    [head(3, text.len() as u64), text.as_bytes().to_vec()].concat()
}

pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

/// A map of at most 23 entries with one more at its end.
pub fn with_field(map: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    assert!((0xa0..0xb7).contains(&map[0]));
    [&[map[0] + 1], &map[1..], key, value].concat()
}

/// The parts of a COSE_Sign1, each spoilt at will.
#[derive(Clone)]
pub struct Forge {
    pub head: Vec<u8>,
    /// Keys and values of the protected header.
    pub header: Vec<(Vec<u8>, Vec<u8>)>,
    /// After the header's map, within its byte string.
    pub header_tail: Vec<u8>,
    /// Stands in the place of the protected header's byte string.
    pub protected: Option<Vec<u8>>,
    pub unprotected: Vec<u8>,
    pub payload: Vec<u8>,
    /// Stands in the place of the payload's byte string.
    pub payload_item: Option<Vec<u8>>,
    /// Applied to the signature.
    pub spoil: fn(Vec<u8>) -> Vec<u8>,
    /// Stands in the place of the signature's byte string.
    pub signature_item: Option<Vec<u8>>,
    pub tail: Vec<u8>,
}

impl Forge {
    pub fn new(payload: Vec<u8>, signer: &Signer, content_type: &str) -> Self {
        let algorithm = match signer.key.algorithm() {
            carnet_protocol::pki::Algorithm::Ed25519 => vec![0x32],
            carnet_protocol::pki::Algorithm::P256 => vec![0x28],
        };
        let chain: Vec<Vec<u8>> = signer.chain.iter().map(|certificate| bstr(certificate)).collect();
        Self {
            head: vec![0xd2, 0x84],
            header: vec![(vec![0x01], algorithm), (vec![0x03], tstr(content_type)), (vec![0x18, 0x21], list(&chain))],
            header_tail: Vec::new(),
            protected: None,
            unprotected: vec![0xa0],
            payload,
            payload_item: None,
            spoil: |signature| signature,
            signature_item: None,
            tail: Vec::new(),
        }
    }

    pub fn sign(&self, signer: &Signer) -> Vec<u8> {
        let fields: Vec<u8> = self.header.iter().flat_map(|(key, value)| [key.clone(), value.clone()].concat()).collect();
        let protected = bstr(&[head(5, self.header.len() as u64), fields, self.header_tail.clone()].concat());
        // RFC 9052, section 4.4: ["Signature1", protected, h'', payload].
        let message = [head(4, 4), tstr("Signature1"), protected.clone(), bstr(&[]), bstr(&self.payload)].concat();
        let signature = (self.spoil)(signer.key.sign(&message, &SystemRandom::new()).unwrap());
        [
            self.head.clone(),
            self.protected.clone().unwrap_or(protected),
            self.unprotected.clone(),
            self.payload_item.clone().unwrap_or_else(|| bstr(&self.payload)),
            self.signature_item.clone().unwrap_or_else(|| bstr(&signature)),
            self.tail.clone(),
        ]
        .concat()
    }
}

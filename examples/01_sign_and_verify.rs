//! A record is signed, verified, and then broken by one bit.
//!
//! It shows the one door: bytes -> `Signed::parse` (structure) -> `Signed::verify` (signature, certificate chain, revocation, time)
//! -> `Verified<Record>`, the only form in which the rest of the program takes a record. Needs no node, no network, no database.

#![allow(clippy::print_stdout, reason = "an example's output")]

use std::path::Path;

use carnet_certs::DevelopmentPki;
use carnet_protocol::digest::Digest;
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Revocations, Root, SigningKey, certificates_from_pem};
use carnet_protocol::record::{Annotation, Content, Handling, Maker, PROFILE_VERSION, Record};
use carnet_protocol::signed::{Signed, Signer, TimeEvidence, Trust};
use carnet_protocol::time::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let now = Timestamp(1_790_000_000); // time is an argument: the same example gives the same dates in every year
    let nl: Country = "NL".parse()?;
    DevelopmentPki::create(folder.path(), nl, "Customs of NL (example)", "node-1", "log.example/nl", now)?;
    let root = Root::read(&certificates_from_pem(&std::fs::read(folder.path().join("pki/root.pem"))?)?[0])?;
    println!("root of {} with fingerprint {}", root.administration(), root.fingerprint());

    let random = SystemRandom::new();
    let signer = signer(folder.path(), &random)?;
    let record = remark(nl, now, &random)?;
    let signed = Signed::sign(&record, &signer, &random)?;
    let bytes = signed.bytes().to_vec();
    println!("signed: {} bytes, record {}", bytes.len(), signed.id());

    // The receiver has the bytes and the root, nothing else.
    let trust = Trust { root: &root, revocations: &Revocations::default() };
    let verified = Signed::<Record>::parse(&bytes)?.verify(trust, TimeEvidence::now(now))?;
    println!("verified: {:?}", verified.statement().view()?);

    // One bit, wherever it is, and the record is not the one that was signed.
    for at in [20, bytes.len() / 2, bytes.len() - 1] {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        let outcome = Signed::<Record>::parse(&broken).and_then(|signed| signed.verify(trust, TimeEvidence::now(now)));
        let Err(fault) = outcome else { anyhow::bail!("a broken record got through the door") };
        println!("byte {at} changed: {fault}");
    }
    Ok(())
}

/// The key that signs records and the certificates that speak for it.
fn signer(folder: &Path, random: &SystemRandom) -> anyhow::Result<Signer> {
    let key = SigningKey::from_pkcs8_pem(&std::fs::read(folder.join("keys/record.key"))?, random)?;
    Ok(Signer { key, chain: certificates_from_pem(&std::fs::read(folder.join("pki/record.pem"))?)? })
}

/// A small record: a remark.
fn remark(nl: Country, now: Timestamp, random: &SystemRandom) -> anyhow::Result<Record> {
    let mut salt = [0; 32];
    random.fill(&mut salt).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    let content = Annotation { text: "The seal was broken on arrival.".into(), category: None, regions: Vec::new() };
    let (kind, content) = Content::Annotation(content).into_parts();
    Ok(Record {
        version: PROFILE_VERSION,
        salt: Digest(salt),
        kind,
        inspection: "NL-EXAMPLE-1".into(),
        maker: Maker {
            administration: nl,
            office: None,
            site: None,
            instrument: None,
            node: "node-1".into(),
            log: "log.example/nl".into(),
        },
        made: now,
        parents: Vec::new(),
        payloads: Vec::new(),
        handling: Handling::releasable_to(["FR".parse()?]),
        content,
        commitments: Vec::new(),
    })
}

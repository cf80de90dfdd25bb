//! Showing certificates to people.

use carnet_certs::{Authority, CertsFault, SigningRequest};
use carnet_protocol::digest::Digest;
use carnet_protocol::pki::{Claims, Root, certificates_from_pem, lists_from_pem};
use carnet_protocol::time::Timestamp;

/// Prints what an authority issued.
pub(crate) fn list(authority: &Authority, json: bool, now: Timestamp) {
    for entry in authority.entries() {
        let state = match entry.revoked {
            Some(_) => "revoked",
            None if now > entry.not_after => "expired",
            None => "valid",
        };
        if json {
            let line = serde_json::json!({
                "serial": entry.serial.to_string(),
                "role": entry.role.as_str(),
                "node": entry.node,
                "log_origin": entry.log_origin,
                "issued": entry.issued.to_string(),
                "not_after": entry.not_after.to_string(),
                "replaces": entry.replaces.as_ref().map(|serial| serial.to_string()),
                "state": state,
                "revoked": entry.revoked.map(|revoked| revoked.at.to_string()),
                "reason": entry.revoked.map(|revoked| revoked.reason.to_string()),
            });
            println!("{line}");
        } else {
            println!("{}  {:<7}  {:<7}  until {}  {}", entry.serial, entry.role.as_str(), state, entry.not_after, entry.node);
        }
    }
}

/// Prints what a PEM file holds.
pub(crate) fn file(text: &[u8]) -> Result<(), CertsFault> {
    let lists = lists_from_pem(text)?;
    if !lists.is_empty() {
        return lists.iter().try_for_each(|list| revocation_list(list));
    }
    let Ok(certificates) = certificates_from_pem(text) else {
        let request = SigningRequest::from_pem(text)?;
        let subject = request.subject();
        println!("signing request, signature good");
        println!("  subject     {} / {} / {}", subject.administration, subject.administration_name, subject.node);
        println!("  log         {}", subject.log_origin.as_deref().unwrap_or("none"));
        println!("  key         {:?}, SHA-256 {}", request.public_key().algorithm(), Digest::of(request.public_key().spki()));
        return Ok(());
    };
    for der in &certificates {
        if let Ok(root) = Root::read(der) {
            println!("root");
            println!("  subject     {} / {}", root.administration(), root.administration_name());
            println!("  valid       {} to {}", root.not_before(), root.not_after());
            println!("  SHA-256     {}", root.fingerprint());
            continue;
        }
        match Claims::read(der) {
            Ok(claims) => leaf(&claims),
            Err(_) if certificates.len() > 1 => println!("issuing authority\n  SHA-256     {}", Digest::of(der)),
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(())
}

fn leaf(claims: &Claims) {
    println!("leaf for {}", claims.role);
    println!("  subject     {} / {} / {}", claims.administration, claims.administration_name, claims.node);
    println!("  log         {}", claims.log_origin.as_deref().unwrap_or("none"));
    println!("  serial      {}", claims.serial);
    println!("  valid       {} to {}", claims.not_before, claims.not_after);
    println!("  key         {:?}, SHA-256 {}", claims.public_key.algorithm(), Digest::of(claims.public_key.spki()));
    println!("  SHA-256     {}", claims.fingerprint);
}

fn revocation_list(der: &[u8]) -> Result<(), CertsFault> {
    use carnet_protocol::pki::ChainFault;
    let (_, list) = x509_parser::parse_x509_crl(der).map_err(|_| ChainFault::Crl("it is not the DER of a list"))?;
    let time = |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp());
    println!("revocation list {}", list.crl_number().map_or_else(|| "without a number".into(), ToString::to_string));
    println!("  issued      {}", time(list.last_update()));
    println!("  due         {}", list.next_update().map_or_else(|| "never".into(), |due| time(due).to_string()));
    for entry in list.iter_revoked_certificates() {
        let serial: String = entry.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect();
        println!("  revoked     {serial} at {}", time(entry.revocation_date));
    }
    Ok(())
}

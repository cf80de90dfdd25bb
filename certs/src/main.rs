//! `carnet-pki`: the desk where an administration's certificates are issued, renewed and revoked.
//!
//! Exit codes: 0 done; 1 the machine failed (disk, clock, damaged folder); 2 refused (wrong input, unknown serial, expired authority).
#![allow(clippy::print_stdout, reason = "this is the command line: results go to standard output")]

mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use carnet_certs::{Authority, CertsFault, Issued, Reason, Revocation, SigningRequest};
use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{Role, Serial, pem_from_lists};
use carnet_protocol::time::Timestamp;
use clap::{Parser, Subcommand};

/// Issue, renew and revoke the certificates of an administration.
///
/// The authority lives in a folder (--ca). Keep its root/ on a machine without a network. Nodes' private keys never come here:
/// a node writes a signing request, this program answers with a certificate chain.
#[derive(Parser)]
#[command(name = "carnet-pki", version, after_help = "Exit codes: 0 done, 1 the machine failed, 2 refused.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an administration: root, issuing authority and their empty revocation lists.
    Init {
        /// The folder of the authority; it must not hold one.
        #[arg(long)]
        ca: PathBuf,
        /// The administration's country (ISO 3166-1 alpha-2), as NL.
        #[arg(long)]
        administration: Country,
        /// The administration's name, as "Douane".
        #[arg(long)]
        name: String,
    },
    /// Issue a certificate for a signing request, and print or write the chain (leaf, issuing authority) as PEM.
    Issue {
        /// The folder of the authority.
        #[arg(long)]
        ca: PathBuf,
        /// What the certificate is for: tls, record, log or package.
        #[arg(long)]
        role: Role,
        /// The signing request (PKCS#10, PEM).
        #[arg(long)]
        request: PathBuf,
        /// Where to write the chain; it must not exist. Standard output if left out.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Renew a certificate for the same key, or for a new one if a signing request is given.
    Renew {
        /// The folder of the authority.
        #[arg(long)]
        ca: PathBuf,
        /// The serial number of the old certificate, hexadecimal.
        #[arg(long)]
        serial: Serial,
        /// A signing request with the same names and a new key.
        #[arg(long)]
        request: Option<PathBuf>,
        /// Where to write the chain; it must not exist. Standard output if left out.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Revoke a certificate, or the issuing authority itself, and write its issuer's new list.
    Revoke {
        /// The folder of the authority.
        #[arg(long)]
        ca: PathBuf,
        /// The serial number, hexadecimal.
        #[arg(long)]
        serial: Serial,
        /// key-compromise, ca-compromise, affiliation-changed, superseded, cessation-of-operation, privilege-withdrawn or unspecified.
        #[arg(long)]
        reason: Reason,
        /// Since when the key may have been in other hands (RFC 3339). Without it, nothing that it ever signed is believed.
        #[arg(long)]
        invalid_from: Option<Timestamp>,
    },
    /// Write both revocation lists anew, and print or write them as one PEM file for nodes and partners.
    Crl {
        /// The folder of the authority.
        #[arg(long)]
        ca: PathBuf,
        /// Where to write the lists; it must not exist. Standard output if left out.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// List what was issued.
    List {
        /// The folder of the authority.
        #[arg(long)]
        ca: PathBuf,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show a root, a chain, a signing request or revocation lists (PEM), with the fingerprint to compare by telephone.
    Show {
        /// The file.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("carnet-pki: {fault}");
            ExitCode::from(if fault.is_refusal() { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> Result<(), CertsFault> {
    let now = now()?;
    match command {
        Command::Init { ca, administration, name } => {
            let authority = Authority::create(&ca, administration, &name, now)?;
            println!("administration {} {}", authority.root().administration(), authority.root().administration_name());
            println!("issuing serial {}", authority.issuing_serial());
            println!("root SHA-256   {}", authority.root().fingerprint());
            println!("Partners pin this fingerprint: read it out to them by telephone or hand it over on paper.");
        }
        Command::Issue { ca, role, request, out } => {
            let request = read_request(&request)?;
            deliver_chain(&Authority::open(&ca)?.issue(&request, role, now)?, out.as_deref())?;
        }
        Command::Renew { ca, serial, request, out } => {
            let request = request.as_deref().map(read_request).transpose()?;
            deliver_chain(&Authority::open(&ca)?.renew(&serial, request.as_ref(), now)?, out.as_deref())?;
        }
        Command::Revoke { ca, serial, reason, invalid_from } => {
            Authority::open(&ca)?.revoke(&serial, Revocation { reason, invalid_from }, now)?;
            println!("revoked {serial}: {reason}; hand out the new lists with carnet-pki crl");
        }
        Command::Crl { ca, out } => {
            let mut authority = Authority::open(&ca)?;
            authority.refresh_lists(now)?;
            let lists = authority.lists()?;
            deliver(&pem_from_lists(lists.iter().map(Vec::as_slice)), out.as_deref())?;
        }
        Command::List { ca, json } => show::list(&Authority::open(&ca)?, json, now),
        Command::Show { file } => show::file(&read(&file)?)?,
    }
    Ok(())
}

/// The only place of this crate that reads the clock.
fn now() -> Result<Timestamp, CertsFault> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    since
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .map(Timestamp)
        .ok_or_else(|| CertsFault::Making("the clock stands before 1970".into()))
}

fn read(path: &Path) -> Result<Vec<u8>, CertsFault> {
    use std::io::Read;
    let most = carnet_protocol::pki::MAX_LISTS_PEM as u64;
    let mut bytes = Vec::new();
    let disk = |source| CertsFault::Disk { path: path.to_owned(), source };
    std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(disk)?;
    Ok(bytes)
}

fn read_request(path: &Path) -> Result<SigningRequest, CertsFault> {
    SigningRequest::from_pem(&read(path)?)
}

fn deliver_chain(issued: &Issued, out: Option<&Path>) -> Result<(), CertsFault> {
    eprintln!("issued {} for {} until {}", issued.claims.serial, issued.claims.role, issued.claims.not_after);
    deliver(&issued.to_pem(), out)
}

fn deliver(text: &str, out: Option<&Path>) -> Result<(), CertsFault> {
    use std::io::Write;
    let Some(path) = out else {
        print!("{text}");
        return Ok(());
    };
    let disk = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => CertsFault::Exists(path.to_owned()),
        _ => CertsFault::Disk { path: path.to_owned(), source },
    };
    let mut file = std::fs::File::create_new(path).map_err(disk)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(disk)
}

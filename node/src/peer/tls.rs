//! Mutual TLS 1.3 between nodes, each pinned by its administration's root.
//!
//! Names in the DNS mean nothing here: a partner is who its certificate says under the root that we pinned. There is no
//! resumption and no early data, since QUIC does not look at the client certificate again when it resumes, and a certificate
//! revoked in between would go on opening doors.

use std::sync::Arc;

use carnet_protocol::identifier::Country;
use carnet_protocol::pki::{ChainFault, Claims, Role, validate};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::clock;
use crate::identity::Identity;
use crate::trust::{Pinned, TrustStore};

/// The application protocol (`WIRE-001`).
pub const ALPN: &[u8] = b"carnet/1";
/// What stands in the place of a server name; certificates carry none.
pub const SERVER_NAME: &str = "node.carnet.invalid";

/// AES-128-GCM first: it is the fastest here and QUIC's header protection needs it. The hybrid X25519MLKEM768 comes first among the
/// key exchanges, so that traffic recorded today stays secret from later quantum computers.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
            aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
            aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1],
        ..aws_lc_rs::default_provider()
    }
}

/// The server's side.
///
/// # Errors
/// A key that does not belong to the chain.
pub fn server(identity: &Identity, trust: &TrustStore) -> Result<rustls::ServerConfig, Error> {
    let provider = Arc::new(provider());
    let verifier = Arc::new(PartnerVerifier::new(trust, &provider));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.tls_chain.clone(), identity.tls_key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// The client's side.
///
/// # Errors
/// A key that does not belong to the chain.
pub fn client(identity: &Identity, trust: &TrustStore) -> Result<rustls::ClientConfig, Error> {
    let provider = Arc::new(provider());
    let verifier = Arc::new(PartnerVerifier::new(trust, &provider));
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(identity.tls_chain.clone(), identity.tls_key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// Who is at the other end, as the certificate that was just verified says.
pub fn partner(certificates: &[CertificateDer<'_>]) -> Option<(Country, String)> {
    let claims = Claims::read(certificates.first()?).ok()?;
    Some((claims.administration, claims.node))
}

/// Accepts the node certificates of pinned administrations and nothing else.
#[derive(Debug)]
struct PartnerVerifier {
    trust: TrustStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PartnerVerifier {
    fn new(trust: &TrustStore, provider: &CryptoProvider) -> Self {
        Self { trust: trust.clone(), algorithms: provider.signature_verification_algorithms }
    }

    fn verify(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        let claims = Claims::read(leaf).map_err(|fault| refused(&fault.to_string(), CertificateError::BadEncoding))?;
        let Some(pinned) = self.trust.of(claims.administration) else {
            return Err(refused("no partner of this administration is pinned", CertificateError::UnknownIssuer));
        };
        let chain: Vec<&[u8]> = std::iter::once(leaf).chain(others).map(AsRef::as_ref).collect();
        judge(&pinned, &chain).map_err(|fault| refused(&fault.to_string(), alert(fault.reason())))
    }
}

/// Whether a node's chain is good now under what is pinned: asked in the handshake, and again while a connection lives.
///
/// # Errors
/// What [`validate`] finds.
pub fn judge(pinned: &Pinned, chain: &[&[u8]]) -> Result<(), ChainFault> {
    validate(chain, &pinned.root, Role::Node, clock::now(), &pinned.revocations).map(drop)
}

/// Says why in our own log; the other end gets no more than the TLS alert.
fn refused(why: &str, error: CertificateError) -> Error {
    tracing::warn!(why, "a connection is refused: its certificate is not good");
    Error::InvalidCertificate(error)
}

fn alert(reason: carnet_protocol::reason::Reason) -> CertificateError {
    use carnet_protocol::reason::Reason;
    match reason {
        Reason::ChainExpired => CertificateError::Expired,
        Reason::ChainNotYetValid => CertificateError::NotValidYet,
        Reason::ChainRevoked => CertificateError::Revoked,
        Reason::ChainUsage => CertificateError::InvalidPurpose,
        Reason::ChainMalformed | Reason::ChainTooLong => CertificateError::BadEncoding,
        _ => CertificateError::UnknownIssuer,
    }
}

impl ServerCertVerifier for PartnerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for PartnerVerifier {
    /// No hints: they would tell a stranger who our partners are.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

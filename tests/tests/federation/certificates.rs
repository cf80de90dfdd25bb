//! Who may not connect: every certificate that is not good, each tried against a node that goes on serving others.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use carnet::peer::tls::{ALPN, SERVER_NAME};
use carnet_certs::{Authority, DevelopmentPki, NodeKeys, Reason, Revocation, SigningRequest};
use carnet_protocol::pki::{Role, certificates_from_pem, pem_from_lists};
use carnet_protocol::time::DAY;
use carnet_tests::federation::{Administration, Federation};
use carnet_tests::peer::{self, Driven};
use carnet_tests::{fixtures, wait_until};
use quinn::ConnectionError;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::time::timeout;

/// Believes every server: here the server's judgement is tried, not the client's.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A chain (leaf first) and its key, or nothing; and an application protocol.
struct Visitor {
    certificate: Option<(Vec<Vec<u8>>, Vec<u8>)>,
    alpn: &'static [u8],
}

/// How a server treats a visitor.
#[derive(Debug, PartialEq, Eq)]
enum Welcome {
    /// It says hello.
    In,
    /// It ends the handshake: nothing of the application was heard.
    NoHandshake,
    /// It hears the hello and ends the connection.
    NoHello,
}

impl Visitor {
    fn with(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Self {
        Self { certificate: Some((chain, key)), alpn: ALPN }
    }

    /// The certificate of `role` of a node.
    fn of(administration: &Administration, role: Role) -> Self {
        Self::with(chain(administration, role), key(administration, role))
    }

    fn config(&self) -> quinn::ClientConfig {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible));
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = chain.iter().cloned().map(CertificateDer::from).collect();
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key).unwrap()).unwrap()
            }
        };
        config.alpn_protocols = vec![self.alpn.to_vec()];
        quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()))
    }

    /// Connects and says `hello`.
    fn welcome(&self, to: SocketAddr, hello: &[u8]) -> Welcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = self.config();
        runtime.block_on(async {
            let endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
            let attempt = async {
                let Ok(connection) = endpoint.connect_with(config, to, SERVER_NAME).unwrap().await else { return Welcome::NoHandshake };
                // The client is through before the server has looked at its certificate: only an answer tells.
                let answered = async {
                    let (mut send, mut receive) = connection.open_bi().await.ok()?;
                    send.write_all(hello).await.ok()?;
                    let mut first = [0];
                    receive.read_exact(&mut first).await.ok()
                };
                if answered.await.is_some() {
                    return Welcome::In;
                }
                match connection.closed().await {
                    // A TLS alert ends the connection below the application.
                    ConnectionError::ConnectionClosed(_) => Welcome::NoHandshake,
                    _ => Welcome::NoHello,
                }
            };
            timeout(Duration::from_secs(20), attempt).await.expect("a refusal is said, not waited out")
        })
    }

    fn is_let_in(&self, to: SocketAddr, hello: &[u8]) -> bool {
        self.welcome(to, hello) == Welcome::In
    }
}

fn chain(administration: &Administration, role: Role) -> Vec<Vec<u8>> {
    certificates_from_pem(&std::fs::read(administration.home.join(format!("pki/{role}.pem"))).unwrap()).unwrap()
}

fn key(administration: &Administration, role: Role) -> Vec<u8> {
    std::fs::read(administration.home.join(format!("keys/{role}.key"))).unwrap()
}

fn authority(administration: &Administration) -> Authority {
    Authority::open(&administration.home.join("dev-pki")).unwrap()
}

fn request(administration: &Administration) -> SigningRequest {
    let subject = carnet_certs::Subject {
        administration: peer::country(&administration.country),
        administration_name: format!("Customs of {}", administration.country),
        node: "node-1".into(),
        log_origin: None,
    };
    NodeKeys::open(&administration.home.join("keys")).request(Role::Node, &subject).unwrap()
}

/// The hello of the node whose certificates lie in `pki`.
fn hello(country: &str, pki: &Path) -> Vec<u8> {
    use carnet_protocol::wire::{Frame, FrameKind, Hello, LogKey, PROTOCOL_VERSION};
    let chain = certificates_from_pem(&std::fs::read(pki.join("log.pem")).unwrap()).unwrap();
    let hello = Hello {
        versions: vec![PROTOCOL_VERSION],
        administration: peer::country(country),
        node: "node-1".into(),
        head: 0,
        log: LogKey { chain: chain.into_iter().map(Into::into).collect() },
        crls: Vec::new(),
        streams: 1,
    };
    Frame::of(FrameKind::Hello, &hello).to_bytes()
}

#[test]
fn only_a_good_node_certificate_of_a_pinned_administration_is_let_in() {
    let federation = Federation::new(&["NL", "DE", "BE"]);
    let [a, b, c] = &federation.all[..] else { panic!() };
    // FR is nobody's partner; the other BE has the country but not the root that NL pinned.
    let stranger = Administration::new("FR", &federation.folder.path().join("FR"));
    let impostor = Administration::new("BE", &federation.folder.path().join("BE-impostor"));
    a.serve();
    let to: SocketAddr = a.endpoint().parse().unwrap();
    let greeting = hello("BE", &c.home.join("pki"));
    let good = Visitor::of(c, Role::Node);
    assert!(good.is_let_in(to, &greeting), "the good one, or the others prove nothing: {}", a.log());

    let now = peer::now();
    let issued = |life_ago: i64| authority(c).issue(&request(c), Role::Node, now.plus(-life_ago)).unwrap().chain;
    // An administration that was set up 800 days ago and never renewed its node's certificate, which is for a year.
    let old = federation.folder.path().join("LU");
    let luxembourg = peer::country("LU");
    let pki =
        DevelopmentPki::create(&old, luxembourg, "Customs of LU", "node-1", "carnet.lu.invalid/node-1", now.plus(-800 * DAY)).unwrap();
    let root = old.join("pki/root.pem");
    a.ok(&["partner", "add", "--root", root.to_str().unwrap(), "--fingerprint", &pki.fingerprint.to_string()]);
    let read = |path: &str| std::fs::read(old.join(path)).unwrap();
    let (old_chain, old_key) = (certificates_from_pem(&read("pki/tls.pem")).unwrap(), read("keys/tls.key"));
    let renewed = {
        let mut authority = Authority::open(&pki.authority).unwrap();
        let serial = authority.entries().iter().find(|entry| entry.role == Role::Node).unwrap().serial.clone();
        Visitor::with(authority.renew(&serial, None, now).unwrap().chain, old_key.clone())
    };
    let of_old = hello("LU", &old.join("pki"));
    wait_until("a renewed certificate is let in", 10, || renewed.is_let_in(to, &of_old).then_some(()));
    let mut flipped = chain(c, Role::Node);
    let middle = flipped[0].len() - 10;
    flipped[0][middle] ^= 1;
    let (of_stranger, of_impostor) = (hello("FR", &stranger.home.join("pki")), hello("BE", &impostor.home.join("pki")));
    let cases: Vec<(&str, &[u8], Visitor)> = vec![
        ("no certificate", &greeting, Visitor { certificate: None, alpn: ALPN }),
        ("another application protocol", &greeting, Visitor { alpn: b"h3", ..Visitor::of(c, Role::Node) }),
        ("an expired certificate", &of_old, Visitor::with(old_chain, old_key)),
        ("a certificate of the future", &greeting, Visitor::with(issued(-30 * DAY), key(c, Role::Node))),
        ("a certificate for signing records", &greeting, Visitor::of(c, Role::RecordSigning)),
        ("a certificate for signing logs", &greeting, Visitor::of(c, Role::LogSigning)),
        ("an administration that is not pinned", &of_stranger, Visitor::of(&stranger, Role::Node)),
        ("a pinned country under another root", &of_impostor, Visitor::of(&impostor, Role::Node)),
        ("a leaf of another root behind a pinned issuer", &of_impostor, {
            let mixed = vec![chain(&impostor, Role::Node)[0].clone(), chain(c, Role::Node)[1].clone()];
            Visitor::with(mixed, key(&impostor, Role::Node))
        }),
        ("a leaf without its issuer", &greeting, Visitor::with(chain(c, Role::Node)[..1].to_vec(), key(c, Role::Node))),
        ("a damaged certificate", &greeting, Visitor::with(flipped, key(c, Role::Node))),
        (
            "an authority's own certificate",
            &greeting,
            Visitor::with(chain(c, Role::Node)[1..].to_vec(), std::fs::read(c.home.join("dev-pki/issuing/key.pem")).unwrap()),
        ),
    ];
    let idle = a.resident();
    for (what, says, visitor) in &cases {
        assert_eq!(visitor.welcome(to, says), Welcome::NoHandshake, "{what}");
        eprintln!("refused: {what}");
    }
    // A good certificate with another's name in the hello.
    assert_eq!(good.welcome(to, &hello("DE", &b.home.join("pki"))), Welcome::NoHello, "{}", a.log());
    // TLS 1.2 cannot be tried: QUIC has no way to carry it, and no client can be made that offers it.
    let many = std::time::Instant::now();
    for _ in 0..20 {
        cases[0].2.is_let_in(to, &greeting);
    }
    eprintln!("20 refusals in {:?}; {} KiB more memory", many.elapsed(), a.resident().saturating_sub(idle));
    assert!(a.resident() < idle + (32 << 10));
    let record = a.import(&federation.file("x.n42", &fixtures::n42(1)), &["--releasable-to", "DE"]);
    b.ok(&["fetch", "--from", "NL"]);
    assert!(b.has(&record));
    assert!(good.is_let_in(to, &greeting), "and the good one still is");
}

#[test]
fn a_revoked_certificate_is_refused_as_soon_as_its_list_is_known() {
    let federation = Federation::new(&["NL", "BE"]);
    let [a, c] = &federation.all[..] else { panic!() };
    a.serve();
    let to: SocketAddr = a.endpoint().parse().unwrap();
    let greeting = hello("BE", &c.home.join("pki"));
    let visitor = Visitor::of(c, Role::Node);
    assert!(visitor.is_let_in(to, &greeting));
    // A connection from before, which must not outlive the certificate's good name.
    let driven = Driven::open(c);
    let (link, _carrier) = driven.connect(a).unwrap();
    let lists = {
        let mut authority = authority(c);
        let serial = authority.entries().iter().find(|entry| entry.role == Role::Node).unwrap().serial.clone();
        authority.revoke(&serial, Revocation { reason: Reason::KeyCompromise, invalid_from: None }, peer::now()).unwrap();
        authority.lists().unwrap()
    };
    let file = federation.file("be-crl.pem", pem_from_lists(lists.iter().map(Vec::as_slice)).as_bytes());
    let taken = a.one(&["partner", "crl", "BE", file.to_str().unwrap()]);
    assert!(taken["newer"].as_u64().unwrap() >= 1, "{taken}");
    wait_until("the serving node knows the list", 10, || (!visitor.is_let_in(to, &greeting)).then_some(()));
    driven.runtime.block_on(async {
        timeout(Duration::from_secs(10), link.connection().closed()).await.expect("the connection that was open is closed");
    });
    // A renewed certificate of the same node is good again.
    let renewed = authority(c).issue(&request(c), Role::Node, peer::now()).unwrap().chain;
    assert!(Visitor::with(renewed, key(c, Role::Node)).is_let_in(to, &greeting));
}

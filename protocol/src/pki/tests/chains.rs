use proptest::prelude::*;
use rcgen::{CustomExtension, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType};

use super::maker::*;
use crate::pki::{
    ChainFault, Claims, MAX_CERTIFICATE, Path, Place, Revocations, Role, Root, certificates_from_pem, pem_from_certificates, validate,
};
use crate::reason::Reason;
use crate::time::DAY;

#[test]
fn every_role_is_read_in_full() {
    for role in Role::ALL {
        let world = World::new(role);
        let leaf = world.judge().unwrap();
        assert_eq!((leaf.administration.as_str(), leaf.administration_name.as_str(), leaf.node.as_str()), ("NL", "Douane", "nl-1"));
        assert_eq!(leaf.log_origin.as_deref(), role.names_log().then_some(ORIGIN));
        assert_eq!((leaf.role, leaf.not_before, leaf.not_after), (role, NOW.plus(-DAY), NOW.plus(DAY)));
        assert_eq!(leaf.serial.to_string().parse(), Ok(leaf.serial.clone()));
        assert_eq!(leaf.claims(), &Claims::read(&world.leaf).unwrap());
        // The root may be sent or left out.
        let whole: [&[u8]; 3] = [&world.leaf, &world.issuing.der, &world.root.der];
        assert_eq!(validate(&whole, &world.pinned(), role, NOW, &Revocations::default()), Ok(leaf));
    }
}

#[test]
fn the_edges_of_validity() {
    let world = World::new(Role::Node);
    let none = Revocations::default();
    assert!(world.judge_at(NOW.plus(-DAY), &none).is_ok() && world.judge_at(NOW.plus(DAY), &none).is_ok());
    assert_eq!(world.judge_at(NOW.plus(-DAY - 1), &none), Err(ChainFault::NotYetValid(Place::Leaf, NOW.plus(-DAY))));
    assert_eq!(world.judge_at(NOW.plus(DAY + 1), &none), Err(ChainFault::Expired(Place::Leaf, NOW.plus(DAY))));
}

#[test]
fn an_expired_issuer_or_root_is_named() {
    let mut root = ca_params("NL", "Root", 1);
    root.not_after = moment(NOW.plus(-100));
    let mut issuing = ca_params("NL", "Issuing", 0);
    let make = |root, issuing: &rcgen::CertificateParams| {
        let root = Authority::root(root);
        let issuing = root.issue_authority(issuing.clone());
        let key = key_for(Role::Node);
        let leaf = issuing.issue(&leaf_params(Role::Node), &key);
        World { root, issuing, key, leaf, role: Role::Node }
    };
    assert_eq!(make(root, &issuing).judge(), Err(ChainFault::Expired(Place::Root, NOW.plus(-100))));
    issuing.not_before = moment(NOW.plus(50));
    assert_eq!(make(ca_params("NL", "Root", 1), &issuing).judge(), Err(ChainFault::NotYetValid(Place::Issuer(1), NOW.plus(50))));
    issuing.not_before = moment(NOW.plus(DAY + 1));
    assert_eq!(reason(make(ca_params("NL", "Root", 1), &issuing).judge()), Reason::ChainMalformed);
}

#[test]
fn counts_and_sizes_are_bounded() {
    let world = World::new(Role::Node);
    let root = world.pinned();
    let judge = |chain: &[&[u8]]| validate(chain, &root, Role::Node, NOW, &Revocations::default());
    assert_eq!(judge(&[]), Err(ChainFault::Empty));
    let (leaf, issuing): (&[u8], &[u8]) = (&world.leaf, &world.issuing.der);
    assert_eq!(reason(judge(&[leaf, issuing, issuing, issuing, &world.root.der])), Reason::ChainTooLong);
    assert_eq!(reason(judge(&[leaf, issuing, issuing, issuing])), Reason::ChainTooLong);
    assert_eq!(reason(judge(&[leaf, issuing, issuing, &world.root.der])), Reason::ChainUntrusted);

    // A certificate grows byte by byte to the limit, and one past it.
    let grown = |fill: usize| {
        let mut params = leaf_params(Role::Node);
        let octets = [&[0x04, 0x82, (fill >> 8) as u8, fill as u8], &vec![0; fill][..]].concat();
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 99], octets));
        world.issuing.issue(&params, &world.key)
    };
    let overhead = grown(3000).len() - 3000;
    let (most, more) = (grown(MAX_CERTIFICATE - overhead), grown(MAX_CERTIFICATE - overhead + 1));
    assert_eq!((most.len(), more.len()), (MAX_CERTIFICATE, MAX_CERTIFICATE + 1));
    assert!(judge(&[&most, issuing]).is_ok());
    assert_eq!(reason(judge(&[&more, issuing])), Reason::ChainTooLong);
    assert_eq!(reason(judge(&[leaf, &more])), Reason::ChainTooLong);
}

#[test]
fn another_role_is_refused() {
    for made in Role::ALL {
        let mut world = World::new(made);
        for asked in Role::ALL.into_iter().filter(|asked| *asked != made) {
            world.role = asked;
            assert_eq!(reason(world.judge()), Reason::ChainUsage, "{made} as {asked}");
        }
    }
}

#[test]
fn usages_are_exact() {
    let spoil = |role: Role, spoil: &dyn Fn(&mut rcgen::CertificateParams)| {
        let mut params = leaf_params(role);
        spoil(&mut params);
        World::with(role, params).judge()
    };
    let both = [Role::RecordSigning.purposes()[0], Role::LogSigning.purposes()[0]];
    let any: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
    let cases: [&dyn Fn(&mut rcgen::CertificateParams); 6] = [
        &|params| params.custom_extensions = vec![purposes(&both)],
        &|params| params.custom_extensions = vec![purposes(&[both[0], any])],
        &|params| params.custom_extensions.clear(),
        &|params| params.key_usages.clear(),
        &|params| params.key_usages.push(KeyUsagePurpose::KeyAgreement),
        &|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign],
    ];
    for (index, case) in cases.into_iter().enumerate() {
        assert_eq!(reason(spoil(Role::RecordSigning, case)), Reason::ChainUsage, "case {index}");
    }
    let half = spoil(Role::Node, &|params| params.custom_extensions = vec![purposes(&Role::Node.purposes()[..1])]);
    assert_eq!(reason(half), Reason::ChainUsage);
}

#[test]
fn package_keys_are_of_p256() {
    let world = World::new(Role::Node);
    let leaf = world.issuing.issue(&leaf_params(Role::PackageEncryption), &world.key);
    let world = World { leaf, role: Role::PackageEncryption, ..world };
    assert_eq!(reason(world.judge()), Reason::ChainUsage);
    let leaf = World::new(Role::PackageEncryption).judge().unwrap();
    assert!(leaf.verify(b"", &[0; 64]).is_err());
}

#[test]
fn names_are_exact() {
    let long = "n".repeat(65);
    let (c, o, n) = (DnType::CountryName, DnType::OrganizationName, DnType::CommonName);
    for parts in [
        vec![(o.clone(), "Douane"), (n.clone(), "nl-1")],
        vec![(c.clone(), "NL"), (n.clone(), "nl-1")],
        vec![(c.clone(), "NL"), (o.clone(), "Douane")],
        vec![(c.clone(), "nl"), (o.clone(), "Douane"), (n.clone(), "nl-1")],
        vec![(c.clone(), "QQ"), (o.clone(), "Douane"), (n.clone(), "nl-1")],
        vec![(c.clone(), "NL"), (o.clone(), "Dou\u{202e}ane"), (n.clone(), "nl-1")],
        vec![(c.clone(), "NL"), (o.clone(), &long), (n.clone(), "nl-1")],
        vec![(c.clone(), "NL"), (o.clone(), "Douane"), (n.clone(), &long)],
        vec![(c.clone(), "NL"), (o.clone(), "Douane"), (n.clone(), "nl 1")],
        vec![(c, "NL"), (o, "Douane"), (n, "nl-1"), (DnType::LocalityName, "Rotterdam")],
    ] {
        let mut params = leaf_params(Role::Node);
        params.distinguished_name = subject(&parts);
        assert_eq!(reason(World::with(Role::Node, params).judge()), Reason::ChainNames, "{parts:?}");
    }
}

#[test]
fn logs_are_named_exactly() {
    let uri = |text: &str| SanType::URI(text.to_owned().try_into().unwrap());
    let judge = |role: Role, names: Vec<SanType>| {
        let mut params = leaf_params(role);
        params.subject_alt_names = names;
        World::with(role, params).judge()
    };
    let dns = SanType::DnsName("nl-1.example".to_owned().try_into().unwrap());
    assert!(judge(Role::Node, vec![dns.clone()]).is_ok());
    assert!(judge(Role::RecordSigning, vec![dns, uri("carnet:log:a")]).is_ok());
    for bad in [
        judge(Role::RecordSigning, vec![]),
        judge(Role::RecordSigning, vec![uri("carnet:log:")]),
        judge(Role::RecordSigning, vec![uri("carnet:log:a b")]),
        judge(Role::RecordSigning, vec![uri("https://example")]),
        judge(Role::RecordSigning, vec![uri("carnet:log:a"), uri("carnet:log:b")]),
        judge(Role::LogSigning, vec![SanType::IpAddress([127, 0, 0, 1].into())]),
        judge(Role::Node, vec![uri("carnet:log:a")]),
        judge(Role::PackageEncryption, vec![uri("carnet:log:a")]),
    ] {
        assert_eq!(reason(bad), Reason::ChainNames);
    }
}

#[test]
fn another_administration_is_refused() {
    let mut params = leaf_params(Role::Node);
    params.distinguished_name = subject(&[(DnType::CountryName, "BE"), (DnType::OrganizationName, "Douane"), (DnType::CommonName, "be-1")]);
    assert_eq!(World::with(Role::Node, params).judge(), Err(ChainFault::Administration(Place::Leaf)));

    let root = Authority::root(ca_params("NL", "Root", 1));
    let issuing = root.issue_authority(ca_params("BE", "Issuing", 0));
    let key = key_for(Role::Node);
    let leaf = issuing.issue(&leaf_params(Role::Node), &key);
    let world = World { root, issuing, key, leaf, role: Role::Node };
    assert_eq!(world.judge(), Err(ChainFault::Administration(Place::Issuer(1))));
}

#[test]
fn a_foreign_root_of_the_same_name_is_refused() {
    let (ours, theirs) = (World::new(Role::Node), World::new(Role::Node));
    assert_eq!(reason(World { root: ours.root, ..theirs }.judge()), Reason::ChainUntrusted);
    let theirs = World::new(Role::Node);
    assert_eq!(reason(World { issuing: ours.issuing, ..theirs }.judge()), Reason::ChainUntrusted);
    // A leaf signed by nobody of the chain, and a chain in the wrong order.
    let world = World::new(Role::Node);
    let self_signed = leaf_params(Role::Node).self_signed(&world.key).unwrap().der().to_vec();
    let root = world.pinned();
    for chain in [[&self_signed[..], &world.issuing.der], [&world.leaf, &self_signed]] {
        assert!(validate(&chain, &root, Role::Node, NOW, &Revocations::default()).is_err());
    }
    assert_eq!(
        reason(validate(&[&world.issuing.der, &world.leaf], &root, Role::Node, NOW, &Revocations::default())),
        Reason::ChainMalformed
    );
    assert_eq!(reason(validate(&[&world.root.der], &root, Role::Node, NOW, &Revocations::default())), Reason::ChainMalformed);
    assert_eq!(reason(validate(&[&world.leaf], &root, Role::Node, NOW, &Revocations::default())), Reason::ChainUntrusted);
}

#[test]
fn path_lengths_hold() {
    let judge = |root_length: u8, policy_length: u8| {
        let root = Authority::root(ca_params("NL", "Root", root_length));
        let policy = root.issue_authority(ca_params("NL", "Policy", policy_length));
        let issuing = policy.issue_authority(ca_params("NL", "Issuing", 0));
        let leaf = issuing.issue(&leaf_params(Role::Node), &key_for(Role::Node));
        let pinned = Root::read(&root.der).unwrap();
        validate(&[&leaf, &issuing.der, &policy.der], &pinned, Role::Node, NOW, &Revocations::default())
    };
    assert!(judge(2, 1).is_ok());
    assert_eq!(reason(judge(2, 0)), Reason::ChainUntrusted);
    assert_eq!(reason(judge(1, 1)), Reason::ChainUntrusted);
}

#[test]
fn issuers_must_be_authorities() {
    let spoiled = |spoil: &dyn Fn(&mut rcgen::CertificateParams)| {
        let root = Authority::root(ca_params("NL", "Root", 1));
        let mut params = ca_params("NL", "Issuing", 0);
        spoil(&mut params);
        let issuing = root.issue_authority(params);
        let key = key_for(Role::Node);
        let leaf = issuing.issue(&leaf_params(Role::Node), &key);
        reason(World { root, issuing, key, leaf, role: Role::Node }.judge())
    };
    assert_eq!(spoiled(&|params| params.is_ca = IsCa::ExplicitNoCa), Reason::ChainMalformed);
    assert_eq!(spoiled(&|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]), Reason::ChainMalformed);
    let constraints =
        rcgen::NameConstraints { permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example".into())], excluded_subtrees: vec![] };
    assert_eq!(spoiled(&|params| params.name_constraints = Some(constraints.clone())), Reason::ChainMalformed);
    assert_eq!(spoiled(&|params| params.custom_extensions = vec![purposes(Role::Node.purposes())]), Reason::ChainMalformed);
    assert_eq!(spoiled(&|params| params.distinguished_name = subject(&[(DnType::CommonName, "Issuing")])), Reason::ChainNames);
}

#[test]
fn unknown_critical_extensions_are_refused_and_others_ignored() {
    let judge = |critical: bool| {
        let mut params = leaf_params(Role::Node);
        let mut strange = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![0x05, 0x00]);
        strange.set_criticality(critical);
        params.custom_extensions.push(strange);
        World::with(Role::Node, params).judge()
    };
    assert!(judge(false).is_ok());
    assert_eq!(reason(judge(true)), Reason::ChainMalformed);
}

#[test]
fn roots_follow_the_profile() {
    let good = Authority::root(ca_params("NL", "Root", 1));
    let root = Root::read(&good.der).unwrap();
    assert_eq!((root.administration().as_str(), root.administration_name(), root.path_length()), ("NL", "Douane", 1));
    assert_eq!(root.fingerprint(), crate::digest::Digest::of(&good.der));
    let mut unlimited = ca_params("NL", "Root", 1);
    unlimited.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    for (params, why) in [
        (unlimited, Reason::ChainMalformed),
        (ca_params("NL", "Root", 0), Reason::ChainMalformed),
        (ca_params("NL", "Root", 3), Reason::ChainMalformed),
        (leaf_params(Role::Node), Reason::ChainMalformed),
        (ca_params("nl", "Root", 1), Reason::ChainNames),
    ] {
        assert_eq!(reason(Root::read(&Authority::root(params).der)), why);
    }
    let cross = good.issue_authority(ca_params("NL", "Root", 1));
    assert_eq!(reason(Root::read(&cross.der)), Reason::ChainUntrusted);
    let mut forged = good.der.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(reason(Root::read(&forged)), Reason::ChainUntrusted);
    assert_eq!(reason(Root::read(&vec![0; MAX_CERTIFICATE + 1])), Reason::ChainTooLong);
}

#[test]
fn authorities_may_use_p256_and_p384() {
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let root = Authority::root_with(ca_params("NL", "Root", 1), KeyPair::generate_for(algorithm).unwrap());
        let issuing = root.issue_authority(ca_params("NL", "Issuing", 0));
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let leaf = issuing.issue(&leaf_params(Role::Node), &key);
        assert!(World { root, issuing, key, leaf, role: Role::Node }.judge().is_ok());
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let world = World::new(Role::Node);
    let leaf = world.issuing.issue(&leaf_params(Role::Node), &key);
    assert_eq!(reason(World { leaf, ..world }.judge()), Reason::ChainMalformed);
}

#[test]
fn cut_at_every_byte_it_is_refused() {
    let world = World::new(Role::RecordSigning);
    let root = world.pinned();
    for end in 0..world.leaf.len() {
        let chain: [&[u8]; 2] = [&world.leaf[..end], &world.issuing.der];
        assert_eq!(reason(validate(&chain, &root, world.role, NOW, &Revocations::default())), Reason::ChainMalformed, "{end}");
    }
    for end in 0..world.issuing.der.len() {
        let chain: [&[u8]; 2] = [&world.leaf, &world.issuing.der[..end]];
        assert!(validate(&chain, &root, world.role, NOW, &Revocations::default()).is_err());
        assert!(Root::read(&world.root.der[..end.min(world.root.der.len() - 1)]).is_err());
    }
    let more = [&world.leaf[..], &[0]].concat();
    assert_eq!(reason(validate(&[&more, &world.issuing.der], &root, world.role, NOW, &Revocations::default())), Reason::ChainMalformed);
}

#[test]
fn pem_comes_back_and_is_bounded() {
    let world = World::new(Role::Node);
    let chain = [&world.leaf[..], &world.issuing.der];
    let text = pem_from_certificates(chain);
    assert_eq!(certificates_from_pem(text.as_bytes()).unwrap(), chain);
    assert_eq!(certificates_from_pem(b"nothing here"), Err(ChainFault::Empty));
    assert_eq!(reason(certificates_from_pem(pem_from_certificates([&world.leaf[..]; 5]).as_bytes())), Reason::ChainTooLong);
    let padded = |length: usize| [text.as_bytes(), &vec![b'\n'; length - text.len()]].concat();
    assert_eq!(certificates_from_pem(&padded(crate::pki::MAX_PEM)).unwrap(), chain);
    assert_eq!(reason(certificates_from_pem(&padded(crate::pki::MAX_PEM + 1))), Reason::ChainTooLong);
    assert_eq!(reason(certificates_from_pem(text.replace('=', "!").replace("MII", "M!I").as_bytes())), Reason::ChainMalformed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    // Any change of a signed byte must be noticed. The signature's own bytes are signed by nobody but verify in one form only.
    #[test]
    fn a_changed_certificate_is_refused(which in 0usize..2, at in any::<prop::sample::Index>(), bits in 1u8..) {
        let world = WORLD.get_or_init(|| World::new(Role::RecordSigning));
        let mut chain = [world.leaf.clone(), world.issuing.der.clone()];
        let place = at.index(chain[which].len());
        chain[which][place] ^= bits;
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        prop_assert!(validate(&chain, &world.pinned(), world.role, NOW, &Revocations::default()).is_err());
    }

    #[test]
    fn noise_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(Claims::read(&bytes).is_err());
        prop_assert!(Root::read(&bytes).is_err());
        let _ = certificates_from_pem(&bytes);
    }
}

static WORLD: std::sync::OnceLock<World> = std::sync::OnceLock::new();

#[test]
fn a_traced_path_is_asked_for_many_times() {
    let world = World::new(Role::Node);
    let chain: [&[u8]; 2] = [&world.leaf, &world.issuing.der];
    let path = Path::trace(&chain, &world.pinned(), Role::Node).unwrap();
    let mut lists = Revocations::default();
    assert_eq!(path.at(NOW, &lists), world.judge());
    lists.add(&world.pinned(), &[&world.issuing.der], &world.issuing.list(1, &[])).unwrap();
    for at in [NOW, NOW.plus(-DAY - 1), NOW.plus(DAY + 1)] {
        assert_eq!(path.at(at, &lists), world.judge_at(at, &lists));
    }
}

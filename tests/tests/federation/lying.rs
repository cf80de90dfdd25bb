//! Servers that lie, with a valid certificate and in the place of an honest one: nothing unverified is ever used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use carnet_protocol::wire::{Asked, End, Frame, FrameKind};
use carnet_tests::federation::{Administration, Federation, Ran};
use carnet_tests::peer::{Liar, Lie};
use carnet_tests::{Chance, fixtures};

/// NL with a spectrum, an image and a payload of several chunks, all released to DE; NL does not serve itself.
struct Scene {
    federation: Federation,
    large: String,
}

impl Scene {
    fn new() -> Self {
        let federation = Federation::new(&["NL", "DE"]);
        let a = federation.of("NL");
        let more = ["--releasable-to", "DE"];
        a.import(&federation.file("a.n42", &fixtures::n42(1)), &more);
        a.import(&federation.file("b.png", &fixtures::png(300, 200, 1)), &more);
        let file = federation.file("large", &fixtures::noise(5 << 20, 7));
        let large = a.import(&file, &[&more[..], &["--opaque", "--share-native"]].concat());
        Self { federation, large }
    }

    fn server(&self) -> &Administration {
        self.federation.of("NL")
    }

    /// A receiver that has pinned NL and holds nothing yet.
    fn receiver(&self) -> &Administration {
        self.federation.of("DE")
    }

    /// Runs `words` at the receiver while `lie` answers for NL.
    fn while_lying(&self, words: &[&str], lie: impl Fn(&Asked, Frame) -> Vec<u8> + Send + Sync + 'static) -> Ran {
        let lie: Lie = Arc::new(lie);
        let _liar = Liar::serve(self.server(), lie);
        self.receiver().run(words)
    }
}

/// Changes every frame of `kind` by `change`, and leaves the others as they are.
fn changing(kind: FrameKind, change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> impl Fn(&Asked, Frame) -> Vec<u8> + Send + Sync {
    move |_, mut frame| {
        if frame.kind == kind {
            change(&mut frame.body);
        }
        frame.to_bytes()
    }
}

#[test]
fn an_honest_stand_in_is_believed() {
    let scene = Scene::new();
    let ran = scene.while_lying(&["fetch", "--payloads"], |_, frame| frame.to_bytes());
    assert_eq!(ran.code, 0, "or the other tests of this file prove nothing: {}{}", ran.out, ran.err);
    assert_eq!(scene.receiver().records().len(), 3);
    scene.receiver().verify();
}

#[test]
fn altered_records_and_proofs_never_get_in() {
    for kind in [FrameKind::Record, FrameKind::Proof] {
        let scene = Scene::new();
        let ran = scene.while_lying(
            &["fetch"],
            changing(kind, |body| {
                // Near the end lies the signature of a record, and the checkpoint of a proof.
                let at = body.len() - 20;
                body[at] ^= 1;
            }),
        );
        let b = scene.receiver();
        assert_ne!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(b.records().is_empty(), "{kind:?}: {:?}", b.records());
        let refusals = b.one(&["status"])["refusals_last_7_days"].clone();
        assert!(!refusals.as_array().unwrap().is_empty(), "the operator sees why");
        b.verify();
    }
}

#[test]
fn altered_chunks_and_lists_never_get_in_and_the_honest_ones_do_afterwards() {
    let scene = Scene::new();
    let b = scene.receiver();
    assert_eq!(scene.while_lying(&["fetch"], |_, frame| frame.to_bytes()).code, 0);
    let here = || b.show(&scene.large)["payloads"][0]["here"].as_bool().unwrap();
    type Change = Box<dyn Fn(&Asked, Frame) -> Vec<u8> + Send + Sync>;
    let lies: Vec<(&str, Change)> = vec![
        ("a flipped bit in every chunk", Box::new(changing(FrameKind::Chunk, |body| body[700] ^= 4))),
        (
            "a flipped bit in the third chunk",
            Box::new(|_, mut frame| {
                if frame.kind == FrameKind::Chunk && frame.body[..4] == [0, 0, 0, 2] {
                    frame.body[1000] ^= 1;
                }
                frame.to_bytes()
            }),
        ),
        ("another chunk's index", Box::new(changing(FrameKind::Chunk, |body| body[3] ^= 1))),
        ("a short chunk", Box::new(changing(FrameKind::Chunk, |body| body.truncate(1000)))),
        ("a chunk without an index", Box::new(changing(FrameKind::Chunk, |body| body.truncate(2)))),
        (
            "a chunk shorter than its frame says",
            Box::new(|_, frame| {
                let mut bytes = frame.to_bytes();
                if frame.kind == FrameKind::Chunk {
                    bytes.truncate(2000);
                }
                bytes
            }),
        ),
        (
            "a list with another hash",
            Box::new(changing(FrameKind::ChunkList, |body| {
                let at = body.len() - 5;
                body[at] ^= 1;
            })),
        ),
        (
            "a record in the place of a chunk",
            Box::new(|_, frame| match frame.kind {
                FrameKind::Chunk => Frame::new(FrameKind::Record, vec![0; 100]).to_bytes(),
                _ => frame.to_bytes(),
            }),
        ),
        (
            "an end before the end",
            Box::new(|_, frame| match frame.kind {
                FrameKind::Chunk => Frame::of(FrameKind::End, &End::default()).to_bytes(),
                _ => frame.to_bytes(),
            }),
        ),
        ("an unknown frame", Box::new(|_, frame| [&[0xee, 0, 0, 0, 1, 0][..], &frame.to_bytes()].concat())),
    ];
    for (what, lie) in lies {
        let ran = scene.while_lying(&["fetch", &scene.large], lie);
        assert_eq!(ran.code, 1, "{what}: {}{}", ran.out, ran.err);
        eprintln!("{what}: {}", ran.err.trim());
        assert!(!here(), "{what}");
        b.verify();
    }
    scene.server().serve();
    b.ok(&["fetch", &scene.large]);
    assert!(here());
    b.verify();
}

#[test]
fn a_cursor_that_lies_does_the_liar_alone_harm() {
    for cursor in [u64::MAX, 0] {
        let scene = Scene::new();
        let ran = scene.while_lying(&["fetch"], move |_, frame| match frame.kind {
            FrameKind::End => Frame::of(FrameKind::End, &End { cursor: Some(cursor), head: Some(u64::MAX) }).to_bytes(),
            _ => frame.to_bytes(),
        });
        eprintln!("cursor {cursor}: exit {} {}{}", ran.code, ran.out, ran.err);
        let b = scene.receiver();
        b.verify();
        b.ok(&["status"]);
        b.ok(&["partner", "list"]);
    }
}

#[test]
fn whatever_is_altered_on_the_way_nothing_unverified_is_used() {
    let mut chance = Chance::from_environment("whatever_is_altered_on_the_way_nothing_unverified_is_used");
    let scene = Scene::new();
    let (a, b) = (scene.server(), scene.receiver());
    let honest: std::collections::BTreeMap<String, String> =
        a.records().into_iter().map(|record| (record.clone(), a.show(&record)["entry"].as_str().unwrap().to_owned())).collect();
    let altered = Arc::new(AtomicU64::new(0));
    for round in 0..12 {
        // Each frame has one chance in six to have one of its bytes changed, its header included.
        let dice = Mutex::new(Chance::new(chance.draw()));
        let counted = Arc::clone(&altered);
        let words: &[&str] = if round % 2 == 0 { &["fetch", "--payloads"] } else { &["fetch"] };
        let ran = scene.while_lying(words, move |_, frame| {
            let mut bytes = frame.to_bytes();
            let mut dice = dice.lock().unwrap();
            if dice.below(6) == 0 {
                let at = dice.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << dice.below(8);
                counted.fetch_add(1, Ordering::SeqCst);
            }
            bytes
        });
        assert!(ran.code == 0 || ran.code == 1 || ran.code == 2, "{}", ran.err);
        for record in b.records() {
            assert_eq!(b.show(&record)["entry"].as_str(), honest.get(&record).map(String::as_str), "a record that was never made");
        }
        b.verify();
    }
    eprintln!(
        "{} frames were altered; {} of {} records got through whole",
        altered.load(Ordering::SeqCst),
        b.records().len(),
        honest.len()
    );
}

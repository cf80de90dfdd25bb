//! Peers with a valid certificate and bad manners: the node drops them, its memory stays flat, and others are served meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use carnet::peer::Link;
use carnet::peer::transport::Carrier;
use carnet_protocol::wire::{Asked, ChunkRange, Frame, FrameHeader, FrameKind, PayloadBody};
use carnet_tests::federation::{Administration, Federation};
use carnet_tests::fixtures;
use carnet_tests::peer::{self, Driven};
use quinn::Connection;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What a node may grow by, in KiB, whatever one partner does: 32 answers with chunks at once, four chunks read ahead in each,
/// and the connection's windows.
const MOST_GROWTH: u64 = 192 << 10;

/// NL serves; BE is the hostile one; DE must be served whatever BE does.
struct Scene {
    federation: Federation,
    hostile: Driven,
    idle: u64,
    made: AtomicU64,
}

impl Scene {
    fn new() -> Self {
        let federation = Federation::new(&["NL", "DE", "BE"]);
        federation.of("NL").serve();
        let hostile = Driven::open(federation.of("BE"));
        let scene = Self { federation, hostile, idle: 0, made: AtomicU64::new(0) };
        // Warm, so that growth is the peer's doing and not that of a first use.
        scene.others_are_served();
        let idle = scene.server().resident();
        Self { idle, ..scene }
    }

    fn server(&self) -> &Administration {
        self.federation.of("NL")
    }

    fn connect(&self) -> (Link, Carrier) {
        self.hostile.connect(self.server()).unwrap()
    }

    /// A connection with a good handshake on which nothing was said yet.
    fn connect_silently(&self) -> (Connection, Carrier) {
        self.hostile.runtime.block_on(async {
            let node = &self.hostile.node;
            let carrier = Carrier::outbound(node.identity(), node.trust()).unwrap();
            let connection = carrier.connect(self.server().endpoint().parse().unwrap()).unwrap().await.unwrap();
            (connection, carrier)
        })
    }

    #[track_caller]
    fn others_are_served(&self) {
        let seed = 1000 + self.made.fetch_add(1, Ordering::SeqCst);
        let (a, b) = (self.server(), self.federation.of("DE"));
        let record = a.import(&self.federation.file(&format!("{seed}.n42"), &fixtures::n42(seed)), &["--releasable-to", "DE"]);
        b.ok(&["fetch", "--payloads", "--from", "NL"]);
        assert!(b.has(&record));
        assert!(a.exited().is_none());
    }

    #[track_caller]
    fn memory_is_flat(&self) {
        let grown = self.server().resident().saturating_sub(self.idle);
        eprintln!("resident memory: {} MiB idle, {} MiB more now", self.idle >> 10, grown >> 10);
        assert!(grown < MOST_GROWTH, "{grown} KiB more than idle");
    }

    /// Sends raw bytes on a stream of its own and gives what comes back, at most a frame's worth; the stream's end is no answer.
    fn raw(&self, connection: &Connection, bytes: &[u8], finish: bool) -> Vec<u8> {
        self.hostile.runtime.block_on(async {
            let Ok((mut send, mut receive)) = peer::open(connection).await else { return Vec::new() };
            send.write_all(bytes).await.ok();
            if finish {
                send.finish().ok();
            }
            let mut answer = vec![0; 4096];
            match timeout(Duration::from_secs(20), receive.read(&mut answer)).await {
                Ok(Ok(Some(length))) => answer.truncate(length),
                Ok(_) => answer.clear(),
                Err(_) => panic!("the node holds a hopeless stream open for more than 20 s"),
            }
            answer
        })
    }
}

#[test]
fn who_says_nothing_after_connecting_is_let_go() {
    let scene = Scene::new();
    let silent: Vec<_> = (0..40).map(|_| scene.connect_silently()).collect();
    scene.others_are_served();
    scene.memory_is_flat();
    scene.hostile.runtime.block_on(async {
        for (connection, _) in &silent {
            timeout(Duration::from_secs(30), connection.closed()).await.expect("a silent connection is closed");
        }
    });
    scene.others_are_served();
}

#[test]
fn who_takes_nothing_holds_nobody_up() {
    let scene = Scene::new();
    let (a, size) = (scene.server(), 48u32 << 20);
    let file = scene.federation.file("large", &fixtures::noise(size as usize, 1));
    let record = a.import(&file, &["--opaque", "--share-native", "--releasable-to", "BE,DE"]);
    let (link, _carrier) = scene.connect();
    let all = ChunkRange { first: 0, count: size >> 20 };
    let body = PayloadBody { record: record.parse().unwrap(), payload: 0, list: true, ranges: vec![all] };
    // Sixty requests for all of it, and not one byte of any answer is read.
    let asked = Asked::Payload(body);
    let _held: Vec<_> = scene.hostile.runtime.block_on(async {
        let mut held = Vec::new();
        for _ in 0..60 {
            held.push(link.ask(&asked).await.unwrap());
        }
        held
    });
    std::thread::sleep(Duration::from_secs(4));
    scene.memory_is_flat();
    scene.others_are_served();
    let held: Vec<_> =
        scene.federation.of("DE").show(&record)["payloads"].as_array().unwrap().iter().map(|one| one["here"] == true).collect();
    assert_eq!(held, [true], "the large one too");
    scene.memory_is_flat();
}

#[test]
fn lies_about_lengths_and_unknown_frames_end_their_stream_and_nothing_else() {
    let scene = Scene::new();
    let (link, _carrier) = scene.connect();
    let header = |code: u8, length: u32| [&[code][..], &length.to_be_bytes()].concat();
    let limit = FrameKind::Request.limit() as u32;
    let short = [header(FrameKind::Request.code(), 60_000), vec![0; 10]].concat();
    let cases: Vec<(&str, Vec<u8>, bool)> = vec![
        ("a length beyond the limit", header(FrameKind::Request.code(), limit + 1), false),
        ("the largest length", header(FrameKind::Request.code(), u32::MAX), false),
        ("an unknown type", header(0xee, 10), false),
        ("type zero", header(0, 0), false),
        ("a frame that ends too early", short.clone(), true),
        ("a frame that never ends", short, false),
        ("an empty stream", Vec::new(), true),
        ("half a header", vec![FrameKind::Request.code(), 0], true),
        ("an answer in the place of a request", Frame::new(FrameKind::Chunk, vec![0; 100]).to_bytes(), true),
        ("a request of zeros", [header(FrameKind::Request.code(), 1000), vec![0; 1000]].concat(), true),
        ("a request of nothing", header(FrameKind::Request.code(), 0), true),
    ];
    let mut chance = carnet_tests::Chance::from_environment("lies_about_lengths");
    for (what, bytes, finish) in cases {
        let answer = scene.raw(link.connection(), &bytes, finish);
        eprintln!("{what}: {}", if answer.is_empty() { "dropped" } else { "refused" });
        if !answer.is_empty() {
            let header = FrameHeader::parse(*answer.first_chunk().unwrap()).unwrap();
            assert_eq!(header.kind, FrameKind::Refusal, "{what}");
        }
    }
    for _ in 0..40 {
        let length = 1 + chance.below(300) as usize;
        let noise = fixtures::noise(length, chance.draw());
        scene.raw(link.connection(), &noise, true);
    }
    let answer = scene.hostile.ask(&link, &Asked::Feed { after: 0, limit: 10 }).unwrap();
    assert_eq!(answer.last().unwrap().kind, FrameKind::End, "the same connection is answered when it asks properly");
    scene.others_are_served();
    scene.memory_is_flat();
}

#[test]
fn ten_thousand_streams_cost_nothing() {
    let scene = Scene::new();
    let (link, _carrier) = scene.connect();
    let opened = scene.hostile.runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..10_000 {
            let connection = link.connection().clone();
            tasks.spawn(async move {
                let Ok(Ok((mut send, receive))) = timeout(Duration::from_secs(6), connection.open_bi()).await else { return 0 };
                send.write_all(&[FrameKind::Request.code()]).await.ok();
                tokio::time::sleep(Duration::from_secs(6)).await;
                drop((send, receive));
                1
            });
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        tokio::task::block_in_place(|| {
            scene.memory_is_flat();
            scene.others_are_served();
        });
        let mut opened = 0;
        while let Some(one) = tasks.join_next().await {
            opened += one.unwrap();
        }
        opened
    });
    eprintln!("{opened} of 10,000 streams were let in");
    assert!(opened < 1000, "{opened} streams");
    scene.memory_is_flat();
    scene.others_are_served();
}

#[test]
fn endless_zeros_are_dropped_unread() {
    let scene = Scene::new();
    let (link, _carrier) = scene.connect();
    let (mute, _second) = scene.connect_silently();
    let zeros = |connection: Connection| async move {
        let (mut send, _receive) = peer::open(&connection).await.unwrap();
        let block = vec![0; 1 << 20];
        let mut sent = 0;
        while sent < 64 {
            match timeout(Duration::from_secs(15), send.write_all(&block)).await {
                Ok(Ok(())) => sent += 1,
                _ => break,
            }
        }
        sent
    };
    // As a request, and as the hello.
    let (request, hello) = scene.hostile.runtime.block_on(async { tokio::join!(zeros(link.connection().clone()), zeros(mute)) });
    eprintln!("of 64 MiB of zeros {request} MiB went as a request, {hello} MiB as a hello");
    assert!(request < 64 && hello < 64, "the node goes on reading");
    scene.memory_is_flat();
    scene.others_are_served();
}

#[test]
fn a_request_counts_once_for_its_recipient_from_its_maker_and_not_for_long() {
    let scene = Scene::new();
    let (hostile, (link, _carrier)) = (&scene.hostile, scene.connect());
    let good = hostile.request("NL", |_| {});
    assert_eq!(hostile.send(&link, &good).unwrap(), None);
    let code = |request: &[u8]| hostile.send(&link, request).unwrap().unwrap();
    assert_eq!(code(&good), "request.replayed");
    assert_eq!(code(&hostile.request("NL", |request| request.expires = peer::now().plus(-1))), "request.expired");
    assert_eq!(code(&hostile.request("NL", |request| request.expires = peer::now().plus(3600))), "request.expired");
    assert_eq!(code(&hostile.request("DE", |_| {})), "request.recipient");
    let other = Driven::open(scene.federation.of("DE"));
    let foreign = code(&other.request("NL", |_| {}));
    assert!(foreign.starts_with("chain."), "another administration's signature: {foreign}");
    let posing = code(&hostile.request("NL", |request| request.from = peer::country("DE")));
    assert!(posing.starts_with("chain."), "another administration's name: {posing}");
    let posing = code(&hostile.request("NL", |request| request.node = "node-9".into()));
    assert!(posing.starts_with("chain."), "another node's name: {posing}");
    let mut forged = hostile.request("NL", |_| {});
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(code(&forged), "signature.invalid");
    assert_eq!(hostile.send(&link, &hostile.request("NL", |_| {})).unwrap(), None, "and a good one is answered");
    // A replay over a new connection of the same partner.
    let (second, _carrier) = scene.connect();
    let again = hostile.send(&second, &good).unwrap();
    eprintln!("a replay over another connection: {again:?}");
    scene.others_are_served();
}

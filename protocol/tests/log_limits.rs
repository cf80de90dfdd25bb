//! Notes and checkpoints at their limits (LOG-010 to LOG-013), and one past them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use carnet_protocol::digest::Digest;
use carnet_protocol::log::{Checkpoint, MAX_NOTE, MAX_NOTE_SIGNATURES, MAX_ORIGIN};
use carnet_protocol::reason::{Fault, Reason};
use common::Administration;
use ring::signature::KeyPair as _;

fn open(nl: &Administration, note: &[u8]) -> Result<Checkpoint, Fault> {
    Checkpoint::open(note, &nl.origin, nl.log_pair.public_key().as_ref())
}

/// A line of a witness, `length` bytes long at least.
fn witness(length: usize) -> String {
    format!("\u{2014} witness-{} AAAAAAAA\n", "w".repeat(length))
}

#[test]
fn signatures_at_the_edge() {
    let nl = Administration::new("NL", 1);
    let note = String::from_utf8(nl.checkpoint(5, Digest::of(b"root"))).unwrap();
    let most = note.clone() + &witness(0).repeat(MAX_NOTE_SIGNATURES - 1);
    assert_eq!(open(&nl, most.as_bytes()).unwrap().size, 5);
    assert_eq!(open(&nl, (most + &witness(0)).as_bytes()).unwrap_err().reason, Reason::LogCheckpoint);
}

#[test]
fn bytes_at_the_edge() {
    let nl = Administration::new("NL", 1);
    let note = String::from_utf8(nl.checkpoint(5, Digest::of(b"root"))).unwrap();
    let rest = MAX_NOTE - note.len() - witness(0).len();
    let most = note.clone() + &witness(rest);
    assert_eq!(most.len(), MAX_NOTE);
    assert!(open(&nl, most.as_bytes()).is_ok());
    assert_eq!(open(&nl, (note + &witness(rest + 1)).as_bytes()).unwrap_err().reason, Reason::LogCheckpoint);
}

#[test]
fn origins_at_the_edge() {
    for (length, good) in [(0, false), (1, true), (MAX_ORIGIN, true), (MAX_ORIGIN + 1, false)] {
        let checkpoint = Checkpoint { origin: "o".repeat(length), size: 1, root: Digest::default() };
        assert_eq!(Checkpoint::from_text(&checkpoint.text()).is_ok(), good, "{length}");
    }
    for origin in ["a b", "a+b", "a\u{a0}b", "https://a", "/a"] {
        let checkpoint = Checkpoint { origin: origin.into(), size: 1, root: Digest::default() };
        assert_eq!(Checkpoint::from_text(&checkpoint.text()).unwrap_err().reason, Reason::LogCheckpoint);
    }
}

/// LOG-013: a second line of the log's own key that does not verify spoils the note; lines of others never do.
#[test]
fn a_bad_line_of_the_logs_own_key() {
    let nl = Administration::new("NL", 1);
    let note = String::from_utf8(nl.checkpoint(5, Digest::of(b"root"))).unwrap();
    let other = String::from_utf8(nl.checkpoint(6, Digest::of(b"root"))).unwrap();
    let line = other.lines().last().unwrap();
    assert_eq!(open(&nl, format!("{note}{line}\n").as_bytes()).unwrap_err().reason, Reason::LogSignature);
    // Text lines behind the root are under the signature and mean nothing.
    let text = format!("{}\n7\n{}\nextension\n", nl.origin, "q".repeat(43) + "=");
    assert!(Checkpoint::from_text(&text).is_err(), "not the one spelling of 32 bytes");
}

//! Times the decoding of a file against reading its raw XML events and hashing it.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example for the terminal")]

use std::hint::black_box;
use std::time::Instant;

use carnet_formats::radiation;
use carnet_protocol::digest::Digest;
use carnet_protocol::spectrum::SpectrumView;

/// The best of thirty runs, in milliseconds.
fn best(work: impl Fn()) -> f64 {
    let run = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..30).map(run).fold(f64::MAX, f64::min)
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let raw = best(|| {
        let mut reader = quick_xml::Reader::from_reader(&bytes[..]);
        while !matches!(black_box(reader.read_event().unwrap()), quick_xml::events::Event::Eof) {}
    });
    let view = radiation::decode(&bytes, Some(&path)).unwrap();
    let cbor = view.to_cbor().unwrap();
    let decode = best(|| drop(black_box(radiation::decode(&bytes, Some(&path)).unwrap())));
    let encode = best(|| drop(black_box(view.to_cbor().unwrap())));
    let strict = best(|| drop(black_box(SpectrumView::from_cbor(&cbor).unwrap())));
    let hash = best(|| {
        black_box((Digest::of(&bytes), Digest::of(&cbor)));
    });
    println!("file {} bytes, view {} bytes", bytes.len(), cbor.len());
    println!("raw events {raw:.2} ms, one SHA-256 of file and view {hash:.2} ms");
    println!("decode {decode:.2} ms, encode {encode:.2} ms, strict decode of the view {strict:.2} ms");
}

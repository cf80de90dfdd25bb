//! Times decoding of a file against reading its raw XML events. Not part of the product's figures; `cargo xtask figures` has its own.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example for the terminal")]
use std::time::Instant;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let best = |work: &dyn Fn()| {
        (0..30)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed().as_secs_f64() * 1e3
            })
            .fold(f64::MAX, f64::min)
    };
    let raw = best(&|| {
        let mut reader = quick_xml::Reader::from_reader(&bytes[..]);
        loop {
            if matches!(std::hint::black_box(reader.read_event().unwrap()), quick_xml::events::Event::Eof) {
                break;
            }
        }
    });
    let decode = best(&|| {
        std::hint::black_box(carnet_formats::radiation::decode(&bytes, Some(&path)).unwrap());
    });
    let view = carnet_formats::radiation::decode(&bytes, Some(&path)).unwrap();
    let encode = best(&|| {
        std::hint::black_box(view.to_cbor().unwrap());
    });
    let cbor = view.to_cbor().unwrap();
    let back = best(&|| {
        std::hint::black_box(carnet_protocol::spectrum::SpectrumView::from_cbor(&cbor).unwrap());
    });
    println!(
        "raw events {raw:.3} ms, decode {decode:.3} ms ({:.2}x), encode {encode:.3} ms, view {} bytes of {}, strict decode {back:.3} ms",
        decode / raw,
        cbor.len(),
        bytes.len()
    );
}

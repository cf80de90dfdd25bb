#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
use super::*;
use proptest::prelude::*;

fn plane(width: u32, height: u32, bits: u8, sample: impl Fn(u32, u32) -> u32) -> Plane {
    let shape = Shape::new(width, height, bits).unwrap();
    let at = |i: u32| (sample(i % width, i / width) & u32::from(shape.max_value())) as u16;
    Plane::new(shape, (0..width * height).map(at).collect()).unwrap()
}

/// A deterministic scramble of a coordinate: test noise without a generator.
fn noise(x: u32, y: u32) -> u32 {
    let mut v = x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b);
    v ^= v >> 15;
    v = v.wrapping_mul(0x2c1b_3c6d);
    v ^ v >> 13
}

#[test]
fn round_trips_exactly_at_every_depth() {
    for bits in MIN..=MAX {
        for (w, h) in [(1, 1), (1, 7), (7, 1), (33, 65), (200, 150)] {
            for p in [
                plane(w, h, bits, noise),
                plane(w, h, bits, |x, y| x * 37 + y * 11),
                plane(w, h, bits, |_, _| 0),
                plane(w, h, bits, |x, y| if (x + y) % 2 == 0 { 0 } else { 0xffff }),
                plane(w, h, bits, |_, _| 0xffff),
            ] {
                let payload = encode(&p).unwrap();
                let reader = PlaneReader::open(&payload).unwrap();
                assert_eq!(reader.decode().unwrap(), p, "{w} x {h}, {bits} bits");
                assert_eq!(reader.sample_digest().unwrap(), p.sample_digest());
            }
        }
    }
}
const MIN: u8 = super::super::MIN_STORED_BITS;
const MAX: u8 = super::super::MAX_STORED_BITS;

#[test]
fn strips_decode_alone_and_add_up() {
    let p = plane(100, 37, 12, noise);
    let payload = encode_with_strips(&p, 10).unwrap();
    let reader = PlaneReader::open(&payload).unwrap();
    assert_eq!((reader.strips(), reader.strip_rows()), (4, 10));
    assert_eq!(reader.strip(3).unwrap(), p.samples()[3000..]);
    assert_eq!(reader.strip(1).unwrap(), p.samples()[1000..2000]);
    assert_eq!(reader.strip(4).unwrap_err(), CodingError::NoSuchStrip(4));
    assert_eq!(reader.sample_digest().unwrap(), p.sample_digest());
}

#[test]
fn strips_are_bounded_at_the_edge() {
    let p = plane(1 << 10, (1 << 10) + 1, 8, |_, _| 3);
    let payload = encode_with_strips(&p, 1 << 10).unwrap();
    assert_eq!(PlaneReader::open(&payload).unwrap().decode().unwrap(), p);
    let payload = encode_with_strips(&p, (1 << 10) + 1).unwrap();
    assert_eq!(PlaneReader::open(&payload).unwrap_err(), CodingError::StripRows((1 << 10) + 1));
}

#[test]
fn header_faults_are_named() {
    let good = encode(&plane(4, 3, 16, noise)).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        PlaneReader::open(&bad).unwrap_err()
    };
    assert_eq!(with(0, b'X'), CodingError::Magic);
    assert_eq!(with(4, 2), CodingError::Version(2));
    assert_eq!(with(5, 17), CodingError::Shape(PlaneError::StoredBits(17)));
    assert_eq!(with(6, 1), CodingError::Reserved);
    assert_eq!(with(7, 1), CodingError::Reserved);
    assert_eq!(with(11, 0), CodingError::Shape(PlaneError::Dimensions { width: 0, height: 3 }));
    assert_eq!(with(19, 0), CodingError::StripRows(0));
    assert_eq!(with(19, 4), CodingError::StripRows(4));
    assert!(matches!(with(20, 1), CodingError::FrameLength { strip: 0, .. }));
    assert!(matches!(with(23, good[23] - 1), CodingError::Length { .. }));
    let mut longer = good.clone();
    longer.push(0);
    assert!(matches!(PlaneReader::open(&longer).unwrap_err(), CodingError::Length { .. }));
    for cut in 0..good.len() {
        assert!(PlaneReader::open(&good[..cut]).is_err());
    }
    assert_eq!(PlaneReader::open(b"PNG").unwrap_err(), CodingError::Magic);
}

/// A payload of one strip of 4 x 1 samples whose frame is `frame`.
fn with_frame(bits: u8, frame: &[u8]) -> Vec<u8> {
    let mut payload = b"CPLN\x01".to_vec();
    payload.extend([bits, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1]);
    payload.extend((frame.len() as u32).to_be_bytes());
    payload.extend(frame);
    payload
}

fn frame_fault(bits: u8, frame: &[u8]) -> &'static str {
    match PlaneReader::open(&with_frame(bits, frame)).unwrap().decode().unwrap_err() {
        CodingError::Frame { strip: 0, what } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn frames_that_zstd_takes_and_we_do_not() {
    let zip = |raw: &[u8]| zstd::bulk::compress(raw, 1).unwrap();
    assert!(PlaneReader::open(&with_frame(8, &zip(&[0; 4]))).unwrap().decode().is_ok());
    assert!(frame_fault(8, &zip(&[0; 5])).contains("content size is not"));
    assert!(frame_fault(8, &zip(&[0; 3])).contains("content size is not"));
    assert!(frame_fault(10, &zip(&[0, 0, 0, 0, 4, 0, 0, 0])).contains("residual"));
    assert!(frame_fault(8, b"no zstd here").contains("not a zstd frame"));
    // A skippable frame before the frame.
    let mut skip = vec![0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
    skip.extend(zip(&[0; 4]));
    assert!(frame_fault(8, &skip).contains("not a zstd frame"));
    // An empty second frame after it.
    let two = [zip(&[0; 4]), zip(&[])].concat();
    assert!(frame_fault(8, &two).contains("follow"));
    let whole = zip(&[0; 4]);
    assert!(frame_fault(8, &whole[..whole.len() - 1]).contains("cut short"));
    // A frame without a content size, as a streaming encoder writes it.
    let mut unsized_frame = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    std::io::Write::write_all(&mut unsized_frame, &[0; 4]).unwrap();
    assert!(frame_fault(8, &unsized_frame.finish().unwrap()).contains("does not say"));
}

/// The worked example of spec/10-image.md: the chapter must show exactly these bytes.
#[test]
fn worked_example_is_in_the_spec() {
    let p = Plane::new(Shape::new(4, 2, 12).unwrap(), vec![100, 101, 103, 103, 100, 102, 4095, 0]).unwrap();
    let payload = encode(&p).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
    let mut residuals = [0; 8];
    to_residuals(p.samples(), 4, 12, &mut residuals);
    let spec = include_str!("../../../../spec/10-image.md");
    for part in [
        format!("{residuals:?}"),
        hex(&payload[..HEADER_LEN]),
        hex(&payload[HEADER_LEN..HEADER_LEN + 4]),
        hex(&payload[HEADER_LEN + 4..]),
        p.sample_digest().to_string(),
    ] {
        assert!(spec.contains(&part), "spec/10-image.md lacks: {part}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_payloads_are_refused_or_make_a_lawful_plane(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(), truncate in any::<bool>(),
    ) {
        let mut payload = encode_with_strips(&plane(64, 20, 12, |x, y| x * y + noise(x, y) % 7), 7).unwrap();
        let at = at.index(payload.len());
        payload[at] = byte;
        if truncate {
            let cut = cut.index(payload.len());
            payload.truncate(cut);
        }
        if let Ok(plane) = PlaneReader::open(&payload).and_then(|reader| reader.decode()) {
            prop_assert!(Plane::new(plane.shape(), plane.samples().to_vec()).is_ok());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PlaneReader::open(&bytes);
        bytes.splice(0..0, *b"CPLN\x01\x10\0\0\0\0\0");
        let _ = PlaneReader::open(&bytes).and_then(|reader| reader.decode());
    }
}

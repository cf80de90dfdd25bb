#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::imaging::jpeg_lossless;
use proptest::prelude::*;

/// One explicit element.
pub(super) fn element(tag: u32, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = tag_and_vr(tag, vr);
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == b"OB" { 0 } else { b' ' });
    }
    if matches!(vr, b"OB" | b"OW" | b"SQ" | b"UN" | b"OF") {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

/// The header of an explicit element of undefined length.
pub(super) fn undefined(tag: u32, vr: &[u8; 2]) -> Vec<u8> {
    [&tag_and_vr(tag, vr)[..], &[0, 0, 0xff, 0xff, 0xff, 0xff]].concat()
}

fn tag_and_vr(tag: u32, vr: &[u8; 2]) -> Vec<u8> {
    let [g1, g0, e1, e0] = tag.to_be_bytes();
    vec![g0, g1, e0, e1, vr[0], vr[1]]
}

/// A small DX file in the making.
struct Draft {
    syntax: &'static str,
    elements: BTreeMap<u32, Vec<u8>>,
}
use std::collections::BTreeMap;

impl Draft {
    fn new(rows: u16, columns: u16, bits: u16) -> Self {
        let mut draft = Self { syntax: "1.2.840.10008.1.2.1", elements: BTreeMap::new() };
        let allocated = if bits > 8 { 16 } else { 8 };
        for (tag, number) in [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, rows),
            (tags::COLUMNS, columns),
            (tags::BITS_ALLOCATED, allocated),
            (tags::BITS_STORED, bits),
            (tags::HIGH_BIT, bits - 1),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            draft = draft.number(tag, number);
        }
        draft.text(tags::PHOTOMETRIC, b"CS", "MONOCHROME2")
    }

    fn number(mut self, tag: u32, number: u16) -> Self {
        self.elements.insert(tag, element(tag, b"US", &number.to_le_bytes()));
        self
    }

    fn text(mut self, tag: u32, vr: &[u8; 2], text: &str) -> Self {
        self.elements.insert(tag, element(tag, vr, text.as_bytes()));
        self
    }

    fn native(mut self, cells: &[u16]) -> Self {
        let bytes: Vec<u8> = cells.iter().flat_map(|cell| cell.to_le_bytes()).collect();
        self.elements.insert(tags::PIXEL_DATA, element(tags::PIXEL_DATA, b"OW", &bytes));
        self
    }

    fn fragments(mut self, syntax: &'static str, fragments: &[&[u8]]) -> Self {
        self.syntax = syntax;
        let mut bytes = undefined(tags::PIXEL_DATA, b"OB");
        for fragment in std::iter::once(&&[][..]).chain(fragments) {
            bytes.extend([0xfe, 0xff, 0, 0xe0]);
            bytes.extend((fragment.len() as u32).to_le_bytes());
            bytes.extend_from_slice(fragment);
        }
        bytes.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
        self.elements.insert(tags::PIXEL_DATA, bytes);
        self
    }

    fn file(&self) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        bytes.extend(b"DICM");
        bytes.extend(element(tags::TRANSFER_SYNTAX, b"UI", self.syntax.as_bytes()));
        bytes.extend(self.elements.values().flatten());
        bytes
    }

    fn decode(&self) -> Result<DecodedImage, ImageFault> {
        decode(&self.file())
    }
}

fn samples(image: &DecodedImage, view: usize) -> &[u16] {
    image.views[view].channels[0].plane.samples()
}

#[test]
fn a_dual_energy_dx_with_its_fields() {
    let image = Draft::new(2, 3, 12)
        .text(tags::IMAGE_TYPE, b"CS", "ORIGINAL\\LOW ENERGY")
        .text(tags::MANUFACTURER, b"LO", "Maker ")
        .text(tags::MODEL, b"LO", "unknown")
        .text(tags::SERIAL, b"LO", "7")
        .text(tags::KVP, b"DS", "6000")
        .text(tags::IMAGER_SPACING, b"DS", "4.0\\2.5")
        .text(tags::ACQUISITION_DATE_TIME, b"DT", "20261124100000.5+0100")
        .text(tags::OBJECT_TYPE, b"CS", "CARGO")
        .text(0x0010_0010, b"PN", "Owner^One")
        .text(0x0008_1070, b"PN", "Officer^Two")
        .native(&[0, 1, 2, 4095, 4, 5])
        .decode()
        .unwrap();
    assert_eq!(samples(&image, 0), [0, 1, 2, 4095, 4, 5]);
    let (view, channel) = (&image.views[0], &image.views[0].channels[0]);
    assert_eq!((view.name.as_str(), channel.energy.as_str(), channel.peak_kv), ("main", "low", Some(6000.0)));
    assert_eq!((channel.meaning, channel.polarity), (Meaning::Raw, Polarity::HighIsWhite));
    assert_eq!(view.geometry.pitch, Some(Pitch { horizontal_mm: 2.5, vertical_mm: 4.0, plane: PitchPlane::Detector }));
    assert_eq!(image.acquired, Some(super::super::Acquired { seconds: 1_795_510_800, zone_known: true }));
    assert_eq!(image.instrument.maker.as_deref(), Some("Maker"));
    assert_eq!(image.instrument.model, None);
    assert_eq!(image.subject.as_deref(), Some("CARGO"));
    assert_eq!(
        image.personal,
        [("OperatorsName".to_owned(), "Officer^Two".to_owned()), ("PatientName".to_owned(), "Owner^One".to_owned())]
    );
}

#[test]
fn stored_bits_are_cut_out_and_signs_shifted() {
    // Twelve bits at the top of sixteen.
    let image = Draft::new(1, 2, 12).number(tags::BITS_ALLOCATED, 16).number(tags::HIGH_BIT, 15);
    assert_eq!(samples(&image.native(&[0xabc5, 0x0015]).decode().unwrap(), 0), [0xabc, 0x001]);
    let signed = Draft::new(1, 3, 12).number(tags::PIXEL_REPRESENTATION, 1).native(&[0xf800, 0, 0x07ff]);
    let image = signed.decode().unwrap();
    assert_eq!(samples(&image, 0), [0, 2048, 4095]);
    assert_eq!(image.views[0].channels[0].rescale, Some(Rescale { slope: 1.0, intercept: -2048.0 }));
    // Five bits become eight, the sign carried up.
    let mut small = Draft::new(1, 2, 5).number(tags::PIXEL_REPRESENTATION, 1);
    small.elements.insert(tags::PIXEL_DATA, element(tags::PIXEL_DATA, b"OB", &[0x1f, 0x01]));
    let image = small.decode().unwrap();
    assert_eq!((samples(&image, 0), image.views[0].channels[0].plane.stored_bits()), (&[127, 129][..], 8));
}

#[test]
fn frames_become_views_and_the_data_must_suffice() {
    let draft = Draft::new(1, 2, 16).text(tags::FRAMES, b"IS", "3");
    let image = draft.native(&[1, 2, 3, 4, 5, 6]).decode().unwrap();
    assert_eq!(image.views.len(), 3);
    assert_eq!((image.views[2].name.as_str(), samples(&image, 2)), ("frame 3", &[5, 6][..]));
    let short = Draft::new(1, 2, 16).text(tags::FRAMES, b"IS", "3").native(&[1, 2, 3, 4, 5]);
    assert!(short.decode().unwrap_err().to_string().contains("10 bytes of pixels where 12 are due"));
    let many = Draft::new(1, 2, 16).text(tags::FRAMES, b"IS", "1001").native(&[1, 2]);
    assert!(matches!(many.decode(), Err(ImageFault::Limit { .. })));
    let huge = Draft::new(65535, 65535, 16).native(&[1, 2]);
    assert!(matches!(huge.decode(), Err(ImageFault::Limit { .. })));
}

#[test]
fn lossless_jpeg_in_fragments() {
    let cells: Vec<u16> = (0..60_u16).map(|i| i.wrapping_mul(9973)).collect();
    let coded = jpeg_lossless::tests::encode(&cells, 10, 1, 16, 1, 0);
    let (one, two) = coded.split_at((coded.len() / 2) & !1);
    let draft = Draft::new(6, 10, 16).fragments("1.2.840.10008.1.2.4.70", &[one, two]);
    assert_eq!(samples(&draft.decode().unwrap(), 0), cells);
    let lying = Draft::new(6, 11, 16).fragments("1.2.840.10008.1.2.4.70", &[&coded]);
    assert!(lying.decode().unwrap_err().to_string().contains("a frame of 10 x 6 x 1"));
}

#[test]
fn deflated_sets_are_read() {
    let plain = Draft::new(1, 2, 16).native(&[500, 600]);
    let whole = plain.file();
    let start = whole.len() - plain.elements.values().map(Vec::len).sum::<usize>();
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut deflater, &whole[start..]).unwrap();
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element(tags::TRANSFER_SYNTAX, b"UI", b"1.2.840.10008.1.2.1.99"));
    bytes.extend(deflater.finish().unwrap());
    assert_eq!(samples(&decode(&bytes).unwrap(), 0), [500, 600]);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let says = |draft: &Draft, words: &str| {
        let error = draft.decode().unwrap_err();
        assert!(matches!(error, ImageFault::Unsupported { .. }) && error.to_string().contains(words), "{error}");
    };
    let tdr = Draft::new(1, 1, 16).text(tags::SOP_CLASS, b"UI", "1.2.840.10008.5.1.4.1.1.501.3");
    says(&tdr, "TDR");
    says(&Draft::new(1, 1, 16).number(tags::BITS_ALLOCATED, 32).native(&[0, 0]), "32 bits");
    let mut float = Draft::new(1, 1, 16);
    float.elements.insert(0x7fe0_0013, element(0x7fe0_0013, b"OF", &[0; 4]));
    says(&float, "floating-point");
    says(&Draft::new(1, 1, 16).fragments("1.2.840.10008.1.2.4.80", &[&[0; 4]]), "1.2.840.10008.1.2.4.80");
    assert!(Draft::new(1, 1, 16).decode().unwrap_err().to_string().contains("no pixel data"));
}

proptest! {
    #[test]
    fn mutated_files_never_panic(
        which in 0_usize..4, mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(), truncate in any::<bool>(),
    ) {
        let cells: Vec<u16> = (0..48_u16).map(|i| i * 77).collect();
        let draft = Draft::new(6, 8, 12).text(0x0010_0010, b"PN", "Owner^One");
        let mut bytes = match which {
            0 => draft.native(&cells),
            1 => draft.fragments("1.2.840.10008.1.2.4.70", &[&jpeg_lossless::tests::encode(&cells, 8, 1, 12, 1, 0)]),
            2 => {
                let mut rle = vec![0; 64];
                (rle[0], rle[4], rle[8]) = (2, 64, 66);
                rle.extend([0xd1, 1, 47]);
                rle.extend(0..48);
                draft.fragments("1.2.840.10008.1.2.5", &[&rle])
            }
            _ => draft.text(tags::FRAMES, b"IS", "2").native(&cells.repeat(2)),
        }.file();
        for (at, byte) in mutations {
            // The preamble is not read.
            let at = 128 + at.index(bytes.len() - 128);
            bytes[at] = byte;
        }
        if truncate {
            bytes.truncate(128 + cut.index(bytes.len() - 128));
        }
        let _ = decode(&bytes);
    }
}

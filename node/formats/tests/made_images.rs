//! Small images made here, in every raster format: decoded exactly, and never a panic when bytes change.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::Cursor;

use carnet_formats::imaging::ImageFault;
use carnet_formats::imaging::{DecodedImage, ImageFormat, MAX_PLANES, Meaning, decode};
use image::{ExtendedColorType, ImageEncoder};
use proptest::prelude::*;
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

/// JPEG 2000 codestreams, reversible, of 17 x 13 samples of [`gradient`], made with OpenJPEG.
const J2K_16: &str = "\
    ff4fff5100290000000000110000000d0000000000000000000000110000000d000000000000000000010f0101ff52000c00000001000004 \
    040001ff5c00044080ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e34ff90000a00000000 \
    01b00001ff93dff89b3c1237296539bde597efca7d2923c49454f2889e4b6cce8302cc6b44128f951a6a8c15ef319047ba3f884e74e98c5c \
    cff7cdff12823af3ddcf42ca01b81b5893efd1825f96c5fc3de562fdd9b1d14d7d0ae248b199ed10b551a5a44e93c8c09b97ea50897b3248 \
    06e150592fc9333568f82683eea894c7e5e66523d01b57c7111d84856dc4550e8ce876977980a317893c62920da8ca53bb23182c4c8dc92e \
    dc9d79f5393b905969f6af6ffc73bdff16192431126772fc2987658e40af308204c949b9697c872c033009fb5a59086d08066e29021b3d6b \
    b79d71135031c61d5dd7ce1eecbcbcd90c1913f1901f1de13417f77d784fcbc7a735a507472967b8430d859528e7e7d0baa265485ede3aeb \
    0133c2252f29cc27d15bbd4ea6fc409eafdc773ec21a1e839444138f4c02e07398c57b5b8a791f232d533f232c4b1c7794ff323db956f84d \
    63547863fdc5c7dd65f9f49991831f21d1a591bbc6b76ae5c9e2965bd063cbf86bf70337e2650f13693d8cdbf772980da50626252698989b \
    157db64e5cc951e42fa50b6c2bc76b1c18df30561a7023df98ae1272da1e45cfffd9";
const J2K_10: &str = "\
    ff4fff5100290000000000110000000d0000000000000000000000110000000d00000000000000000001090101ff52000c00000001000004 \
    040001ff5c00044050ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e34ff90000a00000000 \
    01350001ff93dfb691801236ebb0b842c1891ec0fadf8ab0960a8599f83bc2448cb7edf397f1c2001974a7571639f001de81439a17eb2a67 \
    5f6927739d5a6ffac876707917d2b1cc827e51fc2c95104a5dddeb17b178a8625117b3b2aec0ececb7817a339ade5b4daccbfc97109dbc54 \
    1a32e198c0a82fb824cd22ed199c0c19cc4805773ba89824530e2ac24eff55f7233bbabec728c5033c5b4ace742bc04a6b3a452d1b8cb9c1 \
    84a6ed81cf1cf3ccf39e1ab5301f91337534556035114d667d79e3bcc9ba38dfc616f41aaddcd4cf98d8ca49d718cf6c0ff5bddea41857d4 \
    c842f753d4f45d73e979e50409499d1a3ba33bead6139ea75d343d7b38910777c5add14b362a432a5957a288c641374778a6ba0f217d285b \
    615e3b58e0c6f982b0d3811efcc5709396d0f22e7fffd9";
const J2K_WIDTH: usize = 17;
const J2K_HEIGHT: usize = 13;

/// What the JPEG 2000 fixtures hold.
fn gradient(bits: u32) -> Vec<u16> {
    let at = |x: usize, y: usize| ((x * 3777 + y * 911 + (x * y) % 7 * 131) % (1 << bits)) as u16;
    (0..J2K_WIDTH * J2K_HEIGHT).map(|i| at(i % J2K_WIDTH, i / J2K_WIDTH)).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter_map(|c| char::from(c).to_digit(16)).map(|d| d as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A DICOM file around a JPEG 2000 codestream.
fn dicom_j2k(codestream: &[u8], bits: u8) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(b"\x02\0\x10\0UI\x16\x001.2.840.10008.1.2.4.90");
    let mut number = |group: u8, element: u16, value: u16| {
        let [e0, e1] = element.to_le_bytes();
        let [v0, v1] = value.to_le_bytes();
        bytes.extend([group, 0, e0, e1, b'U', b'S', 2, 0, v0, v1]);
    };
    for (element, value) in [
        (0x02, 1),
        (0x10, J2K_HEIGHT as u16),
        (0x11, J2K_WIDTH as u16),
        (0x100, 16),
        (0x101, u16::from(bits)),
        (0x102, u16::from(bits) - 1),
        (0x103, 0),
    ] {
        number(0x28, element, value);
    }
    bytes.extend(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0");
    bytes.extend((codestream.len() as u32).to_le_bytes());
    bytes.extend(codestream);
    bytes.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    bytes
}

fn png(samples: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes).write_image(samples, width, height, color).unwrap();
    bytes
}

fn jpeg(samples: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 100).write_image(samples, width, height, color).unwrap();
    bytes
}

/// A TIFF of `pages` pages of 3 x 2 samples, each its number more than the one before.
fn tiff(pages: u16) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    for page in 0..pages {
        let samples: Vec<u16> = (0..6).map(|i| i * 10_000 + page).collect();
        let mut image = encoder.new_image::<colortype::Gray16>(3, 2).unwrap();
        image.encoder().write_tag(Tag::Make, "Maker").unwrap();
        image.encoder().write_tag(Tag::Artist, "Officer Two").unwrap();
        image.encoder().write_tag(Tag::DateTime, "2026:11:24 10:00:00").unwrap();
        image.write_data(&samples).unwrap();
    }
    bytes.into_inner()
}

fn only_samples(image: &DecodedImage) -> &[u16] {
    assert_eq!((image.views.len(), image.views[0].channels.len()), (1, 1));
    image.views[0].channels[0].plane.samples()
}

#[test]
fn jpeg_2000_is_exact_at_10_and_16_bits() {
    for (fixture, bits) in [(J2K_16, 16), (J2K_10, 10)] {
        let image = decode(&dicom_j2k(&unhex(fixture), bits), None).unwrap();
        assert_eq!(only_samples(&image), gradient(u32::from(bits)));
        assert_eq!(image.views[0].channels[0].plane.stored_bits(), bits);
    }
}

#[test]
fn jpeg_2000_that_multiplies_bookkeeping_is_refused() {
    let good = unhex(J2K_16);
    let size = good.windows(2).position(|pair| pair == [0xff, 0x51]).unwrap();
    let refused = |at: usize, field: &[u8], words: &str| {
        let mut bad = good.clone();
        bad[at..at + field.len()].copy_from_slice(field);
        let error = decode(&dicom_j2k(&bad, 16), None).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(size + 6, &[0x7f, 0xff, 0xff, 0xff], "samples of a JPEG 2000 frame");
    refused(size + 22, &[0, 0, 0, 0], "empty image or tile grid");
    refused(size + 6, &[0, 1, 0, 0], "a frame of 65536 x 13");
    let style = good.windows(2).position(|pair| pair == [0xff, 0x52]).unwrap();
    refused(style + 10, &[0, 0], "code blocks of under 256 samples");
    refused(style + 10, &[9, 0], "larger than the standard allows");
}

#[test]
fn png_of_16_bits_is_raw_and_exact() {
    let samples: Vec<u16> = (0..12).map(|i| i * 5461 + 3).collect();
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
    let image = decode(&png(&bytes, 4, 3, ExtendedColorType::L16), Some("scan_0007_low.png")).unwrap();
    assert_eq!(only_samples(&image), samples);
    let channel = &image.views[0].channels[0];
    assert_eq!((image.format, channel.meaning, channel.energy.as_str()), (ImageFormat::Png, Meaning::Raw, "low"));
}

#[test]
fn grey_in_colour_is_one_channel_and_colour_is_three() {
    let grey: Vec<u8> = (0..16).flat_map(|i| [i * 10; 3]).collect();
    let image = decode(&png(&grey, 4, 4, ExtendedColorType::Rgb8), None).unwrap();
    assert!(only_samples(&image).iter().eq((0..16).map(|i| i * 10).collect::<Vec<u16>>().iter()));
    assert_eq!(only_samples(&decode(&jpeg(&grey, 4, 4, ExtendedColorType::Rgb8), None).unwrap()).len(), 16);
    let mut colour = grey.clone();
    colour[1] = 200;
    let image = decode(&png(&colour, 4, 4, ExtendedColorType::Rgb8), None).unwrap();
    let energies: Vec<&str> = image.views[0].channels.iter().map(|channel| channel.energy.as_str()).collect();
    assert_eq!(energies, ["red", "green", "blue"]);
    assert_eq!(image.views[0].channels[1].plane.samples()[0], 200);
    let clear: Vec<u8> = (0..16).flat_map(|i| [i * 10, 255]).collect();
    let image = decode(&png(&clear, 4, 4, ExtendedColorType::La8), None).unwrap();
    assert_eq!((only_samples(&image).len(), image.notes.len()), (16, 1));
}

#[test]
fn tiff_pages_are_views() {
    let image = decode(&tiff(1), None).unwrap();
    assert_eq!(only_samples(&image), [0, 10_000, 20_000, 30_000, 40_000, 50_000]);
    assert_eq!(image.instrument.maker.as_deref(), Some("Maker"));
    assert_eq!(image.personal, [("Artist".to_owned(), "Officer Two".to_owned())]);
    assert_eq!(image.acquired.map(|acquired| acquired.seconds), Some(1_795_514_400));
    let image = decode(&tiff(3), None).unwrap();
    assert_eq!((image.views.len(), image.views[2].name.as_str()), (3, "page 3"));
    assert_eq!(image.views[2].channels[0].plane.samples()[0], 2);
    assert!(decode(&tiff(MAX_PLANES as u16), None).is_ok());
    assert!(matches!(decode(&tiff(MAX_PLANES as u16 + 1), None), Err(ImageFault::Limit { .. })));
}

#[test]
fn headers_that_promise_too_much_are_refused_before_decoding() {
    let mut big = png(&[0; 4], 2, 2, ExtendedColorType::L8);
    big[16..24].copy_from_slice(&[0x00, 0x0f, 0xff, 0xff, 0x00, 0x0f, 0xff, 0xff]);
    // The checksum of the header chunk, so that only the dimensions are at fault.
    let mut crc = flate2::Crc::new();
    crc.update(&big[12..29]);
    big[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    assert!(matches!(decode(&big, None), Err(ImageFault::Limit { .. })));
    let mut big = jpeg(&[0; 4], 2, 2, ExtendedColorType::L8);
    let frame = big.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    big[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert!(matches!(decode(&big, None), Err(ImageFault::Limit { .. })));
    assert!(matches!(decode(b"GIF89a", None), Err(ImageFault::Unknown)));
    assert!(matches!(decode(&[], None), Err(ImageFault::Unknown)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn mutated_images_never_panic(
        which in 0_usize..5, mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(), truncate in any::<bool>(),
    ) {
        let ramp: Vec<u8> = (0..=255).collect();
        let mut bytes = match which {
            0 => png(&ramp, 16, 8, ExtendedColorType::L16),
            1 => jpeg(&ramp, 16, 16, ExtendedColorType::L8),
            2 => tiff(2),
            3 => dicom_j2k(&unhex(J2K_16), 16),
            _ => dicom_j2k(&unhex(J2K_10), 10),
        };
        for (at, byte) in mutations {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = decode(&bytes, Some("x.bin"));
    }
}

//! The smallest DICOM file that an archive takes: one 16-bit image in Explicit VR Little Endian (PS3.5, PS3.10).

use super::anchors::noise;

const ROWS: u16 = 4096;
const COLUMNS: u16 = 4096;
const DIGITAL_X_RAY: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";

/// A file of 32 MiB of noise; `number` makes it different from the others of its series.
pub fn file(number: u64) -> Vec<u8> {
    // Identifiers below 2.25 need no registration (PS3.5 B.2).
    let instance = format!("2.25.7707{number}");
    let mut meta = Vec::new();
    long(&mut meta, 0x0001, b"OB", &[0, 1]);
    short(&mut meta, 0x0002, 0x0002, b"UI", DIGITAL_X_RAY.as_bytes());
    short(&mut meta, 0x0002, 0x0003, b"UI", instance.as_bytes());
    short(&mut meta, 0x0002, 0x0010, b"UI", EXPLICIT_LITTLE_ENDIAN.as_bytes());
    short(&mut meta, 0x0002, 0x0012, b"UI", b"2.25.7707");

    // Odd, since `noise` makes a seed odd and neighbours would be alike.
    let pixels = noise(2 * number + 1, usize::from(ROWS) * usize::from(COLUMNS) * 2);
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    // The group's length in bytes always fits: it is some 200.
    short(&mut out, 0x0002, 0x0000, b"UL", &(meta.len() as u32).to_le_bytes());
    out.extend(meta);
    short(&mut out, 0x0008, 0x0016, b"UI", DIGITAL_X_RAY.as_bytes());
    short(&mut out, 0x0008, 0x0018, b"UI", instance.as_bytes());
    short(&mut out, 0x0008, 0x0060, b"CS", b"DX");
    short(&mut out, 0x0010, 0x0010, b"PN", b"NOISE");
    short(&mut out, 0x0010, 0x0020, b"LO", b"NOISE");
    short(&mut out, 0x0020, 0x000d, b"UI", b"2.25.77071");
    short(&mut out, 0x0020, 0x000e, b"UI", b"2.25.77072");
    short(&mut out, 0x0028, 0x0002, b"US", &1u16.to_le_bytes());
    short(&mut out, 0x0028, 0x0004, b"CS", b"MONOCHROME2");
    for (element, value) in [(0x0010, ROWS), (0x0011, COLUMNS), (0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 0)] {
        short(&mut out, 0x0028, element, b"US", &value.to_le_bytes());
    }
    out.extend([0xe0, 0x7f, 0x10, 0x00]);
    out.extend(b"OW\0\0");
    out.extend((pixels.len() as u32).to_le_bytes());
    out.extend(pixels);
    out
}

/// An element with a 16-bit length, padded to an even one: NUL for identifiers, a blank for texts.
fn short(out: &mut Vec<u8>, group: u16, element: u16, vr: &[u8; 2], value: &[u8]) {
    let odd = value.len() % 2;
    out.extend(group.to_le_bytes());
    out.extend(element.to_le_bytes());
    out.extend(vr);
    out.extend(((value.len() + odd) as u16).to_le_bytes());
    out.extend(value);
    if odd == 1 {
        out.push(if vr == b"UI" { 0 } else { b' ' });
    }
}

/// An element of the file's head with a 32-bit length.
fn long(out: &mut Vec<u8>, element: u16, vr: &[u8; 2], value: &[u8]) {
    out.extend(0x0002u16.to_le_bytes());
    out.extend(element.to_le_bytes());
    out.extend(vr);
    out.extend([0, 0]);
    out.extend((value.len() as u32).to_le_bytes());
    out.extend(value);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_head_says_its_own_length_and_the_pixels_end_the_file() {
        let bytes = file(3);
        assert_eq!(&bytes[128..132], b"DICM");
        assert_eq!(&bytes[132..140], b"\x02\0\0\0UL\x04\0");
        let length = u32::from_le_bytes(bytes[140..144].try_into().unwrap()) as usize;
        // The first element after the head is the SOP class of the data set.
        assert_eq!(&bytes[144 + length..][..6], b"\x08\0\x16\0UI");
        assert_eq!(bytes.len() % 2, 0);
        let pixels = 2 * 4096 * 4096;
        let tail = &bytes[bytes.len() - pixels - 12..][..12];
        assert_eq!(tail[..8], *b"\xe0\x7f\x10\0OW\0\0");
        assert_eq!(u32::from_le_bytes(tail[8..].try_into().unwrap()) as usize, pixels);
        // Not assert_ne!: it would print 32 MiB.
        assert!(bytes[bytes.len() - pixels..] != file(4)[bytes.len() - pixels..]);
        assert!(bytes[bytes.len() - pixels..] != file(2)[bytes.len() - pixels..]);
    }
}

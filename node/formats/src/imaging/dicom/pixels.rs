//! DICOM pixel data to samples: which coding, which bits, how many frames, all checked before anything is reserved.

use std::borrow::Cow;

use carnet_protocol::image::Shape;

use super::super::{bounds, jpeg, jpeg_lossless, jpeg2000};
use super::reader::{DataSet, Value};
use super::{FORMAT, malformed, rle, tags, unsupported, values};
use crate::imaging::ImageFault;

/// How frames are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Native,
    Jpeg,
    JpegLossless,
    Jpeg2000,
    Rle,
}

/// The pixel description (PS3.3 C.7.6.3), checked against the limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Description {
    pub(super) shape: Shape,
    pub(super) bands: u32,
    pub(super) frames: u32,
    /// Samples are two's complement of the stored bits.
    pub(super) signed: bool,
    bytes_each: usize,
    bits_stored: u8,
    /// Unused bits below the stored ones.
    shift: u8,
    /// Bands lie one after the other in a frame.
    planar: bool,
}

impl Description {
    pub(super) fn read(set: &DataSet<'_>) -> Result<Self, ImageFault> {
        let number = |tag, what: &str| values::whole(set, tag).ok_or_else(|| malformed(&format!("no {what}")));
        let allocated = number(tags::BITS_ALLOCATED, "BitsAllocated (0028,0100)")?;
        let bits_stored = values::whole(set, tags::BITS_STORED).unwrap_or(allocated);
        let bytes_each = match allocated {
            8 => 1,
            16 => 2,
            other => {
                return Err(unsupported(format!("{other} bits a sample; 8 and 16 are read")));
            }
        };
        let high_bit = values::whole(set, tags::HIGH_BIT).unwrap_or(bits_stored.saturating_sub(1));
        if bits_stored == 0 || bits_stored > allocated || high_bit >= allocated || high_bit + 1 < bits_stored {
            return Err(malformed("BitsStored or HighBit do not fit BitsAllocated"));
        }
        let bands = values::whole(set, tags::SAMPLES_PER_PIXEL).unwrap_or(1);
        let frames = values::whole(set, tags::FRAMES).unwrap_or(1);
        let rows = number(tags::ROWS, "Rows (0028,0010)")?;
        let columns = number(tags::COLUMNS, "Columns (0028,0011)")?;
        // A plane has at least 8 stored bits; fewer fit into them.
        let shape = bounds::shape(FORMAT, columns, rows, (bits_stored as u8).max(8), bands, frames)?;
        Ok(Self {
            shape,
            bands,
            frames,
            signed: values::whole(set, tags::PIXEL_REPRESENTATION) == Some(1),
            bytes_each,
            bits_stored: bits_stored as u8,
            shift: (high_bit + 1 - bits_stored) as u8,
            planar: bands > 1 && values::whole(set, tags::PLANAR) == Some(1),
        })
    }

    fn samples_a_frame(&self) -> usize {
        self.shape.samples() * self.bands as usize
    }

    /// Cuts the stored bits out of `cells`; a negative sample keeps its sign in the shape's bits.
    fn cut_bits(&self, cells: &mut [u16]) {
        let mask = u16::MAX >> (16 - self.bits_stored);
        let sign = if self.signed { 1_u16 << (self.bits_stored - 1) } else { 0 };
        for cell in cells {
            *cell = *cell >> self.shift & mask;
            // Only below 8 stored bits has the shape more bits than the file, and the sign must be carried up.
            if *cell & sign != 0 {
                *cell = (*cell | !mask) & self.shape.max_value();
            }
        }
    }
}

/// Each frame's samples, bands interleaved.
pub(super) fn frames(set: &DataSet<'_>, coding: Coding, description: &Description) -> Result<Vec<Vec<u16>>, ImageFault> {
    let pixels = set.get(tags::PIXEL_DATA).ok_or_else(|| malformed("no pixel data (7FE0,0010)"))?;
    match (&pixels.value, coding) {
        (Value::Bytes(bytes), Coding::Native) => native(bytes, description),
        (Value::Fragments(fragments), coding) if coding != Coding::Native => {
            let coded_bytes = fragments.iter().map(|fragment| fragment.len()).sum();
            let samples = description.samples_a_frame() as u64 * u64::from(description.frames);
            bounds::worth(FORMAT, samples, coded_bytes)?;
            split_frames(fragments, description.frames)?.into_iter().map(|frame| encapsulated(&frame, coding, description)).collect()
        }
        _ => Err(malformed("the pixel data is not coded as the transfer syntax says")),
    }
}

fn native(bytes: &[u8], description: &Description) -> Result<Vec<Vec<u16>>, ImageFault> {
    let frame_samples = description.samples_a_frame();
    // At most 2^29: the shape is bounded.
    let frame_bytes = frame_samples * description.bytes_each;
    let needed = frame_bytes * description.frames as usize;
    if bytes.len() < needed {
        return Err(malformed(&format!("{} bytes of pixels where {needed} are due", bytes.len())));
    }
    let frames = bytes.chunks_exact(frame_bytes).take(description.frames as usize).map(|frame| {
        let mut cells: Vec<u16> = match description.bytes_each {
            1 => frame.iter().map(|&byte| u16::from(byte)).collect(),
            _ => frame.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
        };
        description.cut_bits(&mut cells);
        if description.planar { interleave(&cells, description.bands as usize) } else { cells }
    });
    Ok(frames.collect())
}

/// Bands one after the other to interleaved bands.
fn interleave(cells: &[u16], bands: usize) -> Vec<u16> {
    let pixels = cells.len() / bands;
    (0..cells.len()).map(|index| cells[index % bands * pixels + index / bands]).collect()
}

/// The coded bytes of each frame, put together from fragments.
fn split_frames<'a>(fragments: &[&'a [u8]], frames: u32) -> Result<Vec<Cow<'a, [u8]>>, ImageFault> {
    let Some((table, fragments)) = fragments.split_first() else {
        return Err(malformed("encapsulated pixel data without an offset table"));
    };
    let frames = frames as usize;
    let join = |parts: &[&'a [u8]]| match parts {
        [one] => Cow::Borrowed(*one),
        many => Cow::Owned(many.concat()),
    };
    if frames == 1 {
        return Ok(vec![join(fragments)]);
    }
    if fragments.len() == frames {
        return Ok(fragments.iter().map(|fragment| Cow::Borrowed(*fragment)).collect());
    }
    // Several fragments a frame: the offset table says where each frame begins, counted from the first fragment.
    if table.len() != frames * 4 {
        return Err(malformed("the number of fragments is not that of frames, and no offset table tells them apart"));
    }
    let offsets: Vec<usize> = table.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let (mut first, mut at) = (0, 0);
    let mut split = Vec::with_capacity(frames);
    for frame in 0..frames {
        let start = first;
        let end = offsets.get(frame + 1).copied().unwrap_or(usize::MAX);
        if at != offsets[frame] {
            return Err(malformed("the offset table does not meet the fragments"));
        }
        while first < fragments.len() && at < end {
            at += 8 + fragments[first].len();
            first += 1;
        }
        split.push(join(&fragments[start..first]));
    }
    Ok(split)
}

fn encapsulated(bytes: &[u8], coding: Coding, description: &Description) -> Result<Vec<u16>, ImageFault> {
    let (width, height) = (description.shape.width(), description.shape.height());
    let bands = description.bands as usize;
    let agree = |w: u32, h: u32, b: usize| {
        if (w, h, b) == (width, height, bands) {
            Ok(())
        } else {
            Err(malformed(&format!("a frame of {w} x {h} x {b} samples in an image of {width} x {height} x {bands}")))
        }
    };
    let mut samples = match coding {
        Coding::JpegLossless => {
            let frame = jpeg_lossless::Frame::open(bytes)?;
            agree(frame.width(), frame.height(), frame.components())?;
            frame.decode()?
        }
        Coding::Jpeg2000 => {
            let shape = jpeg2000::shape_of(bytes)?;
            agree(shape.width, shape.height, usize::from(shape.components))?;
            let mut samples = jpeg2000::decode(bytes)?.1;
            // A lossy stream of more bits than are stored overshoots, and white must not wrap round to black.
            let max = u16::MAX >> (16 - description.bits_stored);
            if description.shift == 0 {
                samples.iter_mut().for_each(|sample| *sample = (*sample).min(max));
            }
            samples
        }
        Coding::Jpeg => {
            let (shape, bands, samples) = jpeg::lossy(bytes)?;
            agree(shape.width(), shape.height(), bands)?;
            samples
        }
        Coding::Rle => rle::decode(bytes, description.shape.samples(), bands, description.bytes_each)?,
        Coding::Native => return Err(malformed("native pixels in fragments")),
    };
    if samples.len() != description.samples_a_frame() {
        return Err(malformed("a frame holds another number of samples than the image"));
    }
    description.cut_bits(&mut samples);
    Ok(samples)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn frames_are_put_together_by_the_offset_table() {
        let table: Vec<u8> = [0_u32, 8 + 2 + 8 + 4].iter().flat_map(|offset| offset.to_le_bytes()).collect();
        let fragments: [&[u8]; 4] = [&table, b"ab", b"cdef", b"gh"];
        let frames = split_frames(&fragments, 2).unwrap();
        assert_eq!(frames, [Cow::Borrowed(&b"abcdef"[..]), Cow::Borrowed(b"gh")]);
        assert!(split_frames(&fragments[..3], 2).is_ok());
        assert!(split_frames(&[&[], b"a", b"b", b"c"], 2).is_err());
        assert!(split_frames(&[], 1).is_err());
    }

    #[test]
    fn planes_become_interleaved() {
        assert_eq!(interleave(&[1, 2, 3, 4, 5, 6], 3), [1, 3, 5, 2, 4, 6]);
    }
}

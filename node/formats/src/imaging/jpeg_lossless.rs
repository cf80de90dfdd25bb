//! Lossless JPEG (ITU-T T.81, process 14, SOF3): the coding of 16-bit DICOM and DICOS images (transfer syntaxes .57
//! and .70). Our own, because the Rust decoder at hand forgets restarts under its fast predictor and reserves memory
//! from the header alone.
//!
//! `bytes -> Frame::open (headers, bounds) -> decode -> interleaved samples`.

use crate::imaging::ImageFault;

const FORMAT: &str = "lossless JPEG";
const MAX_COMPONENTS: usize = 4;

/// A Huffman table as T.81 F.2.2.3 decodes it: for each length, the codes of that length and their first value.
struct Huffman {
    /// For lengths 1 to 16: largest code, or -1 if there is none.
    max_code: [i32; 17],
    /// For lengths 1 to 16: index of the first value minus the first code.
    offset: [i32; 17],
    values: Vec<u8>,
}

impl Huffman {
    fn new(counts: &[u8], values: &[u8]) -> Option<Self> {
        let mut table = Self { max_code: [-1; 17], offset: [0; 17], values: values.to_vec() };
        let (mut code, mut index) = (0_i32, 0_i32);
        for (length, &count) in (1..=16).zip(counts) {
            let count = i32::from(count);
            if count > 0 {
                // More codes than the length has room for.
                if code + count > 1 << length {
                    return None;
                }
                table.offset[length] = index - code;
                code += count;
                index += count;
                table.max_code[length] = code - 1;
            }
            code <<= 1;
        }
        // Difference categories are 0 to 16.
        values.iter().all(|&category| category <= 16).then_some(table)
    }
}

/// The headers of a lossless JPEG stream, checked.
pub(super) struct Frame<'a> {
    width: usize,
    height: usize,
    precision: u8,
    /// For each component, the index of its Huffman table.
    tables_used: Vec<usize>,
    tables: [Option<Huffman>; 4],
    predictor: u8,
    point_transform: u8,
    restart_interval: usize,
    /// Entropy-coded data, to the end of the stream.
    scan: &'a [u8],
    scan_offset: usize,
}

fn bad(at: usize, what: &str) -> ImageFault {
    ImageFault::Malformed { format: FORMAT, offset: Some(at as u64), what: what.to_owned() }
}

fn unsupported(what: &str) -> ImageFault {
    ImageFault::Unsupported { format: FORMAT, what: what.to_owned() }
}

impl<'a> Frame<'a> {
    /// Reads all headers up to the scan. Allocates nothing that depends on the dimensions.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ImageFault> {
        if !bytes.starts_with(&[0xff, 0xd8]) {
            return Err(bad(0, "no start of image"));
        }
        let mut frame = Self {
            width: 0,
            height: 0,
            precision: 0,
            tables_used: Vec::new(),
            tables: [None, None, None, None],
            predictor: 0,
            point_transform: 0,
            restart_interval: 0,
            scan: &[],
            scan_offset: 0,
        };
        let mut ids = Vec::new();
        let mut at = 2;
        loop {
            let Some(&[0xff, marker]) = bytes.get(at..at + 2) else {
                return Err(bad(at, "no marker where one is due"));
            };
            if marker == 0xff {
                at += 1;
                continue;
            }
            let Some(&[l1, l0]) = bytes.get(at + 2..at + 4) else {
                return Err(bad(at, "a marker segment is cut short"));
            };
            let end = at + 2 + usize::from(u16::from_be_bytes([l1, l0]));
            let Some(body) = bytes.get(at + 4..end) else {
                return Err(bad(at, "a marker segment is cut short"));
            };
            match marker {
                0xc3 => frame.read_frame_header(body, &mut ids).ok_or_else(|| bad(at, "a bad frame header"))?,
                0xc4 => frame.read_tables(body).ok_or_else(|| bad(at, "a bad Huffman table"))?,
                0xc0..=0xcf => {
                    return Err(unsupported("another JPEG process than lossless Huffman"));
                }
                0xdd => match *body {
                    [hi, lo] => frame.restart_interval = usize::from(u16::from_be_bytes([hi, lo])),
                    _ => return Err(bad(at, "a bad restart interval")),
                },
                0xda => {
                    frame.read_scan_header(body, &ids).ok_or_else(|| bad(at, "a bad scan header"))?;
                    frame.scan = &bytes[end..];
                    frame.scan_offset = end;
                    if frame.tables_used.len() != ids.len() {
                        return Err(unsupported("components in scans of their own"));
                    }
                    return Ok(frame);
                }
                0xd9 => return Err(bad(at, "the image ends before its scan")),
                _ => {}
            }
            at = end;
        }
    }

    fn read_frame_header(&mut self, body: &[u8], ids: &mut Vec<u8>) -> Option<()> {
        let (&[precision, h1, h0, w1, w0, count], components) = body.split_first_chunk()?;
        self.precision = precision;
        self.width = usize::from(u16::from_be_bytes([w1, w0]));
        self.height = usize::from(u16::from_be_bytes([h1, h0]));
        let lawful = (2..=16).contains(&precision)
            && self.width > 0
            && self.height > 0
            && (1..=MAX_COMPONENTS).contains(&usize::from(count))
            && components.len() == usize::from(count) * 3
            && ids.is_empty()
            // Every component at full resolution: nobody subsamples what must be lossless.
            && components.chunks_exact(3).all(|c| c[1] == components[1] && (count == 1 || c[1] == 0x11));
        ids.extend(components.chunks_exact(3).map(|component| component[0]));
        lawful.then_some(())
    }

    fn read_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&class, rest)) = body.split_first() {
            let (counts, rest) = rest.split_at_checked(16)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (values, rest) = rest.split_at_checked(total)?;
            // Class 0, the only one in lossless processes, with identifiers 0 to 3.
            *self.tables.get_mut(usize::from(class))? = Some(Huffman::new(counts, values)?);
            body = rest;
        }
        Some(())
    }

    fn read_scan_header(&mut self, body: &[u8], ids: &[u8]) -> Option<()> {
        let (&count, rest) = body.split_first()?;
        let (components, rest) = rest.split_at_checked(usize::from(count) * 2)?;
        let &[predictor, 0, transform] = rest else {
            return None;
        };
        self.predictor = predictor;
        self.point_transform = transform;
        for (component, &id) in components.chunks_exact(2).zip(ids) {
            let table = usize::from(component[1] >> 4);
            if component[0] != id || self.tables.get(table)?.is_none() {
                return None;
            }
            self.tables_used.push(table);
        }
        let lawful = (1..=7).contains(&predictor)
            && transform & 0xf0 == 0
            && transform < self.precision
            && !ids.is_empty()
            && usize::from(count) == ids.len();
        lawful.then_some(())
    }

    /// Samples a row.
    pub(super) fn width(&self) -> u32 {
        self.width as u32
    }

    /// Rows.
    pub(super) fn height(&self) -> u32 {
        self.height as u32
    }

    /// Bits of a sample, 2 to 16.
    pub(super) fn precision(&self) -> u8 {
        self.precision
    }

    /// Samples a pixel, 1 to 4.
    pub(super) fn components(&self) -> usize {
        self.tables_used.len()
    }

    /// All samples, interleaved. The caller has checked the dimensions against its limits.
    pub(super) fn decode(&self) -> Result<Vec<u16>, ImageFault> {
        let bands = self.components();
        let stride = self.width * bands;
        let total = stride * self.height;
        // Every sample takes at least one bit: a larger promise is a lie, found before memory is reserved for it.
        if total / 8 > self.scan.len() {
            return Err(bad(self.scan_offset, "less data than the image has samples"));
        }
        // T.81 H.1.1: restarts come at the ends of rows.
        if !self.restart_interval.is_multiple_of(self.width) {
            return Err(bad(self.scan_offset, "restarts within a row"));
        }
        let first = 1_i32 << (self.precision - self.point_transform - 1);
        let mask = (1_u32 << (self.precision - self.point_transform)) - 1;
        let mut bits = Bits::new(self.scan);
        let mut samples: Vec<u16> = vec![0; total];
        let (mut until_restart, mut next_restart) = (self.restart_interval, 0);
        // The row after the last restart: its prediction starts afresh, as if there were none above.
        let mut fresh_row = 0;
        for y in 0..self.height {
            for x in 0..self.width {
                let mut fresh = x == 0 && y == 0;
                if self.restart_interval > 0 {
                    if until_restart == 0 {
                        bits.restart(next_restart).ok_or_else(|| bad(self.scan_offset + bits.at, "no restart marker where one is due"))?;
                        next_restart = (next_restart + 1) % 8;
                        until_restart = self.restart_interval;
                        fresh = true;
                        fresh_row = y;
                    }
                    until_restart -= 1;
                }
                for band in 0..bands {
                    // The table was checked to be there when the scan header was read.
                    let Some(table) = &self.tables[self.tables_used[band]] else {
                        continue;
                    };
                    let difference = bits
                        .difference(table)
                        .ok_or_else(|| bad(self.scan_offset + bits.at, "the scan ends early or holds a wrong code"))?;
                    let here = y * stride + x * bands + band;
                    let expected = if fresh {
                        first
                    } else if y == fresh_row {
                        i32::from(samples[here - bands])
                    } else if x == 0 {
                        i32::from(samples[here - stride])
                    } else {
                        let left = i32::from(samples[here - bands]);
                        let up = i32::from(samples[here - stride]);
                        let corner = i32::from(samples[here - stride - bands]);
                        match self.predictor {
                            1 => left,
                            2 => up,
                            3 => corner,
                            4 => left + up - corner,
                            5 => left + ((up - corner) >> 1),
                            6 => up + ((left - corner) >> 1),
                            _ => (left + up) >> 1,
                        }
                    };
                    let value = (expected + difference) as u16;
                    // Lossless sums are modulo 2^16; a lawful stream never leaves its precision.
                    if u32::from(value) > mask {
                        return Err(bad(self.scan_offset + bits.at, "a sample is larger than the precision"));
                    }
                    samples[here] = value;
                }
            }
        }
        if self.point_transform > 0 {
            samples.iter_mut().for_each(|sample| *sample <<= self.point_transform);
        }
        Ok(samples)
    }
}

/// Bits of entropy-coded data, most significant first, with stuffed zero bytes taken out.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// Bits read ahead, right-aligned.
    ahead: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, ahead: 0, count: 0 }
    }

    /// Reads ahead until 32 bits are there or the data ends at a marker.
    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(&0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(&0xff), _) | (None, _) => return,
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.ahead = self.ahead << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        self.count = self.count.checked_sub(count)?;
        Some((self.ahead >> self.count) as u32 & ((1_u64 << count) - 1) as u32)
    }

    /// The next difference (T.81 H.1.2.2): a category by its Huffman code, and as many further bits.
    fn difference(&mut self, table: &Huffman) -> Option<i32> {
        if self.count < 32 {
            self.fill();
        }
        let mut code = 0;
        for length in 1..=16 {
            code = code << 1 | self.take(1)? as i32;
            if code <= table.max_code[length] {
                let category = *table.values.get((code + table.offset[length]) as usize)?;
                return match category {
                    0 => Some(0),
                    16 => Some(32768),
                    category => {
                        let extra = self.take(u32::from(category))? as i32;
                        let half = 1 << (category - 1);
                        Some(if extra < half { extra - 2 * half + 1 } else { extra })
                    }
                };
            }
        }
        None
    }

    /// Steps over restart marker number `number`, dropping the bits that pad the byte before it.
    fn restart(&mut self, number: u8) -> Option<()> {
        // Whole bytes read ahead would be data where the marker is due.
        if self.count >= 8 || self.data.get(self.at..self.at + 2)? != [0xff, 0xd0 + number] {
            return None;
        }
        self.at += 2;
        (self.ahead, self.count) = (0, 0);
        Some(())
    }
}

#[cfg(test)]
pub(in crate::imaging) mod tests;

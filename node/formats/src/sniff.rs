//! Which format a file is in: its first bytes decide, its name only where bytes cannot.

use std::fmt;

/// A format that Carnet reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// ANSI N42.42, 2006 or 2012 (IEC 62755).
    N42,
    /// IAEA SPE text.
    Spe,
    /// IEC 61455 text.
    Iec,
    /// ORTEC CHN.
    Chn,
    /// GADRAS PCF.
    Pcf,
    /// Canberra (Mirion) CNF.
    Cnf,
    /// A `RADDATA://` spectrum address.
    RadData,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// TIFF.
    Tiff,
    /// DICOM or DICOS.
    Dicom,
    /// A declaration in JSON.
    DeclarationJson,
    /// Declarations in CSV.
    DeclarationCsv,
}

impl Format {
    /// Whether the format holds spectra, images or a declaration.
    pub fn is_radiation(self) -> bool {
        matches!(self, Self::N42 | Self::Spe | Self::Iec | Self::Chn | Self::Pcf | Self::Cnf | Self::RadData)
    }

    /// Whether the format holds images.
    pub fn is_image(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Tiff | Self::Dicom)
    }

    /// Whether the format holds declarations.
    pub fn is_declaration(self) -> bool {
        matches!(self, Self::DeclarationJson | Self::DeclarationCsv)
    }

    /// The media type of the native file.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::N42 => "application/xml",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Tiff => "image/tiff",
            Self::Dicom => "application/dicom",
            Self::DeclarationJson => "application/json",
            Self::DeclarationCsv => "text/csv",
            Self::Spe | Self::Iec | Self::RadData => "text/plain",
            Self::Chn | Self::Pcf | Self::Cnf => "application/octet-stream",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::N42 => "N42.42",
            Self::Spe => "SPE",
            Self::Iec => "IEC 61455",
            Self::Chn => "CHN",
            Self::Pcf => "PCF",
            Self::Cnf => "CNF",
            Self::RadData => "RADDATA",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::Dicom => "DICOM",
            Self::DeclarationJson => "declaration JSON",
            Self::DeclarationCsv => "declaration CSV",
        })
    }
}

/// How far into a file the first bytes are looked for.
const HEAD: usize = 4096;

/// The format of `bytes`; `name` is the file's name, with or without folders.
pub fn sniff(bytes: &[u8], name: Option<&str>) -> Option<Format> {
    let head = &bytes[..bytes.len().min(HEAD)];
    let extension = name.and_then(|name| name.rsplit_once('.')).map(|(_, end)| end.to_ascii_lowercase());
    let extension = extension.as_deref().unwrap_or("");
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        return Some(Format::Jpeg);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(Format::Png);
    }
    if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") {
        return Some(Format::Tiff);
    }
    if head.get(128..132) == Some(b"DICM") {
        return Some(Format::Dicom);
    }
    if head.starts_with(&[0xff, 0xff]) && bytes.len() >= 32 {
        return Some(Format::Chn);
    }
    if looks_like_pcf(head, extension) {
        return Some(Format::Pcf);
    }
    // A Canberra file begins with these words of its file header block.
    if head.starts_with(&[0x00, 0x04, 0x00, 0x00]) || (extension == "cnf" && bytes.len() >= 512) {
        return Some(Format::Cnf);
    }
    sniff_text(head, extension)
}

fn looks_like_pcf(head: &[u8], extension: &str) -> bool {
    let records = head.get(..2).map_or(0, |word| u16::from_le_bytes([word[0], word[1]]));
    records != 0 && head.len() >= 512 && (head.get(2..5) == Some(b"DHS") || (extension == "pcf" && head.get(2..5) == Some(b"   ")))
}

fn sniff_text(head: &[u8], extension: &str) -> Option<Format> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let starts = |prefix: &[u8]| text.len() >= prefix.len() && text[..prefix.len()].eq_ignore_ascii_case(prefix);
    let holds = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    if starts(b"RADDATA:") || starts(b"interspec:") {
        return Some(Format::RadData);
    }
    if starts(b"$") && (extension == "spe" || holds(b"$DATA:") || holds(b"$SPEC_ID:") || holds(b"$MEAS_TIM:")) {
        return Some(Format::Spe);
    }
    if starts(b"A004") {
        return Some(Format::Iec);
    }
    if starts(b"<") && (extension == "n42" || [&b"N42InstrumentData"[..], b"RadInstrumentData", b"/N42/"].into_iter().any(holds)) {
        return Some(Format::N42);
    }
    if extension == "n42" && (holds(b"<RadInstrumentData") || holds(b"<N42InstrumentData")) {
        return Some(Format::N42);
    }
    match extension {
        "dcm" | "dcs" => Some(Format::Dicom),
        "spe" => Some(Format::Spe),
        "json" if starts(b"{") || starts(b"[") => Some(Format::DeclarationJson),
        "csv" => Some(Format::DeclarationCsv),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bytes_decide_before_names() {
        for (bytes, name, format) in [
            (&b"\xff\xd8\xff\xe0"[..], "a.n42", Some(Format::Jpeg)),
            (b"raddata://g0/000/NCF", "a.txt", Some(Format::RadData)),
            (b"\xef\xbb\xbf<?xml version='1.0'?><RadInstrumentData>", "x", Some(Format::N42)),
            (b"<?xml version='1.0'?><Other/>", "x.xml", None),
            (b"$SPEC_ID:\r\nx", "x.Spe", Some(Format::Spe)),
            (b"A004NUCICA", "x.iec", Some(Format::Iec)),
            (b"{\"mrn\": 1}", "x.json", Some(Format::DeclarationJson)),
            (b"a,b\n1,2\n", "x.CSV", Some(Format::DeclarationCsv)),
            (b"hello", "x.txt", None),
            (b"", "", None),
        ] {
            assert_eq!(sniff(bytes, Some(name)), format, "{name}");
        }
    }
}

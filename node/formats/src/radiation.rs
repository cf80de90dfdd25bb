//! Radiation files: every format that field instruments write, decoded into one [`SpectrumView`].
//!
//! Sources: ANSI N42.42-2006 and -2012 (IEC 62755), IAEA SPE and IEC 61455 (as MAESTRO and GammaVision write them), the ORTEC software
//! toolkit (CHN), the GADRAS user manual (PCF), "Spectra in a URI" (RADDATA), and the dialects of real files.

mod builder;
mod chn;
mod cnf;
mod counted;
mod digits;
mod iec;
mod n42;
mod n42_2006;
mod n42_2012;
mod pcf;
mod raddata;
mod spe;
mod streamvbyte;
mod text;
mod xml;

use carnet_protocol::spectrum::SpectrumView;

use crate::{Format, FormatError, sniff};

/// Bytes of one radiation file.
pub const MAX_FILE: usize = 256 * 1024 * 1024;

/// Decodes the radiation file `bytes`. `file_name` helps only where the bytes do not tell the format.
///
/// # Errors
/// The format is unknown or not radiation, the file departs from it (with the place), exceeds a limit, or uses an unsupported variant.
pub fn decode(bytes: &[u8], file_name: Option<&str>) -> Result<SpectrumView, FormatError> {
    if bytes.len() > MAX_FILE {
        return Err(FormatError::Limit { what: "bytes of a radiation file", limit: MAX_FILE as u64 });
    }
    let mut view = match sniff(bytes, file_name) {
        Some(Format::N42) => n42::decode(bytes)?,
        Some(Format::Spe) => spe::decode(bytes)?,
        Some(Format::Iec) => iec::decode(bytes)?,
        Some(Format::Chn) => chn::decode(bytes)?,
        Some(Format::Pcf) => pcf::decode(bytes)?,
        Some(Format::Cnf) => cnf::decode(bytes)?,
        Some(Format::RadData) => raddata::decode(bytes)?,
        _ => return Err(FormatError::Unknown),
    };
    view.version = carnet_protocol::spectrum::VERSION;
    Ok(view)
}

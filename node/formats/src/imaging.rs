//! Image files in, planes of samples out.
//!
//! `file bytes -> decode -> DecodedImage { views -> channels -> planes }`. The native file is kept elsewhere; this is
//! the view of it that can be shared, so personal data is set apart in [`DecodedImage::personal`] and is in no other
//! field. Which element of a file fills which field: spec/10-image.md, "Where the fields come from".
//!
//! Every dimension is checked against [`MAX_IMAGE_SAMPLES`] and [`MAX_PLANES`] before anything is allocated for it.

mod bounds;
mod dicom;
mod error;
mod guard;
mod jpeg;
mod jpeg2000;
mod jpeg_lossless;
mod png;
mod raster;
mod tiff;

use carnet_protocol::image::Plane;

pub use bounds::{
    FREE_SAMPLES, MAX_CHANNELS, MAX_DICOM_DEPTH, MAX_EXPANSION, MAX_IMAGE_SAMPLES, MAX_INFLATED, MAX_JPEG2000_SAMPLES, MAX_PLANES, MAX_TEXT,
};
pub use error::ImageFault;

/// What an image file says, personal data set apart.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedImage {
    /// The file's format.
    pub format: ImageFormat,
    /// Views, at least one.
    pub views: Vec<View>,
    /// The machine that made the image.
    pub instrument: Instrument,
    /// When the image was acquired.
    pub acquired: Option<Acquired>,
    /// What was inspected, in the file's own code, e.g. DICOS `CARGO`, `BAGGAGE`, `VEHICLE`.
    pub subject: Option<String>,
    /// Personal data found in the file: field name and value. Such a field is in no other place of this struct.
    pub personal: Vec<(String, String)>,
    /// What the decoded view leaves out of the file, in words an officer understands.
    pub notes: Vec<String>,
}

/// The formats that are decoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// DICOM or DICOS, part 10 file.
    Dicom,
    /// JPEG, baseline or progressive, or lossless (ITU-T T.81).
    Jpeg,
    /// PNG.
    Png,
    /// TIFF 6 or BigTIFF.
    Tiff,
}

impl ImageFormat {
    /// The media type of a file of this format.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Dicom => "application/dicom",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Tiff => "image/tiff",
        }
    }

    /// The format of a file that begins with `bytes`, judged by its magic numbers alone.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.get(128..132) == Some(b"DICM") {
            Some(Self::Dicom)
        } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| bytes.starts_with(magic)) {
            Some(Self::Tiff)
        } else {
            None
        }
    }
}

/// The machine that made an image, as the file names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instrument {
    /// Manufacturer.
    pub maker: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Software version.
    pub software: Option<String>,
    /// The operator's name for the machine or lane.
    pub station: Option<String>,
}

/// A time of acquisition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquired {
    /// Seconds since the Unix epoch.
    pub seconds: i64,
    /// True if the file gave the offset from UTC; else its wall clock was read as UTC and may be hours off.
    pub zone_known: bool,
}

/// One view: a direction of projection, a slice of a volume, or a page of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// A name unique within the image, e.g. `main`, `frame 12`, `page 2`.
    pub name: String,
    /// Energy (or colour) channels, at least one, all of one width and height.
    pub channels: Vec<Channel>,
    /// Where the samples lie in space.
    pub geometry: Geometry,
}

/// Geometry of a view. All lengths in millimetres.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Geometry {
    /// Distance between sample centres.
    pub pitch: Option<Pitch>,
    /// Source to detector.
    pub source_to_detector_mm: Option<f64>,
    /// Source to the inspected object.
    pub source_to_object_mm: Option<f64>,
    /// Thickness of a reconstructed slice.
    pub slice_mm: Option<f64>,
    /// Position of the first sample, x, y, z.
    pub position_mm: Option<[f64; 3]>,
    /// Direction cosines of a row and of a column.
    pub orientation: Option<[f64; 6]>,
}

/// Distance between sample centres, in millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pitch {
    /// Along a row.
    pub horizontal_mm: f64,
    /// Along a column.
    pub vertical_mm: f64,
    /// Where it was measured.
    pub plane: PitchPlane,
}

/// The plane in which a pitch was measured; they differ by the magnification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PitchPlane {
    /// At the face of the detector.
    Detector,
    /// In the inspected object, or calibrated.
    Object,
}

/// One channel of a view.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// `single`, `low`, `high`, a beam such as `6 MV` or `160 kV`, or a colour: `red`, `green`, `blue`.
    pub energy: String,
    /// Peak voltage of the source in kilovolts, if the file gives it.
    pub peak_kv: Option<f64>,
    /// What a sample is.
    pub meaning: Meaning,
    /// Which end of the scale is shown white.
    pub polarity: Polarity,
    /// Samples to units: `units = slope * sample + intercept`, if the file gives it or signed samples were shifted.
    pub rescale: Option<Rescale>,
    /// The samples, with their stored bits.
    pub plane: Plane,
}

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Detector counts, or a value linear in them.
    Raw,
    /// Transmission: counts divided by those through air.
    AirNormalised,
    /// Logarithm of the transmission.
    Log,
    /// Effective atomic number or a class of it.
    Material,
    /// Processed for the eye; not a measurement.
    Display,
}

impl Meaning {
    /// The code in spec/10-image.md.
    pub fn code(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::AirNormalised => "air-normalised",
            Self::Log => "log",
            Self::Material => "material",
            Self::Display => "display",
        }
    }
}

/// Which end of the scale is shown white.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// The largest sample is white (DICOM MONOCHROME2).
    HighIsWhite,
    /// The smallest sample is white (DICOM MONOCHROME1).
    HighIsBlack,
}

impl Polarity {
    /// The code in spec/10-image.md.
    pub fn code(self) -> &'static str {
        match self {
            Self::HighIsWhite => "high-is-white",
            Self::HighIsBlack => "high-is-black",
        }
    }
}

/// A linear map from samples to units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescale {
    /// Units a sample step.
    pub slope: f64,
    /// Units at sample zero.
    pub intercept: f64,
}

/// Decodes an image file. The format is judged by the bytes; `file_name` only names views where the file does not.
pub fn decode(bytes: &[u8], file_name: Option<&str>) -> Result<DecodedImage, ImageFault> {
    let mut image = match ImageFormat::of(bytes).ok_or(ImageFault::Unknown)? {
        ImageFormat::Dicom => dicom::decode(bytes),
        ImageFormat::Jpeg => jpeg::decode(bytes),
        ImageFormat::Png => png::decode(bytes),
        ImageFormat::Tiff => tiff::decode(bytes),
    }?;
    label_energy(&mut image, file_name);
    Ok(image)
}

/// Dual-energy exports without metadata come as two files whose names end in `low` and `high`: the only place where
/// the energy is written.
fn label_energy(image: &mut DecodedImage, file_name: Option<&str>) {
    let Some(name) = file_name else { return };
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_ascii_lowercase();
    let Some(word) = stem.rsplit(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty()) else {
        return;
    };
    let energy = match word {
        "low" | "le" => "low",
        "high" | "he" => "high",
        _ => return,
    };
    for channel in image.views.iter_mut().flat_map(|view| &mut view.channels) {
        if channel.energy == SINGLE {
            channel.energy = energy.to_owned();
        }
    }
}

/// The energy label of a channel about whose beam nothing is known.
pub(crate) const SINGLE: &str = "single";

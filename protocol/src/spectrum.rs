//! The spectrum view: what a gamma or neutron instrument measured, in one form for every maker. Implements spec/11-spectrum.md, `SPEC-*`.
//!
//! Vendor bytes -> decoder (carnet-formats) -> [`SpectrumView`] -> payload of role `decoded`, media type [`MEDIA_TYPE`].
//! The view keeps the numbers that an analysis needs and the instrument's own findings. Remarks, operators and plates stay in the native file.

mod check;
mod code;
mod counted;
mod counts;

use minicbor::{Decode, Encode};

pub use code::{Category, FindingKind, MeasurementClass};
pub use counted::CountedWriter;
pub use counts::{Counts, CountsWriter, MAX_COUNT, Reals, Row};

use crate::cbor::Real;
use crate::reason::Fault;

/// Media type of a spectrum view.
pub const MEDIA_TYPE: &str = "application/carnet-spectra";
/// The version of the view that this crate reads and writes (`SPEC-002`).
pub const VERSION: u32 = 1;
/// Channels of one spectrum: twice the largest multichannel analyser in use (`SPEC-010`).
pub const MAX_CHANNELS: u32 = 1 << 16;
/// Measurements of one view: twelve detectors at ten samples a second for a quarter of an hour fit (`SPEC-011`).
pub const MAX_MEASUREMENTS: usize = 1 << 17;
/// Channels of all measurements together. Zero runs make a view small and its expansion large; this bounds the work (`SPEC-012`).
pub const MAX_TOTAL_CHANNELS: u64 = 1 << 28;
/// Bytes of one encoded view (`SPEC-013`).
pub const MAX_VIEW: usize = 256 * 1024 * 1024;
/// Detectors of one view (`SPEC-014`).
pub const MAX_DETECTORS: usize = 4096;
/// Calibrations of one view; an instrument that stabilises its gain may write one a sample (`SPEC-015`).
pub const MAX_CALIBRATIONS: usize = MAX_MEASUREMENTS;
/// Findings of one view (`SPEC-016`).
pub const MAX_FINDINGS: usize = 4096;
/// Bytes of a text in a view (`SPEC-017`).
pub const MAX_TEXT: usize = 1024;
/// Coefficients of a polynomial (`SPEC-018`).
pub const MAX_COEFFICIENTS: usize = 16;
/// Pairs of a deviation, resolution or point list (`SPEC-018`).
pub const MAX_PAIRS: usize = 4096;
/// Numbers in the boundary lists of all calibrations together (`SPEC-019`).
pub const MAX_TOTAL_BOUNDARIES: usize = 1 << 23;

/// Everything that one file, one portal passage or one acquisition holds.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct SpectrumView {
    /// Always [`VERSION`].
    #[n(0)]
    pub version: u32,
    /// What measured.
    #[n(1)]
    pub instrument: Instrument,
    /// The instrument's detectors; measurements refer to them by index.
    #[n(2)]
    pub detectors: Vec<Detector>,
    /// Calibrations, shared by index.
    #[n(3)]
    pub calibrations: Vec<Calibration>,
    /// One entry for each detector and sample, in the file's order.
    #[n(4)]
    pub measurements: Vec<Measurement>,
    /// What the instrument itself concluded. Its claims, not ours.
    #[n(5)]
    pub findings: Vec<VendorFinding>,
}

/// An instrument, as its maker names it.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Instrument {
    /// Manufacturer (N42 `RadInstrumentManufacturerName`).
    #[n(0)]
    pub maker: Option<String>,
    /// Model (N42 `RadInstrumentModelName`).
    #[n(1)]
    pub model: Option<String>,
    /// Serial number (N42 `RadInstrumentIdentifier`).
    #[n(2)]
    pub serial: Option<String>,
    /// Class (N42 `RadInstrumentClassCode`, verbatim).
    #[n(3)]
    pub class: Option<String>,
}

/// One detector.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Detector {
    /// Its name in the file.
    #[n(0)]
    pub name: String,
    /// What it detects (N42 `RadDetectorCategoryCode`).
    #[n(1)]
    pub category: Option<Category>,
    /// Its material (N42 `RadDetectorKindCode`, verbatim).
    #[n(2)]
    pub kind: Option<String>,
    /// Its description.
    #[n(3)]
    pub description: Option<String>,
}

/// How channels become energies, in keV. Channel 0 is the first; an energy is that of a channel's lower edge.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Calibration {
    /// `E(c) = k0 + k1 c + k2 c^2 + ...` with `c` the channel number.
    #[n(0)]
    pub polynomial: Option<Vec<Real>>,
    /// Lower edges of the channels, and the last channel's upper edge if there is one more of them than channels.
    #[n(1)]
    pub boundaries: Option<Vec<Real>>,
    /// Full-range fraction: `E(x) = k0 + k1 x + k2 x^2 + k3 x^3 + k4 / (1 + 60 x)`, `x = c / channels`.
    #[n(2)]
    pub full_range: Option<Vec<Real>>,
    /// Points `[channel, keV]`, joined by straight lines.
    #[n(3)]
    pub points: Option<Vec<Pair>>,
    /// Deviation pairs `[keV, keV]`: added to the energy, joined by a natural cubic spline.
    #[n(4)]
    pub deviations: Option<Vec<Pair>>,
    /// Resolution `[keV, FWHM in keV]`.
    #[n(5)]
    pub resolution: Option<Vec<Pair>>,
}

/// Two numbers, as an array of two.
#[derive(Debug, Clone, Copy, PartialEq, Default, Encode, Decode)]
pub struct Pair(#[n(0)] pub Real, #[n(1)] pub Real);

/// What one detector measured in one sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measurement {
    /// Sample number; detectors that measured together share it. From the file, else counted from 1.
    pub sample: u32,
    /// What the measurement is for (N42 `MeasurementClassCode`).
    pub class: MeasurementClass,
    /// Start, milliseconds since the Unix epoch.
    pub start: Option<i64>,
    /// True if the file gave the start without a zone: then `start` is the wall clock's reading taken as UTC.
    pub local_time: bool,
    /// Real time, seconds.
    pub real_time: Option<Real>,
    /// Live time, seconds.
    pub live_time: Option<Real>,
    /// Index into [`SpectrumView::detectors`].
    pub detector: Option<u32>,
    /// Index into [`SpectrumView::calibrations`].
    pub calibration: Option<u32>,
    /// Gamma counts by channel.
    pub gamma: Option<Row>,
    /// Neutron counts, in total.
    pub neutrons: Option<Real>,
    /// Live time of the neutron detector where it differs, seconds.
    pub neutron_live_time: Option<Real>,
    /// Dose rate, microsievert an hour.
    pub dose_rate: Option<Real>,
    /// Whether something stood in the portal.
    pub occupied: Option<bool>,
    /// Speed of the item, metres a second.
    pub speed: Option<Real>,
    /// Latitude and longitude, degrees, WGS 84.
    pub position: Option<Pair>,
    /// Title.
    pub title: Option<String>,
    /// True if the values were computed from others in the file (N42 `DerivedData`), so that nobody counts them twice.
    pub derived: bool,
}

/// A conclusion of the instrument's own software.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct VendorFinding {
    /// What sort of conclusion.
    #[n(0)]
    pub kind: FindingKind,
    /// Nuclide or alarm category, as the instrument wrote it.
    #[n(1)]
    pub name: String,
    /// Confidence in percent (N42 `NuclideIDConfidenceValue`).
    #[n(2)]
    pub confidence: Option<Real>,
    /// Category of the nuclide or alarm, as written.
    #[n(3)]
    pub category: Option<String>,
    /// Further description.
    #[n(4)]
    pub description: Option<String>,
    /// The algorithm's name.
    #[n(5)]
    pub algorithm: Option<String>,
}

/// Why a view is not accepted. The fault lies with whoever made the bytes or filled the view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The bytes are not deterministic CBOR.
    #[error("the view is not deterministic CBOR: {0}")]
    Encoding(#[from] Fault),
    /// A field is missing, unknown, or has the wrong type.
    #[error("the view does not have the structure of version {VERSION}: {0}")]
    Structure(String),
    /// A limit is exceeded.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What is too large or too many.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A rule of the chapter is broken.
    #[error("{rule}: {what}")]
    Rule {
        /// The rule's number.
        rule: &'static str,
        /// What was found.
        what: &'static str,
    },
}

pub(crate) fn limit(what: &'static str, limit: u64) -> ViewError {
    ViewError::Limit { what, limit }
}

pub(crate) fn rule(rule: &'static str, what: &'static str) -> ViewError {
    ViewError::Rule { rule, what }
}

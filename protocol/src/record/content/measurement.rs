//! Images, spectra and signals: what instruments measured.

use minicbor::{Decode, Encode};

use super::{Checked, containers, payload_index};
use crate::cbor::Real;
use crate::digest::Digest;
use crate::image::{MAX_SAMPLES, MAX_SIDE, MAX_STORED_BITS, MIN_STORED_BITS};
use crate::limits::{MAX_AXES, MAX_LIST};
use crate::reason::{Fault, Reason};
use crate::record::{bounded, name};
use crate::time::Timestamp;

/// Radiographs of one object.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Image {
    /// Made by a simulator, not by an instrument. Never taken back.
    #[n(1)]
    pub synthetic: bool,
    /// A threat was projected into it (DICOS TIPType 4010,1039): for training, never evidence.
    #[n(2)]
    pub projected: bool,
    /// When it was taken (DICOM 0008,002A).
    #[n(3)]
    pub acquired: Option<Timestamp>,
    /// The file format that it was decoded from: `dicos`, `png`, ...
    #[n(4)]
    pub source: String,
    /// The views.
    #[n(5)]
    pub views: Vec<View>,
    /// Containers in the picture.
    #[n(20)]
    pub containers: Vec<String>,
}

/// One view: the same object seen from one side.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct View {
    /// Its name: `side`, `top`, ...
    #[n(1)]
    pub name: String,
    /// Samples in a row (DICOM 0028,0011).
    #[n(2)]
    pub width: u32,
    /// Rows (DICOM 0028,0010).
    #[n(3)]
    pub height: u32,
    /// Millimetres between samples in a row, at the object's centre (DICOM 0028,0030).
    #[n(4)]
    pub pitch_along: Option<Real>,
    /// Millimetres between rows.
    #[n(5)]
    pub pitch_across: Option<Real>,
    /// Where source and detector stand, in words (`side`, `top-down`, `bottom-up`).
    #[n(6)]
    pub geometry: Option<String>,
    /// The energy channels, lowest first.
    #[n(7)]
    pub channels: Vec<Channel>,
}

/// One energy channel of a view: one plane of samples.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Channel {
    /// The energy: `6 MV`, `160 kV`, `low`, `high`, `single` (DICOS 6100,0030).
    #[n(1)]
    pub energy: String,
    /// What a sample means: `raw`, `air-normalised`, `log`, `material`, `display`.
    #[n(2)]
    pub meaning: String,
    /// Bits that carry information, 8 to 16 (DICOM 0028,0101).
    #[n(3)]
    pub stored_bits: u8,
    /// Which payload holds the coded plane.
    #[n(4)]
    pub payload: u32,
    /// Digest of the decoded samples in canonical form (spec/10-image.md), the same for every lossless coding.
    #[n(5)]
    pub samples: Digest,
    /// Which end of the scale is shown white: `high-is-white`, `high-is-black` (DICOM 0028,0004).
    #[n(6)]
    pub polarity: Option<String>,
    /// Units a sample step (DICOM 0028,1053).
    #[n(7)]
    pub slope: Option<Real>,
    /// Units at sample zero (DICOM 0028,1052).
    #[n(8)]
    pub intercept: Option<Real>,
}

impl Checked for Image {
    fn check(&self, payloads: usize) -> Result<(), Fault> {
        name("source format", &self.source)?;
        bounded("views", self.views.len(), MAX_LIST)?;
        containers(&self.containers)?;
        self.views.iter().try_for_each(|view| view.check(payloads))
    }
}

impl View {
    fn check(&self, payloads: usize) -> Result<(), Fault> {
        name("view", &self.name)?;
        self.geometry.as_deref().map_or(Ok(()), |geometry| name("geometry", geometry))?;
        let samples = u64::from(self.width) * u64::from(self.height);
        if !(1..=MAX_SAMPLES).contains(&samples) || self.width.max(self.height) > MAX_SIDE {
            return Err(Fault::new(Reason::RecordLimit, "a view has 1 to 2^28 samples, and at most 2^20 a side"));
        }
        if [self.pitch_along, self.pitch_across].into_iter().flatten().any(|pitch| pitch.value() <= 0.0) {
            return Err(Fault::new(Reason::RecordContent, "a pixel pitch must be more than 0 mm"));
        }
        bounded("channels", self.channels.len(), MAX_LIST)?;
        self.channels.iter().try_for_each(|channel| {
            name("energy", &channel.energy)?;
            name("sample meaning", &channel.meaning)?;
            channel.polarity.as_deref().map_or(Ok(()), |polarity| name("polarity", polarity))?;
            if !(MIN_STORED_BITS..=MAX_STORED_BITS).contains(&channel.stored_bits) {
                return Err(Fault::new(Reason::RecordLimit, "stored bits are 8 to 16"));
            }
            payload_index(channel.payload, payloads)
        })
    }
}

/// Radiation spectra of one object; the counts are in the payload (spec/11-spectrum.md).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Spectrum {
    /// Made by a simulator, not by an instrument.
    #[n(1)]
    pub synthetic: bool,
    /// When the first measurement began (N42 StartDateTime).
    #[n(3)]
    pub acquired: Option<Timestamp>,
    /// The file format that it was decoded from: `n42-2012`, `spe`, ...
    #[n(4)]
    pub source: String,
    /// Which payload holds the spectra.
    #[n(5)]
    pub payload: u32,
    /// How many measurements there are (N42 RadMeasurement).
    #[n(6)]
    pub measurements: u32,
    /// How many detectors there are (N42 RadDetectorInformation).
    #[n(7)]
    pub detectors: u32,
    /// Most channels of a spectrum.
    #[n(8)]
    pub channels: u32,
    /// Whether neutrons were counted.
    #[n(9)]
    pub neutrons: bool,
    /// Containers measured.
    #[n(20)]
    pub containers: Vec<String>,
}

impl Checked for Spectrum {
    fn check(&self, payloads: usize) -> Result<(), Fault> {
        name("source format", &self.source)?;
        containers(&self.containers)?;
        payload_index(self.payload, payloads)
    }
}

/// A series on named axes: portal counts against time, delayed neutrons, a chromatogram; the values are in the payload.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Series {
    /// Made by a simulator, not by an instrument.
    #[n(1)]
    pub synthetic: bool,
    /// When it began.
    #[n(3)]
    pub acquired: Option<Timestamp>,
    /// The file format that it was decoded from.
    #[n(4)]
    pub source: String,
    /// Which payload holds the values.
    #[n(5)]
    pub payload: u32,
    /// The axes, slowest first; the quantity itself is the last.
    #[n(6)]
    pub axes: Vec<SignalAxis>,
    /// Containers measured.
    #[n(20)]
    pub containers: Vec<String>,
}

/// An axis of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignalAxis {
    /// `time`, `mass-to-charge`, `counts`, ...
    #[n(1)]
    pub name: String,
    /// Unit symbol (UCUM).
    #[n(2)]
    pub unit: String,
    /// Points along it.
    #[n(3)]
    pub length: u32,
}

impl Checked for Series {
    fn check(&self, payloads: usize) -> Result<(), Fault> {
        name("source format", &self.source)?;
        bounded("axes", self.axes.len(), MAX_AXES)?;
        self.axes.iter().try_for_each(|axis| name("axis", &axis.name).and(name("unit", &axis.unit)))?;
        containers(&self.containers)?;
        payload_index(self.payload, payloads)
    }
}

//! ANSI N42.42-2012 (IEC 62755). Element names as in the schema; spec/11-spectrum.md has the table.

use std::collections::HashMap;

use carnet_protocol::cbor::Real;
use carnet_protocol::spectrum::{
    Calibration, Category, FindingKind, MAX_CHANNELS, MAX_COEFFICIENTS, MAX_PAIRS, Measurement, MeasurementClass, Pair, SpectrumView,
    VendorFinding,
};
use quick_xml::events::BytesStart;

use super::builder::{Builder, coefficients, not_negative};
use super::n42::{boolean, category, class, counted_zeroes, duration, in_text};
use super::text::{Moment, channels, iso_time, number, numbers, short};
use super::xml::{Step, Tag, Xml, attribute};
use crate::FormatError;

/// An energy or resolution calibration as the file gives it; measurements name two of them and the view joins them.
#[derive(Default, Clone)]
struct Raw {
    polynomial: Option<Vec<Real>>,
    boundaries: Vec<Real>,
    energies: Vec<Real>,
    deviations: Vec<Real>,
    widths: Vec<Real>,
}

/// What a `RadMeasurement` says for all its parts.
#[derive(Default)]
struct Common {
    class: MeasurementClass,
    start: Option<Moment>,
    real_time: Option<Real>,
    occupied: Option<bool>,
    speed: Option<Real>,
    latitude: Option<Real>,
    longitude: Option<Real>,
    title: Option<String>,
    derived: bool,
}

/// The part of a measurement being read, with the names of its calibrations.
#[derive(Default)]
struct Part {
    measurement: Measurement,
    counts: Option<carnet_protocol::spectrum::Row>,
    counted_zeroes: bool,
    references: Vec<u8>,
    /// Whether its own ID says that it counts neutrons.
    neutron: bool,
}

struct State {
    builder: Builder,
    calibrations: HashMap<Vec<u8>, Raw>,
    id: Vec<u8>,
    raw: Raw,
    detector: Option<u32>,
    common: Common,
    part: Part,
    /// Names of the calibrations of each spectrum, `energy NUL width`, numbered; a measurement carries the number until the end.
    references: HashMap<Vec<u8>, u32>,
    finding: VendorFinding,
    identified: bool,
    algorithm: Option<String>,
    sample: u32,
}

/// Decodes the document whose root has just begun.
pub(super) fn decode(mut xml: Xml<'_>) -> Result<SpectrumView, FormatError> {
    let mut state = State {
        builder: Builder::default(),
        calibrations: HashMap::new(),
        id: Vec::new(),
        raw: Raw::default(),
        detector: None,
        common: Common::default(),
        part: Part::default(),
        references: HashMap::new(),
        finding: VendorFinding::default(),
        identified: true,
        algorithm: None,
        sample: 0,
    };
    loop {
        match xml.step()? {
            Step::Start(tag, start) => state.start(&mut xml, tag, &start)?,
            Step::End(tag, parent) => state.end(&xml, tag, parent)?,
            Step::Done => return state.finish(),
        }
    }
}

impl State {
    fn start(&mut self, xml: &mut Xml<'_>, tag: Tag, start: &BytesStart<'_>) -> Result<(), FormatError> {
        let value = |name: &[u8]| attribute(start, name).map_err(|what| xml.fault(what));
        match tag {
            Tag::RadDetectorInformation => self.detector = Some(self.builder.detector(&value(b"id")?)?),
            Tag::EnergyCalibration | Tag::FwhmCalibration => {
                self.id = value(b"id")?.into_owned();
                self.raw = Raw::default();
            }
            Tag::RadMeasurement | Tag::DerivedData => {
                self.sample += 1;
                self.common = Common { derived: tag == Tag::DerivedData, ..Common::default() };
            }
            Tag::Spectrum | Tag::GrossCounts | Tag::DoseRate => {
                let name = value(b"radDetectorInformationReference")?;
                let detector = if name.is_empty() { None } else { Some(self.builder.detector(&name)?) };
                let mut references = value(b"energyCalibrationReference")?.into_owned();
                references.push(0);
                references.extend_from_slice(&value(b"FWHMCalibrationReference")?);
                let measurement = Measurement { sample: self.sample, detector, ..Measurement::default() };
                let neutron = tag == Tag::GrossCounts && category(&value(b"id")?) == Some(Category::Neutron);
                self.part = Part { measurement, references, neutron, ..Part::default() };
            }
            Tag::ChannelData => {
                self.part.counted_zeroes = counted_zeroes(&value(b"compressionCode")?)?;
                xml.capture();
            }
            Tag::Nuclide | Tag::RadAlarm => (self.finding, self.identified) = (VendorFinding::default(), true),
            Tag::AnalysisResults => self.algorithm = None,
            Tag::Other => {}
            _ => xml.capture(),
        }
        Ok(())
    }

    fn end(&mut self, xml: &Xml<'_>, tag: Tag, parent: Tag) -> Result<(), FormatError> {
        let text = &xml.text[..];
        let instrument = &mut self.builder.view.instrument;
        match (tag, parent) {
            (Tag::RadInstrumentManufacturerName, _) => instrument.maker = short(text),
            (Tag::RadInstrumentModelName, _) => instrument.model = short(text),
            (Tag::RadInstrumentIdentifier, _) => instrument.serial = short(text),
            (Tag::RadInstrumentClassCode, _) => instrument.class = short(text),
            (Tag::RadDetectorName | Tag::RadDetectorCategoryCode | Tag::RadDetectorKindCode | Tag::RadDetectorDescription, _) => {
                self.end_detector_field(tag, text);
            }
            (Tag::CoefficientValues | Tag::EnergyBoundaryValues | Tag::EnergyValues | Tag::EnergyDeviationValues | Tag::FwhmValues, _) => {
                self.end_calibration_field(xml, tag)?;
            }
            (Tag::EnergyCalibration | Tag::FwhmCalibration, _) => {
                self.calibrations.insert(std::mem::take(&mut self.id), std::mem::take(&mut self.raw));
            }
            (Tag::Nuclide | Tag::RadAlarm, _) => self.end_finding(tag == Tag::RadAlarm)?,
            (Tag::AnalysisAlgorithmName, _) => self.algorithm = short(text),
            (Tag::NuclideName, _) => self.finding.name = short(text).unwrap_or_default(),
            (Tag::NuclideIdConfidenceValue, _) => {
                self.finding.confidence = number(text).filter(|percent| (0.0..=100.0).contains(&percent.value()));
            }
            (Tag::NuclideIdentifiedIndicator, _) => self.identified = boolean(text).unwrap_or(true),
            (Tag::NuclideCategoryDescription, _) => self.finding.category = short(text),
            (Tag::NuclideDescription | Tag::RadAlarmDescription, _) => self.finding.description = short(text),
            (Tag::RadAlarmCategoryCode, _) => self.finding.name = short(text).unwrap_or_default(),
            _ => self.end_measured(xml, tag, parent)?,
        }
        Ok(())
    }

    fn end_measured(&mut self, xml: &Xml<'_>, tag: Tag, parent: Tag) -> Result<(), FormatError> {
        let text = &xml.text[..];
        match (tag, parent) {
            (Tag::MeasurementClassCode, _) => self.common.class = class(text),
            (Tag::StartDateTime, _) => self.common.start = iso_time(text),
            (Tag::RealTimeDuration, Tag::Spectrum) => self.part.measurement.real_time = duration(xml, "RealTimeDuration")?,
            (Tag::RealTimeDuration, _) => self.common.real_time = duration(xml, "RealTimeDuration")?,
            (Tag::LiveTimeDuration, _) => self.part.measurement.live_time = duration(xml, "LiveTimeDuration")?,
            (Tag::OccupancyIndicator, _) => self.common.occupied = boolean(text),
            (Tag::SpeedValue, _) => self.common.speed = number(text).or(self.common.speed),
            (Tag::LatitudeValue, _) => self.common.latitude = number(text),
            (Tag::LongitudeValue, _) => self.common.longitude = number(text),
            (Tag::Remark, Tag::Spectrum | Tag::RadMeasurement) => {
                let title = text.trim_ascii().strip_prefix(b"Title:").and_then(short);
                let place = if parent == Tag::Spectrum { &mut self.part.measurement.title } else { &mut self.common.title };
                *place = title.or(place.take());
            }
            (Tag::ChannelData | Tag::CountData, _) => {
                let row = channels(text, tag == Tag::ChannelData && self.part.counted_zeroes);
                self.part.counts = row.map_err(|fault| in_text(xml, fault, "the channel data"))?;
            }
            (Tag::DoseRateValue, _) => self.part.measurement.dose_rate = number(text).filter(|rate| rate.value() >= 0.0),
            (Tag::Spectrum | Tag::GrossCounts | Tag::DoseRate, _) => self.end_part(tag)?,
            (Tag::RadMeasurement | Tag::DerivedData, _) => {
                let common = std::mem::take(&mut self.common);
                self.builder.end_group(|measurement| common.fill(measurement))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn end_detector_field(&mut self, tag: Tag, text: &[u8]) {
        let Some(detector) = self.detector.and_then(|index| self.builder.describe(index)) else { return };
        match tag {
            Tag::RadDetectorName => detector.name = short(text).unwrap_or_else(|| std::mem::take(&mut detector.name)),
            Tag::RadDetectorCategoryCode => detector.category = category(text).or(Some(Category::Other)),
            Tag::RadDetectorKindCode => detector.kind = short(text),
            _ => detector.description = short(text),
        }
    }

    fn end_calibration_field(&mut self, xml: &Xml<'_>, tag: Tag) -> Result<(), FormatError> {
        let read = |most| numbers(&xml.text, most).map_err(|fault| in_text(xml, fault, "a calibration"));
        match tag {
            Tag::CoefficientValues => self.raw.polynomial = coefficients(read(MAX_COEFFICIENTS)?),
            Tag::EnergyBoundaryValues => self.raw.boundaries = read(MAX_CHANNELS as usize + 1)?,
            Tag::EnergyValues => self.raw.energies = read(MAX_PAIRS)?,
            Tag::EnergyDeviationValues => self.raw.deviations = read(MAX_PAIRS)?,
            _ => self.raw.widths = read(MAX_PAIRS)?,
        }
        Ok(())
    }

    fn end_finding(&mut self, alarm: bool) -> Result<(), FormatError> {
        let mut finding = std::mem::take(&mut self.finding);
        finding.kind = if alarm { FindingKind::Alarm } else { FindingKind::Nuclide };
        finding.algorithm = self.algorithm.clone();
        // A nuclide that was looked for and not found is no finding.
        if self.identified && !finding.name.is_empty() { self.builder.finding(finding) } else { Ok(()) }
    }

    fn end_part(&mut self, tag: Tag) -> Result<(), FormatError> {
        let Part { mut measurement, counts, references, neutron, .. } = std::mem::take(&mut self.part);
        // A detector of both kinds is declared as gamma: then the ID of its gross counts says "neutron".
        let neutron = neutron || self.builder.category(measurement.detector) == Some(Category::Neutron);
        match (tag, counts) {
            (Tag::Spectrum | Tag::GrossCounts, Some(row)) if neutron => measurement.neutrons = not_negative(row.total()),
            (Tag::Spectrum | Tag::GrossCounts, Some(row)) => measurement.gamma = Some(row),
            _ => {}
        }
        if tag == Tag::Spectrum && measurement.gamma.is_some() {
            let next = self.references.len() as u32;
            measurement.calibration = Some(*self.references.entry(references).or_insert(next));
        }
        // Classes are filled at the end of the RadMeasurement: until then all parts have the same one.
        self.builder.part(measurement)
    }

    fn finish(mut self) -> Result<SpectrumView, FormatError> {
        // A file without references and with one calibration means that one.
        let mut energies = self.calibrations.values().filter(|raw| raw.widths.is_empty());
        let only = if energies.clone().count() == 1 { energies.next().cloned() } else { None };
        let mut meant: Vec<Option<u32>> = vec![None; self.references.len()];
        let mut references: Vec<(Vec<u8>, u32)> = std::mem::take(&mut self.references).into_iter().collect();
        // In the order of the file, so that the view does not depend on the hash map.
        references.sort_by_key(|(_, number)| *number);
        for (names, number) in references {
            let mut names_split = names.splitn(2, |byte| *byte == 0);
            let (energy, width) = (names_split.next().unwrap_or(&[]), names_split.next().unwrap_or(&[]));
            let raw = self.calibrations.get(energy).or(if energy.is_empty() { only.as_ref() } else { None });
            let calibration = join(raw, self.calibrations.get(width));
            if let Some(calibration) = calibration {
                meant[number as usize] = Some(self.builder.calibration(&names, calibration)?);
            }
        }
        for measurement in &mut self.builder.view.measurements {
            measurement.calibration = measurement.calibration.and_then(|number| meant[number as usize]);
        }
        Ok(self.builder.view)
    }
}

impl Common {
    fn fill(&self, measurement: &mut Measurement) {
        measurement.class = self.class;
        measurement.start = self.start.map(|moment| moment.millis);
        measurement.local_time = self.start.is_some_and(|moment| moment.local);
        measurement.real_time = measurement.real_time.or(self.real_time);
        measurement.occupied = self.occupied;
        measurement.speed = self.speed;
        measurement.position = self.latitude.zip(self.longitude).map(|(latitude, longitude)| Pair(latitude, longitude)).filter(on_earth);
        measurement.title = measurement.title.take().or_else(|| self.title.clone());
        measurement.derived = self.derived;
    }
}

/// Whether a position is one; instruments without a fix write numbers that are not.
pub(super) fn on_earth(position: &Pair) -> bool {
    position.0.value().abs() <= 90.0 && position.1.value().abs() <= 180.0
}

/// The view's calibration of an energy calibration and a resolution.
fn join(energy: Option<&Raw>, width: Option<&Raw>) -> Option<Calibration> {
    let pairs = |first: &[Real], second: &[Real]| {
        let pairs: Vec<Pair> = first.iter().zip(second).map(|(a, b)| Pair(*a, *b)).collect();
        (!pairs.is_empty()).then_some(pairs)
    };
    let mut calibration = Calibration::default();
    if let Some(raw) = energy {
        calibration.polynomial = raw.polynomial.clone();
        let ascend = !raw.boundaries.windows(2).any(|pair| pair[0].value() > pair[1].value());
        if calibration.polynomial.is_none() && !raw.boundaries.is_empty() && ascend {
            calibration.boundaries = Some(raw.boundaries.clone());
        }
        calibration.deviations =
            pairs(&raw.energies, &raw.deviations).filter(|_| calibration.polynomial.is_some() || calibration.boundaries.is_some());
    }
    if let Some(raw) = width {
        calibration.resolution = pairs(&raw.energies, &raw.widths);
    }
    (calibration != Calibration::default()).then_some(calibration)
}

//! ANSI N42.42-2006, and the instruments' habits with it.
//!
//! Calibrations may stand in a spectrum, above it, or at the end of the document under an ID. A portal repeats its eight calibrations a
//! thousand times, so they are known by their text and read once.

use carnet_protocol::cbor::Real;
use carnet_protocol::spectrum::{
    Calibration, Category, FindingKind, MAX_COEFFICIENTS, MAX_PAIRS, Measurement, Pair, Row, SpectrumView, VendorFinding,
};
use quick_xml::events::BytesStart;

use super::builder::{Builder, coefficients, not_negative, real};
use super::n42::{boolean, category, class, counted_zeroes, duration, in_text};
use super::n42_2012::on_earth;
use super::text::{Moment, channels, iso_time, number, numbers, short};
use super::xml::{Step, Tag, Xml, attribute};
use crate::FormatError;

/// Metres a second in a mile an hour.
const MILE_AN_HOUR: f64 = 0.44704;

/// What an element around the spectra says for all of them.
#[derive(Default, Clone)]
struct Scope {
    start: Option<Moment>,
    real_time: Option<Real>,
    occupied: Option<bool>,
    speed: Option<Real>,
    position: Option<Pair>,
    calibration: Option<u32>,
    detector: Vec<u8>,
    category: Option<Category>,
}

/// A calibration being read.
#[derive(Default)]
struct Scale {
    energy: bool,
    factor: f64,
    full_range: bool,
    id: Vec<u8>,
    key: Vec<u8>,
    coefficients: Option<Vec<Real>>,
    points: Vec<Pair>,
    x: Option<Real>,
    /// Whether points come as X and Y elements rather than as text.
    xy: bool,
}

/// A spectrum or count being read.
#[derive(Default)]
struct Part {
    measurement: Measurement,
    row: Option<Row>,
    counted_zeroes: bool,
    read: bool,
    start: Option<Moment>,
    detector: Vec<u8>,
    category: Option<Category>,
    kind: Option<String>,
    reference: Vec<u8>,
    dose_factor: Option<f64>,
}

#[derive(Default)]
struct State {
    builder: Builder,
    document: Scope,
    /// Of `Measurement`, and of `DetectorData` inside it.
    outer: Scope,
    inner: Scope,
    scale: Scale,
    part: Part,
    speed_factor: f64,
    /// Measurements that name a calibration which may come later.
    waiting: Vec<(usize, Vec<u8>)>,
    /// References of the parts of the sample at hand, by their place in it.
    pending: Vec<Vec<u8>>,
    finding: VendorFinding,
    sample: u32,
}

/// Decodes the document whose root has just begun.
pub(super) fn decode(mut xml: Xml<'_>) -> Result<SpectrumView, FormatError> {
    let mut state = State::default();
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
            Tag::Measurement => self.outer = self.document.clone(),
            Tag::DetectorData => {
                self.sample += 1;
                self.inner = self.outer.clone();
            }
            Tag::DetectorMeasurement => {
                let scope = self.scope(xml);
                (scope.detector, scope.category) = (value(b"Detector")?.into_owned(), category(&value(b"DetectorType")?));
            }
            Tag::Spectrum | Tag::CountDoseData => {
                if tag == Tag::Spectrum && !xml.inside(Tag::DetectorData) {
                    self.sample += 1;
                }
                let number = value(b"SampleNumber")?;
                let number = std::str::from_utf8(&number).ok().and_then(|number| number.trim().parse().ok());
                self.part = Part {
                    measurement: Measurement { sample: number.unwrap_or(self.sample), ..Measurement::default() },
                    detector: value(b"Detector")?.into_owned(),
                    category: category(&value(b"DetectorType")?),
                    reference: value(b"CalibrationIDs")?.into_owned(),
                    ..Part::default()
                };
            }
            Tag::ChannelData => {
                self.part.counted_zeroes = counted_zeroes(&value(b"Compression")?)?;
                xml.capture();
            }
            Tag::Calibration => {
                let kind = value(b"Type")?;
                let factor = match &value(b"EnergyUnits")?.to_ascii_lowercase()[..] {
                    b"mev" => 1000.0,
                    b"ev" => 0.001,
                    _ => 1.0,
                };
                self.scale =
                    Scale { energy: kind.is_empty() || &*kind == b"Energy", factor, id: value(b"ID")?.into_owned(), ..Scale::default() };
            }
            Tag::Equation => self.scale.full_range = &*value(b"Model")? == b"FullRangeFraction",
            Tag::Speed => {
                self.speed_factor = match &value(b"Units")?.to_ascii_lowercase()[..] {
                    b"mph" => MILE_AN_HOUR,
                    b"km/h" | b"kph" | b"kmh" => 1.0 / 3.6,
                    b"cm/s" => 0.01,
                    _ => 1.0,
                };
                xml.capture();
            }
            Tag::DoseRate => {
                self.part.dose_factor = microsieverts(&value(b"Units")?);
                xml.capture();
            }
            Tag::Nuclide | Tag::AlarmInformation => self.finding = VendorFinding::default(),
            Tag::Other => {}
            _ => xml.capture(),
        }
        Ok(())
    }

    fn scope(&mut self, xml: &Xml<'_>) -> &mut Scope {
        if xml.inside(Tag::DetectorData) {
            &mut self.inner
        } else if xml.inside(Tag::Measurement) {
            &mut self.outer
        } else {
            &mut self.document
        }
    }

    fn end(&mut self, xml: &Xml<'_>, tag: Tag, parent: Tag) -> Result<(), FormatError> {
        let text = &xml.text[..];
        let instrument = &mut self.builder.view.instrument;
        let in_part = xml.inside(Tag::Spectrum) || xml.inside(Tag::CountDoseData);
        match tag {
            Tag::Manufacturer => instrument.maker = short(text).or(instrument.maker.take()),
            Tag::InstrumentModel => instrument.model = short(text).or(instrument.model.take()),
            Tag::InstrumentId => instrument.serial = short(text).or(instrument.serial.take()),
            Tag::InstrumentType => instrument.class = short(text).or(instrument.class.take()),
            Tag::StartTime if in_part => self.part.start = iso_time(text),
            Tag::StartTime => self.scope(xml).start = iso_time(text),
            Tag::RealTime | Tag::SampleRealTime if in_part => self.part.measurement.real_time = duration(xml, "RealTime")?,
            Tag::SampleRealTime => self.scope(xml).real_time = duration(xml, "SampleRealTime")?,
            Tag::LiveTime if in_part => self.part.measurement.live_time = duration(xml, "LiveTime")?,
            Tag::SourceType if in_part => self.part.measurement.class = class(text),
            Tag::DetectorType if in_part => {
                (self.part.category, self.part.kind) = (category(text).or(self.part.category), short(text));
            }
            Tag::Occupied => self.scope(xml).occupied = boolean(text),
            Tag::Speed => {
                let speed = number(text).and_then(|speed| Real::new(speed.value() * self.speed_factor));
                self.scope(xml).speed = speed;
            }
            Tag::Coordinates => {
                let position = numbers(text, 3).ok().filter(|values| values.len() >= 2).map(|values| Pair(values[0], values[1]));
                self.scope(xml).position = position.filter(on_earth);
            }
            Tag::Remark if parent == Tag::Spectrum => {
                let title = text.trim_ascii().strip_prefix(b"Title:").and_then(short);
                self.part.measurement.title = title.or(self.part.measurement.title.take());
            }
            Tag::Data if parent == Tag::ChannelData => self.end_channels(xml)?,
            Tag::ChannelData if !self.part.read => self.end_channels(xml)?,
            Tag::Counts if in_part => self.part.measurement.neutrons = number(text).filter(|counts| counts.value() >= 0.0),
            Tag::DoseRate if in_part => {
                let rate = number(text).zip(self.part.dose_factor).and_then(|(rate, factor)| not_negative(rate.value() * factor));
                self.part.measurement.dose_rate = rate;
            }
            Tag::Spectrum | Tag::CountDoseData => self.end_part(xml)?,
            Tag::DetectorData => self.end_group(false)?,
            Tag::Measurement => self.end_group(true)?,
            Tag::Coefficients | Tag::PointXY | Tag::X | Tag::Y | Tag::Calibration => self.end_scale(xml, tag)?,
            _ => self.end_finding(xml, tag)?,
        }
        Ok(())
    }

    fn end_channels(&mut self, xml: &Xml<'_>) -> Result<(), FormatError> {
        self.part.row = channels(&xml.text, self.part.counted_zeroes).map_err(|fault| in_text(xml, fault, "ChannelData"))?;
        self.part.read = true;
        Ok(())
    }

    fn end_scale(&mut self, xml: &Xml<'_>, tag: Tag) -> Result<(), FormatError> {
        if !self.scale.energy {
            return Ok(());
        }
        let bad = |fault| in_text(xml, fault, "a Calibration");
        match tag {
            Tag::Coefficients => {
                let scale = &mut self.scale;
                scale.key.clear();
                scale.key.extend_from_slice(&[b'0' + u8::from(scale.full_range), if scale.factor > 1.0 { b'M' } else { b'k' }]);
                scale.key.extend_from_slice(&xml.text);
                if self.builder.known_calibration(&scale.key).is_none() {
                    let values = numbers(&xml.text, MAX_COEFFICIENTS).map_err(bad)?;
                    scale.coefficients = coefficients(values.iter().map(|value| real(value.value() * scale.factor)).collect());
                }
            }
            Tag::X => (self.scale.x, self.scale.xy) = (number(&xml.text), true),
            Tag::Y => {
                let point = self.scale.x.take().zip(number(&xml.text));
                self.point(point)?;
            }
            Tag::PointXY if !self.scale.xy => {
                let values = numbers(&xml.text, 8).map_err(bad)?;
                self.point(values.first().copied().zip(values.get(1).copied()))?;
            }
            Tag::PointXY => {}
            _ => self.end_calibration(xml)?,
        }
        Ok(())
    }

    fn point(&mut self, point: Option<(Real, Real)>) -> Result<(), FormatError> {
        if self.scale.points.len() >= MAX_PAIRS {
            return Err(FormatError::Limit { what: "points of a calibration", limit: MAX_PAIRS as u64 });
        }
        let factor = self.scale.factor;
        self.scale.points.extend(point.map(|(x, y)| Pair(x, real(y.value() * factor))));
        Ok(())
    }

    fn end_calibration(&mut self, xml: &Xml<'_>) -> Result<(), FormatError> {
        let mut scale = std::mem::take(&mut self.scale);
        let known = if scale.key.is_empty() { None } else { self.builder.known_calibration(&scale.key) };
        scale.points.sort_by(|a, b| a.0.value().total_cmp(&b.0.value()));
        let calibration = match (scale.coefficients, scale.points.len()) {
            (Some(terms), _) if scale.full_range => Calibration { full_range: Some(terms), ..Calibration::default() },
            (Some(terms), _) => Calibration { polynomial: Some(terms), ..Calibration::default() },
            (None, 2..) if known.is_none() => Calibration { points: Some(scale.points), ..Calibration::default() },
            _ => Calibration::default(),
        };
        let index = match known {
            Some(index) => index,
            None if calibration == Calibration::default() => return Ok(()),
            None => {
                let key = if scale.key.is_empty() { format!("points {}", xml.at()).into_bytes() } else { scale.key };
                self.builder.calibration(&key, calibration)?
            }
        };
        if !scale.id.is_empty() {
            let named = [b"id ", &scale.id[..]].concat();
            if self.builder.known_calibration(&named).is_none() {
                self.builder.name_calibration(&named, index);
            }
        }
        if xml.inside(Tag::Spectrum) {
            self.part.measurement.calibration = Some(index);
        } else {
            self.scope(xml).calibration = Some(index);
        }
        Ok(())
    }

    fn end_part(&mut self, xml: &Xml<'_>) -> Result<(), FormatError> {
        let mut part = std::mem::take(&mut self.part);
        let scope = self.scope(xml).clone();
        let m = &mut part.measurement;
        let start = part.start.or(scope.start);
        (m.start, m.local_time) = (start.map(|moment| moment.millis), start.is_some_and(|moment| moment.local));
        (m.occupied, m.speed, m.position) = (scope.occupied, scope.speed, scope.position);
        m.real_time = m.real_time.or(scope.real_time);
        let name = if part.detector.is_empty() { &scope.detector } else { &part.detector };
        let category = part.category.or(scope.category);
        if !name.is_empty() || part.kind.is_some() {
            let index = self.builder.detector(name)?;
            m.detector = Some(index);
            if let Some(detector) = self.builder.describe(index) {
                detector.category = detector.category.or(category);
                detector.kind = detector.kind.take().or(part.kind);
            }
        }
        let neutron = category == Some(Category::Neutron);
        match part.row {
            Some(row) if neutron => m.neutrons = not_negative(row.total()),
            Some(row) => m.gamma = Some(row),
            // `Counts` of a gamma detector are no neutrons.
            None if !neutron => m.neutrons = None,
            None => {}
        }
        if m.gamma.is_none() {
            m.calibration = None;
        } else if m.calibration.is_none() {
            m.calibration = scope.calibration.filter(|_| part.reference.is_empty());
            if m.calibration.is_none() {
                self.pending.push(part.reference);
                // The number of the reference, until the calibration is known: see `end_group`.
                m.calibration = Some(u32::MAX - (self.pending.len() - 1) as u32);
            }
        }
        self.builder.part(part.measurement)
    }

    /// Ends a sample; outside `DetectorData` all spectra of a `Measurement` are joined by their classes alone.
    fn end_group(&mut self, outer: bool) -> Result<(), FormatError> {
        let before = self.builder.view.measurements.len();
        self.builder.end_group(|_| ())?;
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            for (at, measurement) in self.builder.view.measurements.iter_mut().enumerate().skip(before) {
                let Some(number) = measurement.calibration.map(|index| (u32::MAX - index) as usize) else { continue };
                if let Some(reference) = pending.get(number) {
                    measurement.calibration = None;
                    self.waiting.push((at, reference.clone()));
                }
            }
        }
        if outer {
            self.outer = Scope::default();
        }
        self.inner = Scope::default();
        Ok(())
    }

    fn end_finding(&mut self, xml: &Xml<'_>, tag: Tag) -> Result<(), FormatError> {
        let text = &xml.text[..];
        match tag {
            Tag::NuclideName => self.finding.name = short(text).unwrap_or_default(),
            Tag::NuclideType => self.finding.category = short(text),
            Tag::NuclideIdConfidence | Tag::NuclideIdConfidenceIndication => {
                let percent = number(text).filter(|percent| (0.0..=100.0).contains(&percent.value()));
                // Some instruments write a word here.
                self.finding.description = if percent.is_none() { short(text) } else { None };
                self.finding.confidence = percent;
            }
            Tag::AlarmType => self.finding.name = short(text).unwrap_or_default(),
            Tag::AlarmDescription => self.finding.description = short(text),
            Tag::Nuclide | Tag::AlarmInformation if xml.inside(Tag::AnalysisResults) => {
                let mut finding = std::mem::take(&mut self.finding);
                if tag == Tag::AlarmInformation {
                    finding.kind = FindingKind::Alarm;
                    if finding.name.is_empty() && finding.description.is_some() {
                        finding.name = "alarm".into();
                    }
                }
                if !finding.name.is_empty() {
                    self.builder.finding(finding)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<SpectrumView, FormatError> {
        self.end_group(true)?;
        let only = (self.builder.view.calibrations.len() == 1).then_some(0);
        for (at, reference) in std::mem::take(&mut self.waiting) {
            // A reference may name several calibrations, of which one is the energy's.
            let named = reference
                .split(u8::is_ascii_whitespace)
                .filter(|name| !name.is_empty())
                .find_map(|name| self.builder.known_calibration(&[b"id ", name].concat()));
            self.builder.view.measurements[at].calibration = named.or(self.document.calibration).or(only);
        }
        Ok(self.builder.view)
    }
}

/// Microsieverts an hour in one of `units`, where they are known. A roentgen is taken as a rem, as instruments do.
fn microsieverts(units: &[u8]) -> Option<f64> {
    let units = String::from_utf8_lossy(units).to_lowercase().replace("hour", "h").replace("hr", "h").replace(' ', "");
    let (dose, time) = units.split_once('/').unwrap_or((&units, "h"));
    let per_hour = match time {
        "h" => 1.0,
        "s" | "sec" => 3600.0,
        _ => return None,
    };
    let factor = match dose {
        "sv" => 1e6,
        "msv" => 1e3,
        "usv" | "µsv" | "μsv" => 1.0,
        "nsv" => 1e-3,
        "rem" | "r" => 1e4,
        "mrem" | "mr" => 10.0,
        "urem" | "µrem" | "μrem" | "ur" | "µr" | "μr" => 0.01,
        _ => return None,
    };
    Some(factor * per_hour)
}

//! Encoding, decoding and the rules of the spectrum view.
//!
//! Decoding is: size, scanner, typed decoding, rules, and at last encoding again. The last step makes unknown fields, nulls in place
//! of absent fields and every other second spelling one fault, without a list of them.

use minicbor::{Decode, Decoder, Encode, Encoder};

use super::{
    Calibration, Counts, MAX_CALIBRATIONS, MAX_CHANNELS, MAX_COEFFICIENTS, MAX_DETECTORS, MAX_FINDINGS, MAX_MEASUREMENTS, MAX_PAIRS,
    MAX_TEXT, MAX_TOTAL_BOUNDARIES, MAX_TOTAL_CHANNELS, MAX_VIEW, Measurement, MeasurementClass, Pair, Reals, Row, SpectrumView, VERSION,
    ViewError, limit, rule,
};
use crate::cbor::Real;

impl SpectrumView {
    /// The view's one encoding.
    ///
    /// # Errors
    /// The rule or limit that the view breaks.
    pub fn to_cbor(&self) -> Result<Vec<u8>, ViewError> {
        self.check()?;
        let bytes = crate::cbor::encode(self);
        if bytes.len() > MAX_VIEW {
            return Err(limit("bytes of the view", MAX_VIEW as u64));
        }
        Ok(bytes)
    }

    /// The view that `bytes` encode.
    ///
    /// # Errors
    /// The fault, limit or rule broken; anything but the one encoding is refused.
    pub fn from_cbor(bytes: &[u8]) -> Result<Self, ViewError> {
        if bytes.len() > MAX_VIEW {
            return Err(limit("bytes of the view", MAX_VIEW as u64));
        }
        crate::cbor::scan(bytes)?;
        let view: Self = minicbor::decode(bytes).map_err(|error| ViewError::Structure(error.to_string()))?;
        view.check()?;
        if crate::cbor::encode(&view) != bytes {
            return Err(ViewError::Structure("a field is unknown, or null where it should be absent".into()));
        }
        Ok(view)
    }

    /// Gamma counts of all measurements that are not derived.
    pub fn total_counts(&self) -> f64 {
        self.measurements.iter().filter(|m| !m.derived).filter_map(|m| m.gamma.as_ref()).map(Row::total).sum()
    }

    fn check(&self) -> Result<(), ViewError> {
        if self.version != VERSION {
            return Err(rule("SPEC-002", "the view has another version"));
        }
        at_most("detectors", self.detectors.len(), MAX_DETECTORS)?;
        at_most("calibrations", self.calibrations.len(), MAX_CALIBRATIONS)?;
        at_most("measurements", self.measurements.len(), MAX_MEASUREMENTS)?;
        at_most("findings", self.findings.len(), MAX_FINDINGS)?;
        let of = &self.instrument;
        [&of.maker, &of.model, &of.serial, &of.class].into_iter().try_for_each(text)?;
        for detector in &self.detectors {
            at_most("bytes of a text", detector.name.len(), MAX_TEXT)?;
            [&detector.kind, &detector.description].into_iter().try_for_each(text)?;
        }
        let mut boundaries = 0;
        for calibration in &self.calibrations {
            boundaries += calibration.check()?;
        }
        at_most("channel boundaries", boundaries, MAX_TOTAL_BOUNDARIES)?;
        for finding in &self.findings {
            at_most("bytes of a text", finding.name.len(), MAX_TEXT)?;
            [&finding.category, &finding.description, &finding.algorithm].into_iter().try_for_each(text)?;
            if finding.confidence.is_some_and(|percent| !(0.0..=100.0).contains(&percent.value())) {
                return Err(rule("SPEC-048", "a confidence is not between 0 and 100 percent"));
            }
        }
        let mut channels = 0;
        for measurement in &self.measurements {
            channels += self.check_measurement(measurement)?;
        }
        if channels > MAX_TOTAL_CHANNELS {
            return Err(limit("channels of all measurements", MAX_TOTAL_CHANNELS));
        }
        Ok(())
    }

    fn check_measurement(&self, measurement: &Measurement) -> Result<u64, ViewError> {
        let inside = |index: Option<u32>, length: usize| index.is_none_or(|index| (index as usize) < length);
        if !inside(measurement.detector, self.detectors.len()) || !inside(measurement.calibration, self.calibrations.len()) {
            return Err(rule("SPEC-041", "an index points at no detector or calibration"));
        }
        let m = measurement;
        let negative =
            [m.real_time, m.live_time, m.neutron_live_time, m.neutrons, m.dose_rate].into_iter().flatten().any(|v| v.value() < 0.0);
        if negative {
            return Err(rule("SPEC-042", "a time, neutron count or dose rate is negative"));
        }
        if m.local_time && m.start.is_none() {
            return Err(rule("SPEC-043", "a zone is described without a start"));
        }
        if let Some(Pair(latitude, longitude)) = m.position
            && (latitude.value().abs() > 90.0 || longitude.value().abs() > 180.0)
        {
            return Err(rule("SPEC-044", "a position is not on Earth"));
        }
        text(&m.title)?;
        let channels = m.gamma.as_ref().map_or(0, Row::len);
        at_most("channels", channels, MAX_CHANNELS as usize)?;
        if m.gamma.as_ref().is_some_and(Row::is_empty) {
            return Err(rule("SPEC-045", "a spectrum has no channels"));
        }
        if channels == 0 && m.neutrons.is_none() && m.dose_rate.is_none() {
            return Err(rule("SPEC-046", "a measurement holds no counts and no dose rate"));
        }
        Ok(channels as u64)
    }
}

impl Calibration {
    /// Checks one calibration and says how many boundaries it has.
    fn check(&self) -> Result<usize, ViewError> {
        let energies = [self.polynomial.is_some(), self.boundaries.is_some(), self.full_range.is_some(), self.points.is_some()];
        let forms = energies.iter().filter(|form| **form).count();
        if forms > 1 || (forms == 0 && self.resolution.is_none()) {
            return Err(rule("SPEC-050", "a calibration has not exactly one form of energy scale"));
        }
        for coefficients in [&self.polynomial, &self.full_range].into_iter().flatten() {
            at_most("coefficients", coefficients.len(), MAX_COEFFICIENTS)?;
            if coefficients.is_empty() {
                return Err(rule("SPEC-051", "a list of a calibration is empty"));
            }
        }
        for pairs in [&self.points, &self.deviations, &self.resolution].into_iter().flatten() {
            at_most("pairs of a calibration", pairs.len(), MAX_PAIRS)?;
            if pairs.is_empty() {
                return Err(rule("SPEC-051", "a list of a calibration is empty"));
            }
        }
        let Some(boundaries) = &self.boundaries else { return Ok(0) };
        at_most("boundaries", boundaries.len(), MAX_CHANNELS as usize + 1)?;
        if boundaries.is_empty() {
            return Err(rule("SPEC-051", "a list of a calibration is empty"));
        }
        if boundaries.windows(2).any(|pair| pair[0].value() > pair[1].value()) {
            return Err(rule("SPEC-052", "channel boundaries descend"));
        }
        Ok(boundaries.len())
    }

    /// Energies of the `channels + 1` channel edges in keV, before deviation pairs. Absent if there is no energy scale.
    ///
    /// Boundaries that are one short are continued by the last channel's width.
    pub fn edges(&self, channels: usize) -> Option<Vec<f64>> {
        let at = |terms: &[Real], x: f64| terms.iter().rev().fold(0.0, |sum, term| sum * x + term.value());
        if let Some(terms) = &self.polynomial {
            return Some((0..=channels).map(|channel| at(terms, channel as f64)).collect());
        }
        if let Some(terms) = &self.full_range {
            let fifth = terms.get(4).map_or(0.0, |term| term.value());
            let first = &terms[..terms.len().min(4)];
            let edge = |x: f64| at(first, x) + fifth / (1.0 + 60.0 * x);
            return Some((0..=channels).map(|channel| edge(channel as f64 / channels.max(1) as f64)).collect());
        }
        if let Some(boundaries) = &self.boundaries {
            let mut edges: Vec<f64> = boundaries.iter().map(|edge| edge.value()).take(channels + 1).collect();
            while edges.len() <= channels {
                let width = edges.len().checked_sub(2).map_or(1.0, |n| edges[n + 1] - edges[n]);
                edges.push(edges.last().copied().unwrap_or(0.0) + width);
            }
            return Some(edges);
        }
        let points: Vec<(f64, f64)> = self.points.as_ref()?.iter().map(|pair| (pair.0.value(), pair.1.value())).collect();
        Some((0..=channels).map(|channel| on_lines(&points, channel as f64)).collect())
    }
}

/// The value at `x` of straight lines through `points`, whose ends are continued.
fn on_lines(points: &[(f64, f64)], x: f64) -> f64 {
    match points {
        [] => x,
        [(_, y)] => *y,
        _ => {
            let after = points.partition_point(|point| point.0 <= x).clamp(1, points.len() - 1);
            let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
            if x1 == x0 { y0 } else { y0 + (y1 - y0) * (x - x0) / (x1 - x0) }
        }
    }
}

fn at_most(what: &'static str, found: usize, bound: usize) -> Result<(), ViewError> {
    if found > bound { Err(limit(what, bound as u64)) } else { Ok(()) }
}

fn text(value: &Option<String>) -> Result<(), ViewError> {
    at_most("bytes of a text", value.as_ref().map_or(0, String::len), MAX_TEXT)?;
    match value {
        Some(value) if value.is_empty() => Err(rule("SPEC-047", "a text is empty where it should be absent")),
        _ => Ok(()),
    }
}

/// The fields of a measurement as they are encoded; [`Measurement`] joins length and coding of its row.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    sample: u32,
    #[n(1)]
    class: MeasurementClass,
    #[n(2)]
    start: Option<i64>,
    #[n(3)]
    local_time: Option<bool>,
    #[n(4)]
    real_time: Option<Real>,
    #[n(5)]
    live_time: Option<Real>,
    #[n(6)]
    detector: Option<u32>,
    #[n(7)]
    calibration: Option<u32>,
    #[n(8)]
    channels: Option<u32>,
    #[cbor(n(9), with = "minicbor::bytes")]
    counts: Option<Vec<u8>>,
    #[cbor(n(10), with = "minicbor::bytes")]
    reals: Option<Vec<u8>>,
    #[n(11)]
    neutrons: Option<Real>,
    #[n(12)]
    neutron_live_time: Option<Real>,
    #[n(13)]
    dose_rate: Option<Real>,
    #[n(14)]
    occupied: Option<bool>,
    #[n(15)]
    speed: Option<Real>,
    #[n(16)]
    position: Option<Pair>,
    #[n(17)]
    title: Option<String>,
    #[n(18)]
    derived: Option<bool>,
}

impl<C> Encode<C> for Measurement {
    fn encode<W: minicbor::encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        let (counts, reals) = match &self.gamma {
            Some(Row::Counts(counts)) => (Some(counts.bytes().to_vec()), None),
            Some(Row::Reals(reals)) => (None, Some(reals.bytes())),
            None => (None, None),
        };
        Fields {
            sample: self.sample,
            class: self.class,
            start: self.start,
            local_time: self.local_time.then_some(true),
            real_time: self.real_time,
            live_time: self.live_time,
            detector: self.detector,
            calibration: self.calibration,
            channels: self.gamma.as_ref().map(|row| row.len() as u32),
            counts,
            reals,
            neutrons: self.neutrons,
            neutron_live_time: self.neutron_live_time,
            dose_rate: self.dose_rate,
            occupied: self.occupied,
            speed: self.speed,
            position: self.position,
            title: self.title.clone(),
            derived: self.derived.then_some(true),
        }
        .encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Measurement {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let at = d.position();
        let fields = Fields::decode(d, ctx)?;
        let gamma = match (fields.channels, fields.counts, fields.reals) {
            (Some(channels), Some(bytes), None) => Counts::check(channels, bytes, MAX_CHANNELS).map(|counts| Some(Row::Counts(counts))),
            (Some(channels), None, Some(bytes)) => Reals::check(channels, &bytes, MAX_CHANNELS).map(|reals| Some(Row::Reals(reals))),
            (None, None, None) => Ok(None),
            _ => Err(rule("SPEC-040", "channels go with exactly one coding of the row")),
        };
        Ok(Self {
            sample: fields.sample,
            class: fields.class,
            start: fields.start,
            local_time: fields.local_time.unwrap_or(false),
            real_time: fields.real_time,
            live_time: fields.live_time,
            detector: fields.detector,
            calibration: fields.calibration,
            gamma: gamma.map_err(|error| minicbor::decode::Error::message(error).at(at))?,
            neutrons: fields.neutrons,
            neutron_live_time: fields.neutron_live_time,
            dose_rate: fields.dose_rate,
            occupied: fields.occupied,
            speed: fields.speed,
            position: fields.position,
            title: fields.title,
            derived: fields.derived.unwrap_or(false),
        })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! Gathers a view: detectors and calibrations are shared, and the parts of one sample are joined.

use std::collections::HashMap;

use carnet_protocol::cbor::Real;
use carnet_protocol::spectrum::{
    Calibration, Category, Detector, MAX_CALIBRATIONS, MAX_CHANNELS, MAX_DETECTORS, MAX_FINDINGS, MAX_MEASUREMENTS, MAX_TOTAL_BOUNDARIES,
    MAX_TOTAL_CHANNELS, Measurement, Row, SpectrumView, VendorFinding,
};

use super::text::short;
use crate::FormatError;

/// A view in the making.
#[derive(Default)]
pub(super) struct Builder {
    pub view: SpectrumView,
    detectors: HashMap<Vec<u8>, u32>,
    calibrations: HashMap<Vec<u8>, u32>,
    channels: u64,
    boundaries: usize,
    group: Group,
}

/// What detectors measured in one sample, before it is joined.
#[derive(Default)]
struct Group {
    gamma: Vec<Measurement>,
    neutrons: Vec<Measurement>,
    doses: Vec<Measurement>,
}

impl Builder {
    /// The detector called `name`, made if it is new.
    pub fn detector(&mut self, name: &[u8]) -> Result<u32, FormatError> {
        if let Some(index) = self.detectors.get(name) {
            return Ok(*index);
        }
        let index = next(self.view.detectors.len(), MAX_DETECTORS, "detectors of a file")?;
        self.view.detectors.push(Detector { name: short(name).unwrap_or_default(), ..Detector::default() });
        self.detectors.insert(name.to_vec(), index);
        Ok(index)
    }

    /// The detector at `index`, to be described.
    pub fn describe(&mut self, index: u32) -> Option<&mut Detector> {
        self.view.detectors.get_mut(index as usize)
    }

    /// The category of the detector at `index`.
    pub fn category(&self, index: Option<u32>) -> Option<Category> {
        self.view.detectors.get(index? as usize)?.category
    }

    /// The calibration known under `key`, if there is one.
    pub fn known_calibration(&self, key: &[u8]) -> Option<u32> {
        self.calibrations.get(key).copied()
    }

    /// Adds a calibration under `key`.
    pub fn calibration(&mut self, key: &[u8], calibration: Calibration) -> Result<u32, FormatError> {
        let index = next(self.view.calibrations.len(), MAX_CALIBRATIONS, "calibrations of a file")?;
        self.boundaries += calibration.boundaries.as_ref().map_or(0, Vec::len);
        if self.boundaries > MAX_TOTAL_BOUNDARIES {
            return Err(FormatError::Limit { what: "channel boundaries of a file", limit: MAX_TOTAL_BOUNDARIES as u64 });
        }
        self.view.calibrations.push(calibration);
        self.calibrations.insert(key.to_vec(), index);
        Ok(index)
    }

    /// Makes the calibration at `index` known under `key` too.
    pub fn name_calibration(&mut self, key: &[u8], index: u32) {
        self.calibrations.insert(key.to_vec(), index);
    }

    /// Adds a finding.
    pub fn finding(&mut self, finding: VendorFinding) -> Result<(), FormatError> {
        next(self.view.findings.len(), MAX_FINDINGS, "findings of a file")?;
        self.view.findings.push(finding);
        Ok(())
    }

    /// Adds a measurement that stands alone.
    pub fn push(&mut self, measurement: Measurement) -> Result<(), FormatError> {
        next(self.view.measurements.len(), MAX_MEASUREMENTS, "measurements of a file")?;
        self.channels += measurement.gamma.as_ref().map_or(0, |row| row.len() as u64);
        if self.channels > MAX_TOTAL_CHANNELS {
            return Err(FormatError::Limit { what: "channels of a file", limit: MAX_TOTAL_CHANNELS });
        }
        self.view.measurements.push(measurement);
        Ok(())
    }

    /// Adds a part of the sample at hand: a spectrum, neutron counts, or a dose rate.
    pub fn part(&mut self, part: Measurement) -> Result<(), FormatError> {
        let group = &mut self.group;
        let parts = group.gamma.len() + group.neutrons.len() + group.doses.len();
        next(self.view.measurements.len() + parts, MAX_MEASUREMENTS, "measurements of a file")?;
        if part.gamma.is_some() {
            group.gamma.push(part);
        } else if part.neutrons.is_some() {
            group.neutrons.push(part);
        } else if part.dose_rate.is_some() {
            group.doses.push(part);
        }
        Ok(())
    }

    /// Ends the sample at hand. `common` fills what the parts leave open.
    ///
    /// Neutron counts and dose rates join the spectrum of the same detector, or the one spectrum if they are the only ones of their kind;
    /// else they stand alone.
    pub fn end_group(&mut self, common: impl Fn(&mut Measurement)) -> Result<(), FormatError> {
        let Group { mut gamma, mut neutrons, mut doses } = std::mem::take(&mut self.group);
        for (parts, join) in [(&mut neutrons, join_neutrons as fn(&mut Measurement, &Measurement)), (&mut doses, join_dose)] {
            let only = parts.len() == 1 && gamma.len() == 1;
            parts.retain(|part| {
                let same = |host: &&mut Measurement| only || (part.detector.is_some() && host.detector == part.detector);
                let Some(host) = gamma.iter_mut().find(same).filter(|host| host.class == part.class) else { return true };
                let free = if part.neutrons.is_some() { host.neutrons.is_none() } else { host.dose_rate.is_none() };
                if free {
                    join(host, part);
                }
                !free
            });
        }
        for mut part in gamma.into_iter().chain(neutrons).chain(doses) {
            common(&mut part);
            self.push(part)?;
        }
        Ok(())
    }
}

fn join_neutrons(host: &mut Measurement, part: &Measurement) {
    host.neutrons = part.neutrons;
    host.neutron_live_time = part.live_time.filter(|time| Some(*time) != host.live_time);
}

fn join_dose(host: &mut Measurement, part: &Measurement) {
    host.dose_rate = part.dose_rate;
}

fn next(length: usize, most: usize, what: &'static str) -> Result<u32, FormatError> {
    if length >= most {
        return Err(FormatError::Limit { what, limit: most as u64 });
    }
    // Every limit is far below 2^32.
    Ok(length as u32)
}

/// A real that is finite by construction; zero if it is not.
pub(super) fn real(value: f64) -> Real {
    Real::new(value).unwrap_or_default()
}

/// A real that is not negative.
pub(super) fn not_negative(value: f64) -> Option<Real> {
    Real::new(value).filter(|value| value.value() >= 0.0)
}

/// Energy coefficients, unless they say nothing: none, all zero, or `0 1` as software writes before it is calibrated.
pub(super) fn coefficients(mut values: Vec<Real>) -> Option<Vec<Real>> {
    let said = values.iter().skip(1).any(|value| value.value() != 0.0);
    values.truncate(carnet_protocol::spectrum::MAX_COEFFICIENTS);
    (said && values.len() > 1).then_some(values)
}

/// The row of `values`; the file gave too many channels otherwise.
pub(super) fn row(values: Vec<f64>) -> Result<Row, FormatError> {
    Ok(Row::of(values, MAX_CHANNELS)?)
}

//! A vehicle passing a radiation portal: a spectrum every interval, with the dip that a dense load digs into the
//! background and the bump of a source inside it.

use ndarray::Array2;

use super::Synthetic;
use super::rng::Rng;
use super::spectrum::{Detector, Source, SpectrumError, background_rate, draw, source_rate};

/// Name and version of this simulator.
pub const MODEL: &str = "carnet-portal/1";

/// Most samples of one passage.
pub const MAX_SAMPLES: usize = 100_000;

/// A vehicle and how it passes.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// m/s; portals are passed at 8 to 10 km/h.
    pub speed: f64,
    /// Length of the vehicle, m.
    pub length: f64,
    /// Share of the background that the vehicle keeps from the detector when abreast: 0 to 0.3 or so.
    pub suppression: f64,
    /// Place of the source behind the vehicle's front, m. Its `distance` is that of closest approach.
    pub source: Option<(Source, f64)>,
    /// s a sample.
    pub interval: f64,
    /// Background alone before and after the vehicle, s.
    pub quiet: f64,
}

impl Default for Passage {
    fn default() -> Self {
        Self { speed: 2.5, length: 14.0, suppression: 0.12, source: None, interval: 0.25, quiet: 5.0 }
    }
}

/// What the portal saw.
#[derive(Debug, Clone, PartialEq)]
pub struct PortalSeries {
    /// The mark that must travel with these data.
    pub synthetic: Synthetic,
    /// Counts, `[sample, channel]`.
    pub spectra: Array2<u32>,
    /// s a sample.
    pub interval: f64,
    /// Whether the occupancy sensor saw the vehicle, a sample each.
    pub occupied: Vec<bool>,
    /// Time from the first sample at which the source was abreast, s.
    pub closest: Option<f64>,
}

impl PortalSeries {
    /// Counts over all channels, a sample each.
    pub fn gross(&self) -> Vec<u64> {
        self.spectra.rows().into_iter().map(|row| row.iter().map(|&n| u64::from(n)).sum()).collect()
    }
}

/// Lets the vehicle pass. The same arguments and seed give the same counts.
///
/// # Errors
/// [`SpectrumError`] if a number of the detector, the passage or its source cannot be used.
pub fn pass(detector: &Detector, passage: &Passage, seed: u64) -> Result<PortalSeries, SpectrumError> {
    let p = passage;
    let positive = [p.speed, p.length, p.interval].iter().all(|v| v.is_finite() && *v > 0.0);
    let place = p.source.as_ref().map_or(0.0, |(_, place)| *place);
    let duration = 2.0 * p.quiet + p.length / p.speed;
    let samples = (duration / p.interval).ceil();
    let usable = p.quiet.is_finite() && p.quiet >= 0.0 && (0.0..=1.0).contains(&p.suppression) && place.is_finite();
    if !positive || !usable || samples > MAX_SAMPLES as f64 {
        return Err(SpectrumError::Number("the passage"));
    }
    let samples = samples as usize;
    let background = background_rate(detector)?;
    let source = p.source.as_ref().map(|(s, _)| source_rate(detector, s).map(|rate| (rate, s.distance / 100.0)));
    let source = source.transpose()?;
    let closest = p.quiet + place / p.speed;

    let mut rng = Rng::new(seed);
    let mut spectra = Array2::zeros((samples, detector.channels));
    let mut occupied = Vec::with_capacity(samples);
    for (i, mut row) in spectra.rows_mut().into_iter().enumerate() {
        let time = (i as f64 + 0.5) * p.interval;
        // The vehicle's front is abreast at `quiet`; its shadow comes and goes within about two metres.
        let front = (time - p.quiet) * p.speed;
        let shadow = 0.5 * ((front / 1.0).tanh() - ((front - p.length) / 1.0).tanh());
        occupied.push((0.0..p.length).contains(&front));
        let open = 1.0 - p.suppression * shadow;
        let mut rate: Vec<f64> = background.iter().map(|r| r * open).collect();
        if let Some((bump, distance)) = &source {
            // Inverse square from the point of closest approach, and the face is seen at the same angle.
            let along = (time - closest) * p.speed;
            let near = (distance * distance / (distance * distance + along * along)).powf(1.5);
            rate.iter_mut().zip(bump).for_each(|(r, b)| *r += b * near);
        }
        row.iter_mut().zip(draw(&rate, p.interval, &mut rng)).for_each(|(cell, n)| *cell = n);
    }
    Ok(PortalSeries {
        synthetic: Synthetic { model: MODEL, seed },
        spectra,
        interval: p.interval,
        occupied,
        closest: source.is_some().then_some(closest),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::super::spectrum::Nuclide;
    use super::*;

    fn portal() -> Detector {
        Detector { channels: 128, gain: 24.0, background_rate: 2_000.0, area: 400.0, ..Detector::default() }
    }

    fn mean(values: &[u64]) -> f64 {
        values.iter().sum::<u64>() as f64 / values.len() as f64
    }

    #[test]
    fn a_seed_gives_one_series_and_the_load_digs_a_dip() {
        let passage = Passage { suppression: 0.2, quiet: 10.0, ..Passage::default() };
        let got = pass(&portal(), &passage, 2).unwrap();
        assert_eq!(got, pass(&portal(), &passage, 2).unwrap());
        let gross = got.gross();
        let before = mean(&gross[..30]);
        let during: Vec<u64> = gross.iter().zip(&got.occupied).filter(|(_, o)| **o).map(|(n, _)| *n).skip(4).take(14).collect();
        assert!((before - 500.0).abs() < 5.0 * (500.0f64 / 30.0).sqrt(), "{before}");
        assert!((mean(&during) / before - 0.8).abs() < 0.05, "{} {before}", mean(&during));
    }

    #[test]
    fn the_source_shows_where_it_is() {
        let source = Source { nuclide: Nuclide::Cs137, activity: 3e6, distance: 200.0, shields: Vec::new() };
        let passage = Passage { source: Some((source, 9.0)), ..Passage::default() };
        let got = pass(&portal(), &passage, 3).unwrap();
        let gross = got.gross();
        let top = (0..gross.len()).max_by_key(|i| gross[*i]).unwrap();
        let closest = got.closest.unwrap();
        assert!(((top as f64 + 0.5) * 0.25 - closest).abs() <= 0.5, "{top} {closest}");
    }

    #[test]
    fn numbers_are_bounded() {
        let past = Passage { interval: 1e-6, ..Passage::default() };
        assert_eq!(pass(&portal(), &past, 1), Err(SpectrumError::Number("the passage")));
        let still = Passage { speed: 0.0, ..Passage::default() };
        assert!(pass(&portal(), &still, 1).is_err());
    }
}

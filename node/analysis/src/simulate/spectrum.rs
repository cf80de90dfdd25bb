//! Gamma spectra as a sodium-iodide detector shows them.
//!
//! `lines -> shield -> full-energy peaks + Compton continua (+ background) -> expected counts -> Poisson counts`.
//!
//! Lines are from ICRP Publication 107 (2008), energies in keV, photons per decay of the parent, daughters in
//! equilibrium. The Compton continuum is the Klein-Nishina distribution of the recoil electron.

use super::Synthetic;
use super::material::{self, Material};
use super::rng::Rng;

/// Name and version of this simulator.
pub const MODEL: &str = "carnet-gamma-spectrum/1";

/// Most channels of a simulated spectrum.
pub const MAX_CHANNELS: usize = 16_384;

const ELECTRON_MASS: f64 = 510.999;

/// One photon line: energy in keV, photons per decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// keV.
    pub energy: f64,
    /// Photons per decay.
    pub intensity: f64,
}

const fn line(energy: f64, intensity: f64) -> Line {
    Line { energy, intensity }
}

/// A source that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nuclide {
    /// Caesium-137 with barium-137m.
    Cs137,
    /// Cobalt-60.
    Co60,
    /// Americium-241.
    Am241,
    /// Potassium-40.
    K40,
    /// Barium-133.
    Ba133,
}

impl Nuclide {
    /// Every nuclide.
    pub const ALL: [Self; 5] = [Self::Cs137, Self::Co60, Self::Am241, Self::K40, Self::Ba133];

    /// The name as N42.42 writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cs137 => "Cs-137",
            Self::Co60 => "Co-60",
            Self::Am241 => "Am-241",
            Self::K40 => "K-40",
            Self::Ba133 => "Ba-133",
        }
    }

    /// Its photon lines above 20 keV and one in a hundred decays. X-rays of one shell are summed.
    pub fn lines(self) -> &'static [Line] {
        match self {
            Self::Cs137 => const { &[line(32.1, 0.0579), line(661.66, 0.8471)] },
            Self::Co60 => const { &[line(1173.23, 0.9985), line(1332.49, 0.9998)] },
            Self::Am241 => const { &[line(26.34, 0.0240), line(59.54, 0.3590)] },
            Self::K40 => const { &[line(1460.82, 0.1066)] },
            Self::Ba133 => {
                const {
                    &[
                        line(30.85, 0.9891),
                        line(35.0, 0.2035),
                        line(79.61, 0.0262),
                        line(81.0, 0.3406),
                        line(276.40, 0.0716),
                        line(302.85, 0.1833),
                        line(356.01, 0.6205),
                        line(383.85, 0.0894),
                    ]
                }
            }
        }
    }
}

/// Lines of natural background with their relative strength: potassium, radium and thorium series in soil and concrete.
///
/// Intensities are ICRP-107's photons per decay, times the share of each series in ordinary soil (UNSCEAR 2000, annex
/// B: 400 Bq/kg of K-40, 35 of U-238 and 30 of Th-232), over 400.
const BACKGROUND: [Line; 17] = [
    line(1460.82, 0.1066),
    // Radium series, 35/400: Pb-214 and Bi-214.
    line(242.0, 0.0743 * 0.0875),
    line(295.22, 0.193 * 0.0875),
    line(351.93, 0.376 * 0.0875),
    line(609.31, 0.461 * 0.0875),
    line(768.36, 0.0494 * 0.0875),
    line(1120.29, 0.151 * 0.0875),
    line(1238.11, 0.0579 * 0.0875),
    line(1764.49, 0.154 * 0.0875),
    line(2204.21, 0.0508 * 0.0875),
    // Thorium series, 30/400: Pb-212, Ac-228, and Tl-208 that 36 % of the decays pass through.
    line(238.63, 0.433 * 0.075),
    line(338.32, 0.1127 * 0.075),
    line(583.19, 0.8448 * 0.36 * 0.075),
    line(911.20, 0.258 * 0.075),
    line(968.97, 0.158 * 0.075),
    line(860.56, 0.1243 * 0.36 * 0.075),
    line(2614.53, 0.9916 * 0.36 * 0.075),
];

/// A detector of sodium iodide.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    /// Number of channels.
    pub channels: usize,
    /// Energy at the lower edge of channel 0, keV.
    pub offset: f64,
    /// keV a channel.
    pub gain: f64,
    /// Full width at half maximum at 661.66 keV, as a part of the energy: 0.07 for an ordinary crystal.
    pub resolution: f64,
    /// Thickness of the crystal, cm.
    pub thickness: f64,
    /// Face of the crystal, cm².
    pub area: f64,
    /// Background counts a second over the whole spectrum.
    pub background_rate: f64,
}

impl Default for Detector {
    /// A 3 x 3 inch crystal, 0 to 3,000 keV in 1,024 channels.
    fn default() -> Self {
        Self { channels: 1024, offset: 0.0, gain: 3000.0 / 1024.0, resolution: 0.07, thickness: 7.62, area: 45.6, background_rate: 300.0 }
    }
}

impl Detector {
    /// Full width at half maximum at `energy` keV, keV: the width grows as the root of the energy, as counting
    /// scintillation photons has it.
    pub fn width(&self, energy: f64) -> f64 {
        self.resolution * (661.66 * energy.max(1.0)).sqrt()
    }

    /// Share of the photons of `energy` keV entering the face that leave a count.
    pub fn efficiency(&self, energy: f64) -> f64 {
        const DENSITY: f64 = 3.67;
        1.0 - (-material::sodium_iodide(energy) * DENSITY * self.thickness).exp()
    }

    /// Share of those counts that lie in the full-energy peak, for a 3 x 3 inch crystal (after the measured
    /// photofractions of Heath, IDO-16880, 1964; rounded, and good to a tenth).
    pub fn peak_share(&self, energy: f64) -> f64 {
        const POINTS: [(f64, f64); 8] =
            [(60.0, 0.99), (122.0, 0.97), (279.0, 0.85), (412.0, 0.72), (662.0, 0.54), (1115.0, 0.40), (1780.0, 0.30), (2750.0, 0.23)];
        let upper = POINTS.partition_point(|p| p.0 < energy);
        if upper == 0 {
            return POINTS[0].1;
        }
        let Some(&(e1, s1)) = POINTS.get(upper) else {
            return POINTS[7].1;
        };
        let (e0, s0) = POINTS[upper - 1];
        s0 + (s1 - s0) * (energy / e0).ln() / (e1 / e0).ln()
    }

    /// Lower edge of `channel`, keV.
    pub fn edge(&self, channel: usize) -> f64 {
        self.offset + channel as f64 * self.gain
    }

    fn check(&self) -> Result<(), SpectrumError> {
        if self.channels == 0 || self.channels > MAX_CHANNELS {
            return Err(SpectrumError::Channels);
        }
        let positive = [self.gain, self.resolution, self.thickness, self.area];
        let usable = positive.iter().all(|v| v.is_finite() && *v > 0.0)
            && self.offset.is_finite()
            && self.background_rate.is_finite()
            && self.background_rate >= 0.0;
        if usable { Ok(()) } else { Err(SpectrumError::Number("the detector")) }
    }
}

/// What stands between source and detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shield {
    /// Of what.
    pub material: Material,
    /// How much, g/cm².
    pub areal_density: f64,
}

/// A source in front of the detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Which nuclide.
    pub nuclide: Nuclide,
    /// Activity, Bq.
    pub activity: f64,
    /// Distance to the detector's face, cm.
    pub distance: f64,
    /// Layers in between. Photons that scatter in them are lost: the build-up at low energies is not modelled.
    pub shields: Vec<Shield>,
}

/// Why a spectrum could not be simulated. The caller's fault, both.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpectrumError {
    /// No channels, or more than [`MAX_CHANNELS`].
    #[error("a simulated spectrum has 1 to {MAX_CHANNELS} channels")]
    Channels,
    /// A number is not finite, or negative, or zero where it may not be.
    #[error("a number of {0} is not usable")]
    Number(&'static str),
}

/// A simulated spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// The mark that must travel with these data.
    pub synthetic: Synthetic,
    /// Counts a channel.
    pub counts: Vec<u32>,
    /// Live time, s.
    pub live_time: f64,
    /// Energy at the lower edge of channel 0 and keV a channel: N42's polynomial coefficients.
    pub calibration: [f64; 2],
    /// What was in front of the detector; empty for background alone.
    pub nuclides: Vec<Nuclide>,
}

/// Expected counts a second and channel from `source`, without background.
///
/// # Errors
/// [`SpectrumError`] if a number of the detector or the source cannot be used.
pub fn source_rate(detector: &Detector, source: &Source) -> Result<Vec<f64>, SpectrumError> {
    detector.check()?;
    let amounts = source.shields.iter().map(|s| s.areal_density).chain([source.activity]);
    let far = source.distance.is_finite() && source.distance > 0.0;
    if !far || amounts.into_iter().any(|v| !v.is_finite() || v < 0.0) {
        return Err(SpectrumError::Number("the source"));
    }
    let solid_angle = solid_angle_share(detector.area, source.distance);
    let mut rate = vec![0.0; detector.channels];
    for l in source.nuclide.lines() {
        let passed: f64 = source.shields.iter().map(|s| -s.areal_density * s.material.attenuation(l.energy)).sum::<f64>().exp();
        let counts = source.activity * l.intensity * solid_angle * passed * detector.efficiency(l.energy);
        add_response(detector, l.energy, counts, &mut rate);
    }
    Ok(rate)
}

/// Expected background counts a second and channel; they sum to the detector's rate.
///
/// # Errors
/// [`SpectrumError`] if a number of the detector cannot be used.
pub fn background_rate(detector: &Detector) -> Result<Vec<f64>, SpectrumError> {
    detector.check()?;
    let mut rate = vec![0.0; detector.channels];
    for l in BACKGROUND {
        add_response(detector, l.energy, l.intensity * detector.efficiency(l.energy), &mut rate);
    }
    // Photons scattered in soil and walls: the bulk of a real background, falling steeply with energy, and cut off
    // below some 60 keV by self-absorption. Three quarters of the counts, as in ordinary field spectra.
    let lines: f64 = rate.iter().sum();
    let sky = |e: f64| {
        if e > 0.0 { (-e / 220.0).exp() * (1.0 - (-(e / 60.0).powi(2)).exp()) } else { 0.0 }
    };
    let middle = |c: usize| detector.edge(c) + 0.5 * detector.gain;
    let scattered: f64 = (0..detector.channels).map(|c| sky(middle(c))).sum();
    for (c, r) in rate.iter_mut().enumerate() {
        let from_lines = if lines > 0.0 { 0.25 * *r / lines } else { 0.0 };
        let from_sky = if scattered > 0.0 { 0.75 * sky(middle(c)) / scattered } else { 0.0 };
        *r = detector.background_rate * (from_lines + from_sky);
    }
    Ok(rate)
}

/// A measurement of `live_time` seconds with `sources` present. The same arguments and seed give the same counts.
///
/// # Errors
/// [`SpectrumError`] if a number of the detector, a source or the live time cannot be used.
pub fn measure(detector: &Detector, sources: &[Source], live_time: f64, seed: u64) -> Result<Spectrum, SpectrumError> {
    if !(live_time.is_finite() && live_time > 0.0) {
        return Err(SpectrumError::Number("the live time"));
    }
    let mut rate = background_rate(detector)?;
    for source in sources {
        for (total, part) in rate.iter_mut().zip(source_rate(detector, source)?) {
            *total += part;
        }
    }
    let mut rng = Rng::new(seed);
    Ok(Spectrum {
        synthetic: Synthetic { model: MODEL, seed },
        counts: draw(&rate, live_time, &mut rng),
        live_time,
        calibration: [detector.offset, detector.gain],
        nuclides: sources.iter().map(|s| s.nuclide).collect(),
    })
}

/// Poisson counts of `rate` over `seconds`.
pub(crate) fn draw(rate: &[f64], seconds: f64, rng: &mut Rng) -> Vec<u32> {
    rate.iter().map(|r| u32::try_from(rng.poisson(r * seconds)).unwrap_or(u32::MAX)).collect()
}

/// Share of the whole sphere that a disc of `area` cm² covers at `distance` cm on its axis.
pub(crate) fn solid_angle_share(area: f64, distance: f64) -> f64 {
    let radius_squared = area / std::f64::consts::PI;
    0.5 * (1.0 - distance / (distance * distance + radius_squared).sqrt())
}

/// Adds `counts` of a line at `energy` to `rate`: peak, Compton continuum, and the multiple scattering between them.
fn add_response(detector: &Detector, energy: f64, counts: f64, rate: &mut [f64]) {
    let peak = detector.peak_share(energy);
    add_peak(detector, energy, detector.width(energy), counts * peak, rate);
    let alpha = energy / ELECTRON_MASS;
    let edge = energy * 2.0 * alpha / (1.0 + 2.0 * alpha);
    // Recoil energies at the channel's grid, each spread by the resolution there. A tenth of what is not in the peak
    // scatters more than once and fills the valley between edge and peak; a bump at the back-scatter energy comes
    // from photons thrown back by what stands around.
    let rest = counts * (1.0 - peak);
    let steps = ((edge / detector.gain).ceil() as usize).clamp(8, 4096);
    let weights: Vec<f64> = (0..steps).map(|i| klein_nishina((i as f64 + 0.5) * edge / steps as f64 / energy, alpha)).collect();
    let total: f64 = weights.iter().sum();
    for (i, weight) in weights.iter().enumerate() {
        let recoil = (i as f64 + 0.5) * edge / steps as f64;
        add_peak(detector, recoil, detector.width(recoil), rest * 0.82 * weight / total, rate);
    }
    let back = energy - edge;
    add_peak(detector, back, 1.5 * detector.width(back), rest * 0.08, rate);
    let valley = 16;
    for i in 0..valley {
        let e = edge + (energy - edge) * (f64::from(i) + 0.5) / f64::from(valley);
        add_peak(detector, e, detector.width(e), rest * 0.10 / f64::from(valley), rate);
    }
}

/// Klein and Nishina's cross section by recoil energy, up to a factor: `s` = T/E, `alpha` = E/511 keV (Knoll, Radiation
/// Detection and Measurement, chapter 10).
fn klein_nishina(s: f64, alpha: f64) -> f64 {
    let u = s / (1.0 - s);
    2.0 + u * u / (alpha * alpha) + u * (s - 2.0 / alpha)
}

/// Adds a Gaussian of `counts` at `energy`, integrated over each channel; what lies outside the channels is lost.
fn add_peak(detector: &Detector, energy: f64, width: f64, counts: f64, rate: &mut [f64]) {
    const FWHM_PER_SIGMA: f64 = 2.354_820_045;
    let sigma = width / FWHM_PER_SIGMA;
    let channel = |e: f64| ((e - detector.offset) / detector.gain).floor().clamp(0.0, rate.len() as f64) as usize;
    let (first, last) = (channel(energy - 5.0 * sigma), (channel(energy + 5.0 * sigma) + 1).min(rate.len()));
    let mut below = cumulative((detector.edge(first) - energy) / sigma);
    for (c, r) in rate.iter_mut().enumerate().take(last).skip(first) {
        let above = cumulative((detector.edge(c + 1) - energy) / sigma);
        *r += counts * (above - below);
        below = above;
    }
}

/// The standard normal distribution function (Abramowitz and Stegun 26.2.17, error below 7.5e-8).
fn cumulative(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-0.5 * x * x).exp() * poly / (2.0 * std::f64::consts::PI).sqrt();
    if x > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn source(nuclide: Nuclide) -> Source {
        Source { nuclide, activity: 1e6, distance: 100.0, shields: Vec::new() }
    }

    fn window(counts: &[u32], detector: &Detector, low: f64, high: f64) -> f64 {
        let inside = |c: usize| (low..high).contains(&detector.edge(c));
        counts.iter().enumerate().filter(|(c, _)| inside(*c)).map(|(_, n)| f64::from(*n)).sum()
    }

    #[test]
    fn a_seed_gives_one_spectrum() {
        let d = Detector::default();
        let first = measure(&d, &[source(Nuclide::Cs137)], 60.0, 3).unwrap();
        assert_eq!(first, measure(&d, &[source(Nuclide::Cs137)], 60.0, 3).unwrap());
        assert_ne!(first.counts, measure(&d, &[source(Nuclide::Cs137)], 60.0, 4).unwrap().counts);
        assert_eq!(first.counts.len(), 1024);
        assert_eq!(first.synthetic.to_string(), "synthetic: carnet-gamma-spectrum/1 seed 3");
    }

    #[test]
    fn background_has_its_rate_and_its_lines() {
        let d = Detector::default();
        let got = measure(&d, &[], 1000.0, 1).unwrap();
        let total: u32 = got.counts.iter().sum();
        assert!((f64::from(total) - 300_000.0).abs() < 5.0 * 300_000f64.sqrt(), "{total}");
        let potassium = window(&got.counts, &d, 1400.0, 1520.0);
        let beside = window(&got.counts, &d, 1540.0, 1660.0);
        assert!(potassium > 2.0 * beside, "{potassium} {beside}");
    }

    #[test]
    fn the_peak_lies_where_the_line_is_and_is_as_wide_as_stated() {
        let d = Detector { background_rate: 0.0, ..Detector::default() };
        let rate = source_rate(&d, &source(Nuclide::Cs137)).unwrap();
        let near = |c: &usize| (560.0..760.0).contains(&d.edge(*c));
        let top = (0..1024).filter(near).max_by(|a, b| rate[*a].total_cmp(&rate[*b])).unwrap();
        assert!((d.edge(top) + d.gain / 2.0 - 661.66).abs() < d.gain * 1.5);
        let half = (0..1024).filter(near).filter(|c| rate[*c] > rate[top] / 2.0).count() as f64 * d.gain;
        assert!((half / (0.07 * 661.66) - 1.0).abs() < 0.1, "{half}");
        // The Compton edge of 661.66 keV lies at 477.3 keV, a valley behind it.
        let at = |e: f64| rate[(e / d.gain) as usize];
        assert!(at(440.0) > 2.0 * at(560.0));
    }

    #[test]
    fn counts_follow_solid_angle_and_shield() {
        let d = Detector { background_rate: 0.0, ..Detector::default() };
        let sum = |s: &Source| source_rate(&d, s).unwrap().iter().sum::<f64>();
        let bare = source(Nuclide::Co60);
        let far = Source { distance: 200.0, ..bare.clone() };
        assert!((sum(&bare) / sum(&far) - 4.0).abs() < 0.05);
        // A first-principles bound: no more counts than photons through the face.
        let photons = 1e6 * (0.9985 + 0.9998) * solid_angle_share(d.area, 100.0);
        assert!(sum(&bare) < photons && sum(&bare) > 0.5 * photons);
        let mut last = f64::INFINITY;
        for areal_density in [0.0, 5.0, 20.0] {
            let shields = vec![Shield { material: Material::Lead, areal_density }];
            let got = sum(&Source { shields, ..source(Nuclide::Am241) });
            assert!(got < last);
            last = got;
        }
        assert!(last < 1e-9, "20 g/cm2 of lead stop 59.5 keV");
    }

    #[test]
    fn numbers_are_bounded() {
        let d = Detector::default();
        assert!(measure(&Detector { channels: MAX_CHANNELS, ..d.clone() }, &[], 1.0, 1).is_ok());
        let past = Detector { channels: MAX_CHANNELS + 1, ..d.clone() };
        assert_eq!(measure(&past, &[], 1.0, 1), Err(SpectrumError::Channels));
        assert_eq!(measure(&d, &[], 0.0, 1), Err(SpectrumError::Number("the live time")));
        let touching = Source { distance: 0.0, ..source(Nuclide::K40) };
        assert_eq!(measure(&d, &[touching], 1.0, 1), Err(SpectrumError::Number("the source")));
    }
}

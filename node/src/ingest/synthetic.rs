//! Made-up data in: what the simulators made becomes records like any other, marked synthetic for good.
//!
//! There is no vendor's file behind them, so the decoded payloads are all there is; the instrument's name is the simulator's, and
//! its serial number the seed, from which anybody can make the same data again.

use carnet_analysis::simulate::Synthetic;
use carnet_analysis::simulate::cargo::DualEnergyScan;
use carnet_analysis::simulate::portal::PortalSeries;
use carnet_analysis::simulate::spectrum::Spectrum as Measured;
use carnet_protocol::cbor::Real;
use carnet_protocol::image::{self, Plane, Shape};
use carnet_protocol::record::{Channel, Content, Image, Instrument, Series, SignalAxis, Spectrum, View};
use carnet_protocol::series::{self, Column, SeriesView};
use carnet_protocol::spectrum::{self, Calibration, Category, Detector, Measurement, MeasurementClass, Row, SpectrumView};
use carnet_protocol::time::Timestamp;
use ndarray::Array2;

use super::{IngestError, Wishes};
use crate::node::{Draft, DraftPayload, Source};

/// What a content says of the file that it was decoded from: there was none.
const SOURCE: &str = "simulator";
/// The beams that the simulator's default energies stand for, low and high.
const BEAMS: [&str; 2] = ["6 MV", "9 MV"];
/// Bits of the simulator's samples.
const STORED_BITS: u8 = 16;

/// A simulated scan as an image: one view, two channels, air-normalised.
///
/// # Errors
/// A scan that is no image by the profile's limits.
pub fn scan(made: &DualEnergyScan, acquired: Timestamp, wishes: Wishes) -> Result<Draft, IngestError> {
    let (mut channels, mut payloads) = (Vec::new(), Vec::new());
    for (payload, (beam, samples)) in (0u32..).zip(BEAMS.into_iter().zip([&made.low, &made.high])) {
        let plane = plane(samples)?;
        channels.push(Channel {
            energy: beam.into(),
            meaning: "air-normalised".into(),
            stored_bits: STORED_BITS,
            payload,
            samples: plane.sample_digest(),
            polarity: Some("high-is-white".into()),
            slope: None,
            intercept: None,
        });
        payloads.push(decoded("plane", image::coding::MEDIA_TYPE, image::coding::encode(&plane)?));
    }
    let [along, across] = made.pitch.map(Real::new);
    let view = View {
        name: "side".into(),
        width: side(made.low.ncols()),
        height: side(made.low.nrows()),
        pitch_along: along,
        pitch_across: across,
        geometry: Some("side".into()),
        channels,
    };
    let content = Image {
        synthetic: true,
        projected: false,
        acquired: Some(acquired),
        source: SOURCE.into(),
        views: vec![view],
        containers: wishes.containers.clone(),
    };
    Ok(draft(wishes, Content::Image(content), made.synthetic, payloads))
}

/// A simulated spectrum, as a hand-held instrument would give it.
///
/// # Errors
/// A spectrum beyond the profile's limits.
pub fn spectrum(made: &Measured, acquired: Timestamp, wishes: Wishes) -> Result<Draft, IngestError> {
    let counts = Row::of(made.counts.iter().map(|&count| f64::from(count)).collect(), spectrum::MAX_CHANNELS).map_err(refused)?;
    let measurement = Measurement {
        sample: 1,
        class: MeasurementClass::Foreground,
        start: Some(milliseconds(acquired)),
        real_time: Real::new(made.live_time),
        live_time: Real::new(made.live_time),
        detector: Some(0),
        calibration: Some(0),
        gamma: Some(counts),
        ..Measurement::default()
    };
    let view = SpectrumView {
        version: spectrum::VERSION,
        instrument: spectrum::Instrument { model: Some(made.synthetic.model.into()), ..spectrum::Instrument::default() },
        detectors: vec![Detector { name: "1".into(), category: Some(Category::Gamma), kind: Some("NaI".into()), description: None }],
        calibrations: vec![Calibration {
            polynomial: Some(made.calibration.into_iter().filter_map(Real::new).collect()),
            ..Calibration::default()
        }],
        measurements: vec![measurement],
        findings: Vec::new(),
    };
    let content = Spectrum {
        synthetic: true,
        acquired: Some(acquired),
        source: SOURCE.into(),
        payload: 0,
        measurements: 1,
        detectors: 1,
        channels: side(made.counts.len()),
        neutrons: false,
        containers: wishes.containers.clone(),
    };
    let payloads = vec![decoded("decoded", spectrum::MEDIA_TYPE, view.to_cbor().map_err(refused)?)];
    Ok(draft(wishes, Content::Spectrum(content), made.synthetic, payloads))
}

/// A simulated passage through a portal as a signal: counts against time.
///
/// # Errors
/// A passage beyond the profile's limits.
pub fn portal(made: &PortalSeries, acquired: Timestamp, wishes: Wishes) -> Result<Draft, IngestError> {
    let gross = made.gross();
    let column = |name: &str, unit: &str, axis, values: Vec<f64>| {
        Row::of(values, series::MAX_ROWS).map(|row| Column { name: name.into(), unit: unit.into(), axis, row }).map_err(refused)
    };
    let view = SeriesView {
        version: series::VERSION,
        instrument: spectrum::Instrument { model: Some(made.synthetic.model.into()), ..spectrum::Instrument::default() },
        signal: "portal-profile".into(),
        start: Some(milliseconds(acquired)),
        title: None,
        columns: vec![
            column("time", "s", true, (0..gross.len()).map(|sample| sample as f64 * made.interval).collect())?,
            column("gamma", "1", false, gross.iter().map(|&count| count as f64).collect())?,
            column("occupied", "1", false, made.occupied.iter().map(|&occupied| f64::from(u8::from(occupied))).collect())?,
        ],
    };
    let length = side(gross.len());
    let axis = |name: &str, unit: &str| SignalAxis { name: name.into(), unit: unit.into(), length };
    let content = Series {
        synthetic: true,
        acquired: Some(acquired),
        source: SOURCE.into(),
        payload: 0,
        axes: vec![axis("time", "s"), axis("counts", "1")],
        containers: wishes.containers.clone(),
    };
    let payloads = vec![decoded("decoded", series::MEDIA_TYPE, view.to_cbor().map_err(refused)?)];
    Ok(draft(wishes, Content::Signal(content), made.synthetic, payloads))
}

/// An image plane of simulated samples.
///
/// # Errors
/// A size beyond the profile's limits.
pub fn plane(samples: &Array2<u16>) -> Result<Plane, IngestError> {
    let shape = Shape::new(side(samples.ncols()), side(samples.nrows()), STORED_BITS).map_err(refused)?;
    Plane::new(shape, samples.iter().copied().collect()).map_err(refused)
}

fn draft(wishes: Wishes, content: Content, made: Synthetic, payloads: Vec<DraftPayload>) -> Draft {
    let instrument =
        Instrument { maker: Some("simulator".into()), model: Some(made.model.into()), serial: Some(made.seed.to_string()), software: None };
    let draft = Draft::new(wishes.inspection, content).handling(wishes.handling).instrument(Some(instrument));
    payloads.into_iter().fold(draft, Draft::payload)
}

fn decoded(role: &str, media: &str, bytes: Vec<u8>) -> DraftPayload {
    DraftPayload { role: role.into(), media: media.into(), source: Source::Bytes(bytes.into()), handling: None }
}

/// A length as the profile has it; one that does not fit is refused by the limit that it breaks.
fn side(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn milliseconds(at: Timestamp) -> i64 {
    at.0.saturating_mul(1000)
}

fn refused(error: impl std::fmt::Display) -> IngestError {
    IngestError::Content(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use carnet_analysis::simulate::cargo::{self, Scanner};
    use carnet_analysis::simulate::portal::{self, Passage};
    use carnet_analysis::simulate::scene::Scene;
    use carnet_analysis::simulate::spectrum::{self as gamma, Detector};
    use carnet_protocol::record::{Handling, Kind};

    use super::*;

    fn wishes() -> Wishes {
        Wishes { inspection: "NL-TEST".into(), handling: Handling::default(), share_native: false, containers: Vec::new(), opaque: false }
    }

    #[test]
    fn planes_keep_every_sample_and_its_place() {
        let scanner = Scanner { columns: 40, rows: 12, ..Scanner::default() };
        let made = cargo::scan(&scanner, &Scene::loaded(1), 1).unwrap();
        let plane = plane(&made.low).unwrap();
        assert_eq!((plane.width(), plane.height()), (40, 12));
        assert_eq!(plane.samples()[40 * 3 + 7], made.low[[3, 7]]);
    }

    #[test]
    fn each_sort_becomes_a_record_of_its_kind() {
        let scanner = Scanner { columns: 40, rows: 12, ..Scanner::default() };
        let at = Timestamp(1_790_000_000);
        let image = scan(&cargo::scan(&scanner, &Scene::empty(), 1).unwrap(), at, wishes()).unwrap();
        let measured = gamma::measure(&Detector::default(), &[], 10.0, 1).unwrap();
        let passed = portal::pass(&Detector::default(), &Passage::default(), 1).unwrap();
        assert_eq!(image.kind(), Kind::Image);
        assert_eq!(spectrum(&measured, at, wishes()).unwrap().kind(), Kind::Spectrum);
        assert_eq!(super::portal(&passed, at, wishes()).unwrap().kind(), Kind::Signal);
    }
}

//! Spectrum files: one record a file, however many measurements it holds.

use carnet_formats::{Format, radiation};
use carnet_protocol::limits::MAX_NAME;
use carnet_protocol::record::{Content, Instrument, Spectrum};
use carnet_protocol::spectrum::{self, SpectrumView};
use carnet_protocol::time::Timestamp;

use super::{IngestError, Wishes, tidy};
use crate::node::{Draft, DraftPayload, Source};

pub(super) fn draft(bytes: &[u8], name: Option<&str>, format: Format, wishes: Wishes) -> Result<Draft, IngestError> {
    let view = radiation::decode(bytes, name)?;
    let content = Spectrum {
        synthetic: false,
        acquired: view.measurements.iter().filter_map(|measurement| measurement.start).min().map(|start| Timestamp(start.div_euclid(1000))),
        source: source(format).into(),
        payload: 0,
        measurements: view.measurements.len() as u32,
        detectors: view.detectors.len() as u32,
        channels: view.measurements.iter().filter_map(|measurement| measurement.gamma.as_ref()).map(spectrum::Row::len).max().unwrap_or(0)
            as u32,
        neutrons: view.measurements.iter().any(|measurement| measurement.neutrons.is_some()),
        containers: wishes.containers.clone(),
    };
    let instrument = instrument(&view);
    let decoded = view.to_cbor().map_err(carnet_formats::FormatError::from)?;
    let payload =
        DraftPayload { role: "decoded".into(), media: spectrum::MEDIA_TYPE.into(), source: Source::Bytes(decoded.into()), handling: None };
    Ok(Draft::new(wishes.inspection, Content::Spectrum(content)).handling(wishes.handling).instrument(instrument).payload(payload))
}

fn source(format: Format) -> &'static str {
    match format {
        Format::N42 => "n42",
        Format::Spe => "spe",
        Format::Iec => "iec-61455",
        Format::Chn => "chn",
        Format::Pcf => "pcf",
        Format::Cnf => "cnf",
        Format::RadData => "raddata",
        _ => "other",
    }
}

fn instrument(view: &SpectrumView) -> Option<Instrument> {
    let named = |text: &Option<String>| text.as_deref().and_then(|text| tidy(text, MAX_NAME));
    let found = &view.instrument;
    let instrument = Instrument { maker: named(&found.maker), model: named(&found.model), serial: named(&found.serial), software: None };
    (instrument != Instrument::default()).then_some(instrument)
}

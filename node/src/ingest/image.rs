//! Image files: each channel becomes a plane of its own.

use carnet_formats::imaging::{self, DecodedImage};
use carnet_protocol::cbor::Real;
use carnet_protocol::image;
use carnet_protocol::limits::MAX_NAME;
use carnet_protocol::record::{Channel, Content, Image, Instrument, View};
use carnet_protocol::time::Timestamp;

use super::{IngestError, Wishes, tidy};
use crate::node::{Draft, DraftPayload, Source};

pub(super) fn draft(bytes: &[u8], name: Option<&str>, wishes: Wishes) -> Result<Draft, IngestError> {
    let decoded = imaging::decode(bytes, name)?;
    let mut planes = Vec::new();
    let mut views = Vec::new();
    for view in &decoded.views {
        views.push(described(view, &mut planes)?);
    }
    let content = Image {
        synthetic: false,
        projected: false,
        acquired: decoded.acquired.map(|acquired| Timestamp(acquired.seconds)),
        source: source(&decoded).into(),
        views,
        containers: wishes.containers.clone(),
    };
    let mut draft = Draft::new(wishes.inspection, Content::Image(content))
        .handling(wishes.handling)
        .instrument(instrument(&decoded))
        .personal(decoded.personal);
    for plane in planes {
        draft = draft.payload(plane);
    }
    Ok(draft)
}

fn described(view: &imaging::View, planes: &mut Vec<DraftPayload>) -> Result<View, IngestError> {
    let first = view.channels.first().ok_or_else(|| IngestError::Content("a view without channels".into()))?;
    let mut channels = Vec::new();
    for channel in &view.channels {
        channels.push(Channel {
            energy: tidy(&channel.energy, MAX_NAME).unwrap_or_else(|| "single".into()),
            meaning: channel.meaning.code().into(),
            stored_bits: channel.plane.stored_bits(),
            payload: planes.len() as u32,
            samples: channel.plane.sample_digest(),
            polarity: Some(channel.polarity.code().into()),
            slope: channel.rescale.and_then(|rescale| Real::new(rescale.slope)),
            intercept: channel.rescale.and_then(|rescale| Real::new(rescale.intercept)),
        });
        planes.push(DraftPayload {
            role: "plane".into(),
            media: image::coding::MEDIA_TYPE.into(),
            source: Source::Bytes(image::coding::encode(&channel.plane)?.into()),
            handling: None,
        });
    }
    let pitch = |along: f64| Real::new(along).filter(|pitch| pitch.value() > 0.0);
    Ok(View {
        name: tidy(&view.name, MAX_NAME).unwrap_or_else(|| "main".into()),
        width: first.plane.width(),
        height: first.plane.height(),
        pitch_along: view.geometry.pitch.and_then(|found| pitch(found.horizontal_mm)),
        pitch_across: view.geometry.pitch.and_then(|found| pitch(found.vertical_mm)),
        geometry: None,
        channels,
    })
}

fn source(decoded: &DecodedImage) -> &'static str {
    match decoded.format {
        imaging::ImageFormat::Dicom => "dicom",
        imaging::ImageFormat::Jpeg => "jpeg",
        imaging::ImageFormat::Png => "png",
        imaging::ImageFormat::Tiff => "tiff",
    }
}

fn instrument(decoded: &DecodedImage) -> Option<Instrument> {
    let named = |text: &Option<String>| text.as_deref().and_then(|text| tidy(text, MAX_NAME));
    let found = &decoded.instrument;
    let instrument = Instrument {
        maker: named(&found.maker),
        model: named(&found.model),
        serial: named(&found.serial),
        software: named(&found.software),
    };
    (instrument != Instrument::default()).then_some(instrument)
}

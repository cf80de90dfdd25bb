//! DICOM and DICOS part 10 files: projection images (DX, CR, AIT 2D) and volumes (CT, AIT 3D), 8 and 16 bits.
//!
//! `bytes -> reader (elements) -> Description (checked dimensions) -> pixels -> DecodedImage`. Threat reports (TDR)
//! and quadrupole resonance (QR) files hold no image and are refused by name.

mod pixels;
mod reader;
mod rle;
mod tags;
pub(super) mod time;
mod values;

use std::io::Read;

use super::bounds::MAX_INFLATED;
use super::{
    Channel, DecodedImage, Geometry, ImageFormat, Instrument, Meaning, Pitch, PitchPlane, Polarity, Rescale, SINGLE, View, raster,
};
use crate::imaging::ImageFault;
use pixels::{Coding, Description};
use reader::DataSet;

const FORMAT: &str = "DICOM";

fn malformed(what: &str) -> ImageFault {
    ImageFault::Malformed { format: FORMAT, offset: None, what: what.to_owned() }
}

fn unsupported(what: String) -> ImageFault {
    ImageFault::Unsupported { format: FORMAT, what }
}

/// Decodes a DICOM or DICOS file.
pub(super) fn decode(bytes: &[u8]) -> Result<DecodedImage, ImageFault> {
    let (meta, start) = reader::read_meta(bytes)?;
    let syntax = meta.get(&tags::TRANSFER_SYNTAX).copied().unwrap_or_default();
    let syntax = String::from_utf8_lossy(syntax);
    let syntax = syntax.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let (coding, explicit) = match syntax {
        "1.2.840.10008.1.2" => (Coding::Native, false),
        "1.2.840.10008.1.2.1" => (Coding::Native, true),
        "1.2.840.10008.1.2.1.99" => {
            let inflated = inflate(&bytes[start..])?;
            return image(&DataSet::read(&inflated, 0, true)?, Coding::Native);
        }
        "1.2.840.10008.1.2.4.50" => (Coding::Jpeg, true),
        "1.2.840.10008.1.2.4.57" | "1.2.840.10008.1.2.4.70" => (Coding::JpegLossless, true),
        "1.2.840.10008.1.2.4.90" | "1.2.840.10008.1.2.4.91" => (Coding::Jpeg2000, true),
        "1.2.840.10008.1.2.5" => (Coding::Rle, true),
        "" => return Err(malformed("no transfer syntax (0002,0010)")),
        other => {
            let printable: String = other.chars().filter(char::is_ascii_graphic).take(64).collect();
            return Err(unsupported(format!("transfer syntax {printable}; export uncompressed, JPEG lossless or JPEG 2000")));
        }
    };
    image(&DataSet::read(bytes, start, explicit)?, coding)
}

/// A deflated data set (PS3.5 A.5), inflated up to the limit.
fn inflate(deflated: &[u8]) -> Result<Vec<u8>, ImageFault> {
    let mut inflated = Vec::new();
    flate2::read::DeflateDecoder::new(deflated)
        .take(MAX_INFLATED + 1)
        .read_to_end(&mut inflated)
        .map_err(|error| malformed(&format!("the deflated data set: {error}")))?;
    if inflated.len() as u64 > MAX_INFLATED {
        return Err(ImageFault::Limit { what: "an inflated DICOM data set", limit: MAX_INFLATED });
    }
    Ok(inflated)
}

fn image(set: &DataSet<'_>, coding: Coding) -> Result<DecodedImage, ImageFault> {
    refuse_without_pixels(set)?;
    let description = Description::read(set)?;
    let mut notes = Vec::new();
    let photometric = values::text(set, tags::PHOTOMETRIC).unwrap_or_else(|| "MONOCHROME2".to_owned());
    let polarity = match (photometric.as_str(), description.bands) {
        ("MONOCHROME1", 1) => Polarity::HighIsBlack,
        ("MONOCHROME2", 1) => Polarity::HighIsWhite,
        ("PALETTE COLOR", 1) => {
            notes.push("the colour palette was left out: samples are the values before colouring".to_owned());
            Polarity::HighIsWhite
        }
        ("RGB", 3) => Polarity::HighIsWhite,
        // The JPEG decoder has turned it into RGB.
        ("YBR_FULL" | "YBR_FULL_422", 3) if coding == Coding::Jpeg => Polarity::HighIsWhite,
        _ => {
            return Err(unsupported(format!("{} samples a pixel of this colour model", description.bands)));
        }
    };
    if values::text(set, tags::LOSSY).as_deref() == Some("01") {
        notes.push("the file was compressed with loss before it came here".to_owned());
    }
    if values::text(set, tags::BURNED_IN).as_deref() == Some("YES") {
        notes.push("the file says that text is burned into the pixels: look for names before sharing".to_owned());
    }

    let geometry = geometry(set);
    let base = match (values::numbers(set, tags::RESCALE_SLOPE), values::numbers(set, tags::RESCALE_INTERCEPT)) {
        (Some(slope), Some(intercept)) => Some(Rescale { slope: slope[0], intercept: intercept[0] }),
        _ => None,
    };
    let meaning = meaning(set, description.bands);
    let energy = energy(set);
    let peak_kv = values::positive(set, tags::KVP);
    let frames = pixels::frames(set, coding, &description)?;
    let single = values::text(set, tags::VIEW_POSITION).unwrap_or_else(|| "main".to_owned());
    let mut views = Vec::with_capacity(frames.len());
    for (index, mut samples) in frames.into_iter().enumerate() {
        let rescale = if description.signed { Some(raster::unsign(&mut samples, description.shape.stored_bits(), base)) } else { base };
        let bands = description.bands as usize;
        let mut channels = if bands == 1 {
            // Without the copy that cutting bands apart needs.
            let plane = raster::plane(FORMAT, description.shape, samples)?;
            vec![Channel { energy: energy.clone(), peak_kv, meaning, polarity, rescale, plane }]
        } else {
            raster::channels(FORMAT, description.shape, bands, &samples, meaning)?
        };
        for channel in &mut channels {
            channel.peak_kv = peak_kv;
            channel.rescale = rescale;
        }
        let name = if description.frames == 1 { single.clone() } else { format!("frame {}", index + 1) };
        views.push(View { name, channels, geometry: geometry.clone() });
    }

    Ok(DecodedImage {
        format: ImageFormat::Dicom,
        views,
        instrument: Instrument {
            maker: values::known_text(set, tags::MANUFACTURER),
            model: values::known_text(set, tags::MODEL),
            serial: values::known_text(set, tags::SERIAL),
            software: values::known_text(set, tags::SOFTWARE),
            station: values::known_text(set, tags::STATION),
        },
        acquired: acquired(set),
        subject: values::known_text(set, tags::OBJECT_TYPE),
        personal: tags::PERSONAL.iter().filter_map(|&(tag, name)| Some((name.to_owned(), values::known_text(set, tag)?))).collect(),
        notes,
    })
}

/// Files that are lawful and hold no image that could be decoded here, each refused by its name.
fn refuse_without_pixels(set: &DataSet<'_>) -> Result<(), ImageFault> {
    let class = values::text(set, tags::SOP_CLASS).unwrap_or_default();
    match class.strip_prefix("1.2.840.10008.5.1.4.1.1.501.") {
        Some("3") => {
            return Err(unsupported("a DICOS threat detection report (TDR): it holds no image".to_owned()));
        }
        Some("6") => {
            return Err(unsupported("a DICOS quadrupole resonance (QR) scan: it holds no image".to_owned()));
        }
        _ => {}
    }
    if tags::WIDE_PIXELS.iter().any(|&tag| set.get(tag).is_some()) {
        return Err(unsupported("32-bit, 64-bit or floating-point pixels; export 16-bit pixels".to_owned()));
    }
    Ok(())
}

fn meaning(set: &DataSet<'_>, bands: u32) -> Meaning {
    let says = |tag, word: &str| values::text(set, tag).is_some_and(|text| text.eq_ignore_ascii_case(word));
    let image_type = values::text(set, tags::IMAGE_TYPE).unwrap_or_default().to_ascii_uppercase();
    if image_type.split('\\').any(|word| matches!(word.trim(), "ZEFF" | "Z_EFF" | "MATERIAL" | "ATOMIC NUMBER")) {
        Meaning::Material
    } else if bands > 1 || says(tags::PRESENTATION_INTENT, "FOR PRESENTATION") {
        Meaning::Display
    } else if says(tags::INTENSITY_RELATIONSHIP, "LOG") {
        Meaning::Log
    } else {
        Meaning::Raw
    }
}

/// The energy label: low or high if the image type says so, else the beam, else `single`.
fn energy(set: &DataSet<'_>) -> String {
    let image_type = values::text(set, tags::IMAGE_TYPE).unwrap_or_default().to_ascii_uppercase();
    let has = |word: &str| image_type.split(['\\', '_', ' ']).any(|part| part.trim() == word);
    match (has("LOW"), has("HIGH"), values::positive(set, tags::KVP)) {
        (true, false, _) => "low".to_owned(),
        (false, true, _) => "high".to_owned(),
        (_, _, Some(kv)) if kv >= 1000.0 => format!("{} MV", kv / 1000.0),
        // One kilovolt is what fills a mandatory field, not a beam.
        (_, _, Some(kv)) if kv > 1.0 => format!("{kv} kV"),
        _ => SINGLE.to_owned(),
    }
}

fn geometry(set: &DataSet<'_>) -> Geometry {
    // DICOM gives the distance between rows first.
    let pitch = |tag, plane| match values::numbers(set, tag)?[..] {
        [vertical_mm, horizontal_mm] if vertical_mm > 0.0 && horizontal_mm > 0.0 => Some(Pitch { horizontal_mm, vertical_mm, plane }),
        _ => None,
    };
    Geometry {
        pitch: pitch(tags::IMAGER_SPACING, PitchPlane::Detector).or_else(|| pitch(tags::PIXEL_SPACING, PitchPlane::Object)),
        source_to_detector_mm: values::positive(set, tags::SOURCE_TO_DETECTOR),
        source_to_object_mm: values::positive(set, tags::SOURCE_TO_OBJECT),
        slice_mm: values::positive(set, tags::SLICE_THICKNESS),
        position_mm: values::numbers(set, tags::POSITION).and_then(|numbers| numbers.try_into().ok()),
        orientation: values::numbers(set, tags::ORIENTATION).and_then(|numbers| numbers.try_into().ok()),
    }
}

/// The time of acquisition: of the acquisition itself, else of the content, else of the study.
fn acquired(set: &DataSet<'_>) -> Option<super::Acquired> {
    let text = |tag| values::text(set, tag);
    let zone = text(tags::ZONE);
    if let Some(stamp) = text(tags::ACQUISITION_DATE_TIME) {
        let sign = stamp.find(['+', '-']).unwrap_or(stamp.len());
        let (stamp, own) = stamp.split_at(sign);
        let own = (!own.is_empty()).then_some(own);
        let found = stamp.split_at_checked(8).and_then(|(date, clock)| time::seconds(date, clock, own.or(zone.as_deref())));
        if found.is_some() {
            return found;
        }
    }
    [(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME), (tags::CONTENT_DATE, tags::CONTENT_TIME), (tags::STUDY_DATE, tags::STUDY_TIME)]
        .iter()
        .find_map(|&(date, clock)| time::seconds(&text(date)?, &text(clock).unwrap_or_default(), zone.as_deref()))
}

#[cfg(test)]
mod tests;

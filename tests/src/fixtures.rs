//! Small files made in code. Nothing here was ever measured: every file says so or is noise.

use crate::Chance;

/// A grey PNG of 16 bits, by hand: stored blocks, so that no coder is needed. `seed` makes each one another file.
pub fn png(width: u32, height: u32, seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let mut raw = Vec::new();
    for row in 0..height {
        raw.push(0);
        for column in 0..width {
            let sample = ((row * 37 + column * 11) % 50_000) as u16 + chance.below(16) as u16;
            raw.extend(sample.to_be_bytes());
        }
    }
    let mut data = vec![0x78, 0x01];
    let mut blocks = raw.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        data.push(u8::from(blocks.peek().is_none()));
        let length = block.len() as u16;
        data.extend(length.to_le_bytes());
        data.extend((!length).to_le_bytes());
        data.extend(block);
    }
    data.extend(adler(&raw).to_be_bytes());
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([16, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        let part = [kind.as_slice(), &body].concat();
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(&part);
        file.extend(crc(&part).to_be_bytes());
    }
    file
}

fn adler(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }))
}

/// An N42.42 (2012) file with one measurement of a made-up spectrum.
pub fn n42(seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let counts: Vec<String> = (0..128).map(|_| chance.below(40).to_string()).collect();
    format!(
        r#"<?xml version="1.0"?>
<RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42" n42DocUUID="00000000-0000-4000-8000-{seed:012x}">
 <RadInstrumentDataCreatorName>carnet tests, synthetic</RadInstrumentDataCreatorName>
 <RadInstrumentInformation id="i"><RadInstrumentManufacturerName>Synthetic</RadInstrumentManufacturerName>
  <RadInstrumentModelName>Model</RadInstrumentModelName><RadInstrumentClassCode>Radionuclide Identifier</RadInstrumentClassCode></RadInstrumentInformation>
 <RadDetectorInformation id="d"><RadDetectorCategoryCode>Gamma</RadDetectorCategoryCode><RadDetectorKindCode>NaI</RadDetectorKindCode></RadDetectorInformation>
 <EnergyCalibration id="e"><CoefficientValues>0 20 0</CoefficientValues></EnergyCalibration>
 <RadMeasurement id="m"><MeasurementClassCode>Foreground</MeasurementClassCode><StartDateTime>2026-01-01T00:00:00Z</StartDateTime>
  <RealTimeDuration>PT10S</RealTimeDuration>
  <Spectrum id="s" radDetectorInformationReference="d" energyCalibrationReference="e"><LiveTimeDuration>PT9.5S</LiveTimeDuration>
   <ChannelData>{}</ChannelData></Spectrum></RadMeasurement>
</RadInstrumentData>
"#,
        counts.join(" ")
    )
    .into_bytes()
}

/// A declaration in JSON with two personal fields. Invented throughout.
pub fn declaration(number: u32) -> Vec<u8> {
    format!(
        r#"{{"reference": "TEST-{number}", "container": "CSQU3054383", "loading": "NLRTM",
 "consignee": "Invented Trading {number}", "consignor": "Nobody Exports",
 "items": [{{"number": 1, "hs": "080390", "description": "bananas", "gross_mass": 18000}}]}}"#
    )
    .into_bytes()
}

/// Bytes that no coder makes smaller.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(chance.draw().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

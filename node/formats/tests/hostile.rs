//! Valid small files, cut and changed at any place: a named error or a view, never a panic, never a hang.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use carnet_formats::{FormatError, radiation};
use carnet_protocol::spectrum::{MeasurementClass, Row, SpectrumView};
use proptest::prelude::*;

const N42_2012: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42" n42DocUUID="1">
<RadInstrumentInformation id="i"><RadInstrumentManufacturerName>A &amp; B</RadInstrumentManufacturerName>
<RadInstrumentModelName>M</RadInstrumentModelName><RadInstrumentClassCode>Spectroscopic Portal Monitor</RadInstrumentClassCode></RadInstrumentInformation>
<RadDetectorInformation id="g"><RadDetectorName>G1</RadDetectorName><RadDetectorCategoryCode>Gamma</RadDetectorCategoryCode><RadDetectorKindCode>NaI</RadDetectorKindCode></RadDetectorInformation>
<RadDetectorInformation id="n"><RadDetectorCategoryCode>Neutron</RadDetectorCategoryCode></RadDetectorInformation>
<RadMeasurement id="m1"><MeasurementClassCode>Foreground</MeasurementClassCode><StartDateTime>2010-01-24T00:08:24.078Z</StartDateTime>
<RealTimeDuration>PT10S</RealTimeDuration>
<Spectrum id="s" radDetectorInformationReference="g" energyCalibrationReference="e" FWHMCalibrationReference="f"><LiveTimeDuration>PT9.5S</LiveTimeDuration>
<ChannelData compressionCode="CountedZeros">22 5 0 1 2 1 0 2 3 4 0 8 1</ChannelData></Spectrum>
<GrossCounts id="c" radDetectorInformationReference="n"><LiveTimeDuration>PT10S</LiveTimeDuration><CountData>7</CountData></GrossCounts>
<DoseRate id="d" radDetectorInformationReference="g"><DoseRateValue>0.25</DoseRateValue></DoseRate>
<OccupancyIndicator>true</OccupancyIndicator><RadItemState><StateVector><GeographicPoint><LatitudeValue>51.9</LatitudeValue><LongitudeValue>4.5</LongitudeValue></GeographicPoint><SpeedValue>2</SpeedValue></StateVector></RadItemState></RadMeasurement>
<EnergyCalibration id="e"><CoefficientValues>0 3</CoefficientValues><EnergyValues>60 662</EnergyValues><EnergyDeviationValues>0 1</EnergyDeviationValues></EnergyCalibration>
<FWHMCalibration id="f"><EnergyValues>662</EnergyValues><FWHMValues>46</FWHMValues></FWHMCalibration>
<AnalysisResults><AnalysisAlgorithmName>X</AnalysisAlgorithmName><NuclideAnalysisResults>
<Nuclide><NuclideIdentifiedIndicator>true</NuclideIdentifiedIndicator><NuclideName>Cs-137</NuclideName><NuclideIDConfidenceValue>87.5</NuclideIDConfidenceValue></Nuclide>
<Nuclide><NuclideIdentifiedIndicator>false</NuclideIdentifiedIndicator><NuclideName>Co-60</NuclideName></Nuclide></NuclideAnalysisResults>
<RadAlarm><RadAlarmCategoryCode>Gamma</RadAlarmCategoryCode></RadAlarm></AnalysisResults>
<DHS:InterSpec><Spectrum><ChannelData>not numbers</ChannelData></Spectrum></DHS:InterSpec>
</RadInstrumentData>"#;

const N42_2006: &str = r#"<?xml version="1.0"?><Event><N42InstrumentData xmlns:dndons="x"><Measurement>
<InstrumentInformation><Manufacturer>ORTEC</Manufacturer><InstrumentModel>P</InstrumentModel></InstrumentInformation>
<DetectorData><StartTime>2010-01-24T00:08:24.078Z</StartTime><SampleRealTime>PT0.250S</SampleRealTime><Occupied>1</Occupied><Speed Units="mph">10</Speed>
<DetectorMeasurement Detector="x"><SpectrumMeasurement><Spectrum Detector="A1" SampleNumber="4"><LiveTime>PT0.240S</LiveTime><SourceType>Item</SourceType>
<DetectorType>HPGe 50%</DetectorType><Calibration Type="Energy" EnergyUnits="keV"><Equation Model="Polynomial"><Coefficients>0.1 0.2 -2e-9</Coefficients></Equation></Calibration>
<ChannelData Compression="CountedZeroes"> 0 3 1 0 2 7</ChannelData></Spectrum>
<Spectrum Detector="N" SampleNumber="4"><DetectorType>Neutron</DetectorType><SourceType>Item</SourceType><ChannelData><Data>5 </Data></ChannelData></Spectrum>
<Spectrum Detector="B1" SampleNumber="4" CalibrationIDs="CS1"><SourceType>Background</SourceType><ChannelData>1 2 3.5</ChannelData></Spectrum>
</SpectrumMeasurement></DetectorMeasurement></DetectorData></Measurement>
<Calibration ID="CS1" Type="Energy" EnergyUnits="MeV"><ArrayXY X="Channel" Y="Energy"><PointXY><X>0 0</X><Y>0.01 0</Y></PointXY><PointXY><X>2 0</X><Y>0.03 0</Y></PointXY></ArrayXY></Calibration>
</N42InstrumentData><AnalysisResults><NuclideAnalysis><Nuclide><NuclideName>K-40</NuclideName><NuclideIDConfidenceIndication>90</NuclideIDConfidenceIndication></Nuclide></NuclideAnalysis></AnalysisResults></Event>"#;

const SPE: &str = "$SPEC_ID:\r\nx\r\n$MEAS_TIM:\r\n9 10\r\n$DATA:\r\n0 3\r\n0\r\n5\r\n7\r\n1\r\n$MCA_CAL:\r\n3\r\n1.0 2.0 0 keV\r\n";
const URI: &str = "RADDATA://G0/701/I:F T:3,2 C:0$3 M:Det S:1$2$0$5:0A:I:B T:9,8 S:3$4";

fn decode(text: &str, name: &str) -> SpectrumView {
    radiation::decode(text.as_bytes(), Some(name)).unwrap()
}

#[test]
fn the_2012_example_is_read() {
    let view = decode(N42_2012, "a.n42");
    assert_eq!((view.measurements.len(), view.detectors.len(), view.findings.len()), (1, 2, 2));
    let m = &view.measurements[0];
    let counts = [22., 5., 0., 2., 1., 0., 0., 3., 4., 0., 0., 0., 0., 0., 0., 0., 0., 1.];
    assert_eq!(m.gamma.as_ref().unwrap().to_vec(), counts);
    assert_eq!((m.class, m.start, m.local_time, m.occupied), (MeasurementClass::Foreground, Some(1_264_291_704_078), false, Some(true)));
    let values = [m.real_time, m.live_time, m.neutrons, m.neutron_live_time, m.dose_rate, m.speed].map(|value| value.unwrap().value());
    assert_eq!(values, [10.0, 9.5, 7.0, 10.0, 0.25, 2.0]);
    let calibration = &view.calibrations[m.calibration.unwrap() as usize];
    assert_eq!(
        (calibration.edges(2).unwrap(), calibration.deviations.as_ref().unwrap().len(), calibration.resolution.as_ref().unwrap().len()),
        (vec![0., 3., 6.], 2, 1)
    );
    assert_eq!((view.instrument.maker.as_deref(), view.findings[0].name.as_str()), (Some("A & B"), "Cs-137"));
    assert_eq!(view.findings[0].confidence.unwrap().value(), 87.5);
    assert_eq!(SpectrumView::from_cbor(&view.to_cbor().unwrap()).unwrap(), view);
}

#[test]
fn the_2006_example_is_read() {
    let view = decode(N42_2006, "a.n42");
    assert_eq!((view.measurements.len(), view.calibrations.len(), view.findings.len()), (3, 2, 1));
    let gamma: Vec<_> = view.measurements.iter().filter_map(|m| m.gamma.as_ref().map(Row::to_vec)).collect();
    assert_eq!(gamma, [vec![0., 0., 0., 1., 0., 0., 7.], vec![1., 2., 3.5]]);
    let speed = view.measurements[0].speed.unwrap().value();
    assert!((speed - 4.4704).abs() < 1e-9 && view.measurements[0].sample == 4);
    assert_eq!(view.measurements[0].real_time.unwrap().value(), 0.25);
    let late = &view.calibrations[view.measurements[1].calibration.unwrap() as usize];
    assert_eq!(late.edges(2).unwrap(), [10.0, 20.0, 30.0]);
    assert_eq!(view.measurements.iter().filter_map(|m| m.neutrons).map(|n| n.value()).sum::<f64>(), 5.0);
}

#[test]
fn xml_is_bounded() {
    let wrap = |inner: &str| format!("<RadInstrumentData>{inner}</RadInstrumentData>");
    let deep = |depth: usize| wrap(&format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)));
    let decode = |text: String| radiation::decode(text.as_bytes(), Some("a.n42"));
    assert!(decode(deep(63)).is_ok());
    assert!(matches!(decode(deep(64)), Err(FormatError::Limit { .. })));
    assert!(matches!(decode(deep(1_000_000)), Err(FormatError::Limit { .. })));
    let doctype = "<!DOCTYPE a [<!ENTITY b 'c'>]>".to_owned() + &wrap("");
    assert!(matches!(decode(doctype), Err(FormatError::Unsupported { .. })));
    let entity = wrap("<RadMeasurement><Remark>&b;</Remark></RadMeasurement>");
    assert!(matches!(decode(entity), Err(FormatError::Malformed { .. })));
    let long = wrap(&format!("<RadMeasurement><Remark>{}</Remark></RadMeasurement>", " ".repeat(2 * 1024 * 1024 + 1)));
    assert!(matches!(decode(long), Err(FormatError::Limit { .. })));
    let channels = |count: usize| {
        wrap(&format!(
            "<RadMeasurement><Spectrum><ChannelData compressionCode='CountedZeroes'>0 {count}</ChannelData></Spectrum></RadMeasurement>"
        ))
    };
    assert_eq!(decode(channels(65_536)).unwrap().measurements[0].gamma.as_ref().unwrap().len(), 65_536);
    assert!(matches!(decode(channels(65_537)), Err(FormatError::Malformed { .. })));
    for open in [
        "<RadInstrumentData>",
        "<RadInstrumentData><a></b></RadInstrumentData>",
        "<RadInstrumentData></RadInstrumentData><RadInstrumentData/>",
        "<a/>",
    ] {
        assert!(matches!(decode(open.into()), Err(FormatError::Malformed { .. })), "{open}");
    }
}

#[test]
fn every_prefix_of_every_example_is_safe() {
    for (text, name) in [(N42_2012, "a.n42"), (N42_2006, "a.n42"), (SPE, "a.spe"), (URI, "a.txt")] {
        for end in 0..text.len() {
            let _ = radiation::decode(&text.as_bytes()[..end], Some(name));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn changed_examples_are_safe(
        which in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(b'<'), Just(b'&'), Just(b'9'), Just(b' '), Just(b'-')]), 1..6),
    ) {
        let (text, name) = [(N42_2012, "a.n42"), (N42_2006, "a.n42"), (SPE, "a.spe"), (URI, "a.txt")][which];
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(view) = radiation::decode(&bytes, Some(name)) {
            // What is decoded can be encoded: the decoder lets no value through that the view refuses.
            prop_assert!(view.to_cbor().is_ok(), "{:?}", view.to_cbor());
        }
    }

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..3000), name in "[a-z]{1,3}\\.(n42|spe|iec|chn|pcf|cnf|txt)", head in 0usize..6) {
        let heads: [&[u8]; 6] = [b"", b"\xff\xff", b"\x02\x00DHS", b"\x00\x04\x00\x00", b"$DATA:\n", b"A004"];
        let bytes = [heads[head], &bytes].concat();
        if let Ok(view) = radiation::decode(&bytes, Some(&name)) {
            prop_assert!(view.to_cbor().is_ok(), "{:?}", view.to_cbor());
        }
    }
}

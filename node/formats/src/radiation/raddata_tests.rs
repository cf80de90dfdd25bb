#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

#[test]
fn plain_text_address() {
    // Options 0x07: no DEFLATE, no base encoding, counts as text.
    let view = decode(b"RADDATA://G0/0700/I:F T:300,295.1 C:0$3 M:Some%20Det N:5 G:10.5,-13.25 O:A title S:0$3$5$6$0\r\n").unwrap();
    let m = &view.measurements[0];
    assert_eq!(m.gamma.as_ref().unwrap().to_vec(), [0., 0., 0., 5., 6., 0.]);
    assert_eq!((m.real_time.unwrap().value(), m.live_time.unwrap().value(), m.neutrons.unwrap().value()), (300.0, 295.1, 5.0));
    assert_eq!((view.instrument.model.as_deref(), m.title.as_deref()), (Some("Some Det"), Some("A title")));
    assert_eq!(m.position.unwrap().1.value(), -13.25);
}

#[test]
fn two_spectra_share_a_calibration() {
    let view = decode(b"RADDATA://G0/701/I:F T:3,2 C:0$3 S:1$2:0A:I:B T:9,8 S:3$4").unwrap();
    assert_eq!(view.measurements.len(), 2);
    assert_eq!(view.measurements[1].calibration, Some(0));
    assert_eq!(view.measurements[1].class, MeasurementClass::Background);
}

#[test]
fn several_addresses_are_joined_or_named() {
    let (one, two) = ("I:F T:3,2 C:0$3 S:1$2", "3$0$4");
    let sum = crc16(format!("{one}{two}").as_bytes().iter());
    let whole = format!("RADDATA://G0/711/{sum}/{two}\nRADDATA://G0/710/{sum}/{one}\n");
    let view = decode(whole.as_bytes()).unwrap();
    assert_eq!(view.measurements[0].gamma.as_ref().unwrap().to_vec(), [1., 2., 3., 0., 0., 0., 0.]);
    let missing = format!("RADDATA://G0/710/{sum}/{one}\n");
    assert!(matches!(decode(missing.as_bytes()), Err(FormatError::Unsupported { .. })));
    let wrong = format!("RADDATA://G0/711/1/{two}\nRADDATA://G0/710/1/{one}\n");
    assert!(matches!(decode(wrong.as_bytes()), Err(FormatError::Malformed { .. })));
}

#[test]
fn refusals_are_named() {
    for bad in ["RADDATA://G1/000/x", "RADDATA://G0/4000/x", "RADDATA://G0/8000/x"] {
        assert!(matches!(decode(bad.as_bytes()), Err(FormatError::Unsupported { .. })), "{bad}");
    }
    for bad in [
        "RADDATA://G0/0/x",
        "RADDATA://G0/zzz/x",
        "RADDATA://G0/000/é",
        "RADDATA://G0/1000/AAAA",
        "RADDATA://G0/700/I:F S:1",
        "RADDATA://G0/700/T:1,1 S:0$0$1",
        "",
    ] {
        assert!(matches!(decode(bad.as_bytes()), Err(FormatError::Malformed { .. })), "{bad}");
    }
}

#[test]
fn a_bomb_is_refused() {
    use std::io::Write;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 8 * 1024 * 1024]).unwrap();
    let text = base64::engine::general_purpose::URL_SAFE.encode(packer.finish().unwrap());
    assert!(matches!(decode(format!("RADDATA://G0/1000/{text}").as_bytes()), Err(FormatError::Limit { .. })));
}

#[test]
fn published_vectors() {
    assert_eq!(crc16(b"123456789".iter()), 0xbb3d);
    assert_eq!(base45(b"QED8WEX0").unwrap(), b"ietf!");
    assert!(base45(b":::").is_none());
}

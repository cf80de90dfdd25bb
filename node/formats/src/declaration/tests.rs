#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use proptest::prelude::*;

const JSON: &str = r#"{"mrn": "26NL000000000000A1", "containers": ["CSQU3054383"], "office": "NL000510", "loading": "CNSHA", "discharge": "NLRTM",
    "consignor": {"name": "Example Ltd", "address": "1 Example Road"}, "value": 1250.5, "currency": "EUR", "colour": "red",
    "items": [{"hs": "090121", "description": "Coffee, roasted", "gross_mass": 108, "packages": 4}, {"hs": "690722", "un_number": "1203"}]}"#;

#[test]
fn json_is_read_and_persons_are_kept_apart() {
    let read = decode(JSON.as_bytes(), Some("a.json")).unwrap();
    let d = &read[0];
    assert_eq!((d.mrn.as_deref(), d.containers.len(), d.items.len()), (Some("26NL000000000000A1"), 1, 2));
    assert_eq!((d.items[0].gross_mass, d.items[0].packages, d.items[1].un_number.as_deref()), (Some(108.0), Some(4), Some("1203")));
    assert_eq!(d.personal.len(), 2);
    assert!(d.personal.iter().any(|(name, value)| name == "consignor.name" && value == "Example Ltd"));
    assert_eq!(d.unread, ["colour"]);
    let list = format!("[{JSON},{JSON}]");
    assert_eq!(decode(list.as_bytes(), Some("a.json")).unwrap().len(), 2);
}

#[test]
fn csv_rows_of_one_declaration_are_joined() {
    let text = "MRN;Container Number;HS Code;Gross mass (kg);Number of packages;Consignee\n\
        A;CSQU3054383;090121;10.5;3;Example\nA;CSQU3054383;690722;2;1;Example\nB;;620822;1;1;\n";
    let read = decode(text.as_bytes(), Some("a.csv")).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].items.len(), read[0].containers.len(), read[0].personal.len()), (2, 1, 1));
    assert_eq!(read[0].items[1].gross_mass, Some(2.0));
}

#[test]
fn faults_are_named_and_do_not_quote_the_file() {
    for (bad, name) in [
        ("{", "a.json"),
        ("{\"colour\": 1}", "a.json"),
        ("[1]", "a.json"),
        ("{\"mrn\": true}", "a.json"),
        ("{\"mrn\": \"a\", \"items\": 5}", "a.json"),
        ("{\"mrn\": \"a\", \"value\": \"secret\"}", "a.json"),
        ("[]", "a.json"),
        ("colour\nred\n", "a.csv"),
        ("mrn,hs\nsecret\n", "a.csv"),
        ("mrn,net mass\na,secret\n", "a.csv"),
        ("mrn\n", "a.csv"),
    ] {
        let error = decode(bad.as_bytes(), Some(name)).unwrap_err();
        assert!(matches!(error, FormatError::Malformed { .. }), "{bad}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn limits_hold_at_the_edge_and_one_past_it() {
    let rows = |count: usize| format!("mrn,hs\n{}", "A,090121\n".repeat(count));
    assert_eq!(decode(rows(MAX_ITEMS).as_bytes(), Some("a.csv")).unwrap()[0].items.len(), MAX_ITEMS);
    assert!(matches!(decode(rows(MAX_ITEMS + 1).as_bytes(), Some("a.csv")), Err(FormatError::Limit { .. })));
    let many = |count: usize| format!("hs\n{}", "090121\n".repeat(count));
    assert_eq!(decode(many(MAX_DECLARATIONS).as_bytes(), Some("a.csv")).unwrap().len(), MAX_DECLARATIONS);
    assert!(matches!(decode(many(MAX_DECLARATIONS + 1).as_bytes(), Some("a.csv")), Err(FormatError::Limit { .. })));
    let text = |length: usize| format!("{{\"mrn\": \"{}\"}}", "a".repeat(length));
    assert!(decode(text(MAX_TEXT).as_bytes(), Some("a.json")).is_ok());
    assert!(matches!(decode(text(MAX_TEXT + 1).as_bytes(), Some("a.json")), Err(FormatError::Limit { .. })));
}

proptest! {
    #[test]
    fn mangled_files_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = JSON.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&bytes, Some("a.json"));
        let _ = decode(&bytes[..cut.index(bytes.len())], Some("a.csv"));
    }
}

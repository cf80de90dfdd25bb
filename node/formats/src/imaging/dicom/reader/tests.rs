#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::imaging::dicom::tests::{element, undefined};
use proptest::prelude::*;

const ITEM_OPEN: [u8; 8] = [0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff];
const ITEM_CLOSE: [u8; 8] = [0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0];
const SEQUENCE_CLOSE: [u8; 8] = [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];

/// `depth` nested sequences of undefined length around `inner`.
fn nested(depth: usize, inner: &[u8]) -> Vec<u8> {
    let open = [undefined(0x0040_0555, b"SQ"), ITEM_OPEN.to_vec()].concat();
    let close = [ITEM_CLOSE, SEQUENCE_CLOSE].concat();
    [open.repeat(depth), inner.to_vec(), close.repeat(depth)].concat()
}

#[test]
fn nesting_is_bounded_at_the_edge() {
    let rows = element(tags::ROWS, b"US", &[1, 0]);
    let lawful = nested(MAX_DICOM_DEPTH, &rows);
    let set = DataSet::read(&lawful, 0, true).unwrap();
    assert!(set.get(tags::ROWS).is_none());
    assert!(set.anywhere(tags::ROWS).is_some());
    let error = DataSet::read(&nested(MAX_DICOM_DEPTH + 1, &rows), 0, true).unwrap_err();
    assert!(error.to_string().contains("nested too deeply"), "{error}");
    // What overflows the stack of a recursive reader.
    assert!(DataSet::read(&nested(200_000, &rows), 0, true).is_err());
}

#[test]
fn elements_after_a_sequence_are_top_level_again() {
    let bytes = [nested(2, &element(tags::ROWS, b"US", &[1, 0])), element(tags::COLUMNS, b"US", &[2, 0])].concat();
    let set = DataSet::read(&bytes, 0, true).unwrap();
    assert!(set.get(tags::ROWS).is_none() && set.get(tags::COLUMNS).is_some());
    let item = [0xfe, 0xff, 0x00, 0xe0, 10, 0, 0, 0];
    let defined = element(0x0040_0555, b"SQ", &[&item[..], &element(tags::ROWS, b"US", &[1, 0])].concat());
    let bytes = [defined, element(tags::COLUMNS, b"US", &[2, 0])].concat();
    let set = DataSet::read(&bytes, 0, true).unwrap();
    assert!(set.get(tags::ROWS).is_none() && set.anywhere(tags::ROWS).is_some() && set.get(tags::COLUMNS).is_some());
}

#[test]
fn lengths_beyond_what_holds_them_are_refused() {
    let mut long = element(tags::ROWS, b"US", &[1, 0]);
    long[6] = 3;
    assert!(DataSet::read(&long, 0, true).unwrap_err().to_string().contains("(0028,0010) is longer"));
    let item = [0xfe, 0xff, 0x00, 0xe0, 10, 0, 0, 0];
    let mut inner = element(tags::ROWS, b"US", &[1, 0]);
    inner[6] = 4;
    let bytes = [element(0x0040_0555, b"SQ", &[&item[..], &inner].concat()), vec![0; 64]].concat();
    assert!(DataSet::read(&bytes, 0, true).is_err());
    assert!(DataSet::read(&SEQUENCE_CLOSE, 0, true).unwrap_err().to_string().contains("out of place"));
}

#[test]
fn unknown_representation_of_undefined_length_holds_an_implicit_set() {
    let implicit_rows = [0x28, 0, 0x10, 0, 2, 0, 0, 0, 7, 0];
    let bytes =
        [undefined(0x0040_0555, b"UN"), ITEM_OPEN.to_vec(), implicit_rows.to_vec(), ITEM_CLOSE.to_vec(), SEQUENCE_CLOSE.to_vec()].concat();
    let set = DataSet::read(&bytes, 0, true).unwrap();
    assert_eq!(set.anywhere(tags::ROWS).unwrap().value, Value::Bytes(&[7, 0]));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), explicit in any::<bool>()) {
        let _ = DataSet::read(&bytes, 0, explicit);
    }
}

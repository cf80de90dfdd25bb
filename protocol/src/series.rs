//! The series view: signals on named axes with units. Implements spec/11-spectrum.md, `SER-*`.
//!
//! One table serves portal counts against time, delayed neutrons, chromatograms and mass spectra over time: some columns are axes,
//! the others are values, and every row is one point. Media type [`MEDIA_TYPE`], payload role `decoded`.

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::spectrum::{Counts, Instrument, Reals, Row, ViewError, limit, rule};

/// Media type of a series view.
pub const MEDIA_TYPE: &str = "application/carnet-series";
/// The version of the view that this crate reads and writes (`SER-001`).
pub const VERSION: u32 = 1;
/// Rows of one view: four hours of a mass spectrometer at a thousand points a second (`SER-002`).
pub const MAX_ROWS: u32 = 1 << 24;
/// Entries of all columns together: zero runs make a view small and its expansion large (`SER-010`).
pub const MAX_ENTRIES: usize = 1 << 26;
/// Columns of one view (`SER-003`).
pub const MAX_COLUMNS: usize = 64;
/// Bytes of a text (`SER-004`).
pub const MAX_TEXT: usize = 1024;
/// Bytes of one encoded view (`SER-005`).
pub const MAX_VIEW: usize = 512 * 1024 * 1024;

/// A signal: columns of equal length.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct SeriesView {
    /// Always [`VERSION`].
    #[n(0)]
    pub version: u32,
    /// What measured.
    #[n(1)]
    pub instrument: Instrument,
    /// What sort of signal: `portal-profile`, `delayed-neutron`, `chromatogram`, `mass-spectra`, `infrared`, or another short name.
    #[n(2)]
    pub signal: String,
    /// Start, milliseconds since the Unix epoch, UTC; a time axis counts from it.
    #[n(3)]
    pub start: Option<i64>,
    /// Title.
    #[n(4)]
    pub title: Option<String>,
    /// Axes first, then values.
    #[n(5)]
    pub columns: Vec<Column>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name, as `time`, `m/z`, `intensity`, `gamma A1`.
    pub name: String,
    /// Unit in UCUM notation, as `s`, `keV`, `1`, `1/s`.
    pub unit: String,
    /// Whether the column is an axis.
    pub axis: bool,
    /// Its entries.
    pub row: Row,
}

impl SeriesView {
    /// The view's one encoding.
    ///
    /// # Errors
    /// The rule or limit that the view breaks.
    pub fn to_cbor(&self) -> Result<Vec<u8>, ViewError> {
        self.check()?;
        let bytes = crate::cbor::encode(self);
        if bytes.len() > MAX_VIEW {
            return Err(limit("bytes of the series", MAX_VIEW as u64));
        }
        Ok(bytes)
    }

    /// The view that `bytes` encode.
    ///
    /// # Errors
    /// The fault, limit or rule broken; anything but the one encoding is refused.
    pub fn from_cbor(bytes: &[u8]) -> Result<Self, ViewError> {
        if bytes.len() > MAX_VIEW {
            return Err(limit("bytes of the series", MAX_VIEW as u64));
        }
        crate::cbor::scan(bytes)?;
        let view: Self = minicbor::decode(bytes).map_err(|error| ViewError::Structure(error.to_string()))?;
        view.check()?;
        if crate::cbor::encode(&view) != bytes {
            return Err(ViewError::Structure("a field is unknown, or null where it should be absent".into()));
        }
        Ok(view)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.row.len())
    }

    fn check(&self) -> Result<(), ViewError> {
        if self.version != VERSION {
            return Err(rule("SER-001", "the series has another version"));
        }
        if self.columns.len() > MAX_COLUMNS {
            return Err(limit("columns of the series", MAX_COLUMNS as u64));
        }
        let of = &self.instrument;
        let optional = [&of.maker, &of.model, &of.serial, &of.class, &self.title];
        if optional.iter().any(|text| text.as_ref().is_some_and(String::is_empty)) || self.signal.is_empty() {
            return Err(rule("SER-006", "a text is empty"));
        }
        let names = self.columns.iter().flat_map(|column| [&column.name, &column.unit]);
        if optional.into_iter().flatten().chain(names).chain([&self.signal]).any(|text| text.len() > MAX_TEXT) {
            return Err(limit("bytes of a text", MAX_TEXT as u64));
        }
        if self.columns.iter().any(|column| column.name.is_empty() || column.unit.is_empty()) {
            return Err(rule("SER-006", "a column has no name or no unit"));
        }
        if self.rows() > MAX_ROWS as usize {
            return Err(limit("rows of the series", u64::from(MAX_ROWS)));
        }
        if self.rows() * self.columns.len() > MAX_ENTRIES {
            return Err(limit("entries of the series", MAX_ENTRIES as u64));
        }
        if self.columns.iter().any(|column| column.row.len() != self.rows()) {
            return Err(rule("SER-007", "columns have different lengths"));
        }
        let axes = self.columns.iter().take_while(|column| column.axis).count();
        if axes == 0 || axes == self.columns.len() || self.columns[axes..].iter().any(|column| column.axis) {
            return Err(rule("SER-008", "a series has at least one axis and one value column, axes first"));
        }
        Ok(())
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    name: String,
    #[n(1)]
    unit: String,
    #[n(2)]
    axis: bool,
    #[n(3)]
    rows: u32,
    #[cbor(n(4), with = "minicbor::bytes")]
    counts: Option<Vec<u8>>,
    #[cbor(n(5), with = "minicbor::bytes")]
    reals: Option<Vec<u8>>,
}

impl<C> Encode<C> for Column {
    fn encode<W: minicbor::encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        let (counts, reals) = match &self.row {
            Row::Counts(counts) => (Some(counts.bytes().to_vec()), None),
            Row::Reals(reals) => (None, Some(reals.bytes())),
        };
        Fields { name: self.name.clone(), unit: self.unit.clone(), axis: self.axis, rows: self.row.len() as u32, counts, reals }
            .encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Column {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let at = d.position();
        let fields = Fields::decode(d, ctx)?;
        let row = match (fields.counts, fields.reals) {
            (Some(bytes), None) => Counts::check(fields.rows, bytes, MAX_ROWS).map(Row::Counts),
            (None, Some(bytes)) => Reals::check(fields.rows, &bytes, MAX_ROWS).map(Row::Reals),
            _ => Err(rule("SER-009", "a column has exactly one coding")),
        };
        let row = row.map_err(|error| minicbor::decode::Error::message(error).at(at))?;
        Ok(Self { name: fields.name, unit: fields.unit, axis: fields.axis, row })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn column(name: &str, axis: bool, values: Vec<f64>) -> Column {
        Column { name: name.into(), unit: "1".into(), axis, row: Row::of(values, MAX_ROWS).unwrap() }
    }

    fn example(times: Vec<f64>, counts: Vec<f64>) -> SeriesView {
        let columns = vec![column("time", true, times), column("gamma", false, counts)];
        SeriesView { version: VERSION, signal: "portal-profile".into(), columns, ..SeriesView::default() }
    }

    proptest! {
        #[test]
        fn a_series_comes_back(points in prop::collection::vec((0.0..100.0f64, 0u32..1000), 0..50)) {
            let (times, counts) = points.into_iter().map(|(time, count)| (time, f64::from(count))).unzip();
            let view = example(times, counts);
            let bytes = view.to_cbor().unwrap();
            prop_assert_eq!(SeriesView::from_cbor(&bytes).unwrap(), view);
        }
    }

    #[test]
    fn the_shape_is_checked() {
        let uneven = example(vec![0.5], vec![1.0, 2.0]);
        assert!(matches!(uneven.to_cbor(), Err(ViewError::Rule { rule: "SER-007", .. })));
        let mut no_axis = example(vec![0.5], vec![1.0]);
        no_axis.columns[0].axis = false;
        assert!(matches!(no_axis.to_cbor(), Err(ViewError::Rule { rule: "SER-008", .. })));
        let mut wide = example(vec![0.5], vec![1.0]);
        wide.columns = [vec![wide.columns[0].clone()], vec![wide.columns[1].clone(); MAX_COLUMNS - 1]].concat();
        assert!(wide.to_cbor().is_ok());
        wide.columns.push(wide.columns[1].clone());
        assert!(matches!(wide.to_cbor(), Err(ViewError::Limit { .. })));
    }
}

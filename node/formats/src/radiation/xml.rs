//! A bounded walk over XML events that knows no namespaces.
//!
//! Many real files use prefixes that they never declare, so prefixes are compared as text: elements with the root's prefix are the format's
//! own, a subtree under any other prefix is a vendor's extension and is passed over. Entities beyond XML's five and document type
//! declarations are refused, so nothing expands. Bytes that are not UTF-8 pass: texts are repaired where they are kept.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::{Format, FormatError};

/// Elements inside one another.
pub(super) const MAX_DEPTH: usize = 64;
/// Elements of one file: ten a spectrum at the most spectra, and extensions.
pub(super) const MAX_ELEMENTS: u64 = 8_000_000;
/// Bytes of one text that is read: 65,537 boundaries of 24 characters fit.
pub(super) const MAX_TEXT: usize = 2 * 1024 * 1024;

/// The elements that the decoders know, in both versions of N42.42. Everything else is `Other`.
macro_rules! tags {
    ($($name:ident $(= $text:literal)?,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Tag { Other, $($name,)* }

        impl Tag {
            fn of(name: &[u8]) -> Self {
                let (Some(first), Some(last)) = (name.first(), name.last()) else { return Self::Other };
                // Length and ends tell nearly all names apart before their bytes are compared.
                $({
                    const NAME: &[u8] = tags!(@text $name $($text)?).as_bytes();
                    if name.len() == NAME.len() && *first == NAME[0] && *last == NAME[NAME.len() - 1] && name == NAME {
                        return Self::$name;
                    }
                })*
                Self::Other
            }
        }
    };
    (@text $name:ident $text:literal) => { $text };
    (@text $name:ident) => { stringify!($name) };
}

tags! {
    // The most frequent first: names are compared in this order.
    Spectrum, ChannelData, Calibration, Equation, Coefficients, RealTime, LiveTime, SourceType, DetectorType, LiveTimeDuration,
    RadMeasurement, MeasurementClassCode, StartDateTime, RealTimeDuration, DetectorData, StartTime, SampleRealTime, Occupied, Speed,
    DetectorMeasurement, Remark, Data,
    N42InstrumentData, Measurement, InstrumentInformation, InstrumentType, Manufacturer, InstrumentModel, InstrumentId = "InstrumentID",
    Coordinates, CountDoseData, Counts, DoseRate, ArrayXY, PointXY, X, Y,
    AnalysisResults, Nuclide, NuclideName, NuclideType, NuclideIdConfidence = "NuclideIDConfidence", NuclideIdConfidenceIndication = "NuclideIDConfidenceIndication",
    AlarmInformation, AlarmType, AlarmDescription,
    RadInstrumentData, RadInstrumentInformation, RadInstrumentManufacturerName, RadInstrumentIdentifier, RadInstrumentModelName,
    RadInstrumentClassCode, RadDetectorInformation, RadDetectorName, RadDetectorCategoryCode, RadDetectorKindCode, RadDetectorDescription,
    EnergyCalibration, CoefficientValues, EnergyBoundaryValues, EnergyValues, EnergyDeviationValues,
    FwhmCalibration = "FWHMCalibration", FwhmValues = "FWHMValues",
    DerivedData, GrossCounts, CountData, DoseRateValue, OccupancyIndicator, LatitudeValue, LongitudeValue, SpeedValue,
    NuclideIdConfidenceValue = "NuclideIDConfidenceValue", NuclideCategoryDescription, NuclideDescription,
    NuclideIdentifiedIndicator, RadAlarm, RadAlarmCategoryCode, RadAlarmDescription, AnalysisAlgorithmName,
}

/// One step of the walk.
pub(super) enum Step<'a> {
    /// An element begins.
    Start(Tag, BytesStart<'a>),
    /// An element ends; its captured text is in [`Xml::text`]. With the element around it.
    End(Tag, Tag),
    /// The document is complete.
    Done,
}

/// The walk.
pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    open: Vec<Tag>,
    prefix: Vec<u8>,
    /// Depth of open elements inside an extension; 0 outside.
    skipped: usize,
    elements: u64,
    capture: usize,
    seen_root: bool,
    /// Text of the element whose start was last captured.
    pub text: Vec<u8>,
    /// Offset of that text in the file.
    pub text_at: usize,
}

impl<'a> Xml<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Reader::from_reader(bytes);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Self {
            reader,
            open: Vec::with_capacity(MAX_DEPTH),
            prefix: Vec::new(),
            skipped: 0,
            elements: 0,
            capture: 0,
            seen_root: false,
            text: Vec::new(),
            text_at: 0,
        }
    }

    /// Asks for the text of the element that has just begun, without its children's.
    pub fn capture(&mut self) {
        self.capture = self.open.len();
        self.text.clear();
        self.text_at = self.at();
    }

    /// The walk's place in the file.
    pub fn at(&self) -> usize {
        self.reader.buffer_position() as usize
    }

    /// Whether `tag` is open, at any depth.
    pub fn inside(&self, tag: Tag) -> bool {
        self.open.contains(&tag)
    }

    pub fn fault(&self, what: impl Into<String>) -> FormatError {
        FormatError::malformed(Format::N42, self.at(), what)
    }

    pub fn step(&mut self) -> Result<Step<'a>, FormatError> {
        loop {
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = self.reader.error_position() as usize;
                    return Err(FormatError::malformed(Format::N42, at, format!("not well-formed XML ({})", kind(&error))));
                }
            };
            match event {
                Event::Start(start) => {
                    if let Some(tag) = self.start(&start)? {
                        return Ok(Step::Start(tag, start));
                    }
                }
                Event::End(_) => {
                    if self.skipped > 0 {
                        self.skipped -= 1;
                    } else if let Some(tag) = self.open.pop() {
                        return Ok(Step::End(tag, self.open.last().copied().unwrap_or(Tag::Other)));
                    }
                }
                Event::Text(text) => self.take(&text)?,
                Event::CData(text) => self.take(&text)?,
                Event::GeneralRef(reference) => {
                    let character = match &*reference {
                        b"amp" => '&',
                        b"lt" => '<',
                        b"gt" => '>',
                        b"apos" => '\'',
                        b"quot" => '"',
                        _ => match reference.resolve_char_ref() {
                            Ok(Some(character)) => character,
                            _ => return Err(self.fault("an entity is not one of XML's own")),
                        },
                    };
                    self.take(character.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
                Event::DocType(_) => return Err(FormatError::unsupported(Format::N42, "a document type declaration")),
                Event::Eof => {
                    if !self.seen_root || !self.open.is_empty() || self.skipped > 0 {
                        return Err(self.fault("the document ends before its elements do"));
                    }
                    return Ok(Step::Done);
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Empty(_) => {}
            }
        }
    }

    /// The tag of an element that begins, unless it belongs to an extension.
    fn start(&mut self, start: &BytesStart<'_>) -> Result<Option<Tag>, FormatError> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(FormatError::Limit { what: "elements of an XML file", limit: MAX_ELEMENTS });
        }
        if self.open.len() + self.skipped >= MAX_DEPTH {
            return Err(FormatError::Limit { what: "depth of an XML file", limit: MAX_DEPTH as u64 });
        }
        if self.skipped > 0 {
            self.skipped += 1;
            return Ok(None);
        }
        let name = start.name();
        let (prefix, local) = match name.0.iter().rposition(|byte| *byte == b':') {
            Some(at) => (&name.0[..at], &name.0[at + 1..]),
            None => (&[][..], name.0),
        };
        if self.open.is_empty() {
            if self.seen_root {
                return Err(self.fault("a second root element"));
            }
            self.seen_root = true;
            self.prefix = prefix.to_vec();
        } else if prefix.len() != self.prefix.len() || (!prefix.is_empty() && prefix != self.prefix) {
            self.skipped = 1;
            return Ok(None);
        }
        let tag = Tag::of(local);
        self.open.push(tag);
        Ok(Some(tag))
    }

    fn take(&mut self, text: &[u8]) -> Result<(), FormatError> {
        if self.skipped > 0 || self.capture == 0 || self.capture != self.open.len() {
            return Ok(());
        }
        if self.text.len() + text.len() > MAX_TEXT {
            return Err(FormatError::Limit { what: "bytes of a text in an XML file", limit: MAX_TEXT as u64 });
        }
        self.text.extend_from_slice(text);
        Ok(())
    }
}

/// The sort of an XML error, without the file's words.
fn kind(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::Syntax(_) => "a tag, comment or section is not closed",
        quick_xml::Error::IllFormed(_) => "an end tag does not match its start",
        quick_xml::Error::InvalidAttr(_) => "an attribute is malformed",
        quick_xml::Error::Encoding(_) => "bytes are not in the declared encoding",
        _ => "it cannot be read",
    }
}

/// The value of the attribute `name`, without its prefix; empty if it has none.
///
/// # Errors
/// The attributes are malformed.
pub(super) fn attribute<'s>(start: &'s BytesStart<'_>, name: &[u8]) -> Result<std::borrow::Cow<'s, [u8]>, &'static str> {
    for found in start.attributes().with_checks(false) {
        let found = found.map_err(|_| "an attribute is malformed")?;
        let local = found.key.0.rsplit(|byte| *byte == b':').next().unwrap_or(found.key.0);
        if local == name {
            return Ok(found.value);
        }
    }
    Ok(std::borrow::Cow::Borrowed(&[]))
}

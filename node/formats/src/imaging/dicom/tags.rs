//! The elements that are read. The table in spec/10-image.md, "Where the fields come from", says which fills which
//! field.

pub(super) const TRANSFER_SYNTAX: u32 = 0x0002_0010;
pub(super) const CHARACTER_SET: u32 = 0x0008_0005;
pub(super) const IMAGE_TYPE: u32 = 0x0008_0008;
pub(super) const SOP_CLASS: u32 = 0x0008_0016;
pub(super) const STUDY_DATE: u32 = 0x0008_0020;
pub(super) const ACQUISITION_DATE: u32 = 0x0008_0022;
pub(super) const CONTENT_DATE: u32 = 0x0008_0023;
pub(super) const ACQUISITION_DATE_TIME: u32 = 0x0008_002a;
pub(super) const STUDY_TIME: u32 = 0x0008_0030;
pub(super) const ACQUISITION_TIME: u32 = 0x0008_0032;
pub(super) const CONTENT_TIME: u32 = 0x0008_0033;
pub(super) const PRESENTATION_INTENT: u32 = 0x0008_0068;
pub(super) const MANUFACTURER: u32 = 0x0008_0070;
pub(super) const ZONE: u32 = 0x0008_0201;
pub(super) const STATION: u32 = 0x0008_1010;
pub(super) const MODEL: u32 = 0x0008_1090;
pub(super) const SLICE_THICKNESS: u32 = 0x0018_0050;
pub(super) const KVP: u32 = 0x0018_0060;
pub(super) const SERIAL: u32 = 0x0018_1000;
pub(super) const SOFTWARE: u32 = 0x0018_1020;
pub(super) const SOURCE_TO_DETECTOR: u32 = 0x0018_1110;
pub(super) const SOURCE_TO_OBJECT: u32 = 0x0018_1111;
pub(super) const IMAGER_SPACING: u32 = 0x0018_1164;
pub(super) const VIEW_POSITION: u32 = 0x0018_5101;
pub(super) const POSITION: u32 = 0x0020_0032;
pub(super) const ORIENTATION: u32 = 0x0020_0037;
pub(super) const SAMPLES_PER_PIXEL: u32 = 0x0028_0002;
pub(super) const PHOTOMETRIC: u32 = 0x0028_0004;
pub(super) const PLANAR: u32 = 0x0028_0006;
pub(super) const FRAMES: u32 = 0x0028_0008;
pub(super) const ROWS: u32 = 0x0028_0010;
pub(super) const COLUMNS: u32 = 0x0028_0011;
pub(super) const PIXEL_SPACING: u32 = 0x0028_0030;
pub(super) const BITS_ALLOCATED: u32 = 0x0028_0100;
pub(super) const BITS_STORED: u32 = 0x0028_0101;
pub(super) const HIGH_BIT: u32 = 0x0028_0102;
pub(super) const PIXEL_REPRESENTATION: u32 = 0x0028_0103;
pub(super) const BURNED_IN: u32 = 0x0028_0301;
pub(super) const INTENSITY_RELATIONSHIP: u32 = 0x0028_1040;
pub(super) const RESCALE_INTERCEPT: u32 = 0x0028_1052;
pub(super) const RESCALE_SLOPE: u32 = 0x0028_1053;
pub(super) const LOSSY: u32 = 0x0028_2110;
pub(super) const OBJECT_TYPE: u32 = 0x4010_1042;
pub(super) const PIXEL_DATA: u32 = 0x7fe0_0010;
/// DICOS: 32-bit, 64-bit and floating-point pixels.
pub(super) const WIDE_PIXELS: [u32; 5] = [0x7fe0_0008, 0x7fe0_0009, 0x7fe0_0011, 0x7fe0_0012, 0x7fe0_0013];

/// All of the above but the pixel data, which is kept on its own.
pub(super) const KEPT: [u32; 47] = [
    CHARACTER_SET,
    IMAGE_TYPE,
    SOP_CLASS,
    STUDY_DATE,
    ACQUISITION_DATE,
    CONTENT_DATE,
    ACQUISITION_DATE_TIME,
    STUDY_TIME,
    ACQUISITION_TIME,
    CONTENT_TIME,
    PRESENTATION_INTENT,
    MANUFACTURER,
    ZONE,
    STATION,
    MODEL,
    SLICE_THICKNESS,
    KVP,
    SERIAL,
    SOFTWARE,
    SOURCE_TO_DETECTOR,
    SOURCE_TO_OBJECT,
    IMAGER_SPACING,
    VIEW_POSITION,
    POSITION,
    ORIENTATION,
    SAMPLES_PER_PIXEL,
    PHOTOMETRIC,
    PLANAR,
    FRAMES,
    ROWS,
    COLUMNS,
    PIXEL_SPACING,
    BITS_ALLOCATED,
    BITS_STORED,
    HIGH_BIT,
    PIXEL_REPRESENTATION,
    BURNED_IN,
    INTENSITY_RELATIONSHIP,
    RESCALE_INTERCEPT,
    RESCALE_SLOPE,
    LOSSY,
    OBJECT_TYPE,
    WIDE_PIXELS[0],
    WIDE_PIXELS[1],
    WIDE_PIXELS[2],
    WIDE_PIXELS[3],
    WIDE_PIXELS[4],
];

/// Elements that may identify a person, with the names under which they are handed over. In DICOS the "patient" is
/// the owner or the object of inspection. Free text is among them, since people write names into it.
pub(super) const PERSONAL: [(u32, &str); 30] = [
    (0x0008_0050, "AccessionNumber"),
    (0x0008_0080, "InstitutionName"),
    (0x0008_0081, "InstitutionAddress"),
    (0x0008_0090, "ReferringPhysicianName"),
    (0x0008_1030, "StudyDescription"),
    (0x0008_103e, "SeriesDescription"),
    (0x0008_1040, "InstitutionalDepartmentName"),
    (0x0008_1048, "PhysiciansOfRecord"),
    (0x0008_1050, "PerformingPhysicianName"),
    (0x0008_1060, "NameOfPhysiciansReadingStudy"),
    (0x0008_1070, "OperatorsName"),
    (0x0010_0010, "PatientName"),
    (0x0010_0020, "PatientID"),
    (0x0010_0021, "IssuerOfPatientID"),
    (0x0010_0022, "TypeOfPatientID"),
    (0x0010_0030, "PatientBirthDate"),
    (0x0010_0032, "PatientBirthTime"),
    (0x0010_0040, "PatientSex"),
    (0x0010_1000, "OtherPatientIDs"),
    (0x0010_1001, "OtherPatientNames"),
    (0x0010_1010, "PatientAge"),
    (0x0010_1020, "PatientSize"),
    (0x0010_1030, "PatientWeight"),
    (0x0010_1040, "PatientAddress"),
    (0x0010_2154, "PatientTelephoneNumbers"),
    (0x0010_2180, "Occupation"),
    (0x0010_21b0, "AdditionalPatientHistory"),
    (0x0010_4000, "PatientComments"),
    (0x0020_0010, "StudyID"),
    (0x0020_4000, "ImageComments"),
];

//! Customs declarations in JSON or CSV.
//!
//! `bytes -> decode -> Vec<Declaration>`: one a JSON object, or one a group of CSV rows. Field names are ours, or those of the WCO Data Model
//! and ICS2 in the table at the end of spec/11-spectrum.md; case, spaces and punctuation in names do not matter.
//!
//! What names a person or a firm is kept apart in [`Declaration::personal`], so that the record builder can commit to it and leave it out.
//! Identifiers are not judged here: the record builder does that where they enter.

mod csv_file;
mod field;
mod json_file;

use crate::{Format, FormatError, sniff};

/// Bytes of one file of declarations.
pub const MAX_FILE: usize = 64 * 1024 * 1024;
/// Declarations of one file: an administration's day.
pub const MAX_DECLARATIONS: usize = 100_000;
/// Goods items of one declaration: EU declarations have at most 9,999.
pub const MAX_ITEMS: usize = 9_999;
/// Containers, seals or personal fields of one declaration.
pub const MAX_LIST: usize = 9_999;
/// Bytes of a text.
pub const MAX_TEXT: usize = 4096;

/// What was declared for one consignment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Declaration {
    /// Movement reference number.
    pub mrn: Option<String>,
    /// The declarant's or the office's own number, where there is no MRN.
    pub reference: Option<String>,
    /// Unique consignment reference.
    pub ucr: Option<String>,
    /// Transport document: bill of lading, waybill.
    pub transport_document: Option<String>,
    /// Date of the declaration, as written.
    pub date: Option<String>,
    /// Customs office.
    pub office: Option<String>,
    /// Mode of transport, as coded.
    pub transport_mode: Option<String>,
    /// Identity of the means of transport where it is no person's: vessel, voyage, flight.
    pub conveyance: Option<String>,
    /// Place of loading, UN/LOCODE.
    pub loading: Option<String>,
    /// Place of discharge, UN/LOCODE.
    pub discharge: Option<String>,
    /// Place of delivery, UN/LOCODE.
    pub delivery: Option<String>,
    /// Country of departure, ISO 3166-1 alpha-2.
    pub departure: Option<String>,
    /// Country of destination, ISO 3166-1 alpha-2.
    pub destination: Option<String>,
    /// Declared value of all goods.
    pub value: Option<f64>,
    /// Currency of all values, ISO 4217.
    pub currency: Option<String>,
    /// Gross mass of all goods, kg.
    pub gross_mass: Option<f64>,
    /// Container numbers.
    pub containers: Vec<String>,
    /// Seal numbers.
    pub seals: Vec<String>,
    /// The goods.
    pub items: Vec<GoodsItem>,
    /// Names and values that identify persons or firms, in the file's order: `consignor`, `consignee.address`, ...
    pub personal: Vec<(String, String)>,
    /// Names of fields that were not understood and are only in the native file.
    pub unread: Vec<String>,
}

/// One line of goods.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GoodsItem {
    /// Its number in the declaration.
    pub number: Option<u64>,
    /// Harmonised System code, 6 digits or more.
    pub hs: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Gross mass, kg.
    pub gross_mass: Option<f64>,
    /// Net mass, kg.
    pub net_mass: Option<f64>,
    /// Number of packages.
    pub packages: Option<u64>,
    /// Kind of packages, UN/ECE recommendation 21.
    pub package_kind: Option<String>,
    /// UN number of dangerous goods.
    pub un_number: Option<String>,
    /// Country of origin, ISO 3166-1 alpha-2.
    pub origin: Option<String>,
    /// Declared value.
    pub value: Option<f64>,
}

/// Decodes a file of declarations.
///
/// # Errors
/// The file is neither JSON nor CSV of declarations, departs from it (with the place), or exceeds a limit.
pub fn decode(bytes: &[u8], file_name: Option<&str>) -> Result<Vec<Declaration>, FormatError> {
    if bytes.len() > MAX_FILE {
        return Err(FormatError::Limit { what: "bytes of a file of declarations", limit: MAX_FILE as u64 });
    }
    match sniff(bytes, file_name) {
        Some(Format::DeclarationJson) => json_file::decode(bytes),
        Some(Format::DeclarationCsv) => csv_file::decode(bytes),
        _ => Err(FormatError::Unknown),
    }
}

#[cfg(test)]
#[path = "declaration/tests.rs"]
mod tests;

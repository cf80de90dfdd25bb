//! CSV: a header, then one goods item a row. Rows that follow one another with the same MRN or reference are one declaration.

use super::field::{Field, Misfit, field, fill, new_item, of_item};
use super::{Declaration, MAX_DECLARATIONS};
use crate::{Format, FormatError};

/// Columns of a file.
const MAX_COLUMNS: usize = 1024;

/// The declarations of a CSV file.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Declaration>, FormatError> {
    let bad = |at: u64, what: String| FormatError::malformed(Format::DeclarationCsv, at as usize, what);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let count = |sign: u8| first_line.iter().filter(|byte| **byte == sign).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|sign| (count(*sign), *sign == b',')).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(false).from_reader(bytes);
    let headers = reader.byte_headers().map_err(|error| fault(&error))?.clone();
    if headers.len() > MAX_COLUMNS {
        return Err(FormatError::Limit { what: "columns of a file of declarations", limit: MAX_COLUMNS as u64 });
    }
    let names: Vec<String> = headers.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let columns: Vec<Option<(&str, Field)>> = names.iter().map(|name| field(name)).collect();
    let key = columns.iter().position(|column| matches!(column, Some(("mrn" | "reference", _))));
    if key.is_none() && !columns.iter().flatten().any(|(name, field)| *name == "containers" || of_item(*field)) {
        return Err(bad(0, "the header names no field of a declaration".into()));
    }
    let unread: Vec<String> =
        names.iter().zip(&columns).filter(|(_, column)| column.is_none()).map(|(name, _)| name.chars().take(64).collect()).collect();
    let mut declarations: Vec<Declaration> = Vec::new();
    let (mut row, mut last_key) = (csv::ByteRecord::new(), Vec::new());
    while reader.read_byte_record(&mut row).map_err(|error| fault(&error))? {
        let at = row.position().map_or(0, csv::Position::byte);
        let this_key = key.and_then(|column| row.get(column)).unwrap_or_default();
        if declarations.is_empty() || this_key.is_empty() || this_key != last_key {
            if declarations.len() >= MAX_DECLARATIONS {
                return Err(FormatError::Limit { what: "declarations of a file", limit: MAX_DECLARATIONS as u64 });
            }
            declarations.push(Declaration { unread: unread.clone(), ..Declaration::default() });
            last_key = this_key.to_vec();
        }
        let Some(declaration) = declarations.last_mut() else { continue };
        let has_item = columns
            .iter()
            .zip(row.iter())
            .any(|(column, value)| column.is_some_and(|(_, field)| of_item(field)) && !value.trim_ascii().is_empty());
        let misfit = |misfit: Misfit, column: usize| match misfit {
            Misfit::Value(what) => bad(at, format!("column {} {what}", column + 1)),
            Misfit::Limit(what, limit) => FormatError::Limit { what, limit: limit as u64 },
        };
        if has_item {
            new_item(declaration).map_err(|wrong| misfit(wrong, 0))?;
        }
        for (number, (column, value)) in columns.iter().zip(row.iter()).enumerate() {
            let Some((name, field)) = column else { continue };
            let value = std::str::from_utf8(value).map_err(|_| bad(at, format!("column {} is not UTF-8", number + 1)))?;
            fill(declaration, name, *field, value).map_err(|wrong| misfit(wrong, number))?;
        }
    }
    if declarations.is_empty() {
        return Err(bad(bytes.len() as u64, "there is a header and no row".into()));
    }
    Ok(declarations)
}

/// A fault of the CSV itself, without the file's words.
fn fault(error: &csv::Error) -> FormatError {
    let at = error.position().map_or(0, csv::Position::byte) as usize;
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { .. } => "a row has not as many columns as the header",
        csv::ErrorKind::Utf8 { .. } => "a value is not UTF-8",
        _ => "the rows cannot be read",
    };
    FormatError::malformed(Format::DeclarationCsv, at, what)
}

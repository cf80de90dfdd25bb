//! JSON: one object a declaration, or a list of them. Goods are a list of objects under `items`.

use serde_json::{Map, Value};

use super::field::{Field, Misfit, field, fill, new_item};
use super::{Declaration, MAX_DECLARATIONS};
use crate::{Format, FormatError};

/// Names under which the goods are listed.
const ITEMS: [&str; 5] = ["items", "goods", "goodsitems", "goodsItems", "GovernmentAgencyGoodsItem"];

/// The declarations of a JSON file.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Declaration>, FormatError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let line_start: usize = bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
        // The library's own message may quote the file.
        FormatError::malformed(Format::DeclarationJson, line_start + error.column(), "not well-formed JSON")
    })?;
    let objects = match value {
        Value::Array(objects) => objects,
        object => vec![object],
    };
    if objects.len() > MAX_DECLARATIONS {
        return Err(FormatError::Limit { what: "declarations of a file", limit: MAX_DECLARATIONS as u64 });
    }
    let bad =
        |number: usize, what: String| FormatError::malformed(Format::DeclarationJson, 0, format!("declaration {}: {what}", number + 1));
    let mut declarations = Vec::with_capacity(objects.len());
    for (number, object) in objects.iter().enumerate() {
        let Value::Object(fields) = object else { return Err(bad(number, "it is not an object".into())) };
        let mut declaration = Declaration::default();
        read(&mut declaration, fields, false).map_err(|(name, misfit)| match misfit {
            Misfit::Value(what) => bad(number, format!("{name} {what}")),
            Misfit::Limit(what, limit) => FormatError::Limit { what, limit: limit as u64 },
        })?;
        if declaration == (Declaration { unread: declaration.unread.clone(), ..Declaration::default() }) {
            return Err(bad(number, "it has no field of a declaration".into()));
        }
        declarations.push(declaration);
    }
    if declarations.is_empty() {
        return Err(FormatError::malformed(Format::DeclarationJson, 0, "there is no declaration"));
    }
    Ok(declarations)
}

/// Reads the fields of a declaration, or of the goods item last begun.
fn read(declaration: &mut Declaration, fields: &Map<String, Value>, in_item: bool) -> Result<(), (&'static str, Misfit)> {
    for (name, value) in fields {
        if !in_item && ITEMS.contains(&&name[..]) {
            let Value::Array(items) = value else { return Err(("items", Misfit::Value("is not a list"))) };
            for item in items {
                let Value::Object(item) = item else { return Err(("items", Misfit::Value("holds something that is not an object"))) };
                new_item(declaration).map_err(|misfit| ("items", misfit))?;
                read(declaration, item, true)?;
            }
            continue;
        }
        // In an item the plain names mean the item's own.
        let found = match (in_item, &name[..]) {
            (true, "gross_mass" | "grossMass") => field("itemgrossmass"),
            (true, "value") => field("itemvalue"),
            (true, "number") => field("itemnumber"),
            _ => field(name),
        };
        match found {
            Some((ours, found)) => value_of(declaration, ours, found, value, 0).map_err(|misfit| (ours, misfit))?,
            None if declaration.unread.len() < 256 => declaration.unread.push(name.chars().take(64).collect()),
            None => {}
        }
    }
    Ok(())
}

/// Fills a field with a text, number or list; a party may be an object, whose parts become `consignor.name` and so on.
fn value_of(declaration: &mut Declaration, name: &str, found: Field, value: &Value, depth: usize) -> Result<(), Misfit> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => fill(declaration, name, found, text),
        Value::Number(number) => fill(declaration, name, found, &number.to_string()),
        Value::Array(values) if depth < 2 => values.iter().try_for_each(|value| value_of(declaration, name, found, value, depth + 1)),
        Value::Object(parts) if depth < 2 && matches!(found, Field::Personal) => parts.iter().try_for_each(|(part, value)| {
            let part: String = part.chars().take(64).collect();
            value_of(declaration, &format!("{name}.{part}"), found, value, depth + 1)
        }),
        _ => Err(Misfit::Value("has a value of another type")),
    }
}

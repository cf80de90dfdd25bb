//! Declarations: goods and route in the record, persons in openings.

use carnet_formats::declaration::{self, GoodsItem};
use carnet_protocol::cbor::Real;
use carnet_protocol::identifier::Country;
use carnet_protocol::limits::{MAX_NAME, MAX_TEXT};
use carnet_protocol::record::{Content, Declaration, Item};
use carnet_protocol::time::Timestamp;

use super::{IngestError, Wishes, tidy};
use crate::node::Draft;

pub(super) fn draft(bytes: &[u8], name: Option<&str>, wishes: Wishes) -> Result<Draft, IngestError> {
    let mut found = declaration::decode(bytes, name)?;
    let (Some(declared), true) = (found.pop(), found.is_empty()) else {
        let count = found.len() + 1;
        return Err(IngestError::Content(format!(
            "the file holds {count} declarations; import one file for each, so that each is a record"
        )));
    };
    let mut containers = declared.containers;
    containers.extend(wishes.containers.iter().cloned());
    containers.sort_unstable();
    containers.dedup();
    let content = Declaration {
        mrn: declared.mrn,
        procedure: None,
        office: declared.office,
        lodged: declared.date.as_deref().and_then(moment),
        items: (1..)
            .zip(declared.items)
            .map(|(number, goods)| item(number, goods, declared.currency.as_deref()))
            .collect::<Result<_, _>>()?,
        loading: declared.loading,
        delivery: declared.delivery,
        discharge: declared.discharge,
        routing: Vec::new(),
        transport_document: declared.transport_document.as_deref().and_then(named),
        ucr: declared.ucr.or(declared.reference).as_deref().and_then(named),
        border_transport: declared.conveyance.as_deref().and_then(named),
        dispatch: declared.departure.as_deref().map(country).transpose()?,
        containers,
        seals: declared.seals.iter().filter_map(|seal| named(seal)).collect(),
    };
    Ok(Draft::new(wishes.inspection, Content::Declaration(Box::new(content))).handling(wishes.handling).personal(declared.personal))
}

fn item(number: u32, goods: GoodsItem, currency: Option<&str>) -> Result<Item, IngestError> {
    Ok(Item {
        number: goods.number.and_then(|number| u32::try_from(number).ok()).unwrap_or(number),
        hs: goods.hs.as_deref().map(heading),
        description: goods.description.as_deref().and_then(|words| tidy(words, MAX_TEXT)),
        gross_mass: goods.gross_mass.or(goods.net_mass).and_then(Real::new),
        packages: goods.packages.and_then(|packages| u32::try_from(packages).ok()),
        package_kind: goods.package_kind.as_deref().and_then(named),
        un_number: goods.un_number,
        value: goods.value.and_then(Real::new),
        currency: goods.value.and(currency).and_then(named),
        origin: goods.origin.as_deref().map(country).transpose()?,
    })
}

/// The international part of a commodity code: its first six digits. What follows is national, and stays in the native file.
fn heading(code: &str) -> String {
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        0..=6 => digits,
        _ => digits[..6].to_owned(),
    }
}

fn country(code: &str) -> Result<Country, IngestError> {
    Country::new(&code.trim().to_ascii_uppercase())
        .map_err(|_| IngestError::Content("a country is two letters of ISO 3166-1, as NL".into()))
}

/// A date or a date and time; a date alone is its first second, UTC.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{}T00:00:00Z", text.trim()).parse().ok())
}

fn named(text: &str) -> Option<String> {
    tidy(text, MAX_NAME)
}

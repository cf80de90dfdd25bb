//! Identifiers of the trade, checked where they enter. Implements spec/01-record.md, `ID-*`.
//!
//! ISO 6346 containers, MRN and customs offices of the Union Customs Code, HS headings, UN/LOCODE, ISO 3166 countries.

mod country;

pub use country::{Country, is_country};

/// An identifier that does not have its standard's form. The value itself is not repeated: it may belong to a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierFault {
    /// Not the standard's shape.
    #[error("{what} must look like {shape}")]
    Shape {
        /// Which identifier.
        what: &'static str,
        /// The shape, in words.
        shape: &'static str,
    },
    /// The shape is right, the check digit is not: most often a typing error.
    #[error("the check digit of the {what} should be {expected}: look at the other characters too")]
    CheckDigit {
        /// Which identifier.
        what: &'static str,
        /// The digit that the other characters give.
        expected: u8,
    },
}

fn shaped(holds: bool, what: &'static str, shape: &'static str) -> Result<(), IdentifierFault> {
    if holds { Ok(()) } else { Err(IdentifierFault::Shape { what, shape }) }
}

fn upper(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_uppercase)
}

fn digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

fn upper_or_digit(text: &[u8]) -> bool {
    text.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// A container number: three letters of the owner, a category letter (U, J or Z), six digits and a check digit (ISO 6346).
///
/// # Errors
/// A wrong shape, or a check digit that does not belong to the rest.
pub fn check_container(text: &str) -> Result<(), IdentifierFault> {
    let code = text.as_bytes();
    let shape = code.len() == 11 && upper(&code[..3]) && matches!(code[3], b'U' | b'J' | b'Z') && digits(&code[4..]);
    shaped(shape, "container number", "four letters (the last U, J or Z) and seven digits, as CSQU3054383 (ISO 6346)")?;
    // Letters count 10 to 38 without the multiples of 11; weights are powers of two; a remainder of 10 counts as 0.
    let sum: u32 = code[..10]
        .iter()
        .zip(0..)
        .map(|(c, place)| {
            let value = if c.is_ascii_digit() { u32::from(c - b'0') } else { letter_value(*c) };
            value << place
        })
        .sum();
    let expected = (sum % 11 % 10) as u8;
    if code[10] - b'0' == expected { Ok(()) } else { Err(IdentifierFault::CheckDigit { what: "container number", expected }) }
}

fn letter_value(letter: u8) -> u32 {
    let plain = 10 + u32::from(letter - b'A');
    plain + (plain - 1) / 10
}

/// A movement reference number: `[0-9]{2}[A-Z]{2}[A-Z0-9]{13}[0-9F]` (ICS2; WCO Data Model 015).
///
/// # Errors
/// A wrong shape.
pub fn check_mrn(text: &str) -> Result<(), IdentifierFault> {
    let code = text.as_bytes();
    let shape = code.len() == 18
        && digits(&code[..2])
        && upper(&code[2..4])
        && upper_or_digit(&code[4..17])
        && (code[17].is_ascii_digit() || code[17] == b'F');
    shaped(shape, "MRN", "two digits, two letters, thirteen letters or digits, and a digit or F")
}

/// A Harmonized System heading or subheading: 2, 4 or 6 digits (a chapter, heading or subheading of the WCO's nomenclature).
///
/// # Errors
/// A wrong shape, or a chapter outside 01 to 97.
pub fn check_hs(text: &str) -> Result<(), IdentifierFault> {
    let code = text.as_bytes();
    let chapter = || text[..2].parse::<u8>().is_ok_and(|chapter| (1..=97).contains(&chapter) && chapter != 77);
    shaped(matches!(code.len(), 2 | 4 | 6) && digits(code) && chapter(), "HS code", "2, 4 or 6 digits of the Harmonized System, as 240220")
}

/// A place: two letters of the country and three letters or digits 2 to 9 (UN/LOCODE, UNECE Recommendation 16).
///
/// # Errors
/// A wrong shape or an unknown country.
pub fn check_locode(text: &str) -> Result<(), IdentifierFault> {
    let code = text.as_bytes();
    let place = |c: &u8| c.is_ascii_uppercase() || (b'2'..=b'9').contains(c);
    let shape = code.len() == 5 && upper(&code[..2]) && (is_country(&text[..2]) || code.starts_with(b"XZ")) && code[2..].iter().all(place);
    shaped(shape, "place", "a country and three letters or digits, as NLRTM (UN/LOCODE)")
}

/// A customs office: two letters of the country and six letters or digits (WCO Data Model 047; EU customs office list).
///
/// # Errors
/// A wrong shape or an unknown country.
pub fn check_office(text: &str) -> Result<(), IdentifierFault> {
    let code = text.as_bytes();
    let shape = code.len() == 8 && upper(&code[..2]) && is_country(&text[..2]) && upper_or_digit(&code[2..]);
    shaped(shape, "customs office", "a country and six letters or digits, as NL000510")
}

/// A dangerous-goods number: four digits (UN Recommendations on the Transport of Dangerous Goods; element 506).
///
/// # Errors
/// A wrong shape.
pub fn check_un_number(text: &str) -> Result<(), IdentifierFault> {
    shaped(text.len() == 4 && digits(text.as_bytes()), "UN number", "four digits, as 1950")
}

/// An inspection: 1 to 64 of `A-Z 0-9 -`, beginning with the administration's country and a hyphen.
///
/// # Errors
/// A wrong shape.
pub fn check_inspection(text: &str) -> Result<(), IdentifierFault> {
    let code = text.as_bytes();
    let allowed = |c: &u8| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == b'-';
    let shape = (4..=64).contains(&code.len()) && code.iter().all(allowed) && is_country(&text[..2]) && code[2] == b'-';
    shaped(shape, "inspection", "a country, a hyphen and capitals, digits or hyphens (64 at most), as NL-2026-000123")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn containers_have_a_check_digit() {
        // ISO 6346's own example, and numbers seen on real boxes' public tracking examples.
        for good in ["CSQU3054383", "MSKU0000006", "TEMU0000009"] {
            let fault = check_container(good);
            assert!(fault.is_ok() || matches!(fault, Err(IdentifierFault::CheckDigit { .. })), "{good}");
        }
        assert_eq!(check_container("CSQU3054383"), Ok(()));
        assert_eq!(check_container("CSQU3054384"), Err(IdentifierFault::CheckDigit { what: "container number", expected: 3 }));
        for bad in ["", "CSQU305438", "csqu3054383", "CSQX3054383", "CSQU305438A", "CSQU30543833", "ÇSQU305438"] {
            assert!(matches!(check_container(bad), Err(IdentifierFault::Shape { .. })), "{bad}");
        }
    }

    #[test]
    fn letters_skip_multiples_of_eleven() {
        let values: Vec<u32> = (b'A'..=b'Z').map(letter_value).collect();
        assert_eq!(values[..3], [10, 12, 13]);
        assert_eq!((values[10], values[11], values[20], values[21], values[25]), (21, 23, 32, 34, 38));
        assert!(values.iter().all(|value| value % 11 != 0));
    }

    #[test]
    fn other_identifiers_have_shapes() {
        assert!(check_mrn("26NL000510ABCDEFG7").is_ok() && check_mrn("26NL000510ABCDEFGF").is_ok());
        assert!(check_mrn("26NL000510ABCDEFGG").is_err() && check_mrn("26nl000510ABCDEFG7").is_err());
        assert!(check_hs("24").is_ok() && check_hs("2402").is_ok() && check_hs("240220").is_ok());
        assert!(check_hs("240").is_err() && check_hs("000000").is_err() && check_hs("770000").is_err() && check_hs("980000").is_err());
        assert!(check_locode("NLRTM").is_ok() && check_locode("CNSHA").is_ok());
        assert!(check_locode("QQRTM").is_err() && check_locode("NLRT1").is_err());
        assert!(check_office("NL000510").is_ok() && check_office("NL00051").is_err());
        assert!(check_un_number("1950").is_ok() && check_un_number("195").is_err());
        assert!(check_inspection("NL-2026-1").is_ok() && check_inspection("nl-1").is_err() && check_inspection("NL").is_err());
    }
}

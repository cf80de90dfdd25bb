//! What a log is called.

/// Longest origin, in bytes (`LOG-011`).
pub const MAX_ORIGIN: usize = 128;

/// Whether `text` can be the origin of a log of this profile (`LOG-011`): a URL without its scheme, as `customs.example/nl/log`.
///
/// C2SP allows any line; one narrow rule for records, certificates and checkpoints keeps a name from being valid in one of them and
/// not in another.
pub fn is_origin(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=MAX_ORIGIN).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || b"._-/:".contains(c))
        && !text.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        for good in ["nl.example", "customs.example/nl/log", "127.0.0.1:4433/log", "a"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["", "/log", "https://nl.example/log", "nl example", "nl.example\n", "nl+1", "n\u{e9}e.example", ".example"] {
            assert!(!is_origin(bad), "{bad:?}");
        }
        assert!(is_origin(&"o".repeat(MAX_ORIGIN)) && !is_origin(&"o".repeat(MAX_ORIGIN + 1)));
    }
}

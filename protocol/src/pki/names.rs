//! The forms of names in certificates (`PKI-012` to `PKI-014`).

pub use crate::log::{MAX_ORIGIN, is_origin};

/// Characters of an administration's name (O).
pub const MAX_ADMINISTRATION_NAME: usize = 64;
/// Characters of a node's name (CN).
pub const MAX_NODE_NAME: usize = 64;
/// What stands before a log's origin in a subject alternative name of type URI.
pub const LOG_URI_PREFIX: &str = "carnet:log:";

/// Whether `text` may name an administration: 1 to 64 characters, none of them a control or directional character,
/// no space at either end. Any script: administrations are named in their own.
pub fn is_administration_name(text: &str) -> bool {
    // Directional overrides make a name look like another one on a screen.
    let hidden =
        |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let length = text.chars().take(MAX_ADMINISTRATION_NAME + 1).count();
    (1..=MAX_ADMINISTRATION_NAME).contains(&length) && text.trim() == text && !text.contains(hidden)
}

/// Whether `text` may name a node: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit.
pub fn is_node_name(text: &str) -> bool {
    plain(text, MAX_NODE_NAME, b"._-")
}

fn plain(text: &str, most: usize, marks: &[u8]) -> bool {
    let bytes = text.as_bytes();
    (1..=most).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert!(is_administration_name(&"ü".repeat(64)) && !is_administration_name(&"ü".repeat(65)));
        assert!(is_node_name(&"n".repeat(64)) && !is_node_name(&"n".repeat(65)));
        assert!(is_origin(&"o".repeat(128)) && !is_origin(&"o".repeat(129)));
        for bad in ["", " Douane", "Douane\n", "Douane\u{202e}", "\u{200b}"] {
            assert!(!is_administration_name(bad), "{bad:?}");
        }
        assert!(is_administration_name("Державна митна служба України"));
        assert!(is_node_name("nl-1.rotterdam") && !is_node_name(".nl") && !is_node_name("nl 1") && !is_node_name("é"));
        assert!(is_origin("log.example/nl:1") && !is_origin("log+1") && !is_origin("a b") && !is_origin("/a"));
    }
}

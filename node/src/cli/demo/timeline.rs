//! What happened when, in plain words or as JSON lines.

use std::io::Write as _;
use std::time::Instant;

use serde_json::{Map, Value, json};

/// Columns of a line of text.
const WIDTH: usize = 110;
/// Columns before the words: time and who.
const INDENT: usize = 14;

/// Tells as it happens.
pub(super) struct Timeline {
    start: Instant,
    json: bool,
}

impl Timeline {
    pub(super) fn start(json: bool) -> Self {
        Self { start: Instant::now(), json }
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Something happened: at whom, a short code for programs, the words for people, and details for programs.
    pub(super) fn say(&mut self, who: &str, event: &str, text: &str, details: Value) {
        let seconds = self.seconds();
        if !self.json {
            let mut lines = wrapped(text).into_iter();
            self.line(&format!("{seconds:6.1} s  {who:<4} {}", lines.next().unwrap_or_default()));
            lines.for_each(|line| self.line(&format!("{:INDENT$}{line}", "")));
            return;
        }
        let mut fields = Map::new();
        fields.insert("seconds".into(), json!((seconds * 1000.0).round() / 1000.0));
        fields.insert("who".into(), json!(who));
        fields.insert("event".into(), json!(event));
        fields.insert("text".into(), json!(text));
        if let Value::Object(details) = details {
            fields.extend(details);
        }
        self.line(&Value::Object(fields).to_string());
    }

    /// A heading or a remark, for people alone.
    pub(super) fn remark(&mut self, text: &str) {
        if !self.json {
            self.line(text);
        }
    }

    fn line(&self, line: &str) {
        // A reader that went away does not stop the story: the processes still have to be ended in order.
        writeln!(std::io::stdout().lock(), "{line}").ok();
    }
}

/// The text in lines of at most [`WIDTH`] less [`INDENT`] columns, cut at spaces.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let (last, count) = (lines.len() - 1, lines[lines.len() - 1].chars().count());
        if count > 0 && count + 1 + word.chars().count() > WIDTH - INDENT {
            lines.push(word.to_owned());
        } else {
            if count > 0 {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_spaces_and_nothing_is_lost() {
        let text = "one two three four five six seven eight nine ten ".repeat(10);
        let lines = wrapped(text.trim_end());
        assert!(lines.iter().all(|line| line.len() <= WIDTH - INDENT));
        assert_eq!(lines.join(" "), text.trim_end());
        assert_eq!(wrapped(""), [""]);
    }
}

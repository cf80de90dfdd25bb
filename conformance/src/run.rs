//! Running an implementation on cases, each in a process of its own.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::Serialize;

use crate::case::Case;

/// An implementation that takes longer on one case hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;

/// How one case went.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The case.
    pub case: String,
    /// The rules that it shows.
    pub rules: Vec<String>,
    /// Whether the implementation answered as it must.
    pub passed: bool,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

/// How an implementation did.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Case by case.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Cases that passed.
    pub fn passed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.passed).count()
    }

    /// Cases that did not.
    pub fn failed(&self) -> usize {
        self.outcomes.len() - self.passed()
    }
}

/// Runs `implementation` (a program and its first arguments) on every case.
pub fn run(implementation: &[String], cases: &[Case]) -> Report {
    let outcomes = cases.iter().map(|case| {
        let wrong = judge(implementation, case).err();
        Outcome { case: case.name.clone(), rules: case.rules.clone(), passed: wrong.is_none(), wrong }
    });
    Report { outcomes: outcomes.collect() }
}

fn judge(implementation: &[String], case: &Case) -> Result<(), String> {
    let answer = ask(implementation, case)?;
    let text = |name: &str| match answer.get(name) {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(serde_json::Value::Null) | None => None,
        Some(other) => Some(other.to_string()),
    };
    let held = |name: &str, expected: Option<&str>| {
        let found = text(name);
        if found.as_deref() == expected {
            return Ok(());
        }
        Err(format!("{name} is {} where {} belongs", found.as_deref().unwrap_or("absent"), expected.unwrap_or("nothing")))
    };
    held("verdict", Some(&case.expect.verdict))?;
    held("reason", case.expect.reason.as_deref())?;
    case.expect.values.iter().try_for_each(|(name, value)| held(name, Some(value)))
}

fn ask(implementation: &[String], case: &Case) -> Result<serde_json::Value, String> {
    let (program, first) = implementation.split_first().ok_or("no implementation given")?;
    let mut child = Command::new(program)
        .args(first)
        .arg(&case.verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (told, answer) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MAX_ANSWER).read_to_end(&mut text));
        told.send((read.is_some_and(|read| read.is_ok()), text)).ok();
    });
    // An implementation may refuse before it has read everything; a closed pipe is not its fault.
    if let Some(stdin) = &mut stdin {
        stdin.write_all(&case.input).ok();
    }
    drop(stdin);
    let answered = answer.recv_timeout(PATIENCE);
    if answered.is_err() {
        child.kill().ok();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let (read, text) = answered.map_err(|_| format!("no answer in {} seconds", PATIENCE.as_secs()))?;
    if !read || !status.success() {
        return Err(format!("ended with {status}"));
    }
    serde_json::from_slice(&text).map_err(|error| format!("the answer is no JSON object: {error}"))
}

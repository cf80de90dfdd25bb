//! The command line. Results go to standard output, logs and progress to standard error.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | not done: the machine, the network or the node's folder is at fault; standard error says what to do |
//! | 2 | refused: an input, a record or a package is not good; each is named with its reason |
//! | 64 | the command line itself is wrong |

#![allow(clippy::print_stdout, reason = "results belong on standard output, and this is the module that puts them there")]

mod adapter;
mod demo;
mod fetch;
mod import;
mod init;
mod list;
mod outcome;
mod package;
mod partner;
mod serve;
mod share;
mod status;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use carnet_protocol::digest::Digest;
use clap::{CommandFactory, Parser, Subcommand};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, KEYS};
use crate::home::Home;
use crate::node::Node;
use crate::store::catalogue::ReadError;

/// How a command that ran to its end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Everything is as asked.
    Well,
    /// Something was refused and named.
    Refused,
}

/// What `carnet --help` ends with.
const AFTER_HELP: &str = "To see it all at work: carnet demo\n\
    Exit codes: 0 done; 1 not done (machine, network or folder); 2 something was refused and named; 64 wrong command line.";

/// The node of a customs administration: keeps, shares and proves evidence about goods.
#[derive(Debug, Parser)]
#[command(name = "carnet", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    /// The node's folder.
    #[arg(long, global = true, env = "CARNET_HOME", value_name = "DIR", default_value = "carnet-home")]
    home: PathBuf,
    /// Print JSON: one object, or one a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a node: its keys, its folder, and a development PKI unless given a real one.
    Init(init::Init),
    /// Run the node: partners, metrics, health.
    Serve(serve::Serve),
    /// Partner administrations: pin, list, remove.
    #[command(subcommand)]
    Partner(partner::Partner),
    /// Bring files in: images, spectra, declarations.
    Import(import::Import),
    /// List records, newest first.
    List(list::List),
    /// Show one record with everything that is known of it.
    Show(list::Show),
    /// Let a partner have a record or a whole inspection.
    Share(share::Share),
    /// Take a record back from a partner, or from all.
    Withdraw(share::Withdraw),
    /// Pull what partners released, and payloads.
    Fetch(fetch::Fetch),
    /// Record what officers decided and found.
    Outcome(outcome::Outcome),
    /// Write records and payloads into a package.
    Export(package::Export),
    /// Verify a package, a record, or everything that is held.
    Verify(package::Verify),
    /// The node in numbers.
    Status(status::Status),
    /// Three administrations on this machine, from scan to outcome.
    Demo(demo::Demo),
    /// The configuration.
    Config(ConfigCommand),
    /// Answer one case of the conformance suite.
    #[command(hide = true)]
    ConformanceAdapter(adapter::Adapter),
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct ConfigCommand {
    /// Say what each key does instead of checking the file.
    #[arg(long)]
    explain: bool,
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is a wrong command line.
            let code = if error.use_stderr() { 64 } else { 0 };
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    let home = Home::new(&cli.home);
    start_logging(&home, matches!(cli.command, Command::Serve(_)));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("carnet: the system gives no threads: {error}");
            return ExitCode::from(1);
        }
    };
    let done = runtime.block_on(dispatch(cli, home));
    // What still waits for a disk or a peer does not hold the program back: everything acknowledged is durable.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Refused) => ExitCode::from(2),
        Err(error) => {
            eprintln!("carnet: {}", plain(&explain(&error)));
            ExitCode::from(1)
        }
    }
}

async fn dispatch(cli: Cli, home: Home) -> anyhow::Result<Done> {
    let json = cli.json;
    match cli.command {
        Command::Init(command) => command.run(&home, json),
        Command::Serve(command) => Box::pin(command.run(&home)).await,
        Command::Partner(command) => command.run(&home, json).await,
        Command::Import(command) => command.run(&home, json).await,
        Command::List(command) => command.run(&home, json).await,
        Command::Show(command) => command.run(&home, json).await,
        Command::Share(command) => command.run(&home, json).await,
        Command::Withdraw(command) => command.run(&home, json).await,
        Command::Fetch(command) => Box::pin(command.run(&home, json)).await,
        Command::Outcome(command) => command.run(&home, json).await,
        Command::Export(command) => command.run(&home, json).await,
        Command::Verify(command) => command.run(&home, json).await,
        Command::Status(command) => command.run(&home, json).await,
        Command::Demo(command) => command.run(json).await,
        Command::ConformanceAdapter(command) => command.run(),
        Command::Config(command) => config(&home, &command),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "carnet", &mut std::io::stdout());
            Ok(Done::Well)
        }
    }
}

fn config(home: &Home, command: &ConfigCommand) -> anyhow::Result<Done> {
    if command.explain {
        for key in KEYS {
            println!("{:<24} default {:<18} {}", key.name, key.default, key.help);
        }
        return Ok(Done::Well);
    }
    let config = Config::load(&home.config())?;
    println!("{} is valid: partners on {}, metrics on {}", home.config().display(), config.quic, config.http);
    Ok(Done::Well)
}

/// Logs on standard error. A server tells what happens; a command tells only what is wrong.
fn start_logging(home: &Home, server: bool) {
    let default = if server { "info,quinn=warn,sqlx=warn" } else { "error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let json = server && Config::load(&home.config()).is_ok_and(|config| config.json_logs);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if json {
        builder.json().init();
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}

/// An error and what lies behind it, each said once: many of our errors quote their cause already.
fn explain(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&cause);
        }
    }
    said
}

/// Text as a terminal may have it. Names of files and words of partners may hold what moves the cursor or turns the writing around.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}');
    let harmless = |c: char| c == '\n' || c == '\t' || !(c.is_control() || turns(c));
    text.chars().map(|c| if harmless(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Opens the node, or says how to make one.
async fn open(home: &Home) -> anyhow::Result<Node> {
    anyhow::ensure!(
        home.is_node(),
        "there is no node in {}. Make one with `carnet init --home {} --administration NL --name \"Customs\"`, or give --home",
        home.path().display(),
        home.path().display()
    );
    anyhow::ensure!(
        home.pki().join("root.pem").is_file(),
        "the node in {} waits for its certificates: send {}/requests to the authority, then run `carnet init --home {} --chain FILE...`",
        home.path().display(),
        home.path().display(),
        home.path().display()
    );
    Node::open(home).await
}

/// Prints a result: as one line of JSON, or as `text` says it.
fn print<T: Serialize>(json: bool, value: &T, text: impl FnOnce() -> String) {
    let line = match (json, serde_json::to_string(value)) {
        (true, Ok(line)) => line,
        _ => plain(&text()),
    };
    // A reader that closed the pipe (`carnet list | head`) has seen enough: that is no failure of ours.
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// A record by its id or the beginning of it.
async fn resolve(node: &Node, id: &str) -> anyhow::Result<Digest> {
    match id.parse() {
        Ok(id) => Ok(id),
        Err(_) => node.catalogue().by_prefix(id).await.map_err(|error| match error {
            ReadError::NotFound { .. } => anyhow::anyhow!("no record begins with {id}. `carnet list` shows those that are here"),
            ReadError::Prefix => anyhow::anyhow!("{id} is no record: give its id, or the beginning of it, in hexadecimal digits"),
            error => error.into(),
        }),
    }
}

/// The first digits of an id: enough to tell a million records apart, and to type.
fn short(id: Digest) -> String {
    id.to_string()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn no_text_moves_the_cursor() {
        assert_eq!(super::plain("a\u{1b}[2Jb\u{9b}1A\u{202e}cba\nd\te"), "a\u{fffd}[2Jb\u{fffd}1A\u{fffd}cba\nd\te");
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

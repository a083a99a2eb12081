//! `compose-audit`: compares anyone's compose files. Needs docker compose and no engine.
//!
//! Parses, dispatches, and turns the outcome into an exit code. It decides nothing else.

mod cli;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;
use compose_audit::report::proof::Proof;
use compose_audit::report::{Paint, Tone, human, pretty, written};
use compose_audit::{Error, Kind, Result, allow, look_at_files};
use process::{Caller, Interrupt, Runner};
use serde_json::json;

use crate::cli::{Cli, Format};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            let code = u8::try_from(told.exit_code()).unwrap_or(2);
            return ExitCode::from(unless_unheard(told.print(), code));
        }
    };
    let (text, code) = match audit(&cli) {
        Ok(proof) if cli.format == Format::Json => {
            (pretty(&proof.json()), proof.verdict.exit_code())
        }
        Ok(proof) => {
            let paint = Paint::on(&io::stdout()).and(Paint::on(&io::stderr()));
            (human::text(&proof, paint), proof.verdict.exit_code())
        }
        Err(error) => {
            tell(&error);
            let code = error.kind.exit_code();
            if cli.format == Format::Human {
                return ExitCode::from(code);
            }
            let outcome = if error.kind == Kind::Interrupted {
                "interrupted"
            } else if error.kind == Kind::Refused {
                "refused"
            } else {
                "failed"
            };
            let document = json!({"command": cli::NAME, "outcome": outcome, "error": error});
            (pretty(&document), code)
        }
    };
    ExitCode::from(unless_unheard(print(&text), code))
}

/// Looks, judges, and writes the reports that were asked for.
fn audit(cli: &Cli) -> Result<Proof> {
    let begun = Instant::now();
    written::possible(&cli.report)?;
    let allowances = match &cli.allow {
        Some(path) => allow::read(path)?,
        None => Vec::new(),
    };
    let interrupt = Interrupt::listen()
        .map_err(|error| anyhow::Error::from(error).context("cannot listen for Ctrl-C"))?;
    let runner = Runner::new(
        interrupt,
        Console {
            verbose: cli.verbose,
        },
    );
    let (scope, looked) = look_at_files(&runner, &cli.environments())?;
    let proof = Proof::judged(scope, vec![looked], &allowances, begun);
    let say = |line: &str| {
        if !cli.quiet {
            put(line);
        }
    };
    written::write(&proof, &cli.report, say, put)?;
    Ok(proof)
}

/// Whoever is shown the commands that are started.
#[derive(Debug)]
struct Console {
    verbose: bool,
}

impl Caller for Console {
    fn starting(&self, line: &str) {
        if self.verbose {
            put(&Paint::on(&io::stderr()).text(Tone::Faint, &format!("+ {line}")));
        }
    }
}

/// Tells a person why nothing was compared, and what to type next.
fn tell(error: &Error) {
    let paint = Paint::on(&io::stderr());
    match error.kind {
        Kind::Interrupted => put(&paint.text(Tone::Warning, "interrupted")),
        Kind::Refused => put(&format!("{}: {error}", paint.text(Tone::Bad, "refused"))),
        Kind::Failed | Kind::Usage => {
            put(&format!("{}: {error}", paint.text(Tone::Bad, "error")));
        }
    }
    for hint in &error.hints {
        put(&format!("{} {hint}", paint.text(Tone::Strong, "next:")));
    }
}

/// Writes a line to stderr; a closed stderr is no reason to stop.
fn put(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.trim_end().as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// An answer that could not be written is a failure; what was worse stays so. A reader that has gone
/// away, as `head` does, has heard enough.
fn unless_unheard(written: io::Result<()>, code: u8) -> u8 {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            put(&format!(
                "error: the answer could not be written to standard output: {error}"
            ));
            code.max(Kind::Failed.exit_code())
        }
        _ => code,
    }
}

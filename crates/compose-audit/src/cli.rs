//! The whole command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use compose_audit::Composed;
use compose_audit::report::written::Wanted;

/// What a person types.
pub(crate) const NAME: &str = "compose-audit";

/// Compares the compose files of several environments: every way by which one environment's data,
/// names, addresses or secrets can reach another's. Needs docker compose, and no engine.
///
/// Exit codes: 0 isolated; 1 failed; 2 usage; 3 a report would replace a file that is none; 4 violated;
/// 5 inconclusive; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = NAME, version, verbatim_doc_comment)]
pub(crate) struct Cli {
    /// An environment with its files, in the order in which they are merged
    #[arg(value_name = "NAME=FILE[,FILE]", value_parser = composed, required_unless_present = "compose")]
    named: Vec<Composed>,
    /// The same as an option; may be repeated
    #[arg(long, value_name = "NAME=FILE[,FILE]", value_parser = composed)]
    compose: Vec<Composed>,
    /// Findings that are known and excused, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Option<PathBuf>,
    /// Write a report too: junit=FILE, markdown=FILE or html=FILE; may be repeated
    #[arg(long, value_name = "KIND=FILE", value_parser = Wanted::parse)]
    pub(crate) report: Vec<Wanted>,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
    /// Say nothing but the answer and errors
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Show each child command
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One document on stdout
    Json,
}

impl Cli {
    /// Every environment that was named, in whatever way.
    pub(crate) fn environments(&self) -> Vec<Composed> {
        self.named.iter().chain(&self.compose).cloned().collect()
    }
}

fn composed(text: &str) -> Result<Composed, String> {
    Composed::parse(text, NAME)
}

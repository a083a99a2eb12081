//! What is asked of snapshots, and of what stands behind one.

use clap::{Args, Subcommand};
use environments::Environment;

use crate::cli::Environments;
use crate::snapshot::place::Id;

#[derive(Debug, Args)]
pub(crate) struct SnapshotOptions {
    /// How many seconds nobody may be able to write; a freeze that lasts longer is ended and fails
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = freeze_seconds)]
    pub(crate) max_freeze: f64,
    /// Stop the servers, copy, and start them again, instead of freezing them
    #[arg(long, conflicts_with = "max_freeze")]
    pub(crate) offline: bool,
}

/// A freeze without an end, or none at all, makes no sense.
fn freeze_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds from 0.01 to 60".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    #[command(flatten)]
    pub(crate) options: SnapshotOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    #[command(subcommand)]
    pub(crate) what: SnapshotsCommand,
}

/// What can be done with the snapshots that there are.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotsCommand {
    /// Age, size, freeze, proved, drilled
    List(Environments),
    /// Read every byte again
    Verify(VerifyArgs),
    /// Remove old ones, but never the newest, nor the last that was drilled
    Prune(PruneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// A snapshot; all of the environment where none is named
    #[arg(value_name = "ID")]
    pub(crate) id: Option<Id>,
    /// Load it on scratch servers too, and compare
    #[arg(long)]
    pub(crate) deep: bool,
}

#[derive(Debug, Args)]
#[group(id = "kept", required = true, multiple = true, args = ["keep_last", "keep_daily", "keep_weekly"])]
pub(crate) struct PruneArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// Keep so many of the newest
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<usize>,
    /// Keep the newest of so many days
    #[arg(long, value_name = "N")]
    pub(crate) keep_daily: Option<usize>,
    /// Keep the newest of so many weeks
    #[arg(long, value_name = "N")]
    pub(crate) keep_weekly: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV", default_value = "staging")]
    pub(crate) environment: Environment,
    /// Another snapshot than the newest
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<Id>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// The snapshot, as `snapshots list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: Id,
    /// Remove what was there before it was restored
    #[arg(long)]
    pub(crate) forget: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WipeArgs {
    /// staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// The snapshot that it can be restored from
    #[arg(long, value_name = "ID", required = true)]
    pub(crate) backup: Id,
}

/// For the process that outlives us: given by ourselves alone.
#[derive(Debug, Args)]
pub(crate) struct HoldFreeze {
    /// A container's id
    pub(crate) neo4j: String,
    /// A container's id
    pub(crate) redis: String,
    /// In milliseconds
    #[arg(long)]
    pub(crate) longest: u64,
}

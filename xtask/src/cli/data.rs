//! What is asked of the data that an environment holds: emptied, marked, brought in.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use environments::Environment;

use crate::error::{Failure, Result};
use crate::instances::Age;
use crate::snapshot::place::Id;

/// How test is emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResetMode {
    /// In place where that gives what a recreation would, else recreated
    Auto,
    /// Nodes, keys and schema deleted on the running servers
    InPlace,
    /// New volumes
    Recreate,
}

#[derive(Debug, Args)]
pub(crate) struct ResetTest {
    /// How it is emptied
    #[arg(long, value_enum, default_value_t = ResetMode::Auto)]
    pub(crate) mode: ResetMode,
    /// Cypher statements to load afterwards, each a transaction of its own
    #[arg(long, value_name = "FILE.cypher")]
    pub(crate) seed: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// For staging and prod: the snapshot that they can be restored from
    #[arg(long, value_name = "ID")]
    pub(crate) backup: Option<Id>,
    /// Write what has another environment's mark to a file, then remove it; `move-to FILE`
    #[arg(long, num_args = 2, value_names = ["move-to", "FILE"])]
    pub(crate) foreign: Vec<PathBuf>,
}

impl MigrateArgs {
    /// Where what is another environment's goes.
    ///
    /// # Errors
    /// Another word than `move-to`.
    pub(crate) fn move_to(&self) -> Result<Option<&Path>> {
        match &self.foreign[..] {
            [] => Ok(None),
            [word, file] if word.as_os_str() == "move-to" => Ok(Some(file)),
            _ => Err(Failure::usage("expected --foreign move-to FILE")),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// This engine has replaced the one that the journal has
    #[arg(long, required_unless_present_any = ["from_neo4j", "from_redis"], conflicts_with_all = ["from_neo4j", "from_redis"])]
    pub(crate) engine: bool,
    /// A volume with a Neo4j store from before this tool; it is only read
    #[arg(long, value_name = "VOLUME", value_parser = volume)]
    pub(crate) from_neo4j: Option<String>,
    /// A volume with a Redis store from before this tool; it is only read
    #[arg(long, value_name = "VOLUME", value_parser = volume)]
    pub(crate) from_redis: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// All instances that were last used longer ago, such as 30m, 6h or 2d, instead of --instance
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<Age>,
}

/// A volume's name becomes part of an argument of docker, before a colon (Docker's own rule).
fn volume(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected the name of a volume".to_owned())
    }
}

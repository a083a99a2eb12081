//! The whole command line: the commands, and what all of them take. What one alone takes stands in
//! a room of its own.

mod data;
mod project;
mod proof;
mod saved;
mod servers;

use clap::{Args, Parser, Subcommand};
use environments::{Environment, Instance};

pub(crate) use self::data::{Adopt, MigrateArgs, RemoveArgs, ResetMode, ResetTest};
pub(crate) use self::project::{Bench, Ci, Generate, History, Images, Test};
pub(crate) use self::proof::VerifyIsolation;
pub(crate) use self::saved::{
    DrillArgs, HoldFreeze, PruneArgs, RestoreArgs, SnapshotArgs, SnapshotOptions, Snapshots,
    SnapshotsCommand, VerifyArgs, WipeArgs,
};
pub(crate) use self::servers::{Cypher, Logs, Quickstart, RedisArgs};
use crate::context::Format;

/// Starts, empties, saves, restores and compares the environments of TTA.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 done or planned, 1 failed or cancelled, 2 usage, 3 refused by \
                        a guard, 4 isolation violated, 5 inconclusive, 130 interrupted"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// How the answer is written on stdout; `env` alone takes dotenv (its default) and github
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Show the plan and check the guards, but change nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// Give the phrase that a destructive command asks for
    #[arg(long, global = true, value_name = "PHRASE")]
    pub(crate) confirm: Option<String>,
    /// A whole second set beside the main one: 1 to 12 characters of a-z and 0-9, not main
    #[arg(long, global = true, env = "TTA_INSTANCE", value_name = "NAME", value_parser = instance)]
    pub(crate) instance: Option<Instance>,
    /// The Docker context to use; DOCKER_HOST and DOCKER_CONTEXT are never followed
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) docker_context: Option<String>,
    /// How many seconds a server may take to become healthy
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 180)]
    pub(crate) patience: u64,
    /// Say nothing but plans, questions and errors
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Show each child command, secrets redacted
    #[arg(long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// An exported but empty TTA_INSTANCE means the main set.
fn instance(text: &str) -> Result<Instance, String> {
    if text.is_empty() {
        return Ok(Instance::main());
    }
    Instance::named(text).map_err(|error| error.to_string())
}

/// What a person can ask for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// From nothing to three environments side by side
    Quickstart(Quickstart),
    /// Start environments (dev, test and staging where none is named)
    Up(Environments),
    /// Stop environments; their data stays
    Down(Environments),
    /// State, health, ports, versions, nodes and keys
    Status(Environments),
    /// The servers' logs
    Logs(Logs),
    /// A Cypher shell, or one statement, on the right server as the right user
    Cypher(Cypher),
    /// A Redis shell, or one command, on the right server as the right user
    Redis(RedisArgs),
    /// The connection variables of an environment
    Env(One),
    /// Make sure that the environment's database exists under its name
    InitNeo4j(One),
    /// Delete all development data: new volumes, healthy again
    WipeDev,
    /// Empty the test environment, schema included
    ResetTest(ResetTest),
    /// Prove that no environment can reach another
    VerifyIsolation(VerifyIsolation),
    /// Mark the keys and nodes of before the prefixes and labels
    MigrateNamespace(MigrateArgs),
    /// Bring in volumes from before this tool, or take an environment over onto another engine
    Adopt(Adopt),
    /// Save staging while it runs, proved by recovering the copy
    SnapshotStaging(SnapshotOptions),
    /// What a deployment waits for: staging saved, the snapshot drilled, the environments proved apart
    PreDeploy(SnapshotOptions),
    /// Save an environment while it runs, proved by recovering the copy
    Snapshot(SnapshotArgs),
    /// The snapshots that there are: list, verify, prune
    Snapshots(Snapshots),
    /// Restore the newest snapshot into a scratch instance, compare, and time it
    Drill(DrillArgs),
    /// Put a snapshot in place of what an environment holds, after saving that
    Restore(RestoreArgs),
    /// Empty staging or production, behind a snapshot of it that was drilled today
    Wipe(WipeArgs),
    /// Every set on the engine: environments, state, size, age, last use
    Instances,
    /// Remove a whole instance, or those that nobody has used for long
    Remove(RemoveArgs),
    /// What was done, when and by whom
    History(History),
    /// Render all files from the definitions
    Generate(Generate),
    /// Pull the server images, or build them
    Images(Images),
    /// What this machine lacks, and the command that mends it
    Doctor,
    /// What CI checks, on any machine
    Ci(Ci),
    /// Unit, snapshot and live tests, with real servers in instances of their own
    Test(Test),
    /// This tool beside the shell lines that it replaces, in one run
    Bench(Bench),
    /// Holds a freeze for another process, and ends it when that one has gone
    #[command(hide = true)]
    HoldFreeze(HoldFreeze),
}

#[derive(Debug, Args)]
pub(crate) struct Environments {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environments: Vec<Environment>,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_for_one_environment_takes_no_other() {
        let parsed = Cli::try_parse_from(["cargo xtask", "wipe-dev", "staging"]);
        assert!(parsed.is_err());
    }

    #[test]
    fn an_unknown_environment_is_named_with_the_known_ones() {
        let error = Cli::try_parse_from(["cargo xtask", "up", "production"])
            .expect_err("it is unknown")
            .to_string();
        assert!(
            error.contains("expected dev, test, staging or prod"),
            "{error}"
        );
    }

    #[test]
    fn a_registry_that_docker_could_take_for_an_option_is_refused() {
        let parse = |registry: &str| {
            Cli::try_parse_from(["cargo xtask", "images", &format!("--registry={registry}")])
        };
        assert!(parse("localhost:5000").is_ok());
        for registry in ["", "--privileged", "a b", "x;y", "http://host"] {
            assert!(parse(registry).is_err(), "{registry:?}");
        }
    }

    #[test]
    fn an_instance_name_that_docker_could_misread_is_refused() {
        for name in ["main", "UPPER", "a-b", "../x", "thirteenchars", "a b"] {
            let parsed = Cli::try_parse_from(["cargo xtask", "--instance", name, "status"]);
            assert!(parsed.is_err(), "{name}");
        }
    }
}

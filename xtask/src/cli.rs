//! The whole command line, in one place.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use environments::{Environment, Instance, Service};

use crate::context::Format;
use crate::error::Failure;
use crate::isolation::Composed;
use crate::isolation::finding::Layer;
use crate::report::written::{self, Wanted};
use crate::snapshot::place::Id;

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
    /// A whole second set beside the main one: 1 to 12 characters of a-z and 0-9
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
    /// Show each child command, secrets blotted out
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

/// A volume's name becomes part of an argument of docker, before a colon (Docker's own rule).
fn volume(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected the name of a volume".to_owned())
    }
}

/// A registry becomes the beginning of an image's name, and so an argument of docker.
fn registry(text: &str) -> Result<String, String> {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || ".-_:/[]".contains(character);
    let text = text.trim_end_matches('/');
    if text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && text.chars().all(plain)
        && !text.contains("//")
    {
        Ok(text.to_owned())
    } else {
        Err("expected HOST:PORT, without http://".to_owned())
    }
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
    pub(crate) fn move_to(&self) -> crate::error::Result<Option<&Path>> {
        match &self.foreign[..] {
            [] => Ok(None),
            [word, file] if word.as_os_str() == "move-to" => Ok(Some(file)),
            _ => Err(Failure::usage("expected --foreign move-to FILE")),
        }
    }
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

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// Install a Docker engine without asking, where there is none
    #[arg(long)]
    pub(crate) install_engine: bool,
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

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// neo4j or redis; both where none is named
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<Service>,
    /// How many lines, counted from the end
    #[arg(long, value_name = "LINES", default_value_t = 100)]
    pub(crate) tail: usize,
    /// Go on showing what comes
    #[arg(long, requires = "service")]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cypher {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// The statement; without one, standard input or a shell
    #[arg(value_name = "STATEMENT")]
    pub(crate) statement: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RedisArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// The command and its arguments; without any, standard input or a shell
    #[arg(
        value_name = "ARG",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) args: Vec<String>,
}

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
pub(crate) struct History {
    /// How many runs, counted from the end
    #[arg(long, value_name = "RUNS", default_value_t = 20)]
    pub(crate) last: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Fail where a file is not as rendered, and show the difference
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Build even where the public image could be pulled
    #[arg(long)]
    pub(crate) build: bool,
    /// Pull from this registry, as HOST:PORT, instead of the public one
    #[arg(long, value_name = "REGISTRY", conflicts_with = "build", value_parser = registry)]
    pub(crate) registry: Option<String>,
    /// Install what building needs without asking, where it is missing
    #[arg(long)]
    pub(crate) install_tools: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ci {
    /// Pass even where a checker is not installed; it is listed all the same
    #[arg(long)]
    pub(crate) allow_missing: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The big stores too
    #[arg(long)]
    pub(crate) all: bool,
    /// Only the tests that need no engine
    #[arg(long, conflicts_with = "all")]
    pub(crate) unit: bool,
    /// Only the corpus of faults, and a table of its rows
    #[arg(long, conflicts_with_all = ["all", "unit", "filter"])]
    pub(crate) faults: bool,
    /// Install a Docker engine, and what building the images needs, without asking
    #[arg(long, conflicts_with = "unit")]
    pub(crate) install_engine: bool,
    /// Only tests whose name contains this
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyIsolation {
    /// dev, test, staging or prod; all that have objects on this engine where none is named
    #[arg(value_name = "ENV", conflicts_with = "compose")]
    pub(crate) environments: Vec<Environment>,
    /// Only these layers
    #[arg(long, value_name = "LAYER", value_enum, value_delimiter = ',')]
    pub(crate) layer: Vec<Layer>,
    /// Compare anyone's compose files instead, without an engine; may be repeated
    #[arg(long, value_name = "NAME=FILE[,FILE]", value_parser = composed)]
    pub(crate) compose: Vec<Composed>,
    /// Findings that are known and excused, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Option<PathBuf>,
    /// Write a report too: junit=FILE, markdown=FILE or html=FILE; may be repeated
    #[arg(long, value_name = "KIND=FILE", value_parser = wanted)]
    pub(crate) report: Vec<Wanted>,
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let form = "expected junit=FILE, markdown=FILE or html=FILE";
    let (kind, path) = text.split_once('=').ok_or(form)?;
    let kind = match kind {
        "junit" => written::Kind::Junit,
        "markdown" => written::Kind::Markdown,
        "html" => written::Kind::Html,
        _ => return Err(form.to_owned()),
    };
    if path.is_empty() {
        return Err(form.to_owned());
    }
    let path = PathBuf::from(path);
    Ok(Wanted { kind, path })
}

/// `NAME=FILE[,FILE]…`. The name stands in every report, so it is kept plain.
fn composed(text: &str) -> Result<Composed, String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let (name, files) = text.split_once('=').ok_or("expected NAME=FILE[,FILE]…")?;
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} names no environment: expected 1 to 40 of A-Z, a-z, 0-9, '-', '_' and '.'"
        ));
    }
    if files.split(',').any(str::is_empty) {
        return Err("a file's name is empty".to_owned());
    }
    Ok(Composed {
        name: name.to_owned(),
        files: files.split(',').map(PathBuf::from).collect(),
        secrets: Vec::new(),
    })
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How often each way is run
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) runs: usize,
    /// The slow ones too
    #[arg(long, conflicts_with = "only")]
    pub(crate) all: bool,
    /// Only the comparisons whose name contains this
    #[arg(value_name = "NAME")]
    pub(crate) only: Option<String>,
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
            assert!(
                parse(registry).is_err() || registry.starts_with("http"),
                "{registry:?}"
            );
        }
    }

    #[test]
    fn an_instance_name_that_docker_could_misread_is_refused() {
        for name in ["UPPER", "a-b", "../x", "thirteenchars", "a b"] {
            let parsed = Cli::try_parse_from(["cargo xtask", "--instance", name, "status"]);
            assert!(parsed.is_err(), "{name}");
        }
    }
}

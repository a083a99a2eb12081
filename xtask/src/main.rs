//! The one tool of TTA for its environments: `cargo xtask --help`.
//!
//! Parses, dispatches, and turns the outcome into an exit code. It decides nothing else.

mod adoption;
mod bench;
mod children;
mod cli;
mod contents;
mod context;
mod emptying;
mod engine;
mod error;
mod execute;
mod guard;
mod identity;
mod instances;
mod isolation;
mod journal;
mod namespace;
mod neighbours;
mod observe;
mod plan;
mod report;
mod secrets;
mod snapshot;
mod stack;
mod tasks;
mod tidiness;
mod tools;
mod ui;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _};
use environments::Environment;
use process::quoted;

use crate::cli::{Cli, Command};
use crate::context::{Context, Format, Options};
use crate::error::{Failure, Result};
use crate::report::Answer;
use crate::ui::Ui;

fn main() -> ExitCode {
    let (name, cli) = match parsed() {
        Ok(parsed) => parsed,
        Err(told) => return explained(&told),
    };
    let ui = Ui::new(cli.common.quiet, cli.common.verbose);
    let format = cli.common.format;
    if let Command::HoldFreeze(order) = &cli.command {
        // No context: Ctrl-C, the journal and the checkout are the business of who started it.
        let docker_context = cli.common.docker_context.as_deref();
        return ExitCode::from(snapshot::freeze::holder::run(order, docker_context));
    }
    let outcome = match context(&cli, ui.clone()) {
        Ok(context) => {
            let outcome = run(&context, cli.command);
            report::finish(&context, &name, outcome)
        }
        Err(failure) => report::without_context(&ui, format, &name, &failure),
    };
    ExitCode::from(outcome)
}

/// The command's name, as it is typed and as JSON documents and the journal give it, and the whole
/// command line.
fn parsed() -> Result<(String, Cli), clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let name = matches.subcommand_name().unwrap_or_default().to_owned();
    Ok((name, Cli::from_arg_matches(&matches)?))
}

/// Help, the version, or what is wrong with the command line.
fn explained(told: &clap::Error) -> ExitCode {
    match ui::heard(told.print()) {
        Ok(()) => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2)),
        Err(unwritten) => {
            report::tell(&Ui::new(false, false), &unwritten);
            ExitCode::from(unwritten.kind.exit_code())
        }
    }
}

fn context(cli: &Cli, ui: Ui) -> Result<Context> {
    let variables = matches!(cli.common.format, Format::Dotenv | Format::Github);
    if variables && !matches!(cli.command, Command::Env(_)) {
        return Err(
            Failure::usage("only `env` writes the formats dotenv and github")
                .hint("--format human or --format json"),
        );
    }
    Context::new(Options {
        instance: cli.common.instance.clone().unwrap_or_default(),
        ui,
        format: cli.common.format,
        dry_run: cli.common.dry_run,
        confirm: cli.common.confirm.clone(),
        docker_context: cli.common.docker_context.clone(),
        patience: Duration::from_secs(cli.common.patience),
        command: typed(),
    })
}

/// The command as it was typed, for whoever has to type it again.
fn typed() -> String {
    let words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    format!("cargo xtask {}", words.join(" "))
}

fn run(context: &Context, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Up(args) => tasks::up::run(context, &args.environments),
        Command::Down(args) => tasks::down::run(context, &args.environments),
        Command::Status(args) => tasks::status::run(context, &args.environments),
        Command::Logs(args) => tasks::logs::run(context, &args),
        Command::Cypher(args) => tasks::cypher::run(context, &args),
        Command::Redis(args) => tasks::redis::run(context, &args),
        Command::Env(args) => tasks::env::run(context, args.environment),
        Command::InitNeo4j(args) => tasks::init_neo4j::run(context, args.environment),
        Command::WipeDev => tasks::wipe_dev::run(context),
        Command::ResetTest(args) => tasks::reset_test::run(context, &args),
        Command::VerifyIsolation(args) => tasks::verify_isolation::run(context, &args),
        Command::MigrateNamespace(args) => tasks::migrate_namespace::run(context, &args),
        Command::Adopt(args) => tasks::adopt::run(context, &args),
        Command::Instances => tasks::instances::run(context),
        Command::Remove(args) => tasks::remove::run(context, &args),
        Command::History(args) => tasks::history::run(context, &args),
        Command::Generate(args) => tasks::generate::run(context, args.check),
        Command::Quickstart(args) => tasks::quickstart::run(context, args.install_engine),
        Command::Images(args) => tasks::images::run(context, &args),
        Command::Doctor => tasks::doctor::run(context),
        Command::Ci(args) => tasks::ci::run(context, &args),
        Command::Test(args) => tasks::test::run(context, &args),
        Command::Bench(args) => tasks::bench::run(context, &args),
        Command::PreDeploy(options) => tasks::pre_deploy::run(context, &options),
        Command::SnapshotStaging(options) => {
            tasks::snapshot::run(context, "snapshot-staging", Environment::Staging, &options)
        }
        Command::Snapshot(args) => {
            tasks::snapshot::run(context, "snapshot", args.environment, &args.options)
        }
        Command::Snapshots(args) => tasks::snapshots::run(context, &args),
        Command::Drill(args) => tasks::drill::run(context, &args),
        Command::Wipe(args) => tasks::wipe::run(context, &args),
        Command::Restore(args) => tasks::restore::run(context, &args),
        Command::HoldFreeze(_) => Err(Failure::usage("this is not for people")),
    }
}

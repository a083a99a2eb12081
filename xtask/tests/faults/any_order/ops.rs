//! What may happen: commands as they are typed, what becomes of them, and what others do meanwhile.

use environments::{Environment, Service};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};

use crate::again_later::betweens;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Run(Command, Fortune),
    /// The command that was last cut off again, as it was typed.
    Again,
    Writes(Environment),
    Dies(Environment, Service),
    /// Left by somebody who was killed, or who looks into it.
    Paused(Environment),
    /// `docker compose up`, without the tool.
    ComposeUp(Environment),
    /// The machine went down while the journal was written.
    Torn,
    StateLost,
    /// So many days pass, as far as drills tell; less than none where the clock was set back.
    Days(i64),
}

impl Op {
    /// To whom something is done.
    pub(crate) const fn environment(&self) -> Option<Environment> {
        match self {
            Self::Run(command, _) => command.environment(),
            Self::Writes(environment)
            | Self::Dies(environment, _)
            | Self::Paused(environment)
            | Self::ComposeUp(environment) => Some(*environment),
            Self::Again | Self::Torn | Self::StateLost | Self::Days(_) => None,
        }
    }
}

/// A command. A snapshot is named by its age: 0 is the newest.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    Up(Environment),
    Down(Environment),
    WipeDev,
    ResetTest { in_place: bool },
    Snapshot,
    Drill,
    Restore(usize),
    Forget(usize),
    Wipe { age: usize, losing: bool },
    Prune,
    Migrate,
    Adopt,
    Prove,
    Status,
    History,
}

impl Command {
    /// Whose data and objects it may change.
    pub(crate) const fn environment(self) -> Option<Environment> {
        match self {
            Self::Up(environment) | Self::Down(environment) => Some(environment),
            Self::WipeDev | Self::Migrate | Self::Adopt => Some(Environment::Dev),
            Self::ResetTest { .. } => Some(Environment::Test),
            Self::Snapshot
            | Self::Drill
            | Self::Restore(_)
            | Self::Forget(_)
            | Self::Wipe { .. }
            | Self::Prune => Some(Environment::Staging),
            Self::Prove | Self::Status | Self::History => None,
        }
    }
}

/// What becomes of a command, at a change of the engine where a number is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fortune {
    Undisturbed,
    KilledBefore(usize),
    KilledAfter(usize),
    /// The engine refuses.
    Fails(usize),
    Interrupted(usize),
    /// At the first call that begins a step.
    AtStep(Trouble, &'static str),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    Killed,
    Fails,
    Interrupted,
}

/// What calls begin with that change more than scratch objects. Ids begin with zeros here.
const STEPS: [&str; 9] = [
    "kill 000",
    "kill 000",
    "stop 000",
    "rm --force 000",
    "volume rm tta_neo4j",
    "volume create --label",
    "compose --ansi",
    "/dump.rdb redis",
    "restore swap",
];

/// What happens in one case: mostly a command that is cut off, something that passes, and the same
/// command again.
pub(crate) fn case() -> impl Strategy<Value = Vec<Op>> {
    let passes = prop_oneof![
        any::<Index>().prop_map(Err),
        vec(between(), 0..4).prop_map(Ok),
    ];
    let again = select(vec![true, true, true, false]);
    let episode = (command(), fortune(), passes, again);
    let episode = episode.prop_map(|(command, fortune, passes, again)| {
        let environment = command.environment().unwrap_or(Environment::Staging);
        let passes = passes.unwrap_or_else(|chosen| chosen.get(&betweens(environment)).clone());
        let again = again.then_some(Op::Again);
        let run = [Op::Run(command, fortune)].into_iter();
        run.chain(passes).chain(again).collect()
    });
    let episodes = prop_oneof![
        4 => episode.boxed(),
        1 => vec(between(), 1..3).boxed(),
    ];
    vec(episodes, 1..4).prop_map(|episodes: Vec<Vec<Op>>| episodes.concat())
}

fn between() -> impl Strategy<Value = Op> {
    let run = |command| Op::Run(command, Fortune::Undisturbed);
    prop_oneof![
        4 => environment().prop_map(Op::Writes),
        3 => environment().prop_map(move |of| run(Command::Down(of))),
        1 => command().prop_map(run),
        1 => (environment(), service()).prop_map(|(of, service)| Op::Dies(of, service)),
        1 => environment().prop_map(Op::Paused),
        1 => environment().prop_map(Op::ComposeUp),
        1 => select(vec![Op::Torn, Op::StateLost, Op::Days(8), Op::Days(-8)]),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => environment().prop_map(Command::Up),
        3 => environment().prop_map(Command::Down),
        1 => Just(Command::WipeDev),
        1 => any::<bool>().prop_map(|in_place| Command::ResetTest { in_place }),
        2 => Just(Command::Snapshot),
        2 => Just(Command::Drill),
        6 => age().prop_map(Command::Restore),
        1 => age().prop_map(Command::Forget),
        6 => (age(), any::<bool>()).prop_map(|(age, losing)| Command::Wipe { age, losing }),
        1 => select(vec![Command::Prune, Command::Migrate, Command::Adopt]),
        1 => select(vec![Command::Prove, Command::Status, Command::History]),
    ]
}

fn fortune() -> impl Strategy<Value = Fortune> {
    let at = || 1_usize..40;
    prop_oneof![
        4 => Just(Fortune::Undisturbed),
        2 => at().prop_map(Fortune::KilledBefore),
        2 => at().prop_map(Fortune::KilledAfter),
        2 => at().prop_map(Fortune::Fails),
        1 => at().prop_map(Fortune::Interrupted),
        6 => (trouble(), select(STEPS.to_vec())).prop_map(|(trouble, step)| Fortune::AtStep(trouble, step)),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    select(vec![Trouble::Killed, Trouble::Fails, Trouble::Interrupted])
}

/// Staging most often.
fn environment() -> impl Strategy<Value = Environment> {
    use Environment::{Dev, Staging, Test};
    select(vec![Staging, Staging, Staging, Dev, Test])
}

fn service() -> impl Strategy<Value = Service> {
    select(Service::ALL.to_vec())
}

fn age() -> impl Strategy<Value = usize> {
    select(vec![0, 0, 0, 1, 2])
}

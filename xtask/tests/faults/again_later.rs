//! Every command, cut off in each way, then something that passes (people write, servers go down and
//! come up, other commands run), and the same command again: what must be so after each step is what
//! must be so in any order of commands.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use environments::{Environment, Service};

use crate::any_order::ops::{self, Fortune, Op};
use crate::any_order::world::World;
use crate::kill_points::{EMPTY_TEST, RECREATE_TEST, WIPE_DEV};
use crate::put_back::{RESTORE, WIPE};
use crate::snapshots::SNAPSHOT;

/// What may pass between a run that was cut off and the same command again.
pub(crate) fn betweens(environment: Environment) -> Vec<Vec<Op>> {
    let run = |command| Op::Run(command, Fortune::Undisturbed);
    let writes = || Op::Writes(environment);
    let dies = |service| Op::Dies(environment, service);
    let (down, up) = (
        || run(ops::Command::Down(environment)),
        || run(ops::Command::Up(environment)),
    );
    vec![
        vec![writes(), down()],
        vec![writes()],
        vec![writes(), dies(Service::Neo4j)],
        vec![down(), up(), writes()],
        vec![writes(), down(), up()],
        vec![dies(Service::Redis)],
        vec![run(ops::Command::Snapshot), writes()],
        vec![writes(), run(ops::Command::Drill), down()],
        vec![run(ops::Command::Prove)],
        vec![writes(), Op::ComposeUp(environment)],
        vec![down(), Op::ComposeUp(environment), writes()],
        vec![writes(), Op::Days(8), down()],
        vec![writes(), Op::Days(-8), down()],
        vec![writes(), Op::Torn, down()],
        vec![writes(), Op::StateLost, down()],
        vec![Op::Paused(environment)],
    ]
}

/// A command that makes so many changes, and what is done before it.
struct Command {
    before: Vec<Op>,
    command: ops::Command,
    changes: usize,
}

fn commands() -> Vec<Command> {
    let plain = |command, changes| Command {
        before: Vec::new(),
        command,
        changes,
    };
    let wipe_dev = Op::Run(ops::Command::WipeDev, Fortune::Undisturbed);
    vec![
        plain(
            ops::Command::Wipe {
                age: 0,
                losing: false,
            },
            WIPE,
        ),
        plain(ops::Command::Restore(0), RESTORE),
        plain(ops::Command::Snapshot, SNAPSHOT),
        plain(ops::Command::WipeDev, WIPE_DEV.changes),
        plain(
            ops::Command::ResetTest { in_place: false },
            RECREATE_TEST.changes,
        ),
        plain(
            ops::Command::ResetTest { in_place: true },
            EMPTY_TEST.changes,
        ),
        plain(ops::Command::Migrate, 2),
        // It fills what holds nothing.
        Command {
            before: vec![wipe_dev],
            ..plain(ops::Command::Adopt, 33)
        },
    ]
}

impl Command {
    /// Cut off in some way, then something passes, and it is typed again: for each that may pass, at as
    /// many points as are asked for, beginning with this one.
    fn cut_off(&self, world: &World, between: &[Op], point: usize) {
        // No two in a row are cut off in the same way, nor at the same change.
        let at = point * 7 % self.changes + 1;
        let fortune = match point % 4 {
            0 => Fortune::Fails(at),
            1 => Fortune::KilledAfter(at),
            2 => Fortune::KilledBefore(at),
            _ => Fortune::Interrupted(at),
        };
        let mut ops = self.before.clone();
        ops.push(Op::Run(self.command, fortune));
        ops.extend(between.iter().cloned());
        ops.push(Op::Again);
        if let Err(told) = world.case(&ops) {
            panic!("{told}");
        }
    }
}

/// For each command something passes after a few of its kill points, others for each.
fn time_passes(number: usize) {
    let world = World::new();
    let command = &commands()[number];
    let environment = command.command.environment().expect("it changes one");
    let all = betweens(environment);
    for (point, between) in all.iter().enumerate().skip(number % 4).step_by(4) {
        command.cut_off(&world, between, point * 5 + number);
    }
}

#[test]
fn time_that_passes_amid_a_wipe_gives_it_no_licence() {
    time_passes(0);
}

#[test]
fn time_that_passes_amid_a_restore_gives_it_no_licence() {
    time_passes(1);
}

#[test]
fn time_that_passes_amid_a_snapshot_does_no_harm() {
    time_passes(2);
}

#[test]
fn time_that_passes_amid_a_wipe_of_development_does_no_harm() {
    time_passes(3);
}

#[test]
fn time_that_passes_while_test_is_made_anew_or_emptied_does_no_harm() {
    time_passes(4);
    time_passes(5);
}

#[test]
fn time_that_passes_amid_a_migration_does_no_harm() {
    time_passes(6);
}

#[test]
fn time_that_passes_amid_an_adoption_does_no_harm() {
    time_passes(7);
}

#[test]
#[ignore = "takes its time: every command, cut off everywhere, with all that may pass"]
fn time_that_passes_amid_any_command_cut_off_anywhere_gives_no_licence() {
    let next = AtomicUsize::new(0);
    let all = commands();
    let work = || {
        let world = World::new();
        while let Some(command) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let environment = command.command.environment().expect("it changes one");
            for (number, between) in betweens(environment).iter().enumerate() {
                for point in 0..command.changes {
                    command.cut_off(&world, between, point + number);
                }
            }
        }
    };
    thread::scope(|scope| {
        let _ = [scope.spawn(work), scope.spawn(work)];
    });
}

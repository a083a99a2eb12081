//! Random commands, cut off anywhere, with clients that write, servers that die and time that passes
//! in between. Whatever the order: nothing that a client of staging was answered is lost but behind a
//! phrase that says so, no neighbour is touched, what is said is so, and what is hinted ends well.
//!
//! A failure prints what was typed, to be read and to be made a test of its own.

pub(crate) mod ops;
pub(crate) mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy as _;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::ops::case;
use self::world::World;

/// Runs cases from a seed until there are enough; the shortest sequence that fails is shown.
#[expect(clippy::print_stdout, reason = "a test tells its seed")]
fn cases(seed: u64, failed: &AtomicBool, enough: impl Fn(usize, Duration) -> bool) {
    let started = Instant::now();
    let config = Config {
        failure_persistence: None,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let sequences = case();
    let world = World::new();
    let mut count = 0;
    while !enough(count, started.elapsed()) && !failed.load(Ordering::Relaxed) {
        count += 1;
        let tree = sequences.new_tree(&mut runner).expect("a sequence");
        let outcome = runner.run_one(tree, |ops| world.case(&ops).map_err(TestCaseError::fail));
        if let Err(TestError::Fail(told, _) | TestError::Abort(told)) = outcome {
            failed.store(true, Ordering::Relaxed);
            panic!("seed {seed}, case {count}:\n{told}");
        }
    }
    let seconds = started.elapsed().as_secs();
    println!("seed {seed}: {count} cases in {seconds} s");
}

/// Cases from several seeds side by side.
fn side_by_side<const N: usize>(seeds: [u64; N], enough: impl Fn(usize, Duration) -> bool + Sync) {
    let (enough, failed) = (&enough, &AtomicBool::new(false));
    thread::scope(|scope| {
        for seed in seeds {
            scope.spawn(move || cases(seed, failed, enough));
        }
    });
}

#[test]
fn nothing_is_lost_in_any_order_of_commands_kills_and_writes() {
    side_by_side([1, 2], |count, _| count >= 8);
}

#[test]
#[ignore = "takes ten minutes"]
fn nothing_is_lost_in_ten_minutes_of_commands_kills_and_writes_in_any_order() {
    let ten_minutes = Duration::from_secs(600);
    side_by_side([3, 4], |_, elapsed| elapsed >= ten_minutes);
}

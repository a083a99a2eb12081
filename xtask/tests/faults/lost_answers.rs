//! An engine under load gives up what a container has said: exit 0, and nothing on the output.
//! What only tells is asked again, and silence is never taken for an answer.

use environments::{Environment, Volume};

use crate::orders::{Act, When};
use crate::set::{Set, at_call, main_set};
use crate::snapshots::{no_scratch, snapshot, whole};

/// A call with these words ends well and says nothing: the first, or each.
fn lost(words: &str, which: usize) -> [(When, Act); 1] {
    let nothing = Act::Reply {
        code: 0,
        stdout: String::new(),
        stderr: String::new(),
    };
    [at_call(words, which, nothing)]
}

const FIRST: usize = 1;
const EACH: usize = 0;

#[test]
fn a_snapshot_whose_engine_loses_an_answer_asks_again() {
    for words in ["--entrypoint df", "du --summarize"] {
        let set = Set::usual();
        set.order(&lost(words, FIRST));
        snapshot(&set).run().code(0);
        assert_eq!(whole(&set), 1);
        no_scratch(&set);
    }
}

#[test]
fn a_snapshot_is_not_begun_where_the_free_room_is_never_told() {
    let set = Set::usual();
    set.order(&lost("--entrypoint df", EACH));
    snapshot(&set)
        .run()
        .code(1)
        .stderr_has("was expected to answer the free bytes, but answered, printing nothing");
    no_scratch(&set);
    let asked = set.calls().into_iter();
    let asked = asked.filter(|(call, _)| call.contains("--entrypoint df"));
    assert_eq!(asked.count(), 3, "a few times, and not for ever");
}

#[test]
fn a_file_whose_arrival_was_not_told_is_put_again() {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    set.order(&lost("cat >\"/to/$1\"", FIRST));
    set.xtask(&["drill"]).run().code(0);
    no_scratch(&set);
}

#[test]
fn a_file_that_arrived_in_part_is_told_with_both_sizes() {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    set.answer("cat >\"/to/$1\"", 0, "0\n", "");
    set.xtask(&["drill"])
        .run()
        .code(1)
        .stderr_has("redis.rdb could not be copied to the engine")
        .stderr_has(": 0 of ");
    no_scratch(&set);
}

#[test]
fn a_copy_of_which_the_engine_has_lost_a_part_is_no_snapshot() {
    for (words, what) in [("--to-stdout", "dump"), ("cat /data/dump.rdb", "RDB")] {
        for (arrived, said, why) in [
            (
                "half",
                "8 bytes copied, 0.1 s, 80 B/s\n",
                "8 bytes were written, 4 arrived",
            ),
            ("half", "", "how many bytes were written is unknown"),
            (
                "",
                "0 bytes copied, 0.1 s, 0 B/s\n",
                "0 bytes were written, 0 arrived",
            ),
        ] {
            let set = Set::usual();
            set.answer(words, 0, arrived, said);
            snapshot(&set)
                .run()
                .code(1)
                .stderr_has(&format!("the {what} "))
                .stderr_has(why);
            assert_eq!(whole(&set), 0);
            no_scratch(&set);
        }
    }
}

#[test]
fn silence_about_a_restore_is_not_taken_for_none_that_is_half_done() {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    let id = set.journal().last().expect("a run")["snapshot"].clone();
    let id = id.as_str().expect("an id");
    let restore = || {
        let phrase = format!("RESTORE STAGING {id}");
        set.xtask(&["restore", "staging", id, "--confirm", &phrase])
    };
    // What an earlier one has put aside would be lost by another.
    let redis = main_set(Environment::Staging).volume(Volume::RedisData);
    set.change(|state| {
        let redis = state.volumes.get_mut(&redis).expect("it is there");
        redis
            .before
            .insert(id.to_owned(), crate::model::Beside::default());
    });
    restore().run().code(3).stderr_has("is still kept");
    set.order(&lost(" restore state ", FIRST));
    restore().run().code(3).stderr_has("is still kept");
    set.order(&lost(" restore state ", EACH));
    restore()
        .run()
        .code(1)
        .stderr_has("was expected to answer how far a restore has come");
}

#[test]
fn silence_about_a_volume_is_not_taken_for_an_empty_one() {
    const OLD: &str = "old_redis";
    let begin = || {
        let set = Set::running(&[Environment::Test, Environment::Staging, Environment::Dev]);
        set.xtask(&["down", "dev"]).run().code(0);
        set.change(|state| {
            let old = crate::model::Volume {
                created_at: state.moment(),
                keys: 7,
                ..crate::model::Volume::default()
            };
            state.volumes.insert(OLD.to_owned(), old);
        });
        set
    };
    let adopt = ["adopt", "dev", "--from-redis", OLD];
    let set = begin();
    set.order(&lost("for one in /volumes/*", FIRST));
    set.xtask(&adopt)
        .run()
        .code(3)
        .stderr_has("has volumes that are not empty");
    let set = begin();
    set.order(&lost("for one in /volumes/*", EACH));
    set.xtask(&adopt)
        .run()
        .code(1)
        .stderr_has("was expected to answer");
    set.holds(Environment::Dev, 3, 5);
}

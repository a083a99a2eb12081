//! A freeze ends, whoever dies and whatever hangs.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::docker::{docker, until};
use crate::harness::Xtask;
use crate::harness::patience;
use crate::live::Live;
use crate::shim::{Moment, Shim};

/// Within this a freeze must have ended, whatever happened.
const THAWED: Duration = Duration::from_secs(10);

/// A command that goes on while the test looks.
fn begun(command: &Xtask) -> Child {
    command
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xtask starts")
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(pid, signal).expect("it is there");
}

#[track_caller]
fn thaws_from(live: &Live, moment: Instant) {
    until("both run again", || !live.frozen("staging"));
    let took = moment.elapsed();
    assert!(took < THAWED, "thawed after {took:?}");
}

#[test]
fn a_freeze_ends_whoever_dies_and_whatever_hangs() {
    let live = Live::new("freezes that go wrong");
    live.up(&["staging"]);
    live.write("staging", "kept");
    let before = live.evidence("staging");
    let snapshot = |shim: &Shim| shim.before(live.xtask(&["snapshot", "staging"]));
    let as_before = |what: &str| {
        assert_eq!(live.evidence("staging"), before, "{what}");
        // Nobody's writes are held back any more.
        assert_eq!(live.admin("staging", &["SET", "staging:x", "1"]), "OK");
        live.admin("staging", &["DEL", "staging:x"]);
        assert!(
            live.saved_names("staging")
                .iter()
                .all(|name| name.starts_with(".making-")),
            "{what}: {:?}",
            live.saved_names("staging")
        );
    };

    // `kill -9` while both are frozen.
    let shim = Shim::signalling("pause", "KILL");
    assert_eq!(snapshot(&shim).run().code, None);
    thaws_from(&live, Instant::now());
    as_before("killed");

    // It hangs while both are frozen: the freeze may last 5 s.
    let shim = Shim::signalling("pause", "STOP");
    let child = begun(&snapshot(&shim));
    until("both are frozen", || shim.reached());
    thaws_from(&live, Instant::now());
    // Whatever it copied meanwhile is worth nothing, and it is told so.
    signal(&child, Signal::CONT);
    let ended = patience::ended(child, "the tool");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("longer than the 5 s that it may"), "{said}");
    as_before("hung");

    // The engine's client hangs, after it has frozen them.
    let shim = Shim::holding("pause");
    let child = begun(&snapshot(&shim));
    until("both are frozen", || shim.reached());
    thaws_from(&live, Instant::now());
    let ended = patience::ended(child, "the tool");
    assert_eq!(ended.status.code(), Some(1));
    as_before("the client hung");

    // The process that holds the freeze is killed: then it is ours to end.
    for moment in [Moment::Before, Moment::After] {
        let shim = Shim::killing("pause", moment);
        snapshot(&shim)
            .run()
            .code(1)
            .stderr_has("the freeze was lost, and both servers run again");
        assert!(!live.frozen("staging"), "{moment:?}");
        as_before("its holder was killed");
    }

    // Both are killed before either can thaw: the next command does, and says so.
    let shim = Shim::killing("unpause", Moment::Before);
    let ended = snapshot(&shim).run();
    assert_eq!(ended.code, None, "{ended:?}");
    assert!(live.frozen("staging"));
    live.xtask(&["up", "staging"])
        .run()
        .code(0)
        .stderr_has("unpause tta-");
    as_before("both were killed");

    // Frozen by somebody who has gone: thawed, and said.
    docker(&["pause", &live.container("staging", "redis")]);
    live.xtask(&["snapshot", "staging", "--dry-run"])
        .run()
        .stderr_has("because a run that froze them has gone");
    live.xtask(&["snapshot", "staging"])
        .run()
        .code(0)
        .stderr_has("unpause tta-");
    assert_eq!(live.evidence("staging"), before);
    live.assert_no_scratch();
    assert_eq!(live.saved_names("staging").len(), 1);

    what_the_engine_and_the_kernel_disagree_about_runs_in_the_end(&live);
    assert_eq!(live.evidence("staging"), before);
}

/// Seen on a loaded machine: one server was frozen by the kernel for good, and the engine said that
/// it runs.
fn what_the_engine_and_the_kernel_disagree_about_runs_in_the_end(live: &Live) {
    let ids = ["neo4j", "redis"].map(|service| {
        let name = live.container("staging", service);
        docker(&["container", "inspect", "--format", "{{.Id}}", &name])
    });
    let [neo4j, redis] = ids.each_ref().map(|id| Freezer::of(id.trim()));
    let up = || live.xtask(&["up", "staging"]).run().code(0);

    // Redis, and it alone, runs already, and the engine takes it for frozen.
    docker(&["pause", ids[0].trim(), ids[1].trim()]);
    redis.set(false);
    up().stderr_has("unpause tta-");
    assert_eq!((neo4j.frozen(), redis.frozen()), (false, false));

    // Neo4j, and it alone, is frozen, and the engine says that it runs.
    neo4j.set(true);
    up().stderr_has("unpause tta-");
    assert_eq!((neo4j.frozen(), redis.frozen()), (false, false));
}

/// The kernel's own switch of a container, in either version of control groups.
struct Freezer {
    file: PathBuf,
    words: [&'static str; 2],
}

impl Freezer {
    fn of(id: &str) -> Self {
        let all = [
            (format!("freezer/docker/{id}/freezer.state"), FIRST),
            (
                format!("freezer/system.slice/docker-{id}.scope/freezer.state"),
                FIRST,
            ),
            (
                format!("system.slice/docker-{id}.scope/cgroup.freeze"),
                SECOND,
            ),
            (format!("docker/{id}/cgroup.freeze"), SECOND),
        ];
        let files = all.map(|(path, words)| Self {
            file: Path::new("/sys/fs/cgroup").join(path),
            words,
        });
        let found = files.into_iter().find(|one| one.file.is_file());
        found.expect("the engine is on this machine, and has a control group for each container")
    }

    fn set(&self, frozen: bool) {
        let word = self.words[usize::from(frozen)];
        std::fs::write(&self.file, word).expect("only root has the kernel's switch");
        until("the kernel has done it", || self.frozen() == frozen);
    }

    fn frozen(&self) -> bool {
        let said = std::fs::read_to_string(&self.file).expect("its state");
        said.trim() != self.words[0]
    }
}

const FIRST: [&str; 2] = ["THAWED", "FROZEN"];
const SECOND: [&str; 2] = ["0", "1"];

#[test]
fn what_cannot_be_saved_is_refused_and_two_at_once_exclude_each_other() {
    let live = Live::new("snapshots that are refused");
    live.up(&["staging"]);
    live.write("staging", "kept");

    let shim = Shim::holding("pause");
    let first = begun(&shim.before(live.xtask(&["snapshot", "staging", "--max-freeze", "60"])));
    until("the first has begun", || shim.reached());
    live.xtask(&["snapshot", "staging"])
        .run()
        .code(3)
        .stderr_has("is locked by");
    shim.release();
    let ended = patience::ended(first, "the first");
    // The client was late, but came back before it was given up, or was given up: never half.
    let names = live.saved_names("staging");
    match ended.status.code() {
        Some(0) => assert_eq!(names.len(), 1),
        code => assert_eq!((code, names.len()), (Some(1), 0)),
    }

    docker(&["stop", &live.container("staging", "neo4j")]);
    live.xtask(&["snapshot", "staging"])
        .run()
        .code(3)
        .stderr_has("its servers do not answer")
        .stderr_has("cargo xtask up staging");
    docker(&[
        "rm",
        "--force",
        "--volumes",
        &live.container("staging", "redis"),
    ]);
    live.xtask(&["snapshot", "staging"]).run().code(3);
    assert_eq!(live.saved_names("staging"), names);
    live.assert_no_scratch();

    live.xtask(&["snapshot", "prod"]).run().code(3);
    for id in [
        "../20261122_213000",
        "20261122_213000 ",
        "x\n",
        ".making-20261122_213000",
    ] {
        live.xtask(&["drill", "staging", "--id", id]).run().code(2);
        live.xtask(&["snapshots", "verify", "staging", id])
            .run()
            .code(2);
    }
}

//! Clients that write throughout, as fast as they are answered.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::docker::{command, docker};
use crate::harness::patience;
use crate::live::Live;
use crate::look::password;
use crate::saved::manifest;
use crate::wire;

/// When each write was acknowledged, in seconds since 1970.
type Acknowledged = Vec<f64>;

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs_f64()
}

/// Ends the writers when it goes, also when a snapshot fails: the scope waits for them before it tells
/// of the failure.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A key each time.
fn write_keys(live: &Live, stop: &AtomicBool) -> Acknowledged {
    let mut redis = live.redis("staging");
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let key = format!("staging:written:{}", acknowledged.len());
        let reply = redis.ask(&["SET", &key, "x"]);
        assert_eq!(reply, Ok(json!("OK")), "a write to Redis");
        acknowledged.push(now());
        // Often enough to be in the middle of something whenever a freeze comes, and not so often that
        // what makes the snapshot never has the processor.
        thread::sleep(Duration::from_millis(2));
    }
    acknowledged
}

/// A node each time.
fn write_nodes(live: &Live, stop: &AtomicBool) -> Acknowledged {
    let port = live.ports("staging").http;
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let statement = format!("CREATE (:Written:Staging {{n: {}}})", acknowledged.len());
        let (status, body) = wire::query(port, "tta-staging", &password("staging"), &statement)
            .expect("Neo4j answers");
        assert!(status < 300 && body["data"].is_object(), "{status} {body}");
        acknowledged.push(now());
        thread::sleep(Duration::from_millis(20));
    }
    acknowledged
}

/// The engine's own record of freezes, while it is kept.
struct Events(Option<Child>);

impl Drop for Events {
    /// A test that failed half way asks for no record, and the child would never end by itself.
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Events {
    fn record(live: &Live) -> Self {
        let filter = |what: &str| format!("container={}", live.container("staging", what));
        let (neo4j, redis) = (filter("neo4j"), filter("redis"));
        let args = [
            "events",
            "--filter",
            &neo4j,
            "--filter",
            &redis,
            "--filter",
            "event=pause",
            "--filter",
            "event=unpause",
            "--format",
            "{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}",
        ];
        let child = command(&args).stdout(Stdio::piped()).spawn();
        Self(Some(child.expect("docker starts")))
    }

    /// When a server was frozen and when it ran again, in seconds since 1970, freeze by freeze.
    fn of(mut self, name: &str) -> impl Fn(&str) -> Vec<(f64, f64)> {
        let mut child = self.0.take().expect("it is kept until now");
        child.kill().expect("it runs");
        let output = patience::ended(child, "a shell in a container");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let name = name.to_owned();
        move |service: &str| {
            let name = format!("{name}-{service}");
            let mut times = text.lines().filter_map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let nanoseconds: f64 = words[0].parse().ok()?;
                (words[2] == name).then_some(nanoseconds / 1e9)
            });
            let mut freezes = Vec::new();
            while let (Some(from), Some(until)) = (times.next(), times.next()) {
                freezes.push((from, until));
            }
            freezes
        }
    }
}

#[test]
fn writers_see_no_error_through_snapshots_and_each_holds_all_that_was_acknowledged_before_its_freeze()
 {
    let live = Live::new("writers through several snapshots");
    let snapshots = written_through(&live, 3);
    let newest = snapshots.last().expect("three");
    drilled(&live, newest);
    // With Redis' own tools, not with ours.
    let mount = format!("{}:/kept:ro", newest.display());
    let check = [
        "run",
        "--rm",
        "--network",
        "none",
        "--volume",
        &mount,
        "--entrypoint",
        "redis-check-rdb",
        "tta-redis:8.0.2",
        "/kept/redis.rdb",
    ];
    let checked = docker(&check);
    let expected = manifest(newest)["fingerprint"]["redis"]["databases"]["0"]["keys"].clone();
    assert!(
        checked.contains(&format!("{expected} keys read")),
        "{checked}"
    );
    live.assert_no_scratch();
}

#[test]
#[ignore = "a quarter of an hour: cargo xtask test --all ten_snapshots"]
fn writers_see_no_error_through_ten_snapshots_in_a_row_and_each_of_them_restores() {
    let live = Live::new("writers through ten snapshots");
    let snapshots = written_through(&live, 10);
    for path in &snapshots {
        drilled(&live, path);
    }
    live.assert_no_scratch();
}

fn drilled(live: &Live, path: &Path) {
    let id = path.file_name().expect("an id").to_string_lossy();
    live.xtask(&["drill", "staging", "--id", &id])
        .run()
        .code(0)
        .stdout_has("restores to the same data");
}

/// Makes snapshots while both servers are written to, and compares each with what was acknowledged.
fn written_through(live: &Live, count: usize) -> Vec<PathBuf> {
    live.up(&["staging"]);
    let before = live.containers("staging");
    let events = Events::record(live);
    let stop = AtomicBool::new(false);
    let (keys, nodes, snapshots) = thread::scope(|scope| {
        let ends = Ends(&stop);
        let keys = scope.spawn(|| write_keys(live, &stop));
        let nodes = scope.spawn(|| write_nodes(live, &stop));
        let snapshot = |_| (live.snapshot("staging"), now());
        let made: Vec<_> = (0..count).map(snapshot).collect();
        drop(ends);
        // A writer that saw an error has died of it.
        let keys = keys.join().expect("Redis answered every write");
        let nodes = nodes.join().expect("Neo4j answered every write");
        (keys, nodes, made)
    });
    assert_eq!(
        live.containers("staging"),
        before,
        "the servers were restarted"
    );
    let name = format!("tta-{}-staging", live.name);
    let freezes = events.of(&name);
    for (path, ended) in &snapshots {
        let manifest = manifest(path);
        let print = &manifest["fingerprint"];
        let count = |value: &serde_json::Value| value.as_u64().expect("a number");
        let keys_kept = count(&print["redis"]["databases"]["0"]["keys"]);
        let nodes_kept = count(&print["neo4j"]["nodes"]);
        for (service, acknowledged, kept) in
            [("redis", &keys, keys_kept), ("neo4j", &nodes, nodes_kept)]
        {
            // A freeze that came while a server was starting a process was made again: the last counts.
            let mut before = freezes(service).into_iter().rev();
            let (from, until) = before
                .find(|(_, until)| until <= ended)
                .expect("it was frozen");
            let by =
                |moment: f64| acknowledged.iter().filter(|time| **time <= moment).count() as u64;
            // One more may have been written whose answer came after the freeze.
            assert!(
                (by(from)..=by(until) + 1).contains(&kept),
                "{service}: {} were acknowledged before the freeze, {} until its end, {kept} kept",
                by(from),
                by(until)
            );
            assert!(
                by(from) > 0,
                "{service}: nothing was written before the freeze"
            );
            assert!(
                until - from < 5.0,
                "{service} was frozen for {} s",
                until - from
            );
        }
    }
    snapshots.into_iter().map(|(path, _)| path).collect()
}

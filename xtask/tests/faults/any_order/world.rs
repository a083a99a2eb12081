//! The set on which things happen, what is known of it by what was done, and what must be so after
//! each.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use environments::{Environment, Service, Volume};

use super::ops::{Command, Fortune, Op, Trouble};
use crate::compose::Project;
use crate::harness::Ended;
use crate::ledger::{kept, live, lost, snapshots};
use crate::model::{self, State, Writes};
use crate::orders::Act;
use crate::put_back::Saved;
use crate::set::{Set, at_call, at_change, main_set, observe};
use crate::snapshots::frozen;

const STAGING: Environment = Environment::Staging;

/// An old Redis volume, to be adopted.
const OLD: &str = "old_redis_data";

/// A set with a drilled snapshot of staging, begun with in every case.
pub(crate) struct World {
    set: Set,
    engine: State,
    told: RefCell<Case>,
}

/// What is known of a case.
#[derive(Default)]
struct Case {
    /// What was typed and what happened, a line each.
    script: Vec<String>,
    /// What may be lost: a phrase has said so.
    forgiven: Writes,
    last: Option<(Command, Vec<String>)>,
    /// To which environments something was done.
    touched: Vec<Environment>,
}

/// What is so before a command.
struct Before {
    neighbours: String,
    live: Writes,
    kept: Writes,
    snapshots: Vec<String>,
    volumes: Vec<String>,
    changes: usize,
    frozen: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let set = Set::usual();
        set.write(STAGING);
        set.change(|state| {
            let old = model::Volume {
                created_at: state.moment(),
                keys: 7,
                bare: 7,
                ..model::Volume::default()
            };
            state.volumes.insert(OLD.to_owned(), old);
        });
        let Saved { set, .. } = Saved::of(set);
        for folder in ["state", "checkout"] {
            copy(&set.path(folder), &set.path(&format!("{folder}.first")));
        }
        let engine = set.state();
        Self {
            set,
            engine,
            told: RefCell::default(),
        }
    }

    /// One case from the beginning; what is wrong, with all that was done.
    pub(crate) fn case(&self, ops: &[Op]) -> Result<(), String> {
        for folder in ["state", "checkout"] {
            let _ = fs::remove_dir_all(self.set.path(folder));
            copy(
                &self.set.path(&format!("{folder}.first")),
                &self.set.path(folder),
            );
        }
        self.set.forget_log();
        self.set.order(&[]);
        self.set.change(|state| state.clone_from(&self.engine));
        *self.told.borrow_mut() = Case::default();
        let all = ops.iter().try_for_each(|op| self.happens(op));
        all.and_then(|()| self.ends_well()).map_err(|wrong| {
            let script = self.told.borrow().script.join("\n");
            format!("{script}\n--- {wrong}")
        })
    }

    fn note(&self, line: impl Into<String>) {
        self.told.borrow_mut().script.push(line.into());
    }

    fn happens(&self, op: &Op) -> Result<(), String> {
        let set = &self.set;
        self.told.borrow_mut().touched.extend(op.environment());
        match op {
            Op::Run(command, fortune) => {
                let words = self.words(*command);
                self.runs(*command, &words, *fortune)?;
                let last = &mut self.told.borrow_mut().last;
                if last.is_none() || !matches!(fortune, Fortune::Undisturbed) {
                    *last = Some((*command, words));
                }
                Ok(())
            }
            Op::Again => {
                let last = self.told.borrow().last.clone();
                last.map_or(Ok(()), |(command, words)| self.settles(command, &words))
            }
            other => {
                self.note(format!("# {other:?}"));
                match *other {
                    Op::Writes(environment) => set.write(environment),
                    Op::Dies(environment, service) => self.becomes(environment, service, "exited"),
                    Op::Paused(environment) => {
                        for service in Service::ALL {
                            self.becomes(environment, service, "paused");
                        }
                    }
                    Op::ComposeUp(environment) => self.compose_up(environment),
                    Op::Torn => self.tear(),
                    Op::StateLost => drop(fs::remove_dir_all(set.path("state"))),
                    Op::Days(days) => self.pass(days),
                    Op::Run(..) | Op::Again => {}
                }
                Ok(())
            }
        }
    }

    /// What runs ends, or is frozen.
    fn becomes(&self, environment: Environment, service: Service, status: &str) {
        let name = main_set(environment).container(service);
        self.set.change(|state| {
            let server = state.containers.get_mut(&name);
            if let Some(server) = server.filter(|server| server.status == "running") {
                status.clone_into(&mut server.status);
            }
        });
    }

    fn compose_up(&self, environment: Environment) {
        let file = format!("docker/docker-compose.{}.yml", environment.slug());
        let project = main_set(environment).project();
        let project = Project::read(&project, &self.set.checkout().join(file), &|_| None);
        let all = Volume::ALL.map(|volume| main_set(environment).volume(volume));
        self.set.change(|state| {
            // Staging's are external: without them compose starts nothing.
            if all.iter().all(|name| state.volumes.contains_key(name)) {
                project.up(state);
            }
        });
    }

    fn tear(&self) {
        let path = self.set.path("state/journal.jsonl");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let last = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let half = last + (text.len() - last) / 2;
        if half > 0 {
            fs::write(path, &text[..half]).expect("the journal");
        }
    }

    /// Drills were so many days ago; in days to come where the clock was set back.
    fn pass(&self, days: i64) {
        for id in snapshots(&self.set, STAGING).keys() {
            let folder = self.set.checkout().join("backups/staging").join(id);
            let path = folder.join("drill.json");
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let mut drill: serde_json::Value = serde_json::from_str(&text).expect("a drill");
            let at = drill["at"].as_str().expect("a time");
            let at: chrono::DateTime<chrono::Utc> = at.parse().expect("a time");
            let at = at - chrono::TimeDelta::days(days);
            drill["at"] = at.format("%Y-%m-%dT%H:%M:%SZ").to_string().into();
            fs::write(path, drill.to_string()).expect("a drill");
        }
    }

    /// The snapshot of that age; one that never was, where there are not so many.
    fn id(&self, age: usize) -> String {
        let all = snapshots(&self.set, STAGING);
        let id = all.into_keys().rev().nth(age);
        id.unwrap_or_else(|| "20200101_000000".to_owned())
    }

    /// A command as it is typed, with its phrase.
    fn words(&self, command: Command) -> Vec<String> {
        let words = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let confirmed = |line: &str, phrase: String| {
            let mut words = words(line);
            words.extend(["--confirm".to_owned(), phrase]);
            words
        };
        match command {
            Command::Up(environment) => words(&format!("up {environment}")),
            Command::Down(environment) => words(&format!("down {environment}")),
            Command::WipeDev => confirmed("wipe-dev", "DELETE DEV DATA".to_owned()),
            Command::ResetTest { in_place } => words(if in_place {
                "reset-test --mode in-place"
            } else {
                "reset-test --mode recreate"
            }),
            Command::Snapshot => words("snapshot staging"),
            Command::Drill => words("drill"),
            Command::Restore(age) => {
                let id = self.id(age);
                let phrase = format!("RESTORE STAGING {id}");
                confirmed(&format!("restore staging {id}"), phrase)
            }
            Command::Forget(age) => {
                let id = self.id(age);
                let phrase = format!("FORGET STAGING {id}");
                confirmed(&format!("restore staging {id} --forget"), phrase)
            }
            Command::Wipe { age, losing } => {
                let id = self.id(age);
                let mut phrase = format!("DELETE STAGING DATA, BACKUP {id}");
                if losing {
                    phrase.push_str(&format!(", LOSING CHANGES SINCE {id}"));
                }
                confirmed(&format!("wipe staging --backup {id}"), phrase)
            }
            Command::Prune => {
                let phrase = "PRUNE STAGING SNAPSHOTS".to_owned();
                confirmed("snapshots prune staging --keep-last 1", phrase)
            }
            Command::Migrate => words("migrate-namespace dev"),
            Command::Adopt => words(&format!("adopt dev --from-redis {OLD}")),
            Command::Prove => words("verify-isolation dev test staging --layer tool"),
            Command::Status => words("status"),
            Command::History => words("history"),
        }
    }

    /// Runs a command to whatever end, and looks at all that must be so.
    fn runs(&self, command: Command, words: &[String], fortune: Fortune) -> Result<Ended, String> {
        let set = &self.set;
        let before = self.before(command);
        let fails = || {
            let stderr = "Error response from daemon: operation timed out\n".to_owned();
            let (code, stdout) = (1, String::new());
            Act::Reply {
                code,
                stdout,
                stderr,
            }
        };
        let order = match fortune {
            Fortune::Undisturbed => None,
            Fortune::KilledBefore(at) => Some(at_change(at, Act::KillBefore)),
            Fortune::KilledAfter(at) => Some(at_change(at, Act::KillAfter)),
            Fortune::Interrupted(at) => Some(at_change(at, Act::Interrupt)),
            Fortune::Fails(at) => Some(at_change(at, fails())),
            Fortune::AtStep(trouble, step) => {
                let act = match trouble {
                    Trouble::Killed => Act::KillBefore,
                    Trouble::Fails => fails(),
                    Trouble::Interrupted => Act::Interrupt,
                };
                Some(at_call(step, 1, act))
            }
        };
        set.order(&Vec::from_iter(order));
        let typed: Vec<&str> = words.iter().map(String::as_str).collect();
        let ended = set.xtask(&typed).run();
        set.order(&[]);
        let code = ended
            .code
            .map_or("killed".to_owned(), |code| code.to_string());
        let quoted = words.iter().map(|word| match word.contains(' ') {
            true => format!("'{word}'"),
            false => word.clone(),
        });
        let line = quoted.collect::<Vec<_>>().join(" ");
        self.note(format!("cargo xtask {line}   # {fortune:?}: {code}"));
        self.judge(command, words, &before, &ended)
            .map_err(|wrong| format!("{wrong}\n{}{}", ended.stdout, ended.stderr))?;
        Ok(ended)
    }

    fn before(&self, command: Command) -> Before {
        let set = &self.set;
        let environment = command.environment();
        let state = set.state();
        Before {
            neighbours: neighbours(set, environment),
            live: environment.map_or_else(Writes::new, |one| live(set, one)),
            kept: kept(set, STAGING),
            snapshots: snapshots(set, STAGING).into_keys().collect(),
            volumes: own_volumes(&state, environment),
            changes: set.changes().len(),
            frozen: frozen(set),
        }
    }

    /// What must be so after a command, however it ended.
    fn judge(
        &self,
        command: Command,
        words: &[String],
        before: &Before,
        ended: &Ended,
    ) -> Result<(), String> {
        let set = &self.set;
        // A freeze outlives the run that was killed, but not for long.
        if ended.code.is_none() && !before.frozen {
            observe("nothing is frozen", || !frozen(set));
        }
        self.forgive(command, words, before, ended);
        let lost: Writes = lost(set, STAGING);
        let forgiven = self.told.borrow().forgiven.clone();
        let lost: Writes = lost.difference(&forgiven).copied().collect();
        check(lost.is_empty(), || {
            format!("staging has lost the writes {lost:?}")
        })?;
        let now = neighbours(set, command.environment());
        check(now == before.neighbours, || {
            format!(
                "a neighbour has changed from\n{}\nto\n{now}",
                before.neighbours
            )
        })?;
        self.touched_only(command, before)?;
        check(before.frozen || !frozen(set), || {
            "staging was left frozen".to_owned()
        })?;
        match ended.code {
            Some(0) => self.done(command, words, before),
            Some(2 | 3) => self.refused(command, before),
            _ => Ok(()),
        }
    }

    /// What a phrase has said that it would be lost.
    fn forgive(&self, command: Command, words: &[String], before: &Before, ended: &Ended) {
        let mut case = self.told.borrow_mut();
        let did_something = !matches!(ended.code, Some(2 | 3));
        match command {
            Command::Wipe { losing: true, .. } if did_something => {
                case.forgiven.extend(&before.live);
            }
            Command::Forget(_) if ended.code == Some(0) && words.len() > 2 => {
                case.forgiven.extend(&before.kept);
            }
            Command::Prune => {
                let left = snapshots(&self.set, STAGING);
                let gone = before.snapshots.iter().any(|id| !left.contains_key(id));
                if gone {
                    drop(case);
                    let lost = lost(&self.set, STAGING);
                    self.told.borrow_mut().forgiven.extend(lost);
                }
            }
            _ => {}
        }
    }

    /// Every object that was changed has a name of the environment's.
    fn touched_only(&self, command: Command, before: &Before) -> Result<(), String> {
        let changes = self.set.changes();
        for subject in &changes[before.changes..] {
            let name = subject.split(' ').next_back().unwrap_or_default();
            let ours = command.environment().is_some_and(|environment| {
                let slug = environment.slug();
                name.starts_with(&format!("tta-{slug}-"))
                    || name.starts_with(&format!("tta_neo4j_{slug}_"))
                    || name.starts_with(&format!("tta_redis_{slug}_"))
                    || name.starts_with("tta_scratch")
                    || name.contains("scratch")
            });
            check(ours, || format!("{subject} was touched"))?;
        }
        Ok(())
    }

    /// It says that it is done: so it is.
    fn done(&self, command: Command, words: &[String], before: &Before) -> Result<(), String> {
        let set = &self.set;
        let state = set.state();
        let up = |environment| {
            let runs = |service| {
                let server = state
                    .containers
                    .get(&main_set(environment).container(service));
                server.is_some_and(|server| server.status == "running")
            };
            check(Service::ALL.into_iter().all(runs), || {
                format!("{environment} does not run")
            })
        };
        let holds = |environment, writes: &Writes| {
            let now = live(set, environment);
            check(now == *writes, || {
                format!("{environment} holds {now:?}, not {writes:?}")
            })
        };
        let none = Writes::new();
        match command {
            Command::Up(environment) => {
                up(environment)?;
                holds(environment, &before.live)
            }
            Command::Down(environment) => {
                let there = |service| {
                    state
                        .containers
                        .contains_key(&main_set(environment).container(service))
                };
                check(!Service::ALL.into_iter().any(there), || {
                    "it is not down".to_owned()
                })?;
                holds(environment, &before.live)
            }
            Command::WipeDev => {
                up(Environment::Dev)?;
                self.empty(Environment::Dev)
            }
            Command::ResetTest { .. } => {
                up(Environment::Test)?;
                self.empty(Environment::Test)
            }
            Command::Wipe { .. } => {
                up(STAGING)?;
                self.empty(STAGING)
            }
            Command::Snapshot => {
                up(STAGING)?;
                holds(STAGING, &before.live)?;
                let all = snapshots(set, STAGING);
                let new = all.iter().find(|(id, _)| !before.snapshots.contains(id));
                check(new.is_some_and(|(_, held)| *held == before.live), || {
                    format!("no new snapshot holds {:?}: {all:?}", before.live)
                })
            }
            Command::Restore(_) => {
                up(STAGING)?;
                let all = snapshots(set, STAGING);
                let id = &words[2];
                holds(STAGING, all.get(id).unwrap_or(&none))?;
                let safe = |write: &u64| {
                    let forgiven = self.told.borrow().forgiven.contains(write);
                    forgiven || all.values().any(|held| held.contains(write))
                };
                check(before.live.iter().all(safe), || {
                    "what was there before is in no snapshot".to_owned()
                })
            }
            Command::Drill => holds(STAGING, &before.live),
            _ => Ok(()),
        }
    }

    fn empty(&self, environment: Environment) -> Result<(), String> {
        let graph = self.set.graph(environment);
        let found = (graph.nodes, self.set.keys(environment));
        check(found == (0, 0), || {
            format!("{environment} is not empty: {found:?}")
        })
    }

    /// It says that a guard said no: nothing that it holds was touched.
    fn refused(&self, command: Command, before: &Before) -> Result<(), String> {
        let Some(environment) = command.environment() else {
            return Ok(());
        };
        let now = live(&self.set, environment);
        check(now == before.live, || format!("refused, and holds {now:?}"))?;
        let volumes = own_volumes(&self.set.state(), Some(environment));
        check(volumes == before.volumes, || {
            format!(
                "refused, and its volumes are {volumes:?}, not {:?}",
                before.volumes
            )
        })
    }

    /// A command as it was typed, with what it says is to be done first.
    fn settles(&self, command: Command, words: &[String]) -> Result<(), String> {
        let mut said = String::new();
        for _ in 0..3 {
            let ended = self.runs(command, words, Fortune::Undisturbed)?;
            if ended.code == Some(0) {
                return Ok(());
            }
            let hinted = hinted(&ended.stderr);
            check(
                ended.stderr.contains("next: ") || ended.code != Some(3),
                || format!("refused without a hint: {}", ended.stderr),
            )?;
            if hinted.is_empty() {
                return Ok(());
            }
            said = ended.stderr;
            for line in hinted {
                self.follow(&line)?;
            }
        }
        // A phrase that does not fit what is there is to be typed anew, by a person.
        let phrase = words.iter().any(|word| word == "--confirm");
        check(phrase, || format!("its hints lead nowhere: {said}"))
    }

    /// Types what was hinted.
    fn follow(&self, line: &str) -> Result<(), String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let command = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["up", name] => Command::Up(name.parse().expect("an environment")),
            ["snapshot", "staging"] => Command::Snapshot,
            ["drill", ..] => Command::Drill,
            ["reset-test", "--mode", "recreate"] => Command::ResetTest { in_place: false },
            ["wipe-dev"] => {
                let words = self.words(Command::WipeDev);
                return self
                    .runs(Command::WipeDev, &words, Fortune::Undisturbed)
                    .map(drop);
            }
            ["restore", "staging", id] => {
                let phrase = format!("RESTORE STAGING {id}");
                let confirmed = ["--confirm".to_owned(), phrase];
                let words = [words.clone(), confirmed.to_vec()].concat();
                return self
                    .runs(Command::Restore(0), &words, Fortune::Undisturbed)
                    .map(drop);
            }
            _ => return Ok(()),
        };
        self.runs(command, &words, Fortune::Undisturbed).map(drop)
    }

    /// Whatever has happened to it, each environment is one command away, and staging can be saved.
    fn ends_well(&self) -> Result<(), String> {
        let touched = self.told.borrow().touched.clone();
        for environment in Environment::LOCAL {
            if touched.contains(&environment) {
                let command = Command::Up(environment);
                self.settles(command, &self.words(command))?;
            }
        }
        if !touched.contains(&STAGING) {
            return Ok(());
        }
        let saved = self.runs(
            Command::Snapshot,
            &self.words(Command::Snapshot),
            Fortune::Undisturbed,
        )?;
        check(saved.code == Some(0), || {
            format!("staging cannot be saved: {}", saved.stderr)
        })
    }
}

/// The commands that are named as what to do next, without what only a person knows.
fn hinted(stderr: &str) -> Vec<String> {
    let hints = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("next: "));
    let commands = hints.flat_map(|hint| hint.split("cargo xtask ").skip(1));
    let plain = commands.map(|rest| {
        let end = rest.find(['(', ';', ',']).unwrap_or(rest.len());
        rest[..end].trim().to_owned()
    });
    plain.collect()
}

/// Everything on the engine that is of other environments, but for what runs make for themselves.
fn neighbours(set: &Set, environment: Option<Environment>) -> String {
    let mut state = set.state();
    let ours = |name: &String| {
        environment.is_some_and(|environment| {
            let slug = environment.slug();
            let deployment = main_set(environment);
            name.starts_with(&format!("tta-{slug}-"))
                || Volume::ALL
                    .iter()
                    .any(|volume| name.starts_with(&deployment.volume(*volume)))
        })
    };
    let made = |name: &String| name.contains("scratch");
    state
        .containers
        .retain(|name, _| !ours(name) && !made(name));
    state.volumes.retain(|name, _| !ours(name) && !made(name));
    state.networks.retain(|name, _| !ours(name));
    serde_json::to_string(&(state.containers, state.volumes, state.networks)).expect("JSON")
}

/// An environment's volumes, each by when it was made.
fn own_volumes(state: &State, environment: Option<Environment>) -> Vec<String> {
    let names = environment
        .into_iter()
        .flat_map(|environment| Volume::ALL.map(|volume| main_set(environment).volume(volume)));
    names
        .filter_map(|name| {
            let made = &state.volumes.get(&name)?.created_at;
            Some(format!("{name} of {made}"))
        })
        .collect()
}

fn check(so: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if so { Ok(()) } else { Err(wrong()) }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("it is copied");
        }
    }
}

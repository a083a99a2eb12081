//! What is compared with what, and what is aimed at.

use environments::Environment::{Dev, Test};

use crate::bench::figures::Target;
use crate::bench::namespaces::{Bare, Marked, Prefixed, Watched};
use crate::bench::old;
use crate::bench::ours::{self, Proof};
use crate::bench::plain::Lines;
use crate::bench::proofs::{self, Audited, Compared};
use crate::bench::site::{KEYS, NODES, Site};
use crate::bench::snapshots::{Documented, Measure, Restored, Saved, Work};
use crate::bench::{Ways, report};
use crate::error::{Failure, Result};

/// One comparison.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// None where ours is timed alone.
    pub(crate) old: Option<&'static str>,
    pub(crate) ours: &'static str,
    pub(crate) target: Target,
    /// Takes minutes: only where it is named, or all are asked for.
    slow: bool,
    pub(super) ways: for<'a> fn(&'a Site<'a>) -> Result<Ways<'a>>,
}

impl Entry {
    /// Both ways in a line.
    pub(crate) fn description(&self) -> String {
        let aim = report::aim(self.target);
        match self.old {
            Some(old) => format!("{}: {old} | {} (target {aim})", self.name, self.ours),
            None => format!("{}: {} (target {aim})", self.name, self.ours),
        }
    }
}

const OLD_RESET: &str = "docker compose down -v; docker compose up -d; cypher-shell 'RETURN 1' \
                         every 5 s until it answers";

const WIPE_DEV: &[&str] = &["wipe-dev", "--confirm", "DELETE DEV DATA"];

/// All of them, in the order in which they are run.
static ALL: [Entry; 18] = [
    Entry {
        name: "reset-in-place",
        old: Some(OLD_RESET),
        ours: "cargo xtask reset-test",
        target: Target::Ratio(1.0 / 12.0),
        slow: false,
        ways: |site| resets(site, &["reset-test"], Proof::SameServers),
    },
    Entry {
        name: "reset-recreate",
        old: Some(OLD_RESET),
        ours: "cargo xtask reset-test --mode recreate",
        target: Target::Ratio(0.25),
        slow: false,
        ways: |site| {
            let args = &["reset-test", "--mode", "recreate"];
            resets(site, args, Proof::NewVolumes)
        },
    },
    Entry {
        name: "wipe-dev",
        old: Some(
            "docker compose down; docker volume rm; docker compose up -d; cypher-shell \
             'RETURN 1' every 5 s until it answers",
        ),
        ours: "cargo xtask wipe-dev",
        target: Target::Ratio(0.25),
        slow: false,
        ways: |site| {
            Ok(Ways {
                old: Some(Box::new(old::Emptied::new(site, Dev, Lines::Wipe)?)),
                ours: Box::new(wiped(site, NODES)),
            })
        },
    },
    Entry {
        name: "wipe-dev-million",
        old: Some("cargo xtask wipe-dev on no node"),
        ours: "cargo xtask wipe-dev on 1,000,000 nodes",
        target: Target::Ratio(1.1),
        slow: true,
        ways: |site| {
            Ok(Ways {
                old: Some(Box::new(wiped(site, 0))),
                ours: Box::new(wiped(site, 1_000_000)),
            })
        },
    },
    Entry {
        name: "up-three",
        old: Some(
            "docker compose up -d --wait of three files side by side, plain images, wget as \
             health check",
        ),
        ours: "cargo xtask up dev test staging",
        target: Target::Ratio(0.6),
        slow: false,
        ways: |site| {
            Ok(Ways {
                old: Some(Box::new(old::Started::new(site)?)),
                ours: Box::new(ours::Started { site }),
            })
        },
    },
    Entry {
        name: "status",
        old: None,
        ours: "cargo xtask status of three that run",
        target: Target::Seconds(1.0),
        slow: false,
        ways: |site| Ok(alone(Box::new(ours::status(site)))),
    },
    Entry {
        name: "verify-isolation",
        old: Some(
            "docker exec … cypher-shell three times: a node made in dev, counted in test and in dev",
        ),
        ours: "cargo xtask verify-isolation of three that run, seven layers",
        target: Target::Ratio(1.0),
        slow: false,
        ways: |site| {
            Ok(Ways {
                old: Some(Box::new(old::Verified::new(site)?)),
                ours: Box::new(proofs::verified(site)),
            })
        },
    },
    Entry {
        name: "verify-static",
        old: None,
        ours: "cargo xtask verify-isolation --layer static of three compose files",
        target: Target::Seconds(1.0),
        slow: false,
        ways: |site| Ok(alone(Box::new(Compared::new(site)))),
    },
    Entry {
        name: "audit-million",
        old: None,
        ours: "cargo xtask verify-isolation dev --layer namespace of 1,000,000 keys and 1,000,000 \
               nodes",
        target: Target::Seconds(10.0),
        slow: true,
        ways: |site| Ok(alone(Box::new(Audited::new(site)))),
    },
    Entry {
        name: "help-warm",
        old: None,
        ours: "xtask --help",
        target: Target::Seconds(0.3),
        slow: false,
        ways: |site| Ok(alone(Box::new(ours::Help::new(site)))),
    },
    Entry {
        name: "cold-build",
        old: None,
        ours: "cargo xtask --help in an empty target folder",
        target: Target::Seconds(40.0),
        slow: true,
        ways: |site| Ok(alone(Box::new(ours::ColdBuild { site }))),
    },
    Entry {
        name: "snapshot-whole",
        old: Some(OLD_SAVE),
        ours: "cargo xtask snapshot staging, proof included",
        target: Target::Ratio(2.5),
        slow: true,
        ways: |site| saves(site, Measure::Whole),
    },
    Entry {
        name: "snapshot-unwritable",
        old: Some(OLD_SAVE),
        ours: "cargo xtask snapshot staging: the longest wait of a client that writes throughout",
        target: Target::Ratio(0.05),
        slow: true,
        ways: |site| saves(site, Measure::Unwritable),
    },
    Entry {
        name: "snapshot-1gb",
        old: None,
        ours: "cargo xtask snapshot staging of 1 GB: the longest wait of a client that writes \
               throughout as fast as it is answered",
        target: Target::Seconds(1.5),
        slow: true,
        ways: |site| Ok(alone(Box::new(Saved::new(site, Measure::UnwritableLarge)))),
    },
    Entry {
        name: "restore",
        old: Some(
            "docker stop; neo4j-admin database load; docker start; cypher-shell 'RETURN 1' every \
             second until it answers",
        ),
        ours: "cargo xtask restore staging, the snapshot of what was there included",
        target: Target::Ratio(2.0),
        slow: true,
        ways: |site| {
            Ok(Ways {
                old: Some(Box::new(Documented::new(site, Work::Load)?)),
                ours: Box::new(Restored::new(site)),
            })
        },
    },
    Entry {
        name: "prefix-keys-million",
        old: None,
        ours: "cargo xtask migrate-namespace dev on 1,000,000 keys",
        target: Target::Seconds(15.0),
        slow: true,
        ways: |site| {
            let marked = Marked::new(site, Bare::Keys);
            Ok(alone(Box::new(Watched::new(marked))))
        },
    },
    Entry {
        name: "label-nodes-million",
        old: None,
        ours: "cargo xtask migrate-namespace dev on 1,000,000 nodes",
        target: Target::Seconds(60.0),
        slow: true,
        ways: |site| Ok(alone(Box::new(Marked::new(site, Bare::Nodes)))),
    },
    Entry {
        name: "prefix-a-key",
        old: None,
        ours: "10,000,000 keys given their prefix by a Rust program, so 100 ns each",
        target: Target::Seconds(1.0),
        slow: false,
        ways: |site| Ok(alone(Box::new(Prefixed::new(site)))),
    },
];

const OLD_SAVE: &str = "docker stop; neo4j-admin database dump; redis-cli SAVE; docker start; \
                        cypher-shell 'RETURN 1' every second until it answers";

fn saves<'a>(site: &'a Site<'a>, measure: Measure) -> Result<Ways<'a>> {
    Ok(Ways {
        old: Some(Box::new(Documented::new(site, Work::Dump)?)),
        ours: Box::new(Saved::new(site, measure)),
    })
}

fn resets<'a>(site: &'a Site<'a>, args: &'static [&'static str], proof: Proof) -> Result<Ways<'a>> {
    Ok(Ways {
        old: Some(Box::new(old::Emptied::new(site, Test, Lines::Reset)?)),
        ours: Box::new(ours::Emptied::new(site, Test, args, proof, (NODES, KEYS))),
    })
}

fn wiped<'a>(site: &'a Site<'a>, nodes: u64) -> ours::Emptied<'a> {
    ours::Emptied::new(site, Dev, WIPE_DEV, Proof::NewVolumes, (nodes, KEYS))
}

fn alone<'a>(ours: Box<dyn super::Way + 'a>) -> Ways<'a> {
    Ways { old: None, ours }
}

/// The comparison of that name; else those whose name contains it; without a name all that are
/// quick, or really all.
///
/// # Errors
/// No name contains it.
pub(crate) fn chosen(name: Option<&str>, all: bool) -> Result<Vec<&'static Entry>> {
    let named: Vec<&Entry> = match name {
        None => return Ok(ALL.iter().filter(|one| all || !one.slow).collect()),
        Some(name) => {
            let exactly = ALL.iter().find(|one| one.name == name);
            exactly.map_or_else(
                || ALL.iter().filter(|one| one.name.contains(name)).collect(),
                |one| vec![one],
            )
        }
    };
    if named.is_empty() {
        let names: Vec<&str> = ALL.iter().map(|one| one.name).collect();
        return Err(Failure::usage(format!(
            "no comparison is called {:?}: expected {}",
            name.unwrap_or_default(),
            names.join(", ")
        )));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: Option<&str>, all: bool) -> Vec<&'static str> {
        let chosen = chosen(name, all).expect("there are some");
        chosen.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn a_slow_one_is_run_only_where_it_is_named_or_all_are_asked_for() {
        assert!(!names(None, false).contains(&"cold-build"));
        assert_eq!(names(None, true).len(), ALL.len());
        assert_eq!(names(Some("cold"), false), ["cold-build"]);
    }

    #[test]
    fn a_whole_name_chooses_one_and_a_part_chooses_all_that_contain_it() {
        assert_eq!(names(Some("wipe-dev"), false), ["wipe-dev"]);
        assert_eq!(
            names(Some("reset"), false),
            ["reset-in-place", "reset-recreate"]
        );
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let failure = chosen(Some("nothing"), false).err().expect("unknown");
        assert_eq!(failure.kind.exit_code(), 2);
        assert!(failure.message.contains("up-three"), "{failure}");
    }
}

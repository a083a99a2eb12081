//! Which tests there are: in what groups they run, and how long a group may take.

use std::time::Duration;

use crate::cli::Test;

/// All groups together end before whoever runs us ends us, and so always with an answer.
pub(super) fn whole(args: &Test) -> Duration {
    Duration::from_secs(60 * 80 * big(args))
}

/// The big stores take their time.
const fn big(args: &Test) -> u64 {
    if args.all { 4 } else { 1 }
}

/// What is started for one group.
#[derive(Debug)]
pub(super) struct Commands {
    pub(super) group: &'static str,
    /// What each cargo is given.
    pub(super) lines: Vec<Vec<String>>,
    /// How long they may take together.
    pub(super) limit: Duration,
}

/// Tests that are started together and counted together.
#[derive(Debug, Clone, Copy)]
struct Group {
    name: &'static str,
    /// What each `cargo test` of the group is given.
    selections: &'static [&'static [&'static str]],
    on_servers: OnServers,
    /// Longer than a slow machine needs: a group that takes more hangs, and is ended.
    minutes: u64,
}

/// Which tests of a group need an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnServers {
    None,
    /// Only those in the module of this name.
    Module(&'static str),
    All,
}

const GROUPS: [Group; 6] = [
    Group {
        name: "unit",
        selections: &[
            &["--package", "environments"],
            &["--package", "process"],
            &["--package", "compose-audit", "--lib", "--bins"],
            &["--package", "xtask", "--bins"],
        ],
        on_servers: OnServers::None,
        minutes: 20,
    },
    Group {
        name: "faults",
        selections: &[&["--package", "xtask", "--test", "faults"]],
        on_servers: OnServers::None,
        minutes: 30,
    },
    Group {
        name: "python",
        selections: &[&["--package", "xtask", "--test", "python"]],
        on_servers: OnServers::None,
        minutes: 20,
    },
    Group {
        name: "documentation",
        selections: &[&["--package", "xtask", "--test", "documentation"]],
        on_servers: OnServers::Module("on_servers::"),
        minutes: 20,
    },
    Group {
        name: "corpus",
        selections: &[
            &["--package", "compose-audit", "--test", "corpus"],
            &["--package", "xtask", "--test", "corpus"],
        ],
        on_servers: OnServers::Module("planted::"),
        minutes: 30,
    },
    Group {
        name: "live",
        selections: &[&["--package", "xtask", "--test", "live"]],
        on_servers: OnServers::All,
        minutes: 55,
    },
];

/// What cargo is given to build what a line runs.
pub(super) fn building(line: &[String]) -> impl Iterator<Item = String> {
    let selected = line.iter().take_while(|word| *word != "--");
    selected.cloned().chain(["--no-run".to_owned()])
}

/// The `cargo test` lines of each group.
pub(super) fn commands(args: &Test) -> Vec<Commands> {
    let chosen = |group: &&Group| {
        let left_out = args.unit && group.on_servers == OnServers::All;
        !left_out && (!args.faults || group.name == "corpus")
    };
    let lines = |group: &Group| {
        let line = |selection: &&[&str]| {
            let mut line = vec!["test", "--no-fail-fast"];
            line.extend(*selection);
            line.push("--");
            if args.all {
                line.push("--include-ignored");
            }
            if let (true, OnServers::Module(module)) = (args.unit, group.on_servers) {
                line.extend(["--skip", module]);
            }
            if args.faults {
                // Where each row is told as it comes.
                line.push("--nocapture");
            }
            line.extend(args.filter.as_deref());
            line.into_iter().map(str::to_owned).collect()
        };
        Commands {
            group: group.name,
            lines: group.selections.iter().map(line).collect(),
            limit: Duration::from_secs(60 * group.minutes * big(args)),
        }
    };
    GROUPS.iter().filter(chosen).map(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_runs_is_built_by_the_same_line_without_its_tests_words() {
        let line = ["test", "--package", "xtask", "--", "--skip", "x"].map(str::to_owned);
        let building: Vec<String> = building(&line).collect();
        assert_eq!(building, ["test", "--package", "xtask", "--no-run"]);
    }

    #[test]
    fn without_an_engine_no_test_on_servers_is_started() {
        let args = Test {
            all: false,
            unit: true,
            faults: false,
            install_engine: false,
            filter: Some("name".to_owned()),
        };
        let lines: Vec<String> = commands(&args)
            .into_iter()
            .flat_map(|commands| commands.lines)
            .map(|line| line.join(" "))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        test --no-fail-fast --package environments -- name
        test --no-fail-fast --package process -- name
        test --no-fail-fast --package compose-audit --lib --bins -- name
        test --no-fail-fast --package xtask --bins -- name
        test --no-fail-fast --package xtask --test faults -- name
        test --no-fail-fast --package xtask --test python -- name
        test --no-fail-fast --package xtask --test documentation -- --skip on_servers:: name
        test --no-fail-fast --package compose-audit --test corpus -- --skip planted:: name
        test --no-fail-fast --package xtask --test corpus -- --skip planted:: name
        ");
    }

    /// The packages of the workspace, by its manifest.
    fn packages() -> Vec<&'static str> {
        let manifest = include_str!("../../../../Cargo.toml");
        let members = manifest.split("members = [").nth(1);
        let members = members.and_then(|rest| rest.split(']').next());
        let named = members.expect("a list").split('"').skip(1).step_by(2);
        named
            .map(|folder| folder.rsplit('/').next().unwrap_or(folder))
            .collect()
    }

    #[test]
    fn the_unit_tests_of_every_package_are_run() {
        let unit = &GROUPS[0];
        let tested: Vec<&str> = unit.selections.iter().map(|line| line[1]).collect();
        let mut packages = packages();
        packages.sort_unstable();
        let mut sorted = tested;
        sorted.sort_unstable();
        assert_eq!(sorted, packages);
    }

    /// A test that stands in no group is run by nobody.
    #[test]
    fn every_test_of_a_package_stands_in_one_group() {
        let manifests = [
            (
                "compose-audit",
                include_str!("../../../../crates/compose-audit/Cargo.toml"),
            ),
            ("xtask", include_str!("../../../Cargo.toml")),
        ];
        let selections = || GROUPS.iter().flat_map(|group| group.selections);
        for (package, manifest) in manifests {
            let tests = manifest.split("[[test]]\nname = \"").skip(1);
            for test in tests.filter_map(|rest| rest.split('"').next()) {
                let line = ["--package", package, "--test", test];
                let times = selections().filter(|one| **one == line).count();
                assert_eq!(times, 1, "{package} {test}");
            }
        }
    }

    #[test]
    fn all_groups_end_before_a_ci_system_ends_them() {
        let run = include_str!("../../../../.ci/run");
        let outer = run
            .split("--kill-after=60 ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .expect("a timeout");
        let args = Test {
            all: false,
            unit: false,
            faults: false,
            install_engine: true,
            filter: None,
        };
        assert!(whole(&args) + Duration::from_secs(120) < Duration::from_secs(outer));
        assert!(outer < 90 * 60);
    }
}

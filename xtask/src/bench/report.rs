//! A bench as a table for people and as one document for programs.

use std::fs;
use std::thread;

use serde::Serialize;
use serde_json::{Value, json};

use crate::bench::figures::{Measured, Outcome, Target, Timed};
use crate::ui;

/// What was measured on: without it the seconds say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    /// In bytes; none where the system does not say.
    pub(crate) memory: Option<u64>,
    pub(crate) kernel: String,
    /// The engine's version.
    pub(crate) docker: String,
}

impl Machine {
    pub(crate) fn read(docker: String) -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory: memory(&text("/proc/meminfo")),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            docker,
        }
    }
}

fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

pub(crate) fn human(machine: &Machine, runs: usize, outcomes: &[Outcome]) -> String {
    let head = ["comparison", "old s", "ours s", "ratio", "target", "met"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(outcomes.iter().map(line));
    let memory = machine
        .memory
        .map_or_else(|| "unknown memory".to_owned(), ui::bytes);
    format!(
        "{}\n{}, {memory}, kernel {}, Docker {}; {} each, old and ours by turns",
        ui::table(&lines),
        ui::counted(machine.cores as u64, "core"),
        machine.kernel,
        machine.docker,
        ui::counted(runs as u64, "run"),
    )
}

fn line(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Failed { name, .. } => vec![(*name).to_owned(), "failed".to_owned()],
        Outcome::Measured(one) => vec![
            one.name.to_owned(),
            one.old
                .as_ref()
                .map_or_else(|| "-".to_owned(), |old| format!("{:.2}", old.median())),
            format!("{:.2}", one.ours.median()),
            one.ratio()
                .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
            aim(one.target),
            if one.met() { "yes" } else { "no" }.to_owned(),
        ],
    }
}

/// A target as a person reads it.
pub(crate) fn aim(target: Target) -> String {
    match target {
        Target::Ratio(most) => format!("<= {}", digits(most, 3)),
        Target::Seconds(most) => format!("< {} s", digits(most, 3)),
    }
}

pub(crate) fn document(machine: &Machine, runs: usize, outcomes: &[Outcome]) -> Value {
    let comparisons: Vec<Value> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Measured(one) => comparison(one),
            Outcome::Failed { name, message } => json!({ "name": name, "error": message }),
        })
        .collect();
    json!({ "machine": machine, "runs": runs, "comparisons": comparisons })
}

fn comparison(one: &Measured) -> Value {
    let (target, unit) = match one.target {
        Target::Ratio(most) => (most, "ratio"),
        Target::Seconds(most) => (most, "seconds"),
    };
    json!({
        "name": one.name,
        "old": one.old.as_ref().map(way),
        "ours": way(&one.ours),
        "ratio": one.ratio().map(|ratio| digits(ratio, 4)),
        "target": digits(target, 4),
        "target_unit": unit,
        "met": one.met(),
    })
}

fn way(timed: &Timed) -> Value {
    let seconds: Vec<f64> = timed.seconds.iter().map(|one| digits(*one, 3)).collect();
    json!({
        "what": timed.what,
        "seconds": seconds,
        "median": digits(timed.median(), 3),
    })
}

/// Rounded: nothing here is known to the nanosecond.
fn digits(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            cores: 2,
            memory: Some(8 << 30),
            kernel: "6.1.0".to_owned(),
            docker: "28.0.1".to_owned(),
        }
    }

    fn outcomes() -> Vec<Outcome> {
        let timed = |what, seconds: &[f64]| Timed {
            what,
            seconds: seconds.to_vec(),
        };
        vec![
            Outcome::Measured(Measured {
                name: "reset-in-place",
                old: Some(timed("docker compose down -v; …", &[24.0, 25.0])),
                ours: timed("cargo xtask reset-test", &[1.2, 1.0]),
                target: Target::Ratio(1.0 / 12.0),
            }),
            Outcome::Measured(Measured {
                name: "status",
                old: None,
                ours: timed("cargo xtask status", &[1.5, 1.7004]),
                target: Target::Seconds(1.0),
            }),
            Outcome::Failed {
                name: "up-three",
                message: "old way, run 1: no".to_owned(),
            },
        ]
    }

    #[test]
    fn the_table_names_the_machine_and_what_failed() {
        insta::assert_snapshot!(human(&machine(), 2, &outcomes()), @r"
        comparison      old s   ours s  ratio  target    met
        reset-in-place  24.50   1.10    0.045  <= 0.083  yes
        status          -       1.60    -      < 1 s     no
        up-three        failed

        2 cores, 8.0 GiB, kernel 6.1.0, Docker 28.0.1; 2 runs each, old and ours by turns
        ");
    }

    #[test]
    fn the_document_has_every_second_and_a_reason_for_what_failed() {
        let text = serde_json::to_string(&document(&machine(), 2, &outcomes())).expect("JSON");
        insta::assert_snapshot!(text, @r#"{"machine":{"cores":2,"memory":8589934592,"kernel":"6.1.0","docker":"28.0.1"},"runs":2,"comparisons":[{"name":"reset-in-place","old":{"what":"docker compose down -v; …","seconds":[24.0,25.0],"median":24.5},"ours":{"what":"cargo xtask reset-test","seconds":[1.2,1.0],"median":1.1},"ratio":0.045,"target":0.0833,"target_unit":"ratio","met":true},{"name":"status","old":null,"ours":{"what":"cargo xtask status","seconds":[1.5,1.7],"median":1.6},"ratio":null,"target":1.0,"target_unit":"seconds","met":false},{"name":"up-three","error":"old way, run 1: no"}]}"#);
    }

    #[test]
    fn memory_is_read_as_linux_writes_it() {
        assert_eq!(
            memory("MemTotal:       16384 kB\nMemFree: 1 kB\n"),
            Some(16 << 20)
        );
        assert_eq!(memory(""), None);
    }
}

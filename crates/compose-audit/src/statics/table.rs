//! Which questions the static layer asks of each environment and each two of them: the whole table,
//! whatever is found.
//!
//! Pure. A comparison that finds nothing is worth what it would have found: each is made with a copy
//! of the environment as well, and one that does not see even that has not seen.

use crate::Composed;
use crate::fault::Fault;
use crate::finding::{Check, Expected, Finding, Layer, Outcome, Seen};
use crate::report::counted;
use crate::statics::side::Side;
use crate::statics::{
    Read, addresses, credentials, declared, engine_access, images, mounts, names, namespaces,
    ports, routes, subnets,
};
use process::printable;

/// A question about two environments.
struct Comparison {
    subject: &'static str,
    /// What is counted.
    noun: &'static str,
    count: fn(&Side) -> usize,
    judge: fn(&Side, &Side) -> Vec<Finding>,
    /// Whether a copy of an environment clashes with it in as many things as there are to compare.
    mirrored: bool,
    /// Whether the shell's variables may decide it: names and ports that they change are S12.
    also_dirty: bool,
}

const COMPARISONS: &[Comparison] = &[
    Comparison {
        subject: "project name",
        noun: "project",
        count: |_| 1,
        judge: names::projects,
        mirrored: true,
        also_dirty: false,
    },
    Comparison {
        subject: "published ports",
        noun: "port",
        count: ports::count,
        judge: ports::clashes,
        mirrored: true,
        also_dirty: false,
    },
    Comparison {
        subject: "container names",
        noun: "container",
        count: names::count_containers,
        judge: names::container_names,
        mirrored: false,
        also_dirty: false,
    },
    Comparison {
        subject: "volumes",
        noun: "volume",
        count: names::count_volumes,
        judge: names::one_volume,
        mirrored: true,
        also_dirty: false,
    },
    Comparison {
        subject: "networks",
        noun: "network",
        count: names::count_networks,
        judge: names::one_network,
        mirrored: true,
        also_dirty: false,
    },
    Comparison {
        subject: "subnets",
        noun: "subnet",
        count: subnets::count,
        judge: subnets::overlaps,
        mirrored: true,
        also_dirty: false,
    },
    Comparison {
        subject: "bind mounts",
        noun: "writable mount",
        count: mounts::count,
        judge: mounts::overlaps,
        mirrored: true,
        also_dirty: true,
    },
    Comparison {
        subject: "folders of the engine",
        noun: "volume",
        count: names::count_volumes,
        judge: |one, other| {
            let mut findings = mounts::into_volumes(one, other);
            findings.extend(mounts::into_volumes(other, one));
            findings
        },
        mirrored: false,
        also_dirty: true,
    },
    Comparison {
        subject: "secret and config files",
        noun: "secret",
        count: mounts::count_files,
        judge: mounts::files,
        mirrored: false,
        also_dirty: true,
    },
    Comparison {
        subject: "images built",
        noun: "image",
        count: images::count_built,
        judge: images::built_twice,
        mirrored: false,
        also_dirty: false,
    },
    Comparison {
        subject: "addresses",
        noun: "mention",
        count: |side| addresses::mentions(side).len(),
        judge: |one, other| {
            let mut findings = addresses::of_another(one, other);
            findings.extend(addresses::of_another(other, one));
            findings
        },
        mirrored: false,
        also_dirty: true,
    },
    Comparison {
        subject: "routes of a common proxy",
        noun: "route",
        count: routes::count,
        judge: routes::clashes,
        mirrored: false,
        also_dirty: true,
    },
    Comparison {
        subject: "namespaces and links of containers",
        noun: "container",
        count: namespaces::count,
        judge: namespaces::of_another,
        mirrored: false,
        also_dirty: true,
    },
    Comparison {
        subject: "secrets",
        noun: "secret",
        count: credentials::count,
        judge: credentials::shared,
        mirrored: true,
        also_dirty: true,
    },
];

/// A question about one environment.
struct Question {
    subject: &'static str,
    noun: &'static str,
    count: fn(&Side) -> usize,
    judge: fn(&Side) -> Vec<Finding>,
    also_dirty: bool,
}

const QUESTIONS: &[Question] = &[
    Question {
        subject: "interfaces of published ports",
        noun: "port",
        count: ports::count_all,
        judge: ports::open,
        also_dirty: false,
    },
    Question {
        subject: "owners of what is made elsewhere",
        noun: "external object",
        count: names::count_external,
        judge: names::unowned,
        also_dirty: false,
    },
    Question {
        subject: "the host and the engine",
        noun: "service",
        count: |side| side.model.services.len(),
        judge: engine_access::reaching_out,
        also_dirty: true,
    },
    Question {
        subject: "logins that are off",
        noun: "service",
        count: |side| side.model.services.len(),
        judge: credentials::no_login,
        also_dirty: true,
    },
];

/// What is asked of one environment.
pub(crate) fn alone(read: &Read, all_sides: &[&Side]) -> Outcome {
    let side = &read.side;
    let mut all = Outcome::default();
    let strangers = namespaces::of_strangers(side, all_sides);
    all.checks.push(cell(
        (&side.name, &side.name),
        "owners of the containers that it joins",
        Expected::Distinct,
        seen(&strangers),
        counted(namespaces::count(side) as u64, "container"),
    ));
    all.findings.extend(strangers);
    for question in QUESTIONS {
        let mut findings = (question.judge)(side);
        if let Some(dirty) = read.dirty.as_ref().filter(|_| question.also_dirty) {
            add_new(&mut findings, (question.judge)(dirty));
        }
        let control = counted((question.count)(side) as u64, question.noun);
        all.checks.push(cell(
            (&side.name, &side.name),
            question.subject,
            Expected::Distinct,
            seen(&findings),
            control,
        ));
        all.findings.extend(findings);
    }
    // What a person would run has the shell's variables: an image may come from there.
    let images = images::unusable(read.dirty.as_ref().unwrap_or(side));
    all.checks.push(cell(
        (&side.name, &side.name),
        "image references",
        Expected::Distinct,
        if images.is_empty() {
            Seen::Distinct
        } else {
            Seen::CouldNotAsk
        },
        counted(images::count(side) as u64, "image"),
    ));
    all.findings.extend(images);
    all.checks.push(cell(
        (&side.name, &side.name),
        "the shell's variables",
        Expected::Same,
        if read.findings.is_empty() {
            Seen::Same
        } else {
            Seen::Distinct
        },
        format!(
            "{} rendered with and without",
            counted(side.files.len() as u64, "file")
        ),
    ));
    all.remarks.extend(remarks(side));
    all
}

/// What is asked of two environments.
pub(crate) fn compare(one: &Read, other: &Read) -> Outcome {
    let mut all = Outcome::default();
    for comparison in COMPARISONS {
        let mut findings = (comparison.judge)(&one.side, &other.side);
        if let (Some(one), Some(other), true) = (&one.dirty, &other.dirty, comparison.also_dirty) {
            add_new(&mut findings, (comparison.judge)(one, other));
        }
        // Which of the two reaches the other is said in the evidence.
        for finding in &mut findings {
            finding.environments = vec![one.side.name.clone(), other.side.name.clone()];
        }
        let (count, others) = (
            (comparison.count)(&one.side),
            (comparison.count)(&other.side),
        );
        let mut control = format!("{} with {others}", counted(count as u64, comparison.noun));
        let mut observed = seen(&findings);
        if comparison.mirrored {
            for (side, count) in [(&one.side, count), (&other.side, others)] {
                let copy = side.undeclared();
                if count > 0 && (comparison.judge)(&copy, &copy).is_empty() {
                    observed = Seen::CouldNotAsk;
                    control = format!("a copy of {} was not seen", side.name);
                }
            }
            if observed != Seen::CouldNotAsk && count + others > 0 {
                control.push_str("; a copy of each is seen");
            }
        }
        for names in [
            (one.side.name.as_str(), other.side.name.as_str()),
            (other.side.name.as_str(), one.side.name.as_str()),
        ] {
            all.checks.push(cell(
                names,
                comparison.subject,
                Expected::Distinct,
                observed,
                control.clone(),
            ));
        }
        all.findings.extend(findings);
    }
    all
}

/// What all comparisons find, by fault and subject.
pub(crate) fn found(one: &Side, other: &Side) -> Vec<(Fault, String)> {
    let findings = COMPARISONS
        .iter()
        .flat_map(|comparison| (comparison.judge)(one, other));
    findings
        .map(|finding| (finding.fault, finding.subject))
        .collect()
}

/// The cells of an environment whose files do not render.
pub(crate) fn torn(name: &str, said: &str, all: &[Composed]) -> Vec<Check> {
    let why = format!("its files do not render: {}", printable(said));
    let unasked = |names: (&str, &str), subject: &'static str| {
        cell(
            names,
            subject,
            Expected::Distinct,
            Seen::CouldNotAsk,
            why.clone(),
        )
    };
    let mut checks: Vec<Check> = QUESTIONS
        .iter()
        .map(|question| unasked((name, name), question.subject))
        .collect();
    for other in all.iter().filter(|other| other.name != name) {
        for comparison in COMPARISONS {
            checks.push(unasked((name, &other.name), comparison.subject));
            checks.push(unasked((&other.name, name), comparison.subject));
        }
    }
    checks
}

fn seen(findings: &[Finding]) -> Seen {
    if findings.is_empty() {
        Seen::Distinct
    } else {
        Seen::Same
    }
}

fn cell(
    (from, to): (&str, &str),
    subject: &str,
    expected: Expected,
    observed: Seen,
    control: String,
) -> Check {
    Check {
        layer: Layer::Static,
        from: from.to_owned(),
        to: to.to_owned(),
        subject: subject.to_owned(),
        expected,
        observed,
        control,
    }
}

/// Adds what is not there yet by fault and subject.
fn add_new(findings: &mut Vec<Finding>, more: Vec<Finding>) {
    for finding in more {
        let known = findings
            .iter()
            .any(|known| known.fault == finding.fault && known.subject == finding.subject);
        if !known {
            findings.push(finding);
        }
    }
}

/// Declarations that say nothing understandable, or that name nothing that is there.
fn remarks(side: &Side) -> Vec<String> {
    let problems = side.shared.problems.iter();
    let mut remarks: Vec<String> = problems
        .map(|problem| format!("x-tta-shared of {}: {problem}", side.name))
        .collect();
    for one in &side.shared.declarations {
        if !declared::exists(side, one) {
            remarks.push(format!(
                "x-tta-shared of {}: the {} {} matches nothing in its files",
                side.name,
                one.kind,
                printable(&one.name)
            ));
        }
    }
    remarks
}

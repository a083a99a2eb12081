//! The proof as a table: from which environment to which, and what came of it. Pure.

use crate::report::proof::Proof;

/// What one environment can do to another, or (on the diagonal) what is the matter with itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Nobody asked.
    Unasked,
    /// So many questions, all answered as expected.
    Apart(usize),
    /// So many questions could not be asked.
    Blind(usize),
    /// Faults, by id.
    Faults(Vec<&'static str>),
}

impl Cell {
    /// A word that can be read without colour.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Unasked => "-".to_owned(),
            Self::Apart(questions) => format!("ok {questions}"),
            Self::Blind(questions) => format!("? {questions}"),
            Self::Faults(ids) => format!("X {}", ids.join(" ")),
        }
    }

    /// The name of its look in a page.
    pub(crate) const fn class(&self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Apart(_) => "apart",
            Self::Blind(_) => "blind",
            Self::Faults(_) => "fault",
        }
    }
}

/// A line an environment from which something was tried, a cell an environment that it was tried on.
pub(crate) fn matrix(proof: &Proof) -> Vec<(String, Vec<Cell>)> {
    let names = &proof.scope.environments;
    let line = |from: &String| {
        let cells = names.iter().map(|to| cell(proof, from, to)).collect();
        (from.clone(), cells)
    };
    names.iter().map(line).collect()
}

fn cell(proof: &Proof, from: &str, to: &str) -> Cell {
    let joins = |environments: &[String]| {
        let has = |name: &str| environments.iter().any(|one| one == name);
        if from == to {
            environments.len() == 1 && has(from)
        } else {
            has(from) && has(to)
        }
    };
    let mut ids: Vec<&'static str> = proof
        .findings
        .iter()
        .filter(|finding| finding.allowed.is_none() && joins(&finding.environments))
        .map(|finding| finding.fault.id)
        .collect();
    ids.dedup();
    if !ids.is_empty() {
        return Cell::Faults(ids);
    }
    let asked = |check: &&crate::finding::Check| check.from == from && check.to == to;
    let blind = proof.blind().filter(asked).count();
    let questions = proof.checks.iter().filter(asked).count();
    match (blind, questions) {
        (0, 0) => Cell::Unasked,
        (0, questions) => Cell::Apart(questions),
        (blind, _) => Cell::Blind(blind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::proof::testing::hostile;

    #[test]
    fn a_fault_is_worse_than_blindness_and_an_excused_one_is_none() {
        let lines: Vec<String> = matrix(&hostile())
            .into_iter()
            .map(|(from, cells)| {
                let cells: Vec<String> = cells.iter().map(Cell::text).collect();
                format!("{from}: {}", cells.join(" | "))
            })
            .collect();
        assert_eq!(
            lines,
            [
                "dev: - | X N1 | ? 1",
                "test: X N1 | - | -",
                "staging: - | - | -"
            ]
        );
    }
}

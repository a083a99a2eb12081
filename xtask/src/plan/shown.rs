//! A plan as a person reads it, and as the journal and JSON name its steps.

use std::fmt;

use super::{Action, Adoption, Moving, Object, Plan, Removal, Seed};
use crate::ui::counted;

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})",
            self.name,
            self.id.get(..12).unwrap_or(&self.id)
        )
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statements = counted(self.statements.len() as u64, "statement");
        write!(f, "{statements} of {}", self.file)
    }
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self
            .graph
            .as_ref()
            .map(|one| format!("the database {} of {}", one.database, one.source));
        let keys = self
            .keys
            .as_ref()
            .map(|one| format!("the keys of {}", one.source));
        let both: Vec<String> = graph.into_iter().chain(keys).collect();
        f.write_str(&both.join(" and "))
    }
}

impl fmt::Display for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} and {} of other environments to {}",
            counted(self.keys, "key"),
            counted(self.nodes, "node"),
            self.file.display()
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |objects: &[Object]| {
            let objects: Vec<String> = objects.iter().map(Object::to_string).collect();
            objects.join(", ")
        };
        match self {
            Self::Unpause(objects) => write!(f, "unpause {}", list(objects)),
            Self::Kill(objects) => write!(f, "kill {}", list(objects)),
            Self::Stop(objects) => write!(f, "stop {}", list(objects)),
            Self::RemoveContainers(objects) => write!(f, "remove {}", list(objects)),
            Self::RemoveNetwork(object) => write!(f, "remove network {object}"),
            Self::RemoveVolumes(volumes) => {
                let names: Vec<&str> = volumes.iter().map(Removal::name).collect();
                write!(f, "remove volumes {}", names.join(", "))
            }
            Self::CreateVolumes(names) => write!(f, "create volumes {}", names.join(", ")),
            Self::Start => f.write_str("compose up"),
            Self::AwaitReady => f.write_str("wait until both servers answer"),
            Self::AwaitEmpty(None) => f.write_str("wait until both servers answer, and count 0"),
            Self::AwaitEmpty(Some(seed)) => {
                write!(
                    f,
                    "wait until both servers answer, count 0, then load {seed}"
                )
            }
            Self::Create => f.write_str("compose create"),
            Self::KeepVolumes(volumes) => {
                let each = volumes
                    .iter()
                    .map(|one| format!("{} as {}", one.name, one.kept));
                write!(f, "copy {}", each.collect::<Vec<_>>().join(", "))
            }
            Self::FreeNames(volumes) => {
                let names: Vec<&str> = volumes.iter().map(|one| one.name.as_str()).collect();
                write!(f, "compare with the copies and remove {}", names.join(", "))
            }
            Self::Adopt(adoption) => write!(f, "fill the new volumes with {adoption}"),
            Self::CompareAdopted(_) => {
                f.write_str("give prefixes and labels, and compare with what was read")
            }
            Self::MoveForeign(work) => write!(f, "move {work}"),
            Self::PrefixKeys(work) => write!(f, "prefix {}", counted(work.count, "key")),
            Self::LabelNodes(work) => write!(f, "label {}", counted(work.count, "node")),
            Self::Snapshot(step) => write!(f, "{step}"),
            Self::Restore(step) => write!(f, "{step}"),
            Self::Drill(id) => write!(
                f,
                "restore {id} on scratch servers, compare it with what it was made of, remove them"
            ),
            Self::RemoveSnapshot(id) => write!(f, "remove the snapshot {id}"),
            Self::EmptyInPlace(work) => {
                write!(
                    f,
                    "empty in place: {}, {}, {}, {}",
                    counted(work.nodes, "node"),
                    counted(work.keys, "key"),
                    counted(work.schema.constraints.len() as u64, "constraint"),
                    counted(work.schema.indexes.len() as u64, "index")
                )?;
                match &work.seed {
                    Some(seed) => write!(f, ", then load {seed}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Plan for {}:", self.deployment)?;
        for note in &self.notes {
            writeln!(f, "    {note}")?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:3}. {}", number + 1, step.action)?;
            writeln!(f, "       because {}", step.because)?;
        }
        Ok(())
    }
}

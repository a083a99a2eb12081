//! One environment, ready to be compared: its model, and what was looked up on this machine about
//! the paths and files that the model names. The judges ask nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::Composed;
use crate::shared::Shared;
use crate::statics::model::Model;
use process::{printable, quoted};

/// One environment.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// `dev`, or whatever name was given.
    pub(crate) name: String,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) model: Model,
    pub(crate) shared: Shared,
    pub(crate) ground: Ground,
    /// The command that compares files.
    pub(crate) again: &'static str,
}

/// What this machine says about a model's paths.
#[derive(Clone, Default)]
pub(crate) struct Ground {
    /// A path as the model writes it, and where it leads to once links are followed.
    pub(crate) real: BTreeMap<String, PathBuf>,
    /// What is in the files and variables of secrets and configs. Never shown.
    pub(crate) contents: BTreeMap<String, String>,
    pub(crate) host: Host,
}

/// By what the host is reached from inside a container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    pub(crate) names: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ground({} paths)", self.real.len())
    }
}

impl Side {
    pub(crate) fn new(composed: &Composed, model: Model, ground: Ground) -> Self {
        Self {
            name: composed.name.clone(),
            files: composed.named(),
            shared: Shared::parse(model.shared.as_ref()),
            model,
            ground,
            again: composed.again,
        }
    }

    /// Where a path of the model leads to.
    pub(crate) fn real(&self, path: &str) -> PathBuf {
        let known = self.ground.real.get(path);
        known.cloned().unwrap_or_else(|| PathBuf::from(path))
    }

    /// The same environment without its declarations.
    pub(crate) fn undeclared(&self) -> Self {
        Self {
            shared: Shared::default(),
            ..self.clone()
        }
    }

    /// The command that shows what compose makes of the files.
    pub(crate) fn config(&self) -> String {
        rendering(&self.files)
    }

    /// The command that shows the lines with a text.
    pub(crate) fn grep(&self, text: &str) -> String {
        format!(
            "{} | grep -nF -e {}",
            self.config(),
            quoted(&printable(text))
        )
    }
}

/// `docker compose … config`, to be pasted.
pub(crate) fn rendering(files: &[PathBuf]) -> String {
    let files: Vec<String> = files
        .iter()
        .map(|file| format!("-f {}", quoted(&printable(&file.display().to_string()))))
        .collect();
    format!(
        "docker compose --profile '*' {} config --format json",
        files.join(" ")
    )
}

/// The command that shows a text in both.
pub(crate) fn grep_both(one: &Side, other: &Side, text: &str) -> String {
    format!("{}; {}", one.grep(text), other.grep(text))
}

/// Whether one path is the other or lies below it, component by component.
pub(crate) fn nested(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

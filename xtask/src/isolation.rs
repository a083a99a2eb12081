//! The proof that no environment can reach, replace or delete another's data.
//!
//! Seven layers look side by side; each collects evidence and judges it, and one that cannot look
//! says so without stopping the others. What should be found is stated from the definitions, never
//! from what is found.

pub(crate) mod allow;
mod alone;
mod auth;
mod census;
mod data;
mod engine;
pub(crate) mod fault;
pub(crate) mod finding;
mod meanwhile;
mod namespace;
mod network;
pub(crate) mod scene;
pub(crate) mod servers;
pub(crate) mod shared;
pub(crate) mod statics;
mod store;
mod tool;
pub(crate) mod verdict;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::isolation::finding::{Layer, Outcome};
use crate::isolation::scene::Scene;
use crate::isolation::servers::Servers;
use process::side_by_side;

/// A named environment's compose files, in the order in which they are merged.
#[derive(Debug, Clone)]
pub(crate) struct Composed {
    pub(crate) name: String,
    pub(crate) files: Vec<PathBuf>,
    /// The folder where the files belong, where they lie elsewhere for as long as they are looked at.
    pub(crate) folder: Option<PathBuf>,
    /// What compose is given in its environment to render them.
    pub(crate) secrets: Vec<(String, String)>,
}

impl Composed {
    /// The files by the names that a person finds them under.
    pub(crate) fn named(&self) -> Vec<PathBuf> {
        let named = |file: &PathBuf| match (&self.folder, file.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => file.clone(),
        };
        self.files.iter().map(named).collect()
    }

    /// Where a file lies that the files name.
    pub(crate) fn lies(&self, file: &str) -> PathBuf {
        let beside = self.files.first().and_then(|first| first.parent());
        let below = self.folder.as_ref();
        let below = below.and_then(|folder| Path::new(file).strip_prefix(folder).ok());
        match (beside, below) {
            (Some(beside), Some(below)) => beside.join(below),
            _ => PathBuf::from(file),
        }
    }
}

/// A layer's outcome, and how long it looked.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) layer: Layer,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

/// Lets the chosen layers look at a scene, side by side.
///
/// # Errors
/// Ctrl-C. Whatever else goes wrong is a cell that could not be asked.
pub(crate) fn look(scene: &Scene<'_>, layers: &[Layer]) -> Result<Vec<Looked>> {
    let servers = Servers::default();
    let looked = side_by_side::each(layers, |layer| Some(timed(scene, &servers, *layer)));
    scene.context.interrupt().check()?;
    let whole = |(layer, looked): (&Layer, Option<Looked>)| {
        looked.ok_or_else(|| Failure::failed(format!("the {} layer died", layer.name())))
    };
    let looked: Result<Vec<Looked>> = layers.iter().zip(looked).map(whole).collect();
    let mut looked = looked?;
    // Files do not change by themselves.
    if layers.iter().any(|layer| *layer != Layer::Static) {
        meanwhile::doubt(&mut looked, &meanwhile::changed(scene));
    }
    Ok(looked)
}

fn timed(scene: &Scene<'_>, servers: &Servers, layer: Layer) -> Looked {
    let started = Instant::now();
    let outcome = match layer {
        Layer::Static => statics::look(scene.context, &composed(scene), &|at| scene.printed(at)),
        Layer::Engine => engine::look(scene),
        Layer::Network => network::look(scene),
        Layer::Auth => auth::look(scene, servers),
        Layer::Data => data::look(scene, servers),
        Layer::Namespace => namespace::look(scene, servers),
        Layer::Tool => tool::look(scene),
    };
    Looked {
        layer,
        outcome,
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// The compose files of the environments in scope.
fn composed(scene: &Scene<'_>) -> Vec<Composed> {
    scene.sites.iter().map(scene::Site::composed).collect()
}

/// Looks at anyone's compose files: no engine, no objects.
pub(crate) fn look_at_files(context: &Context, composed: &[Composed]) -> Looked {
    let started = Instant::now();
    let printed = |at: usize| statics::render::clean(&context.runner, &composed[at]);
    Looked {
        layer: Layer::Static,
        outcome: statics::look(context, composed, &printed),
        seconds: started.elapsed().as_secs_f64(),
    }
}

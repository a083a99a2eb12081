//! The proof that no environment can reach, replace or delete another's data.
//!
//! Seven layers look side by side; each collects evidence and judges it, and one that cannot look
//! says so without stopping the others. What should be found is stated from the definitions, never
//! from what is found.

pub(crate) mod allow;
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

use std::path::PathBuf;
use std::time::Instant;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::isolation::finding::{Layer, Outcome};
use crate::isolation::scene::Scene;
use crate::side_by_side;

/// A named environment's compose files, in the order in which they are merged.
#[derive(Debug, Clone)]
pub(crate) struct Composed {
    pub(crate) name: String,
    pub(crate) files: Vec<PathBuf>,
    /// What compose is given in its environment to render them.
    pub(crate) secrets: Vec<(String, String)>,
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
    let looked = side_by_side::each(layers, |layer| Some(timed(scene, *layer)));
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

fn timed(scene: &Scene<'_>, layer: Layer) -> Looked {
    let started = Instant::now();
    let outcome = match layer {
        Layer::Static => statics::look(scene.context, &composed(scene), &|at| scene.printed(at)),
        Layer::Engine => engine::look(scene),
        Layer::Network => network::look(scene),
        Layer::Auth => auth::look(scene),
        Layer::Data => data::look(scene),
        Layer::Namespace => namespace::look(scene),
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

//! The proof that no environment can reach, replace or delete another's data.
//!
//! Seven layers look side by side; each collects evidence and judges it, and one that cannot look
//! says so without stopping the others. What should be found is stated from the definitions, never
//! from what is found.

mod auth;
mod census;
mod data;
mod engine;
mod meanwhile;
mod namespace;
mod network;
pub(crate) mod scene;
pub(crate) mod servers;
mod tool;

use std::time::Instant;

use compose_audit::Composed;
use compose_audit::finding::{Layer, Looked};
use compose_audit::statics;
use process::side_by_side;

use crate::error::{Failure, Result};
use crate::isolation::scene::Scene;
use crate::isolation::servers::Servers;

/// The command that compares files, as a finding tells a person to type it.
pub(crate) const AGAIN: &str = "cargo xtask verify-isolation";

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
        Layer::Static => statics::look(&scene.context.runner, &composed(scene), &|at| {
            scene.printed(at)
        }),
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

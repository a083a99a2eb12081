//! The namespace layer.

use crate::isolation::finding::{Layer, Outcome};
use crate::isolation::scene::Scene;

pub(crate) fn look(scene: &Scene<'_>) -> Outcome {
    let mut all = Outcome::default();
    for site in &scene.sites {
        all.extend(Outcome::blind(Layer::Namespace, site.name(), "not written"));
    }
    all
}

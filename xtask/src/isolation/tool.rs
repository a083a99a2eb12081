//! The tool layer: whether this is the engine that the environments live on, whether there is
//! anybody to ask, and what earlier runs of this tool have left behind.

mod judge;

use std::path::Path;

use compose_audit::finding::{Layer, Outcome};
use environments::Environment;

use crate::isolation::scene::Scene;
use crate::isolation::tool::judge::{Evidence, Known};

pub(crate) fn look(scene: &Scene<'_>) -> Outcome {
    let census = match scene.census() {
        Ok(census) => census,
        Err(why) => {
            let mut all = Outcome::default();
            for site in &scene.sites {
                all.extend(Outcome::blind(Layer::Tool, site.name(), &*why));
            }
            return all;
        }
    };
    let context = scene.context;
    // Also those that are absent: they may be absent because this is another engine.
    let in_scope = scene.sites.iter().map(|site| site.deployment.environment());
    let environments: Vec<Environment> = in_scope.chain(scene.absent.iter().copied()).collect();
    let engines = environments
        .iter()
        .map(|environment| {
            let deployment = context.deployment(*environment);
            let known = context.journal.engine_of(&deployment);
            Known {
                engine: known.map_err(|failure| failure.message),
                in_scope: !scene.absent.contains(environment),
                deployment,
            }
        })
        .collect();
    judge::judge(&Evidence {
        engine: &scene.engine.id,
        engines,
        census,
        going: &going,
    })
}

/// Whether the run of that id, which ends with the number of its process, still goes on.
fn going(run: &str) -> bool {
    let Some((_, process)) = run.rsplit_once('-') else {
        return false;
    };
    let number: Option<u32> = process.parse().ok();
    number.is_some_and(|number| {
        let name = Path::new("/proc").join(number.to_string()).join("comm");
        // The number alone may have gone to another program.
        std::fs::read_to_string(name).is_ok_and(|name| name.trim() == "xtask")
    })
}

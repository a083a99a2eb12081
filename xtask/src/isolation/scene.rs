//! What the live layers look at: the environments in scope, once observed, with the passwords and
//! ports by which their servers are asked.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use compose_audit::{Composed, statics};
use environments::{Deployment, Environment};

use crate::context::Context;
use crate::error::Result;
use crate::guard::turn::{self, Turn};
use crate::isolation::AGAIN;
use crate::isolation::census::Census;
use crate::isolation::servers::keyed::Key;
use crate::journal;
use crate::observe::{Observed, observe};
use crate::secrets::{self, Password};
use crate::stack::{self, Aside, Stack};
use crate::tools::docker::Engine;

/// One run of the proof.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) context: &'a Context,
    pub(crate) engine: Engine,
    /// This run's id, of digits and a dash: on whatever it leaves in a server while it looks.
    pub(crate) run: String,
    /// The environments in scope, in their order.
    pub(crate) sites: Vec<Site>,
    /// Those that were not named and have no object on this engine.
    pub(crate) absent: Vec<Environment>,
    /// Asked by whichever layer needs it first.
    census: OnceLock<Result<Census, String>>,
    /// By which secrets are compared in this run.
    pub(crate) key: Result<Key, String>,
    /// No other proof looks at these environments meanwhile.
    _turns: Vec<Turn>,
}

/// One environment in scope.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) deployment: Deployment,
    pub(crate) observed: Observed,
    /// Why there is none, where its provider gives none.
    pub(crate) password: Result<Password, String>,
    /// The compose file that it is started from.
    pub(crate) compose: PathBuf,
    /// The folder where that file belongs, where it lies elsewhere.
    pub(crate) folder: Option<PathBuf>,
    /// Has that file as rendered, where the one in its place is not, until the proof has ended.
    _aside: Option<Aside>,
    /// What compose is given in its environment to render that file.
    pub(crate) secrets: Vec<(String, String)>,
    /// What compose prints of it, rendered clean: the static and the engine layer share it.
    printed: OnceLock<Result<String, String>>,
}

impl Site {
    pub(crate) fn composed(&self) -> Composed {
        Composed {
            name: self.name().to_owned(),
            files: vec![self.compose.clone()],
            folder: self.folder.clone(),
            secrets: self.secrets.clone(),
            again: AGAIN,
        }
    }

    /// `dev`: as findings and checks name it.
    pub(crate) fn name(&self) -> &'static str {
        self.deployment.environment().slug()
    }

    /// Whether any object of it is there.
    fn present(observed: &Observed) -> bool {
        observed.containers().next().is_some()
            || observed.volumes().next().is_some()
            || observed.network.is_some()
    }
}

impl<'a> Scene<'a> {
    /// Looks at the environments that are named, or at all that have an object on this engine, once
    /// no other proof does.
    ///
    /// # Errors
    /// No engine answers; another proof does not come to an end; nothing can be rendered.
    pub(crate) fn observe(context: &'a Context, named: &[Environment]) -> Result<Self> {
        let engine = context.docker.engine()?;
        let chosen = if named.is_empty() {
            context.deployments(&Environment::ALL)
        } else {
            context.deployments(named)
        };
        let turns = turn::take(&engine.id, &chosen, context.interrupt(), &context.ui)?;
        let mut sites = Vec::new();
        let mut absent = Vec::new();
        for observed in observe(context, &chosen)? {
            let environment = observed.deployment.environment();
            if named.is_empty() && !Site::present(&observed) {
                absent.push(environment);
            } else {
                context.about(environment);
                sites.push(site(context, observed)?);
            }
        }
        Ok(Self {
            context,
            engine,
            run: journal::run_id(),
            sites,
            absent,
            census: OnceLock::new(),
            key: Key::new().map_err(|error| format!("no random bytes: {error}")),
            _turns: turns,
        })
    }

    /// All that is on the engine, asked once a run.
    ///
    /// # Errors
    /// The engine did not tell, or not in a form that is known.
    pub(crate) fn census(&self) -> Result<&Census, String> {
        let take = || Census::take(self.context).map_err(|failure| failure.message);
        self.census.get_or_init(take).as_ref().map_err(Clone::clone)
    }

    /// What compose prints of a site's file, rendered clean once a run.
    ///
    /// # Errors
    /// It does not render.
    pub(crate) fn printed(&self, site: usize) -> Result<String, String> {
        let site = &self.sites[site];
        let print = || statics::clean(&self.context.runner, &site.composed());
        site.printed.get_or_init(print).clone()
    }
}

/// What is there is looked at as it lies there; where it is not as rendered, a rendering out of its
/// place, whose paths are read from that place: what runs is compared with them.
fn site(context: &Context, observed: Observed) -> Result<Site> {
    let deployment = observed.deployment.clone();
    let (mut compose, mut folder) = (stack::file(context, &deployment), None);
    let (mut secrets, mut aside) = (Vec::new(), None);
    // Else edited, or without its secret.
    if let Ok(stack) = Stack::prepare(context, &observed) {
        secrets = stack.secrets().to_vec();
        compose.clone_from(&stack.file);
        aside = stack.aside()?;
        if let Some(aside) = &aside {
            folder = compose.parent().map(Path::to_owned);
            compose.clone_from(&aside.file);
        }
    }
    Ok(Site {
        password: secrets::password(deployment.environment()).map_err(|failure| failure.message),
        deployment,
        observed,
        compose,
        folder,
        _aside: aside,
        secrets,
        printed: OnceLock::new(),
    })
}

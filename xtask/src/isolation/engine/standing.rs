//! Whose a container is: by its name, its labels, and whether the compose model or the journal knows
//! it. Labels alone can be set by anyone.

use std::collections::BTreeMap;

use environments::{Deployment, Environment, Instance, Service};

use crate::isolation::census::{Census, Container, ONE_OFF, PROJECT, SERVICE};
use crate::isolation::engine::model::Model;

/// What the engine layer judges.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) instance: Instance,
    /// The environments in scope.
    pub(crate) sites: Vec<Judged>,
    pub(crate) census: &'a Census,
    /// The runs of this tool that the journal has, and whether they came to an end.
    pub(crate) runs: BTreeMap<String, bool>,
}

/// One environment in scope.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) deployment: Deployment,
    /// What its compose file renders to, or why it does not.
    pub(crate) model: Result<Model, String>,
}

/// Whose a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has the name of an environment's container, or of one of its model.
    Member(Environment),
    /// Made by `compose run` from a service of the environment's model.
    OneOff(Environment),
    /// Made by a run of this tool that the journal has; whether that run still goes on.
    Helper(Environment, bool),
    /// Its labels say that it belongs to an environment, and nothing else does.
    Claims(Environment),
    Stranger,
}

impl Standing {
    /// The environment that it belongs to, or says it does.
    pub(crate) const fn environment(self) -> Option<Environment> {
        match self {
            Self::Member(one) | Self::OneOff(one) | Self::Helper(one, _) | Self::Claims(one) => {
                Some(one)
            }
            Self::Stranger => None,
        }
    }

    /// The same, where it is more than a claim.
    pub(crate) const fn known(self) -> Option<Environment> {
        match self {
            Self::Claims(_) => None,
            other => other.environment(),
        }
    }

    /// For a sentence.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Member(one) => format!("a container of {one}"),
            Self::OneOff(one) => format!("a one-off container of {one}"),
            Self::Helper(one, _) => format!("a helper of this tool for {one}"),
            Self::Claims(one) => {
                format!(
                    "labelled as {one}'s, but neither its compose file nor the journal knows it"
                )
            }
            Self::Stranger => "no container of any environment".to_owned(),
        }
    }
}

impl Evidence<'_> {
    pub(crate) fn deployment(&self, environment: Environment) -> Deployment {
        Deployment::new(environment, self.instance.clone())
    }

    pub(crate) fn site(&self, environment: Environment) -> Option<&Judged> {
        let is = |site: &&Judged| site.deployment.environment() == environment;
        self.sites.iter().find(is)
    }

    pub(crate) fn model(&self, environment: Environment) -> Option<&Model> {
        self.site(environment)?.model.as_ref().ok()
    }

    pub(crate) fn standing(&self, container: &Container) -> Standing {
        for environment in Environment::ALL {
            let deployment = self.deployment(environment);
            let named = |service: &Service| deployment.container(*service) == container.name();
            if Service::ALL.iter().any(named) || self.in_model(environment, container) {
                return Standing::Member(environment);
            }
        }
        for environment in Environment::ALL {
            if container.claims(&self.deployment(environment)) {
                return self.claimed(environment, container);
            }
        }
        Standing::Stranger
    }

    /// A further service that the environment's own file has, such as a proxy.
    fn in_model(&self, environment: Environment, container: &Container) -> bool {
        let Some(model) = self.model(environment) else {
            return false;
        };
        let mut services = model.services.values();
        services.any(|service| service.container_name.as_deref() == Some(container.name()))
    }

    fn claimed(&self, environment: Environment, container: &Container) -> Standing {
        let of_project = container.label(PROJECT) == Some(&self.deployment(environment).project());
        let service = container
            .label(SERVICE)
            .and_then(|service| self.model(environment)?.services.get(service));
        let one_off = container
            .label(ONE_OFF)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if of_project
            && one_off
            && service.is_some_and(|service| service.image == container.config.image)
        {
            return Standing::OneOff(environment);
        }
        match container.run().and_then(|run| self.runs.get(run)) {
            Some(ended) => Standing::Helper(environment, !ended),
            None => Standing::Claims(environment),
        }
    }
}

/// Their names, in their order, each once.
pub(crate) fn names(environments: impl IntoIterator<Item = Environment>) -> Vec<&'static str> {
    let mut environments: Vec<Environment> = environments.into_iter().collect();
    environments.sort_unstable();
    environments.dedup();
    environments.into_iter().map(Environment::slug).collect()
}

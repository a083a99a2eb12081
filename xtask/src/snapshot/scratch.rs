//! What one run makes beside the servers: volumes, helpers, scratch servers, all with the labels of
//! the environment and of the run, and all gone when the run ends.
//!
//! A scratch copy has the store id of its original: it is never on a network, and never left running.

use std::collections::BTreeMap;

use environments::{Deployment, label};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::tools::docker::Docker;
use crate::tools::docker::containers::Helper;

/// The scratch objects of one run. Dropping it removes them.
#[derive(Debug)]
pub(crate) struct Scratch<'a> {
    pub(crate) context: &'a Context,
    deployment: &'a Deployment,
    run: String,
    removed: bool,
}

impl<'a> Scratch<'a> {
    /// Removes what killed runs on this deployment have left, whose lock the caller holds, and
    /// begins anew.
    ///
    /// # Errors
    /// Something that was left cannot be removed.
    pub(crate) fn begin(context: &'a Context, deployment: &'a Deployment) -> Result<Self> {
        sweep(context, deployment)?;
        let moment = chrono::Utc::now().timestamp_millis();
        Ok(Self {
            context,
            deployment,
            run: format!("{moment}-{}", std::process::id()),
            removed: false,
        })
    }

    pub(crate) fn docker(&self) -> &Docker {
        &self.context.docker
    }

    /// A new, empty volume; its name.
    pub(crate) fn volume(&self, part: &str) -> Result<String> {
        let name = self.deployment.scratch_volume(&self.run, part);
        self.docker().create_volume(&name, &self.labels())?;
        Ok(name)
    }

    /// A container to be, with a name and the labels.
    pub(crate) fn helper(&self, part: &str, image: &str) -> Helper {
        Helper {
            name: self.deployment.scratch_container(&self.run, part),
            image: image.to_owned(),
            labels: self.labels(),
            ..Helper::default()
        }
    }

    fn labels(&self) -> Vec<(String, String)> {
        let own = (label::RUN.to_owned(), self.run.clone());
        of(self.deployment).into_iter().chain([own]).collect()
    }

    /// Removes everything of this run.
    ///
    /// # Errors
    /// Something cannot be removed; the next run tries again.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.removed = true;
        self.remove_all()
    }

    fn remove_all(&self) -> Result<()> {
        let mut labels = of(self.deployment);
        labels.insert(label::RUN.to_owned(), self.run.clone());
        remove(&self.docker().steadfast(), &labels).map(drop)
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        if !self.removed
            && let Err(failure) = self.remove_all()
        {
            self.context.ui.insist(format!(
                "scratch objects of {} are left, which the next run removes: {}",
                self.deployment, failure.message
            ));
        }
    }
}

/// Removes what killed runs have left of a deployment, whose lock the caller holds: nobody else can
/// be using it.
pub(crate) fn sweep(context: &Context, deployment: &Deployment) -> Result<()> {
    let removed = remove(&context.docker, &of(deployment))
        .map_err(|failure| failure.within("what a killed run has left"))?;
    if !removed.is_empty() {
        context.ui.say(format!(
            "removed what a killed run has left of {deployment}: {}",
            removed.join(", ")
        ));
    }
    Ok(())
}

fn of(deployment: &Deployment) -> BTreeMap<String, String> {
    let labels = deployment.labels().into_iter();
    labels
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// How the names of what a run makes beside the servers are known: of scratch objects, and of those by
/// which `adopt` reads old volumes.
pub(crate) fn made_by_a_run(name: &str) -> bool {
    name.contains("scratch") || name.ends_with("-adopting") || name.ends_with("_adopting")
}

/// Only objects that carry the label of a run and a name that a run gives: the environment's own carry
/// neither.
fn remove(docker: &Docker, labels: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let containers = docker.containers_labelled(labels, label::RUN)?;
    let volumes = docker.volumes_labelled(labels, label::RUN)?;
    let names = containers.iter().map(|one| one.name());
    let names: Vec<String> = names
        .chain(volumes.iter().map(|one| one.name.as_str()))
        .map(str::to_owned)
        .collect();
    if let Some(strange) = names.iter().find(|name| !made_by_a_run(name)) {
        return Err(Failure::refused(format!(
            "{strange} carries the label {} but has a name that no run gives: it was not touched",
            label::RUN
        ))
        .hint(format!(
            "docker inspect {strange}; where nobody needs it, remove it by its name"
        )));
    }
    let ids: Vec<String> = containers.iter().map(|one| one.id.clone()).collect();
    docker.remove_scratch(&ids)?;
    let volumes: Vec<String> = volumes.into_iter().map(|one| one.name).collect();
    docker.remove_volumes(&volumes).outcome?;
    Ok(names)
}

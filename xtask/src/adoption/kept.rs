//! Volumes from before this tool that bear an environment's own names: kept under another name, so
//! that the names are free.
//!
//! Docker can neither rename nor label a volume that exists. One is removed only after all of its
//! files were found in its copy, and the copy stays until a person removes it.

use environments::{Deployment, Service, Volume, label};

use super::helper;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::Observed;
use crate::tools::docker::VolumeState;

/// The file in a copy that says that it is whole.
const WHOLE: &str = ".tta-kept";

/// A volume that stands where one of the environment's own is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InTheWay {
    pub(crate) name: String,
    pub(crate) created_at: String,
    /// The name of its copy.
    pub(crate) kept: String,
}

/// Takes the volumes that are to be replaced out of what was observed: those that were named as
/// sources, and the old server's logs beside its data. None that carries a label of ours.
pub(crate) fn set_aside(observed: &mut Observed, sources: &[&str]) -> Vec<InTheWay> {
    let deployment = observed.deployment.clone();
    let named = |volume| sources.contains(&deployment.volume(volume).as_str());
    let mut found = Vec::new();
    for (volume, state) in &mut observed.volumes {
        let meant = named(*volume) || *volume == Volume::Neo4jLogs && named(Volume::Neo4jData);
        let unlabelled = |state: &VolumeState| {
            state.label(label::ENVIRONMENT).is_none() && state.label(label::INSTANCE).is_none()
        };
        if meant && state.as_ref().is_some_and(unlabelled) {
            found.extend(state.take().map(|state| InTheWay {
                kept: kept(&state.name),
                name: state.name,
                created_at: state.created_at,
            }));
        }
    }
    found
}

/// The name under which a volume is kept.
pub(crate) fn kept(name: &str) -> String {
    format!("{name}_kept")
}

/// What a source is read from: itself, or the copy that a run has kept of it.
pub(crate) fn source(
    context: &Context,
    deployment: &Deployment,
    name: &str,
    aside: &[InTheWay],
) -> Result<String> {
    let own = Volume::ALL
        .into_iter()
        .any(|volume| deployment.volume(volume) == name);
    if !own || aside.iter().any(|one| one.name == name) {
        return Ok(name.to_owned());
    }
    let copy = kept(name);
    let found = context.docker.volumes(std::slice::from_ref(&copy))?.pop();
    match found {
        Some(found) if original(deployment, &found) == Some(name) => {
            let mounts = [format!("{copy}:/kept:ro")];
            let whole = format!("[ -e /kept/{WHOLE} ]");
            let reply = helper::shell(context, deployment, Service::Redis, &mounts, &whole)?;
            if reply.success() {
                return Ok(copy);
            }
            Err(Failure::refused(format!(
                "the volume {copy} is a copy of {name} that was never whole, and {name} is not there any more"
            ))
            .hint(format!("docker volume inspect {copy}")))
        }
        _ => Ok(name.to_owned()),
    }
}

fn labels(deployment: &Deployment, of: &str) -> Vec<(String, String)> {
    let labels = deployment.labels().into_iter();
    let labels = labels.map(|(name, value)| (name.to_owned(), value));
    labels
        .chain([(label::KEPT.to_owned(), of.to_owned())])
        .collect()
}

/// The name of the volume that this is a copy of, where it was kept of this deployment's own.
pub(crate) fn original<'a>(deployment: &Deployment, volume: &'a VolumeState) -> Option<&'a str> {
    let of = volume.label(label::KEPT)?;
    let same = |(name, value): &(String, String)| volume.label(name) == Some(value);
    labels(deployment, of).iter().all(same).then_some(of)
}

/// What the script exits with where a copy is another's, or has other files.
const DIFFERS: i32 = 70;

/// Copies each into its own place. A copy that is whole already is compared, and never written over.
pub(crate) fn keep(context: &Context, deployment: &Deployment, all: &[InTheWay]) -> Result<()> {
    for one in all {
        if !still_there(context, one)? {
            // A container that mounts what is gone would make an empty one, and keep that.
            return Err(Failure::failed(format!("the volume {} is gone", one.name))
                .hint("run the same command again: it looks anew"));
        }
        let found = context
            .docker
            .volumes(std::slice::from_ref(&one.kept))?
            .pop();
        match found {
            None => {
                let labels = labels(deployment, &one.name);
                context.docker.create_volume(&one.kept, &labels)?;
            }
            Some(found) if original(deployment, &found) == Some(&*one.name) => {}
            Some(_) => return Err(taken(one)),
        }
        asked(context, deployment, one, "keep")?;
    }
    Ok(())
}

/// Removes each whose copy is whole and has all of it.
pub(crate) fn free(context: &Context, deployment: &Deployment, all: &[InTheWay]) -> Result<()> {
    for one in all {
        if !still_there(context, one)? {
            continue;
        }
        asked(context, deployment, one, "whole")?;
        still_there(context, one)?;
        context
            .docker
            .remove_volumes(std::slice::from_ref(&one.name))
            .outcome?;
    }
    Ok(())
}

/// Gives the script an order.
fn asked(context: &Context, deployment: &Deployment, one: &InTheWay, order: &str) -> Result<()> {
    let mounts = [
        format!("{}:/from:ro", one.name),
        format!("{}:/to", one.kept),
    ];
    let script = format!("set -- {order}\n{}", include_str!("kept.sh"));
    let reply = helper::shell(context, deployment, Service::Redis, &mounts, &script)?;
    if reply.code == DIFFERS {
        return Err(taken(one));
    }
    reply.ok()?;
    Ok(())
}

fn taken(one: &InTheWay) -> Failure {
    Failure::refused(format!(
        "the volume {} is there already, and is no copy of {} as it is now: nothing was removed",
        one.kept, one.name
    ))
    .hint(format!(
        "docker volume inspect {0}; if nobody misses what it holds: docker volume rm {0}",
        one.kept
    ))
}

/// Whether it is there, as the plan saw it and used by no container, running or not. Gone already is
/// what is wanted.
fn still_there(context: &Context, one: &InTheWay) -> Result<bool> {
    let found = context
        .docker
        .volumes(std::slice::from_ref(&one.name))?
        .pop();
    let Some(found) = found.filter(|found| found.name == one.name) else {
        return Ok(false);
    };
    let labelled = found.label(label::ENVIRONMENT).is_some();
    if labelled || found.created_at != one.created_at {
        return Err(Failure::refused(format!(
            "the volume {} is not the one that the plan saw",
            one.name
        ))
        .hint("run the same command again: it looks anew"));
    }
    let users = context.docker.users_of_volume(&one.name)?;
    if users.is_empty() {
        return Ok(true);
    }
    Err(Failure::refused(format!(
        "the volume {} is to be replaced, and belongs to a container: {}",
        one.name,
        users.join(", ")
    ))
    .hint("docker stop ID; docker rm ID, with the first word of each as ID; then run the same command again"))
}

/// Fails before anything is read where one of them could not be replaced in the end.
pub(crate) fn replaceable(context: &Context, all: &[InTheWay]) -> Result<()> {
    all.iter()
        .try_for_each(|one| still_there(context, one).map(drop))
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;
    use crate::observe::testing::stopped;

    #[test]
    fn a_copy_is_one_of_its_own_environment_and_instance_alone() {
        let of = |environment| Deployment::new(environment, Instance::main());
        let dev = of(Environment::Dev);
        let volume = |labels: &[(String, String)]| -> VolumeState {
            let labels: std::collections::BTreeMap<_, _> = labels.iter().cloned().collect();
            let text = serde_json::json!({ "Name": "old_kept", "Labels": labels });
            serde_json::from_value(text).expect("a volume")
        };
        let all = labels(&dev, "old");
        let copy = volume(&all);
        assert_eq!(original(&dev, &copy), Some("old"));
        assert_eq!(original(&of(Environment::Test), &copy), None);
        let other = Instance::named("other").expect("a name");
        assert_eq!(
            original(&Deployment::new(Environment::Dev, other), &copy),
            None
        );
        let own: Vec<_> = all
            .into_iter()
            .filter(|(name, _)| name != label::KEPT)
            .collect();
        let own = volume(&own);
        assert_eq!(original(&dev, &own), None);
    }

    #[test]
    fn a_volume_with_a_label_of_ours_is_never_set_aside() {
        let dev = Deployment::new(Environment::Dev, Instance::main());
        let mut observed = stopped(&dev);
        let names = Volume::ALL.map(|volume| dev.volume(volume));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let before = observed.clone();
        assert_eq!(set_aside(&mut observed, &names), []);
        assert_eq!(observed, before);
    }
}

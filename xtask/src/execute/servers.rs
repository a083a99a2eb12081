//! What may be done to a deployment's containers, volumes and network.

use super::did::{Did, done_of};
use super::ready::await_ready;
use super::volumes::{create_volumes, remove_volumes};
use crate::context::Context;
use crate::error::Result;
use crate::journal::{Deed, Kind, Verb};
use crate::observe::observe_one;
use crate::plan::{Action as _, ComposeAction, EngineAction, Object, ServerAction};
use crate::stack::Stack;
use crate::tools::compose;
use crate::tools::docker::Done;
use environments::Deployment;

/// Carries out one action.
pub(crate) fn act_on_servers(
    context: &Context,
    stack: &Stack,
    action: &ServerAction,
    did: &mut Did,
) -> Result<()> {
    match action {
        ServerAction::Engine(action) => act_by_engine(context, &stack.deployment, action, did),
        ServerAction::Compose(action) => act_by_compose(context, stack, action, did),
    }
}

/// Carries out one action of those that need nothing but the engine.
pub(crate) fn act_by_engine(
    context: &Context,
    deployment: &Deployment,
    action: &EngineAction,
    did: &mut Did,
) -> Result<()> {
    let docker = &context.docker;
    let done = match action {
        EngineAction::Unpause(objects) => {
            docker.unpause(&ids(objects))?;
            did.add(action.deeds());
            return Ok(());
        }
        EngineAction::RemoveVolumes(removals) => {
            return remove_volumes(context, deployment, removals, did);
        }
        EngineAction::Kill(objects) => docker.kill(&ids(objects)),
        EngineAction::Stop(objects) => docker.stop(&ids(objects)),
        EngineAction::RemoveContainers(objects) => docker.remove_containers(&ids(objects)),
        EngineAction::RemoveNetwork(object) => left(docker.remove_network(&object.id), object),
    };
    did.add(done_of(&done, action.deeds()));
    done.outcome
}

/// Somebody may have come onto the network since the plan was made.
fn left(mut done: Done, network: &Object) -> Done {
    done.outcome = done.outcome.map_err(|failure| {
        failure.hint(format!(
            "docker network inspect {0}; docker network disconnect {0} CONTAINER; then run the same \
             command again",
            network.name
        ))
    });
    done
}

/// Carries out one action of those that take the compose file.
pub(crate) fn act_by_compose(
    context: &Context,
    stack: &Stack,
    action: &ComposeAction,
    did: &mut Did,
) -> Result<()> {
    let docker = &context.docker;
    match action {
        ComposeAction::CreateVolumes(names) => create_volumes(context, stack, names, did),
        ComposeAction::WriteFiles(_) => {
            stack.write()?;
            did.add(action.deeds());
            Ok(())
        }
        ComposeAction::Create => {
            compose::create(docker, stack.project(&stack.name()))?;
            made(context, stack, did)
        }
        ComposeAction::Start => compose::up(docker, stack.project(&stack.name())),
        ComposeAction::AwaitReady => {
            await_ready(context, stack)?;
            made(context, stack, did)
        }
    }
}

/// What is there now.
fn made(context: &Context, stack: &Stack, did: &mut Did) -> Result<()> {
    let observed = observe_one(context, &stack.deployment)?;
    let containers = observed.containers();
    did.add(containers.map(|one| Deed::new(Verb::Make, Kind::Container, one.name(), &one.id)));
    let volumes = observed.volumes();
    did.add(
        volumes.map(|(_, one)| Deed::new(Verb::Make, Kind::Volume, &one.name, &one.created_at)),
    );
    Ok(())
}

fn ids(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| object.id.clone()).collect()
}

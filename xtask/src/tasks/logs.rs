//! `logs`: what the servers of an environment have written.

use environments::Service;

use crate::cli::Logs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::guard::identity;
use crate::observe::observe_one;
use crate::report::Answer;
use crate::ui;

const NAME: &str = "logs";

pub(crate) fn run(context: &Context, args: &Logs) -> Result<Answer> {
    let deployment = context.deployment(args.environment);
    context.about(args.environment);
    let observed = observe_one(context, &deployment)?;
    identity::settle(NAME, &deployment, &identity::objects(&observed))?;
    let services = args
        .service
        .map_or(Service::ALL.to_vec(), |service| vec![service]);
    let mut code = 0;
    for service in services {
        let Some(container) = observed.container(service) else {
            return Err(Failure::failed(format!(
                "{} does not exist, so it has written nothing",
                deployment.container(service)
            ))
            .hint(format!("cargo xtask up {}", args.environment)));
        };
        if args.service.is_none() {
            ui::answer(&format!("--- {}", container.name()))?;
        }
        let tail = args.tail.to_string();
        let mut command = context.docker.command().args(["logs", "--tail", &tail]);
        if args.follow {
            command = command.arg("--follow");
        }
        code = context.runner.interactive(&command.arg(&container.id))?;
    }
    Ok(Answer::Passed(u8::try_from(code).unwrap_or(1)))
}

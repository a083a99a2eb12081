//! `redis`: a Redis shell, or one command, on the right server as the right user.

use std::io::IsTerminal;

use environments::Service;

use crate::cli::RedisArgs;
use crate::context::Context;
use crate::error::Result;
use crate::report::Answer;
use crate::secrets;
use crate::tasks::running_container;

const NAME: &str = "redis";

pub(crate) fn run(context: &Context, args: &RedisArgs) -> Result<Answer> {
    let environment = args.environment;
    let deployment = context.deployment(environment);
    let container = running_container(context, NAME, &deployment, Service::Redis)?;
    let password = secrets::password(environment)?;
    let mut options = vec!["--env", "REDISCLI_AUTH"];
    if args.args.is_empty() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        options.push("--tty");
    }
    // -e: without it redis-cli exits 0 on an error reply.
    let shell = [
        "redis-cli",
        "-e",
        "--no-auth-warning",
        "--user",
        environment.redis_user(),
    ];
    let command = context
        .docker
        .exec_with(&container.id, &options, &shell)
        .args(args.args.iter().cloned())
        .secret("REDISCLI_AUTH", &password.value);
    let code = context.runner.interactive(&command)?;
    Ok(Answer::Passed(u8::try_from(code).unwrap_or(1)))
}

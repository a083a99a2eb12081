//! What is asked of servers that run.

use clap::Args;
use environments::{Environment, Service};

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// Install a Docker engine without asking, where there is none
    #[arg(long)]
    pub(crate) install_engine: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// neo4j or redis; both where none is named
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<Service>,
    /// How many lines, counted from the end
    #[arg(long, value_name = "LINES", default_value_t = 100)]
    pub(crate) tail: usize,
    /// Go on showing what comes
    #[arg(long, requires = "service")]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cypher {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// The statement; without one, standard input or a shell
    #[arg(value_name = "STATEMENT")]
    pub(crate) statement: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RedisArgs {
    /// dev, test, staging or prod
    #[arg(value_name = "ENV")]
    pub(crate) environment: Environment,
    /// The command and its arguments; without any, standard input or a shell
    #[arg(
        value_name = "ARG",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) args: Vec<String>,
}

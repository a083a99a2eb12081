//! `quickstart`: from nothing to three environments side by side, and the proof that they are apart.
//! Run again, it changes nothing and says so.

use std::time::Instant;

use compose_audit::report::human;
use compose_audit::report::proof::Proof;
use environments::{Deployment, Environment};
use serde_json::{Value, json};

use crate::context::Context;
use crate::engine::{self, Need, done};
use crate::error::{Failure, Result};
use crate::observe::observe;
use crate::plan::Planned;
use crate::report::{Answer, Changed, document_with};
use crate::tasks::images::{self, Job, Wanted};
use crate::tasks::up::{self, Started};
use crate::tasks::{doctor, planned, verify_isolation};
use crate::tools::docker::Container;

const NAME: &str = "quickstart";

pub(crate) fn run(context: &Context, install_engine: bool) -> Result<Answer> {
    let begun = Instant::now();
    refuse_drift(context)?;
    let need = engine::need(context)?;
    let deployments = context.deployments(&Environment::LOCAL);
    let wanted = Wanted {
        install_tools: install_engine,
        ..Wanted::default()
    };

    // Without an engine nothing is known of images and containers yet: all is needed.
    let jobs = if need.nothing() {
        Some(images::outdated(context, wanted)?)
    } else {
        None
    };
    let before = if need.nothing() {
        containers(context, &deployments)?
    } else {
        Vec::new()
    };
    let steps = steps(
        &need,
        jobs.as_deref(),
        wanted,
        before.len(),
        deployments.len(),
    );
    announce(context, &steps, &need);
    if context.dry_run {
        return rehearsed(context, &need, jobs.as_deref(), &deployments, steps);
    }

    engine::meet(context, &need, install_engine)?;
    let jobs = match jobs {
        Some(jobs) => jobs,
        None => images::outdated(context, wanted)?,
    };
    if !jobs.is_empty() {
        images::make(context, &jobs, wanted)?;
    }
    let started = up::start(context, NAME, &deployments)?;
    let proving = Instant::now();
    let proof = verify_isolation::prove(context, &Environment::LOCAL)?;
    done(
        context,
        "prove the environments apart",
        "other names and other ports are no proof",
        proving,
    );

    let unchanged = steps.is_empty() && containers(context, &deployments)? == before;
    let human = told(
        context,
        &proof,
        &started,
        unchanged,
        begun.elapsed().as_secs_f64(),
    );
    let changed = Changed {
        environments: Environment::LOCAL.to_vec(),
        outcome: "done",
        planned: Vec::new(),
        human: human.clone(),
    };
    let mut extra = json!({
        "changed": !unchanged,
        "isolation": proof.json(),
        "connections": connections(&started),
    });
    // Everything runs, but nobody may rely on it yet.
    if let Some(failure) = verify_isolation::failure(&proof) {
        extra["outcome"] = json!(failure.kind.outcome());
        extra["error"] = json!(failure);
    }
    Ok(Answer::Document {
        human,
        json: document_with(context, NAME, &changed, extra),
        exit_code: proof.verdict.exit_code(),
    })
}

/// A checkout that was edited by hand starts something else than what the definitions say.
fn refuse_drift(context: &Context) -> Result<()> {
    let drifted = doctor::drifted(context)?;
    if drifted.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "not as the definitions say: {}",
        drifted.join(", ")
    ))
    .hint("cargo xtask generate   (`cargo xtask generate --check` shows the difference)"))
}

/// The running containers with what a restart would change, in a fixed order.
fn containers(context: &Context, deployments: &[Deployment]) -> Result<Vec<(String, String)>> {
    let observed = observe(context, deployments)?;
    let running = observed
        .iter()
        .flat_map(|one| one.containers())
        .filter(|container| Container::running(container));
    Ok(running
        .map(|container| (container.id.clone(), container.state.started_at.clone()))
        .collect())
}

/// What has to be done, and why.
fn steps(
    need: &Need,
    jobs: Option<&[Job]>,
    wanted: Wanted<'_>,
    running: usize,
    environments: usize,
) -> Vec<(String, String)> {
    let mut steps = need.steps();
    match jobs {
        Some(jobs) => steps.extend(
            jobs.iter()
                .map(|job| (job.action(wanted), job.because.clone())),
        ),
        None => steps.push((
            "see to the server images: pulled, else built".to_owned(),
            "no engine answers yet, so which of them are there is not known".to_owned(),
        )),
    }
    let servers = environments * 2;
    if running < servers {
        let because = if jobs.is_some() {
            format!("{running} of their {servers} servers run")
        } else {
            "no engine answers yet".to_owned()
        };
        steps.push((
            "start dev, test and staging, side by side".to_owned(),
            because,
        ));
    }
    steps
}

/// Says what will be done before anything is: under `--quiet` too where packages are added.
fn announce(context: &Context, steps: &[(String, String)], need: &Need) {
    let mut lines = vec!["quickstart will".to_owned()];
    let numbered = steps.iter().enumerate();
    lines.extend(
        numbered.map(|(at, (action, because))| format!("  {}. {action} ({because})", at + 1)),
    );
    lines.push(format!(
        "  {}. prove that none of them can reach another",
        steps.len() + 1
    ));
    context.ui.say(lines.join("\n"));
    engine::show(context, need);
}

/// `--dry-run`: with an engine, the plans of the three environments too.
fn rehearsed(
    context: &Context,
    need: &Need,
    jobs: Option<&[Job]>,
    deployments: &[Deployment],
    mut steps: Vec<(String, String)>,
) -> Result<Answer> {
    if need.nothing() && jobs.is_some_and(<[Job]>::is_empty) {
        let started = up::start(context, NAME, deployments)?;
        if let Answer::Changed(plans) = planned(
            &started
                .iter()
                .map(|one| &one.plan as &dyn Planned)
                .collect::<Vec<_>>(),
        ) {
            steps.extend(plans.planned);
        }
    }
    Ok(Answer::Changed(Changed {
        environments: Environment::LOCAL.to_vec(),
        outcome: "planned",
        planned: steps,
        human: String::new(),
    }))
}

fn told(
    context: &Context,
    proof: &Proof,
    started: &[Started],
    unchanged: bool,
    seconds: f64,
) -> String {
    let state = if unchanged {
        format!("everything ran already: nothing was changed ({seconds:.1} s)")
    } else {
        format!("dev, test and staging run side by side ({seconds:.1} s)")
    };
    let instance = context
        .instance
        .name()
        .map_or_else(String::new, |name| format!("--instance {name} "));
    [
        state,
        String::new(),
        human::text(proof, context.ui.on_stdout()),
        up::connections(started),
        python(&instance),
        format!(
            "next:\n  cargo xtask {instance}status       how every environment stands\n  \
             cargo xtask {instance}wipe-dev     empty development; it asks first\n  \
             cargo xtask {instance}reset-test   empty test; it never asks"
        ),
    ]
    .join("\n")
}

/// The lines of a Python client, before and after.
fn python(instance: &str) -> String {
    let variables = if instance.is_empty() {
        "the variables of .env.dev, .env.test or .env.staging".to_owned()
    } else {
        format!("the variables that `cargo xtask {instance}env dev` prints")
    };
    format!(
        r#"a Python client changes these lines, and takes {variables}:
  - driver = GraphDatabase.driver("bolt://localhost:7687", auth=("neo4j", "..."))
  + driver = GraphDatabase.driver(os.environ["NEO4J_URI"], auth=("neo4j", os.environ["NEO4J_PASSWORD"]))
  - session = driver.session()
  + session = driver.session(database=os.environ["NEO4J_DATABASE"])
  - cache = redis.Redis(host="localhost", port=6379, db=0)
  + cache = redis.Redis.from_url(os.environ["REDIS_URL"])
"#
    )
}

fn connections(started: &[Started]) -> Value {
    let one = |one: &Started| {
        let environment = one.stack.deployment.environment();
        let ports = one.stack.target.ports();
        let url = |scheme: &str, port: Option<u16>| {
            port.map(|port| format!("{scheme}://localhost:{port}"))
        };
        json!({
            "environment": environment,
            "bolt": url("bolt", ports.map(|ports| ports.bolt)),
            "http": url("http", ports.map(|ports| ports.http)),
            "redis": url("redis", ports.map(|ports| ports.redis)).map(|url| format!("{url}/0")),
            "database": environment.database(),
            "redis_prefix": environment.redis_prefix(),
            "neo4j_label": environment.neo4j_label(),
        })
    };
    started.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_all_is_there_no_step_is_left_but_the_proof() {
        let need = Need::default();
        assert!(steps(&need, Some(&[]), Wanted::default(), 6, 3).is_empty());
        let steps = steps(&need, Some(&[]), Wanted::default(), 4, 3);
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].1, "4 of their 6 servers run");
    }

    #[test]
    fn the_python_lines_follow_the_instance() {
        assert!(python("").contains(".env.dev"));
        assert!(python("--instance ci ").contains("`cargo xtask --instance ci env dev`"));
    }
}

//! `doctor`: what this machine lacks, and the command that fixes it.
//!
//! Looks at everything and changes nothing. It has to work where nothing else does.

mod host;

use environments::Environment;
use environments::render::Secrets;
use serde_json::json;

use crate::context::Context;
use crate::engine::detect::{Facts, State, detect};
use crate::engine::judge::{self, Check, Status};
use crate::engine::{os, os_release};
use crate::error::{Failure, Result};
use crate::observe::{Observed, observe};
use crate::report::Answer;
use crate::secrets;
use crate::tasks::{generate, images};
use crate::ui::{self, Tone};

pub(crate) fn run(context: &Context) -> Result<Answer> {
    let found = detect(context)?;
    let mut checks = vec![system()];
    checks.extend(judge::checks(&found));
    match &found.engine {
        State::Answers(facts) => {
            checks.extend(on_engine(context, facts, found.elsewhere.as_deref()))
        }
        State::NoPermission | State::Silent(_) => checks.push(host::memory(&host::meminfo(), 0)),
    }
    checks.extend(host::folders(context));
    checks.push(rendered(context));
    context.interrupt().check()?;
    let ok = checks.iter().all(|check| check.status != Status::Missing);
    Ok(Answer::Document {
        human: table(context, &checks),
        json: json!({ "checks": checks, "ok": ok }),
        exit_code: u8::from(!ok),
    })
}

fn table(context: &Context, checks: &[Check]) -> String {
    let word = |status: Status| match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Missing => "missing",
    };
    let mut lines = vec![["check", "status", "found"].map(str::to_owned).to_vec()];
    lines.extend(checks.iter().map(|check| {
        vec![
            check.check.clone(),
            word(check.status).to_owned(),
            check.found.clone(),
        ]
    }));
    let mut text = ui::table(&lines);
    let troubled: Vec<&Check> = checks
        .iter()
        .filter(|check| !check.fix.is_empty())
        .collect();
    if !troubled.is_empty() {
        text.push_str("\nto fix it:\n");
    }
    for check in troubled {
        text.push_str(&format!("  {}: {}\n", check.check, check.fix));
    }
    let worst = checks
        .iter()
        .map(|check| check.status)
        .max()
        .unwrap_or(Status::Ok);
    context.ui.say(match worst {
        Status::Ok => context.ui.paint(Tone::Good, "all is well"),
        Status::Warning => context.ui.paint(Tone::Warning, "it works, with warnings"),
        Status::Missing => context.ui.paint(Tone::Bad, "something is missing"),
    });
    text
}

fn system() -> Check {
    let text = os_release();
    let name = os::named(&text);
    if std::env::consts::OS == "linux" {
        Check::ok("system", format!("{name}, {}", std::env::consts::ARCH))
    } else {
        Check::new(
            "system",
            Status::Warning,
            format!("{name}: only Linux was tried"),
            "",
        )
    }
}

/// What only an engine that answers can tell. A question that fails is a finding of its own.
fn on_engine(context: &Context, facts: &Facts, elsewhere: Option<&str>) -> Vec<Check> {
    let failed = |name: &str, failure: Failure| Check::failed(name, Status::Warning, failure);
    let mut checks = match images(context) {
        Ok(checks) => checks,
        Err(failure) => vec![failed("images", failure)],
    };
    match observe(context, &context.deployments(&Environment::LOCAL)) {
        Ok(observed) => {
            let running = observed.iter().filter(|one| one.running()).count() as u64;
            if let Some(place) = elsewhere {
                let found = format!(
                    "the engine of the context {place} may be another machine's: not looked at"
                );
                checks.push(Check::new("memory, disk", Status::Warning, found, ""));
            } else {
                checks.push(host::memory(&host::meminfo(), running));
                checks.push(host::disk(&facts.docker_root_dir));
            }
            checks.extend(ports(context, &observed));
        }
        Err(failure) => checks.push(failed("environments", failure)),
    }
    checks.push(host::clock(facts));
    checks
}

fn images(context: &Context) -> Result<Vec<Check>> {
    const MEND: &str = "cargo xtask images";
    let jobs = images::outdated(context, images::Wanted::default())?;
    let tags = [environments::images::NEO4J, environments::images::REDIS];
    let check = |tag: &str| {
        let name = format!("image {tag}");
        match jobs.iter().find(|job| job.tag() == tag) {
            None => Check::ok(&name, "up to date"),
            Some(job) if job.absent => {
                Check::new(&name, Status::Missing, job.because.clone(), MEND)
            }
            Some(job) => Check::new(&name, Status::Warning, job.because.clone(), MEND),
        }
    };
    Ok(tags.iter().map(|tag| check(tag)).collect())
}

fn ports(context: &Context, observed: &[Observed]) -> Vec<Check> {
    let publishers = match context.docker.publishers() {
        Ok(publishers) => publishers,
        Err(failure) => {
            return vec![Check::failed("ports", Status::Warning, failure)];
        }
    };
    let one = |one: &Observed| {
        let name = format!("ports of {}", one.deployment);
        let kept = match one.deployment.fixed_ports() {
            Some(fixed) => Ok(Some(fixed)),
            None => one.ports(),
        };
        match kept {
            Ok(Some(ports)) => host::ports(one, ports, &publishers),
            Ok(None) => Check::ok(&name, "picked at its first start"),
            Err(failure) => Check::failed(&name, Status::Missing, failure),
        }
    };
    observed.iter().map(one).collect()
}

fn rendered(context: &Context) -> Check {
    const NAME: &str = "rendered files";
    match drifted(context) {
        Ok(drifted) if drifted.is_empty() => Check::ok(NAME, "as the definitions say"),
        Ok(drifted) => Check::new(
            NAME,
            Status::Missing,
            format!("not as the definitions say: {}", drifted.join(", ")),
            "cargo xtask generate   (`generate --check` shows the difference)",
        ),
        Err(failure) => Check::failed(NAME, Status::Missing, failure),
    }
}

/// The rendered files that are not as rendered. Where a provider gives staging's secret, both the
/// rendering with the well-known password and the one without it will do.
pub(crate) fn drifted(context: &Context) -> Result<Vec<String>> {
    let well_known = generate::compare(context, Secrets::well_known())?;
    let provided = generate::compare(context, secrets::provided())?;
    let drifted = well_known.drifted.into_iter().map(|one| one.file.path);
    let drifted = drifted.filter(|path| !provided.same.contains(path));
    Ok(drifted.chain(well_known.barred).collect())
}

//! A Docker engine on this machine: what there is, what it lacks, and getting it.
//!
//! Looks first, then says what would be added or started, then asks, then does it. Nothing that is
//! there is ever upgraded, replaced or removed.

mod apt;
pub(crate) mod detect;
pub(crate) mod judge;
pub(crate) mod os;
mod plan;
mod start;

use std::io::IsTerminal;
use std::time::Instant;

use crate::context::{Context, Done};
use crate::engine::detect::{Found, Plugin, State};
use crate::engine::judge::Status;
use crate::engine::os::{Lacking, System};
use crate::engine::plan::Installation;
use crate::engine::start::Way;
use crate::error::{Failure, Kind, Result};
use crate::guard::confirmation::read_line;
use crate::ui::Tone;

pub(crate) use apt::mirror;
pub(crate) use plan::KEYRING;

/// What has to happen before an engine can be used, in this order.
#[derive(Debug, Default)]
pub(crate) struct Need {
    pub(crate) install: Option<Installation>,
    pub(crate) start: Option<Way>,
}

impl Need {
    pub(crate) const fn nothing(&self) -> bool {
        self.install.is_none() && self.start.is_none()
    }

    /// As steps of a plan: what, and why.
    pub(crate) fn steps(&self) -> Vec<(String, String)> {
        let mut steps = Vec::new();
        if let Some(installation) = &self.install {
            steps.push((
                format!("install {}", installation.asked.join(" ")),
                "no usable Docker engine is installed".to_owned(),
            ));
        }
        if self.start.is_some() {
            steps.push((
                "start the Docker engine".to_owned(),
                "it does not run".to_owned(),
            ));
        }
        steps
    }
}

/// What this machine's `/etc/os-release` says.
pub(crate) fn os_release() -> String {
    std::fs::read_to_string("/etc/os-release").unwrap_or_default()
}

/// Looks, and decides what is needed.
///
/// # Errors
/// A person must see to it: another system, an engine that is too old, no permission.
pub(crate) fn need(context: &Context) -> Result<Need> {
    let found = detect::detect(context)?;
    let Some(lacking) = lacking(&found)? else {
        return Ok(Need::default());
    };
    let mut need = Need::default();
    if lacking != Lacking::default() {
        let system = System::of(&os_release());
        let packages = system.packages(lacking)?;
        need.install = Some(apt::prepare(context, &system, &packages)?);
    }
    if !matches!(found.engine, State::Answers(_)) {
        need.start = Some(start::way(&found));
    }
    Ok(need)
}

/// What is lacking; nothing at all where an engine can be used as it is.
fn lacking(found: &Found) -> Result<Option<Lacking>> {
    if found.engine == State::NoPermission {
        return Err(judge::permission());
    }
    let silent = matches!(found.engine, State::Silent(_));
    let checks = judge::checks(found);
    // What is there and won't do is not ours to replace.
    let unfit = checks.iter().find(|check| {
        check.status == Status::Missing
            && match check.check.as_str() {
                "docker engine" => !silent || found.elsewhere.is_some(),
                "docker compose" => found.compose != Plugin::Missing,
                _ => false,
            }
    });
    if let Some(check) = unfit {
        return Err(
            Failure::failed(format!("{}: {}", check.check, check.found)).hint(check.fix.clone())
        );
    }
    let lacking = Lacking {
        engine: found.client.is_none() || silent && found.daemon.is_none(),
        compose: found.compose == Plugin::Missing,
        buildx: found.buildx == Plugin::Missing,
    };
    Ok((silent || lacking != Lacking::default()).then_some(lacking))
}

/// Shows what will be added and started.
pub(crate) fn show(context: &Context, need: &Need) {
    if let Some(installation) = &need.install {
        context.ui.insist(format!(
            "installing Docker\n{}",
            installation.to_string().trim_end()
        ));
    }
    if let Some(way) = &need.start {
        context.ui.insist(match way {
            Way::Systemd => "starting Docker: systemctl start docker".to_owned(),
            Way::Detached(daemon) => format!("starting Docker: {}, detached", daemon.display()),
            Way::ByPerson(line) => format!("starting Docker needs root: {line}"),
        });
    }
}

/// Installs and starts what was shown, once the person has agreed.
///
/// # Errors
/// Not root; no agreement; apt or the engine fails.
pub(crate) fn meet(context: &Context, need: &Need, agreed: bool) -> Result<()> {
    if let Some(installation) = &need.install {
        add(context, installation, agreed, "--install-engine")?;
    }
    if let Some(way) = &need.start {
        let started = Instant::now();
        // What was just installed was not there when the way was chosen.
        let way = match need.install {
            Some(_) => start::way(&detect::detect(context)?),
            None => way.clone(),
        };
        start::start(context, &way)?;
        done(
            context,
            "start the Docker engine",
            "it did not run",
            started,
        );
    }
    Ok(())
}

/// Tools that building needs, from this system's own packages.
///
/// # Errors
/// As for an engine; and where this tool installs nothing on this system.
pub(crate) fn tools(context: &Context, packages: &[&str], agreed: bool) -> Result<()> {
    let system = System::of(&os_release());
    // Only asked whether it is one that packages are installed on.
    system.packages(Lacking::default())?;
    let installation = apt::prepare(context, &system, packages)?;
    context.ui.insist(format!(
        "installing tools\n{}",
        installation.to_string().trim_end()
    ));
    add(context, &installation, agreed, "--install-tools")
}

fn add(context: &Context, installation: &Installation, agreed: bool, flag: &str) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        context
            .ui
            .insist(format!("as root:\n{}", installation.lines().join("\n")));
        return Err(Failure::refused(
            "only root can install packages: the lines to type are above",
        )
        .hint("type them as root, then run the same command again"));
    }
    if !agreed {
        ask(context, flag)?;
    }
    let started = Instant::now();
    apt::install(context, installation)?;
    let action = format!("install {}", installation.asked.join(" "));
    done(context, &action, "it was not installed", started);
    Ok(())
}

/// A yes on a terminal. Anything else is a no.
fn ask(context: &Context, flag: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::refused(
            "adding packages needs a confirmation, but standard input is not a terminal",
        )
        .hint(format!("{} {flag}", context.confirmation.command)));
    }
    context.ui.insist("Add them? [y/N]");
    match read_line(context.interrupt())?.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new(Kind::Cancelled, "nothing was added")),
    }
}

/// Tells and records a step that was carried out.
pub(crate) fn done(context: &Context, action: &str, because: &str, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    let mark = context.ui.paint(Tone::Good, "✓");
    context.ui.say(format!("{mark} {action} ({seconds:.1} s)"));
    context.record(Done {
        action: action.to_owned(),
        because: because.to_owned(),
        seconds: (seconds * 1000.0).round() / 1000.0,
    });
}

#[cfg(test)]
mod tests {
    use super::judge::tests::well;
    use super::*;

    #[test]
    fn an_engine_with_its_plugins_lacks_nothing_even_below_28() {
        assert_eq!(lacking(&well("26.1.5")).expect("usable"), None);
    }

    #[test]
    fn a_client_without_an_engine_gets_all_of_one() {
        let mut found = well("28.2.2");
        found.engine = State::Silent("no socket".to_owned());
        found.daemon = None;
        assert!(
            lacking(&found)
                .expect("installable")
                .expect("something")
                .engine
        );
    }

    #[test]
    fn an_installed_engine_that_does_not_run_is_only_started() {
        let mut found = well("28.2.2");
        found.engine = State::Silent("no socket".to_owned());
        assert_eq!(
            lacking(&found).expect("startable"),
            Some(Lacking::default())
        );
    }

    #[test]
    fn a_missing_plugin_is_added_to_the_engine_that_is_there() {
        let mut found = well("28.2.2");
        found.compose = Plugin::Missing;
        let lacking = lacking(&found).expect("installable").expect("something");
        assert_eq!(
            lacking,
            Lacking {
                compose: true,
                ..Lacking::default()
            }
        );
    }

    #[test]
    fn what_is_too_old_is_not_replaced_and_who_may_not_ask_is_refused() {
        assert_eq!(
            lacking(&well("24.0.7")).expect_err("old").kind,
            Kind::Failed
        );
        let mut found = well("28.2.2");
        found.compose = Plugin::There((2, 20, 0));
        assert!(lacking(&found).expect_err("old").message.contains("2.23"));
        found.engine = State::NoPermission;
        assert_eq!(
            lacking(&found).expect_err("no permission").kind,
            Kind::Refused
        );
        let mut found = well("28.2.2");
        found.engine = State::Silent("no".to_owned());
        found.elsewhere = Some("desktop-linux".to_owned());
        assert_eq!(lacking(&found).expect_err("elsewhere").kind, Kind::Failed);
    }
}

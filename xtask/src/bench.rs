//! This tool beside the shell lines that it replaces, by turns, on this machine.
//!
//! Decides how a comparison is run: each way is prepared, timed and then asked whether it has done
//! its work, so that a wrong result is an error and never a time. It must not know what is compared.

pub(crate) mod catalogue;
mod client;
mod data;
pub(crate) mod figures;
mod namespaces;
mod old;
mod ours;
mod plain;
mod proofs;
pub(crate) mod report;
pub(crate) mod scratch;
mod site;
mod snapshots;

use std::time::Instant;

use crate::bench::catalogue::Entry;
use crate::bench::figures::{Measured, Outcome, Timed};
use crate::bench::scratch::Scratch;
use crate::bench::site::Site;
use crate::context::Context;
use crate::error::{Kind, Result};

/// One way of doing a comparison's work.
trait Way {
    /// Brings about what the work starts from. Not timed.
    fn prepare(&mut self) -> Result<()>;

    /// The work. Timed.
    fn run(&mut self) -> Result<()>;

    /// Whether the work was done. Not timed.
    fn check(&mut self) -> Result<()>;

    /// The part of the work that the comparison is about, in seconds, where it is not all of it.
    fn part(&self) -> Option<f64> {
        None
    }
}

/// The ways of one comparison. Where there is nothing to compare with, ours is timed alone.
struct Ways<'a> {
    old: Option<Box<dyn Way + 'a>>,
    ours: Box<dyn Way + 'a>,
}

/// Runs the comparisons one after the other. One that fails is told and keeps none from running.
///
/// # Errors
/// Ctrl-C.
pub(crate) fn compare(
    context: &Context,
    scratch: &Scratch,
    chosen: &[&Entry],
    runs: usize,
) -> Result<Vec<Outcome>> {
    let site = Site::new(context, scratch)?;
    let mut outcomes = Vec::new();
    for entry in chosen {
        context.ui.say(entry.description());
        let measured = measure(&site, entry, runs);
        let cleared = scratch.clear();
        outcomes.push(
            match measured.and_then(|measured| cleared.map(|()| measured)) {
                Ok(measured) => Outcome::Measured(measured),
                Err(failure) if failure.kind == Kind::Interrupted => return Err(failure),
                Err(failure) => {
                    context
                        .ui
                        .insist(format!("{}: {}", entry.name, failure.message));
                    Outcome::Failed {
                        name: entry.name,
                        message: failure.message,
                    }
                }
            },
        );
    }
    Ok(outcomes)
}

/// A B A B …: whatever else the machine does meanwhile slows both.
fn measure(site: &Site<'_>, entry: &Entry, runs: usize) -> Result<Measured> {
    let mut ways = (entry.ways)(site)?;
    let mut old = Vec::new();
    let mut ours = Vec::new();
    for run in 1..=runs {
        let mut told = format!("{} {run}/{runs}:", entry.name);
        if let Some(way) = &mut ways.old {
            let seconds = timed(site.context, way.as_mut())
                .map_err(|failure| failure.within(format!("old way, run {run}")))?;
            told.push_str(&format!(" old {seconds:.2} s,"));
            old.push(seconds);
        }
        let seconds = timed(site.context, ways.ours.as_mut())
            .map_err(|failure| failure.within(format!("our way, run {run}")))?;
        site.context.ui.say(format!("{told} ours {seconds:.2} s"));
        ours.push(seconds);
    }
    Ok(Measured {
        name: entry.name,
        old: entry.old.map(|what| Timed { what, seconds: old }),
        ours: Timed {
            what: entry.ours,
            seconds: ours,
        },
        target: entry.target,
    })
}

fn timed(context: &Context, way: &mut dyn Way) -> Result<f64> {
    context.interrupt().check()?;
    way.prepare()?;
    let started = Instant::now();
    way.run()?;
    let seconds = started.elapsed().as_secs_f64();
    way.check()?;
    Ok(way.part().unwrap_or(seconds))
}

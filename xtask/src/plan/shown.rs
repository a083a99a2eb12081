//! A plan as a person reads it.

use std::fmt;

use super::{Action, Plan, Planned};

/// The text of a plan.
pub(crate) fn text(plan: &dyn Planned) -> String {
    let mut text = format!("Plan for {}:\n", plan.deployment());
    for note in plan.notes() {
        text.push_str(&format!("    {note}\n"));
    }
    for (number, (action, because)) in plan.lines().into_iter().enumerate() {
        text.push_str(&format!("{:3}. {action}\n", number + 1));
        text.push_str(&format!("       because {because}\n"));
    }
    text
}

impl<A: Action> fmt::Display for Plan<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self))
    }
}

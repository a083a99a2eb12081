//! How what was found is told: to people, to programs, to CI systems.

mod html;
pub mod human;
mod junit;
mod markdown;
mod matrix;
mod paint;
pub mod proof;
pub mod written;

use serde_json::Value;

pub use paint::{Paint, Tone};

/// A document as it is printed, but for the line break at its end.
pub fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string())
}

/// `1 node`, `2 nodes`.
pub fn counted(count: u64, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else if let Some(stem) = one.strip_suffix('x') {
        format!("{count} {stem}xes")
    } else {
        format!("{count} {one}s")
    }
}

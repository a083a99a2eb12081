//! The one tool of TTA for its environments.

fn main() {}

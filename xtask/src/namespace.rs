//! Whose each key and node is, by its prefix or label: counting them, and bringing old data in line.

pub(crate) mod audit;
mod batches;
pub(crate) mod foreign;
pub(crate) mod migrate;
mod plan;
mod scripts;

pub(crate) use plan::{Migration, Moving, mark, move_foreign};

//! What users rely on when something goes wrong: the real `xtask` on a fake engine that fails,
//! hangs, lies and dies on order. No real engine is ever asked: the fake `docker` is all that
//! PATH has.
#![allow(missing_docs, reason = "tests are sentences")]

#[path = "fake/compose.rs"]
mod compose;
#[path = "../harness/mod.rs"]
mod harness;
#[path = "fake/model.rs"]
mod model;
#[path = "fake/orders.rs"]
mod orders;

mod adoption;
mod again_later;
mod any_order;
mod batches_script;
mod confirmation;
mod copy_script;
mod destinations;
mod documents;
mod engine;
mod engine_lost;
mod found;
mod freezes;
mod generate;
mod holes;
mod identity;
mod init_neo4j;
mod instances;
mod interrupts;
mod isolation;
mod journal;
mod kept_script;
mod kill_points;
mod ledger;
mod left_behind;
mod lost_answers;
mod meanwhile;
mod migration;
mod old_stack;
mod output;
mod patience;
mod put_back;
mod reset_test;
mod running;
mod secrets;
mod set;
mod snapshots;
mod starting;
mod swap_script;
mod terminal;
mod time_passes;
mod writes_nothing;

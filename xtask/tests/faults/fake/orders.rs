//! What goes wrong, and when: given by a test, carried out by the fake `docker`.
#![allow(
    dead_code,
    reason = "the fake and the tests each use a part of what they share"
)]

use std::fs;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Folder;

/// One thing to go wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) when: When,
    pub(crate) act: Act,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum When {
    /// The n-th call, counted from 1, whose words contain this text; each of them for 0.
    Call(String, usize),
    /// The n-th change of the engine's state, counted from 1 over all calls.
    Change(usize),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Act {
    /// Kills xtask, then ends without the change.
    KillBefore,
    /// Makes the change, kills xtask, then ends: the rest of the call is never done.
    KillAfter,
    /// Kills xtask and goes on with all of the call, as soon as the test says so.
    Orphan,
    /// Goes on as soon as the test says so.
    Wait,
    /// Never answers.
    Hang,
    /// Answers this instead.
    Reply {
        code: u8,
        stdout: String,
        stderr: String,
    },
    /// Is killed.
    Die,
    /// Somebody else changes the engine: a merge patch (RFC 7396) of its state.
    Behind(Value),
    /// Sends xtask Ctrl-C, and does not answer.
    Interrupt,
    /// A client writes to each of these containers that answers.
    Write(Vec<String>),
    /// The engine stops answering.
    Gone,
}

impl Order {
    pub(crate) fn all(folder: &Folder) -> Vec<Self> {
        match fs::read_to_string(folder.file("orders.json")) {
            Ok(text) => serde_json::from_str(&text).expect("orders are JSON"),
            Err(_) => Vec::new(),
        }
    }

    /// Replaces all orders; changes and calls are counted anew.
    pub(crate) fn give(folder: &Folder, orders: &[Self]) {
        folder.change(|state| {
            state.changes = 0;
            state.seen.clear();
        });
        let text = serde_json::to_string(orders).expect("orders are JSON");
        fs::write(folder.file("orders.json"), text).expect("orders are written");
    }
}

/// RFC 7396.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

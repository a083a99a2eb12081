//! Ctrl-C: heard once for all, and asked about wherever something is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Failure, Result};

/// Ctrl-C, once it was pressed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(pub(super) Arc<AtomicBool>);

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGHUP. A second one ends the process at once.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))?;
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    /// Whether it was pressed.
    pub(crate) fn pressed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Fails with [`Kind::Interrupted`](crate::error::Kind::Interrupted) once it was pressed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.pressed() {
            Err(Failure::interrupted())
        } else {
            Ok(())
        }
    }
}

//! Ctrl-C: heard once for all, and asked about wherever something is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Ctrl-C, once it was pressed.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGHUP. A second one ends the process at once.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn listen() -> std::io::Result<Self> {
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

    /// As if it was pressed.
    pub fn press(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was pressed.
    pub fn pressed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Fails with [`Kind::Interrupted`](crate::Kind::Interrupted) once it was pressed.
    ///
    /// # Errors
    /// It was pressed.
    pub fn check(&self) -> Result<()> {
        if self.pressed() {
            Err(Error::interrupted())
        } else {
            Ok(())
        }
    }
}

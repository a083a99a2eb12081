//! Children that read from a file or write into one: dumps, which no memory should hold.

use std::fs::File;
use std::io::Seek as _;
use std::time::Duration;

use super::{Invocation, Reply, Runner, Waited, exit_code, too_long};
use crate::error::{Failure, Result};

impl Runner {
    /// Runs a child to its end, its standard output going to a file. `meanwhile` is called several
    /// times a second.
    ///
    /// # Errors
    /// As for `run`. What the file holds then is nothing to rely on.
    pub(crate) fn saving(
        &self,
        invocation: &Invocation,
        file: &File,
        meanwhile: impl Fn(Duration),
    ) -> Result<Reply> {
        let file = again(invocation, file)?;
        let expression = invocation
            .expression()
            .stdin_null()
            .stdout_file(file)
            .stderr_capture();
        self.streamed(invocation, &expression, meanwhile)
    }

    /// The same with its standard input coming from a file.
    ///
    /// # Errors
    /// As for `run`.
    pub(crate) fn feeding(&self, invocation: &Invocation, file: File) -> Result<Reply> {
        self.fed(invocation, file, |_| {})
    }

    /// The same, showing on a terminal how much of the file was read.
    ///
    /// # Errors
    /// As for `run`.
    pub(crate) fn feeding_shown(
        &self,
        invocation: &Invocation,
        file: File,
        what: &str,
    ) -> Result<Reply> {
        // The child's own, which moves on as it reads: to look at it costs nothing.
        let same = again(invocation, &file)?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let progress = self.ui.progress_of_bytes(what, bytes);
        self.fed(invocation, file, |_| {
            if let Ok(at) = (&same).stream_position() {
                progress.at(at);
            }
        })
    }

    fn fed(
        &self,
        invocation: &Invocation,
        file: File,
        meanwhile: impl Fn(Duration),
    ) -> Result<Reply> {
        let expression = invocation
            .expression()
            .stdin_file(file)
            .stdout_capture()
            .stderr_capture();
        self.streamed(invocation, &expression, meanwhile)
    }

    /// To its end, or until Ctrl-C or its deadline.
    pub(super) fn streamed(
        &self,
        invocation: &Invocation,
        expression: &duct::Expression,
        meanwhile: impl Fn(Duration),
    ) -> Result<Reply> {
        self.interrupt.check()?;
        let handle = self.start(invocation, expression)?;
        let look = |ran: Duration| {
            meanwhile(ran);
            false
        };
        match self.wait(invocation, &handle, look)? {
            Waited::Ended(output) => Ok(Reply {
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                code: exit_code(output.status),
                line: invocation.line(),
                secrets: invocation.secrets.clone(),
            }),
            Waited::GivenUp | Waited::TooLong => Err(Failure::failed(too_long(invocation))),
        }
    }
}

/// The same open file: it has one place for all who read or write it.
fn again(invocation: &Invocation, file: &File) -> Result<File> {
    file.try_clone()
        .map_err(|error| Failure::failed(format!("`{}`", invocation.line())).because(error))
}

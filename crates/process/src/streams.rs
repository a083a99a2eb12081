//! Children that read from a file or write into one: dumps, which no memory should hold.

use std::fs::File;
use std::io::Seek as _;
use std::time::Duration;

use super::{Invocation, Reply, Runner, Waited, exit_code, too_long};
use crate::error::{Error, Kind, Result};

impl Runner {
    /// Runs a child to its end, its standard output going to a file. `meanwhile` is called several
    /// times a second.
    ///
    /// # Errors
    /// As for `run`. What the file holds then is nothing to rely on.
    pub fn saving(
        &self,
        invocation: &Invocation,
        file: &File,
        meanwhile: impl Fn(Duration),
    ) -> Result<Reply> {
        let file = again(invocation, file)?;
        let expression = self
            .expression(invocation)
            .stdin_null()
            .stdout_file(file)
            .stderr_capture();
        self.streamed(invocation, &expression, meanwhile)
    }

    /// The same with its standard input coming from a file.
    ///
    /// # Errors
    /// As for `run`.
    pub fn feeding(&self, invocation: &Invocation, file: File) -> Result<Reply> {
        self.fed(invocation, file, |_| {})
    }

    /// The same; `read` is told several times a second how many bytes of the file it has read.
    ///
    /// # Errors
    /// As for `run`.
    pub fn feeding_told(
        &self,
        invocation: &Invocation,
        file: File,
        read: impl Fn(u64),
    ) -> Result<Reply> {
        // The child's own, which moves on as it reads: to look at it costs nothing.
        let same = again(invocation, &file)?;
        self.fed(invocation, file, |_| {
            if let Ok(at) = (&same).stream_position() {
                read(at);
            }
        })
    }

    fn fed(
        &self,
        invocation: &Invocation,
        file: File,
        meanwhile: impl Fn(Duration),
    ) -> Result<Reply> {
        let expression = self
            .expression(invocation)
            .stdin_file(file)
            .stdout_capture()
            .stderr_capture();
        self.streamed(invocation, &expression, meanwhile)
    }

    /// To its end, or until Ctrl-C or its deadline.
    pub(crate) fn streamed(
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
            Waited::GivenUp | Waited::TooLong => {
                Err(Error::new(Kind::TooLong, too_long(invocation)))
            }
        }
    }
}

/// The same open file: it has one place for all who read or write it.
fn again(invocation: &Invocation, file: &File) -> Result<File> {
    file.try_clone()
        .map_err(|error| Error::new(Kind::Ours, format!("`{}`", invocation.line())).because(error))
}

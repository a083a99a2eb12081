//! Writing to a child that may not read.

use std::io::{PipeWriter, Write as _};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::Interrupt;
use crate::error::{Error, Kind, Result};

/// How long a child may take to read what it is told.
pub(crate) const HEARING: Duration = Duration::from_secs(60);

/// As much as a pipe that can be written to takes at once, without waiting (POSIX: `PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Whole,
    /// Nobody reads there any more.
    Gone,
    /// Nobody has read all of it in time.
    Unheard,
}

/// Writes to a child, which may take that long to read it.
///
/// # Errors
/// Ctrl-C was pressed while it did not read.
pub(crate) fn say(
    to: &mut PipeWriter,
    mut bytes: &[u8],
    deadline: Duration,
    interrupt: &Interrupt,
) -> Result<Said> {
    let until = Instant::now() + deadline;
    while !bytes.is_empty() {
        if !writable(to)? {
            interrupt.check()?;
            if Instant::now() >= until {
                return Ok(Said::Unheard);
            }
            continue;
        }
        match to.write(&bytes[..bytes.len().min(AT_ONCE)]) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(Said::Gone),
        }
    }
    Ok(Said::Whole)
}

/// Whether it takes something now, or within a moment; so too where its reader has gone.
fn writable(to: &PipeWriter) -> Result<bool> {
    let moment = Duration::from_millis(50);
    let timeout = moment.try_into().ok();
    let mut waiting = [PollFd::new(to, PollFlags::OUT)];
    match poll(&mut waiting, timeout.as_ref()) {
        Ok(0) | Err(Errno::INTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(Error::new(Kind::Ours, "a pipe").because(error)),
    }
}

/// The failure of a child that does not read.
pub(crate) fn unheard(line: &str, deadline: Duration) -> Error {
    Error::new(
        Kind::TooLong,
        format!(
            "`{line}` did not read what it was told within {} s",
            deadline.as_secs()
        ),
    )
}

//! What comes out of a pipe, answer by answer, without waiting longer than one is told to.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, PipeReader, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::error::{Error, Kind, Result};

/// What came from a pipe within some time.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A whole line, without its end.
    Line(String),
    /// Nobody can say anything any more.
    End,
    /// Nothing came in that time.
    Silence,
}

/// A pipe that is listened to.
#[derive(Debug)]
pub struct Hearing<R = PipeReader> {
    pipe: R,
    answers: Answers,
    /// What has come and was not asked for yet.
    whole: VecDeque<Vec<u8>>,
    /// The beginning of a line.
    begun: Vec<u8>,
    ended: bool,
}

/// Where one answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// With its line.
    Lines,
    /// Anywhere: bytes are handed on in the pieces in which they come.
    Pieces,
}

/// As much as a pipe holds.
const PIECE: usize = 64 * 1024;

impl<R: Read + AsFd> Hearing<R> {
    /// Line by line. Nothing of it has been read yet.
    pub const fn lines(pipe: R) -> Self {
        Self::new(pipe, Answers::Lines)
    }

    pub(crate) const fn new(pipe: R, answers: Answers) -> Self {
        Self {
            pipe,
            answers,
            whole: VecDeque::new(),
            begun: Vec::new(),
            ended: false,
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub fn next(&mut self, patience: Duration) -> Result<Heard> {
        let until = Instant::now() + patience;
        loop {
            if let Some(line) = self.whole.pop_front() {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                return Ok(Heard::Line(line));
            }
            if self.ended {
                return Ok(Heard::End);
            }
            let left = until.saturating_duration_since(Instant::now());
            if !ready(&mut [PollFd::new(&self.pipe, PollFlags::IN)], left)? {
                return Ok(Heard::Silence);
            }
            self.take_in()
                .map_err(|error| Error::new(Kind::Ours, "a pipe").because(error))?;
        }
    }

    /// An answer that has come already.
    pub(crate) fn answer(&mut self) -> Option<Vec<u8>> {
        self.whole.pop_front()
    }

    /// To be waited for until something can be taken in; none where nothing will come any more.
    pub(crate) fn waiting(&self) -> Option<PollFd<'_>> {
        (!self.ended).then(|| PollFd::new(&self.pipe, PollFlags::IN))
    }

    /// Whether there is an answer, or will be none.
    pub(crate) fn said(&self) -> bool {
        self.ended || !self.whole.is_empty()
    }

    pub(crate) const fn ended(&self) -> bool {
        self.ended
    }

    /// Reads what is there, once; waits where nothing is.
    pub(crate) fn take_in(&mut self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        match self.pipe.read(&mut piece) {
            Ok(count) => self.put(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }

    /// Nothing is the end.
    fn put(&mut self, mut piece: &[u8]) -> io::Result<()> {
        self.ended = piece.is_empty();
        if self.ended && !self.begun.is_empty() {
            self.whole.push_back(std::mem::take(&mut self.begun));
        }
        if self.answers == Answers::Pieces && !self.ended {
            self.whole.push_back(piece.to_vec());
            return Ok(());
        }
        while piece.read_until(b'\n', &mut self.begun)? > 0 {
            if self.begun.ends_with(b"\n") {
                self.begun.pop();
                self.whole.push_back(std::mem::take(&mut self.begun));
            }
        }
        Ok(())
    }
}

/// Whether any of these pipes can be read or written to now, or within that time.
pub(crate) fn ready(pipes: &mut [PollFd<'_>], patience: Duration) -> Result<bool> {
    let timeout = patience
        .try_into()
        .map_err(|_| Error::new(Kind::Ours, "the time to wait for a pipe is out of range"))?;
    match poll(pipes, Some(&timeout)) {
        Ok(0) | Err(Errno::INTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(Error::new(Kind::Ours, "a pipe").because(error)),
    }
}

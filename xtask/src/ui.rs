//! What a person sees: progress and plans on stderr, the answer on stdout.

mod progress;

use std::io::{IsTerminal, Write};

pub(crate) use compose_audit::report::{Tone, counted};
pub(crate) use progress::Progress;

use compose_audit::report::Paint;

use crate::error::{Failure, Result};

/// How much is said, and whether in colour.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    quiet: bool,
    verbose: bool,
    paint: Paint,
    /// Standard error is a terminal, which can overwrite a line.
    live: bool,
}

impl Ui {
    /// Colour only on a terminal, and never where NO_COLOR is set.
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        Self {
            quiet,
            verbose,
            paint: Paint::on(&std::io::stderr()),
            live: std::io::stderr().is_terminal(),
        }
    }

    /// For text that goes to stdout: coloured only where that is a terminal too.
    pub(crate) fn on_stdout(&self) -> Paint {
        self.paint.and(Paint::on(&std::io::stdout()))
    }

    /// One that says nothing.
    #[cfg(test)]
    pub(crate) const fn silent() -> Self {
        Self {
            quiet: true,
            verbose: false,
            paint: Paint::none(),
            live: false,
        }
    }

    /// A line about what is going on. Left out under `--quiet`.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            put(line.as_ref());
        }
    }

    /// A line that is shown even under `--quiet`: a plan, a question, an error.
    pub(crate) fn insist(&self, line: impl AsRef<str>) {
        put(line.as_ref());
    }

    /// A line that the next one overwrites, on a terminal; an empty one wipes it.
    pub(crate) fn redraw(&self, line: &str) {
        if !self.quiet && self.live {
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\u{1b}[K{line}").and_then(|()| stderr.flush());
        }
    }

    /// A child's command line, under `--verbose`.
    pub(crate) fn child(&self, line: &str) {
        if self.verbose {
            put(&self.paint(Tone::Faint, &format!("+ {line}")));
        }
    }

    /// How far something long is: a line that is drawn again and again, on a terminal alone.
    pub(crate) fn progress(&self, what: &str, of: u64) -> Progress {
        Progress::new(what, false, of, self.animated())
    }

    /// The same for so many bytes.
    pub(crate) fn progress_of_bytes(&self, what: &str, of: u64) -> Progress {
        Progress::new(what, true, of, self.animated())
    }

    /// Whether anybody sees a line that is drawn again and again.
    pub(crate) const fn animated(&self) -> bool {
        !self.quiet && self.live
    }

    /// The text in colour, where colour is wanted.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        self.paint.text(tone, text)
    }
}

/// Writes a line to stderr; a closed stderr is no reason to stop.
fn put(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes the answer to stdout. A reader that has gone away, as `head` does, has heard enough.
///
/// # Errors
/// It could not be written, as on a full disk.
pub(crate) fn answer(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.write_all(end.as_bytes()))
        .and_then(|()| stdout.flush());
    heard(written)
}

/// What became of something that was written to stdout.
///
/// # Errors
/// It could not be written.
pub(crate) fn heard(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let unwritten = "the answer could not be written to standard output";
            Err(Failure::failed(unwritten).because(error))
        }
        _ => Ok(()),
    }
}

/// Lines of cells as an aligned table, the first line being its head.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A number of bytes as a person reads it: `1.2 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

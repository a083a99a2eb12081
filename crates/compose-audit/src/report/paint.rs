//! Colours, where a terminal has them.

use std::io::IsTerminal;

/// Whether text is in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    colour: bool,
}

/// A colour, where the terminal has one.
#[derive(Debug, Clone, Copy)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// Wrong.
    Bad,
    /// What the line is about.
    Strong,
    /// What can be passed over.
    Faint,
}

impl Paint {
    /// No colour.
    pub const fn none() -> Self {
        Self { colour: false }
    }

    /// Colour only on a terminal, and never where NO_COLOR is set.
    pub fn on(stream: &impl IsTerminal) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour: wanted && stream.is_terminal(),
        }
    }

    /// Colour only where both have it.
    pub const fn and(self, other: Self) -> Self {
        Self {
            colour: self.colour && other.colour,
        }
    }

    /// The text in colour, where colour is wanted.
    pub fn text(self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31;1",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

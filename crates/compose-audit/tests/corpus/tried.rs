//! How a row came out, in the form that `cargo xtask test --faults` reads.

/// A row of the corpus, once it was tried.
#[derive(Debug)]
pub(crate) struct Tried<'a> {
    pub(crate) fault: &'a str,
    pub(crate) what: &'a str,
    /// The fault was found under its id with the environments that it joins, and only while it was
    /// there.
    pub(crate) found: bool,
    /// How many innocent counterparts there were, and how many of them were reported.
    pub(crate) innocent: usize,
    pub(crate) false_alarms: usize,
}

impl Tried<'_> {
    /// One line: `fault<TAB>E3<TAB>found<TAB>0 of 2<TAB>what it is`.
    pub(crate) fn tell(&self) {
        let found = if self.found { "found" } else { "missed" };
        eprintln!(
            "fault\t{}\t{found}\t{} of {}\t{}",
            self.fault, self.false_alarms, self.innocent, self.what
        );
    }
}

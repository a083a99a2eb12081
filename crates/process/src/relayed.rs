//! Children whose output a person follows: every line is handed over as it comes.
//!
//! Such a child may start others in groups of their own. At its deadline all of them are ended.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use duct::Handle;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::hearing::{Heard, Hearing};
use super::{Invocation, Runner, exit_code};
use crate::error::{Error, Kind, Result};

/// How long whoever was asked to end may take to clear away what is its own.
const GRACE: Duration = Duration::from_secs(15);

/// How such a child came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relayed {
    /// By itself, with that exit code.
    Ended(i32),
    /// It passed its deadline; it and all that it had started has been ended.
    TooLong,
}

impl Runner {
    /// Runs a child to its end; what it says, on either output, goes to `hear` line by line.
    ///
    /// # Errors
    /// The program is missing, or Ctrl-C was pressed, and the child has been ended.
    pub fn relayed(&self, invocation: &Invocation, mut hear: impl FnMut(&str)) -> Result<Relayed> {
        self.interrupt.check()?;
        let failed = |error: std::io::Error| {
            Error::new(Kind::Ours, format!("`{}`: no pipe", invocation.line())).because(error)
        };
        let (from, to) = std::io::pipe().map_err(failed)?;
        let copy = to.try_clone().map_err(failed)?;
        let expression = self.expression(invocation).stdin_null();
        let expression = expression.stdout_file(to).stderr_file(copy);
        let handle = self.start(invocation, &expression)?;
        // Our ends for writing: with them the pipe would never end.
        drop(expression);
        let mut lines = Hearing::lines(from);
        let started = Instant::now();
        loop {
            match lines.next(Duration::from_millis(50))? {
                Heard::Line(line) => hear(&line),
                Heard::Silence | Heard::End => {
                    // Looked at before the pipe is: whatever the child has said is in it then.
                    let ended = handle.wait_timeout(Duration::from_millis(50));
                    let ended = ended.map_err(|error| {
                        Error::new(Kind::Ours, format!("`{}`", invocation.line())).because(error)
                    })?;
                    if let Some(output) = ended {
                        // An orphan may hold the pipe: nobody waits for that one.
                        rest(&mut lines, &mut hear)?;
                        return Ok(Relayed::Ended(exit_code(output.status)));
                    }
                }
            }
            let interrupted = self.interrupt.pressed();
            if interrupted || started.elapsed() >= invocation.deadline {
                end_all(&handle, GRACE);
                rest(&mut lines, &mut hear)?;
                self.interrupt.check()?;
                return Ok(Relayed::TooLong);
            }
        }
    }
}

/// What is in the pipe already.
fn rest(lines: &mut Hearing, hear: &mut impl FnMut(&str)) -> Result<()> {
    // An orphan that goes on talking is not listened to for ever.
    let until = Instant::now() + Duration::from_secs(5);
    while let Heard::Line(line) = lines.next(Duration::ZERO)? {
        hear(&line);
        if Instant::now() >= until {
            break;
        }
    }
    Ok(())
}

/// Ends a child's group politely, which lets whoever is in it end its own children, and kills what
/// is left of all its descendants when the grace is over.
fn end_all(handle: &Handle, grace: Duration) {
    let children: Vec<u32> = handle.pids();
    let family = descendants(&children);
    for child in &children {
        if let Some(group) = Pid::from_raw(child.cast_signed()) {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
    let until = Instant::now() + grace;
    loop {
        // Reaps the child itself.
        let _ = handle.wait_timeout(Duration::from_millis(100));
        if !family.iter().any(Process::is_there) {
            return;
        }
        if Instant::now() >= until {
            break;
        }
        // A child that has been reaped is waited for no more, so this is the only pause.
        std::thread::sleep(Duration::from_millis(50));
    }
    for process in family.iter().filter(|process| process.is_there()) {
        if let Some(pid) = Pid::from_raw(process.pid.cast_signed()) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    let _ = handle.wait_timeout(Duration::from_secs(2));
}

/// A process as it was when it was looked at: its number may go to another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    /// In ticks since the machine was started.
    began: u64,
    dead: bool,
}

impl Process {
    /// Of /proc/PID/stat (proc(5)): the name in brackets may hold anything, the rest is words.
    fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        Some(Self {
            pid,
            parent: words.get(1)?.parse().ok()?,
            began: words.get(19)?.parse().ok()?,
            dead: matches!(*words.first()?, "Z" | "X"),
        })
    }

    fn is_there(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.began == self.began && !now.dead)
    }
}

/// The processes of these numbers and whatever they have started, in any group.
fn descendants(of: &[u32]) -> Vec<Process> {
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::of)
        .collect();
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for process in &all {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut family: Vec<Process> = all
        .into_iter()
        .filter(|process| of.contains(&process.pid))
        .collect();
    let mut known: HashSet<u32> = family.iter().map(|process| process.pid).collect();
    let mut next = 0;
    while let Some(parent) = family.get(next).map(|process| process.pid) {
        let of_it = children.remove(&parent).unwrap_or_default();
        family.extend(of_it.into_iter().filter(|child| known.insert(child.pid)));
        next += 1;
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interrupt;

    /// No child of these tests takes this long, unless it hangs.
    const LIMIT: Duration = Duration::from_secs(300);

    fn run(script: &str, deadline: Duration) -> (Relayed, Vec<String>) {
        let runner = Runner::new(Interrupt::default(), ());
        let invocation = Invocation::new("bash")
            .args(["-c", script])
            .deadline(deadline);
        let mut heard = Vec::new();
        let relayed = runner
            .relayed(&invocation, |line| heard.push(line.to_owned()))
            .expect("it runs");
        (relayed, heard)
    }

    #[test]
    fn every_line_of_both_outputs_is_heard_and_the_exit_code_is_told() {
        let (relayed, heard) = run("seq 20000; echo err >&2; echo last; exit 3", LIMIT);
        assert_eq!(relayed, Relayed::Ended(3));
        assert_eq!(heard.len(), 20002, "{:?}", heard.last());
        assert_eq!(heard[20000..], ["err", "last"]);
    }

    #[test]
    fn an_orphan_that_holds_the_output_is_not_waited_for() {
        let (relayed, heard) = run("echo so far; sleep 1000 & echo $!", LIMIT);
        assert_eq!(relayed, Relayed::Ended(0));
        let orphan = heard[1].parse().expect("its number");
        let orphan = Pid::from_raw(orphan).expect("a number");
        kill_process(orphan, Signal::KILL).expect("it is still there");
        assert_eq!(heard[0], "so far");
    }

    #[test]
    fn at_the_deadline_a_child_is_ended_and_what_it_said_is_heard() {
        let (relayed, heard) = run("echo so far; exec sleep 1000", Duration::from_secs(2));
        assert_eq!(relayed, Relayed::TooLong);
        assert_eq!(heard, ["so far"]);
    }

    #[test]
    fn whatever_it_has_started_is_ended_too_in_whatever_group_and_however_deaf() {
        let runner = Runner::new(Interrupt::default(), ());
        let script = "trap '' TERM; setsid bash -c 'echo $$; exec sleep 1000'; wait";
        let invocation = Invocation::new("bash").args(["-c", script]);
        let (from, to) = std::io::pipe().expect("a pipe");
        let expression = runner.expression(&invocation).stdin_null().stdout_file(to);
        let handle = runner.start(&invocation, &expression).expect("it starts");
        let Heard::Line(number) = Hearing::lines(from).next(LIMIT).expect("a pipe") else {
            panic!("it said nothing");
        };
        let grandchild = Process::of(number.parse().expect("a number")).expect("it is there");
        end_all(&handle, Duration::from_millis(100));
        assert!(handle.wait_timeout(LIMIT).expect("a child").is_some());
        let until = Instant::now() + LIMIT;
        while grandchild.is_there() {
            assert!(Instant::now() < until, "it is still there");
            std::thread::yield_now();
        }
    }
}

//! What the engine says of an object that is not there, or not as it would have to be.
//!
//! Only these words, and only of an object that was asked for, are an answer. Clients say much else
//! with `no such` in it, such as that no engine listens.

use process::Reply;

use crate::error::Result;

/// Ends of lines, `{}` standing for the object's id or name.
pub(super) type Known = &'static [&'static str];

/// There is none of that name.
pub(super) const ABSENT: Known = &[
    "no such container: {}",
    "get {}: no such volume",
    "no such volume: {}",
    "network {} not found",
    "no such image: {}",
];

/// It does not run, or is not there.
pub(super) const NOT_RUNNING: Known = &["container {} is not running", "no such container: {}"];

/// It is gone, or is going.
pub(super) const REMOVED: Known = &[
    "no such container: {}",
    "removal of container {} is already in progress",
];

/// It is not frozen, or not there.
pub(super) const NOT_PAUSED: Known = &["container {} is not paused", "no such container: {}"];

/// On how many lines this is said of one of the objects, where nothing else is said. None where
/// anything else is.
pub(super) fn lines_of(stderr: &str, objects: &[String], known: Known) -> Option<usize> {
    let objects: Vec<String> = objects.iter().map(|one| one.to_lowercase()).collect();
    let is_known = |line: &str| {
        let of = |end: &str| {
            let ends = |object: &String| line.ends_with(&end.replace("{}", object));
            objects.iter().any(ends)
        };
        // A verb of the command may stand between: `cannot kill container: X: No such container: X`.
        line.starts_with("error response from daemon: ") && known.iter().any(|end| of(end))
    };
    let mut count = 0;
    for line in stderr.lines().map(|line| line.trim().to_lowercase()) {
        if is_known(&line) {
            count += 1;
            continue;
        }
        // `network rm` says that on a line of its own below it (28.2.2).
        let below = count > 0 && line == "exit status 1";
        if !line.is_empty() && !below {
            return None;
        }
    }
    Some(count)
}

/// Whether a command is done, or all that it complains of is that the wanted state is there already.
///
/// # Errors
/// It complains of anything else.
pub(super) fn done_or(already: Known, objects: &[String], reply: &Reply) -> Result<()> {
    let already_so = || lines_of(&reply.stderr, objects, already).is_some_and(|lines| lines > 0);
    if reply.success() || already_so() {
        Ok(())
    } else {
        Err(reply.failure().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stderr: &str, known: Known) -> Option<usize> {
        lines_of(
            stderr,
            &["tta-dev-neo4j".to_owned(), "ab12".to_owned()],
            known,
        )
    }

    #[test]
    fn what_docker_28_with_engine_26_says_of_what_is_not_there_is_understood() {
        for (line, known) in [
            (
                "Error response from daemon: No such container: ab12",
                ABSENT,
            ),
            (
                "Error response from daemon: get ab12: no such volume",
                ABSENT,
            ),
            (
                "Error response from daemon: network ab12 not found\nexit status 1",
                ABSENT,
            ),
            ("Error response from daemon: No such image: ab12", ABSENT),
            (
                "Error response from daemon: cannot kill container: ab12: No such container: ab12",
                NOT_RUNNING,
            ),
            (
                "Error response from daemon: cannot kill container: ab12: container ab12 is not running",
                NOT_RUNNING,
            ),
            (
                "Error response from daemon: Container ab12 is not paused",
                NOT_PAUSED,
            ),
            (
                "Error response from daemon: removal of container ab12 is already in progress",
                REMOVED,
            ),
        ] {
            assert_eq!(said(&format!("{line}\n"), known), Some(1), "{line}");
        }
        let both = "Error response from daemon: No such container: tta-dev-neo4j\n\
                    Error response from daemon: No such container: ab12\n";
        assert_eq!(said(both, ABSENT), Some(2));
        assert_eq!(said("", ABSENT), Some(0));
    }

    #[test]
    fn anything_else_is_not_taken_for_it() {
        for line in [
            "failed to connect to the docker API at unix:///x; check if the path is correct and if \
             the daemon is running: dial unix /x: connect: no such file or directory",
            "error during connect: Get \"http://ab12\": dial tcp: lookup ab12: no such host",
            "Error response from daemon: No such container: another",
            "Error response from daemon: No such container: ab12 and more",
            "docker: 'container' is not a docker command: not found",
            "context \"ab12\": context not found: open /x: no such file or directory",
            "exit status 1",
        ] {
            assert_eq!(said(&format!("{line}\n"), ABSENT), None, "{line}");
            let after = format!("Error response from daemon: No such container: ab12\n{line}\n");
            let harmless = line == "exit status 1";
            assert_eq!(said(&after, ABSENT), harmless.then_some(1), "{line}");
        }
    }
}

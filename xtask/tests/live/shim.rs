//! A `docker` first on PATH that kills the tool at a chosen call.
//!
//! It writes down which calls change something, and hands every call to the real client by its
//! absolute path. At the chosen one it kills its parent, which must be the tool, before the call,
//! while the call goes on without it, or after it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::docker::DOCKER;
use crate::harness::Xtask;

/// When the tool is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The call is never made.
    Before,
    /// The call is made, and goes on after the tool has died.
    During,
    /// The call has ended; the tool dies before it learns how.
    After,
}

impl Moment {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

/// The shim, with its record.
pub(crate) struct Shim(TempDir);

impl Shim {
    /// One that only writes down.
    pub(crate) fn recording() -> Self {
        Self::new("nothing", "never")
    }

    /// One that kills at the first call of that name.
    pub(crate) fn killing(call: &str, moment: Moment) -> Self {
        let moment = match moment {
            Moment::Before => "before",
            Moment::During => "during",
            Moment::After => "after",
        };
        Self::new(call, moment)
    }

    /// One that makes the first call of that name and does not return from it until it is released:
    /// a client that hangs.
    pub(crate) fn holding(call: &str) -> Self {
        Self::new(call, "held")
    }

    /// One whose calls of that name are never made: the engine says that it cannot.
    pub(crate) fn failing(call: &str) -> Self {
        Self::new(call, "fails")
    }

    /// One that makes the first call of that name, which the process that holds a freeze makes, and
    /// sends a signal to the tool that waits for that process.
    pub(crate) fn signalling(call: &str, signal: &str) -> Self {
        Self::new(call, signal)
    }

    /// One that kills the tool when the third batch that renames keys has been let, and no more.
    pub(crate) fn killing_amid_batches() -> Self {
        Self::new("redis batches", "amid")
    }

    /// One that kills the server before the third batch that renames keys is let.
    pub(crate) fn killing_the_server_amid_batches() -> Self {
        Self::new("redis batches", "unserved")
    }

    /// Whether the call that is held has been made.
    pub(crate) fn reached(&self) -> bool {
        self.0.path().join("record.reached").exists()
    }

    /// Lets the call that is held return.
    pub(crate) fn release(&self) {
        fs::write(self.0.path().join("record.released"), "").expect("it is released");
    }

    fn new(call: &str, moment: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let script = SCRIPT
            .replace("@REAL@", &DOCKER.display().to_string())
            .replace(
                "@RECORD@",
                &folder.path().join("record").display().to_string(),
            )
            .replace("@CALL@", call)
            .replace("@MOMENT@", moment);
        let path = folder.path().join("docker");
        fs::write(&path, script).expect("the shim is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is executable");
        Self(folder)
    }

    /// A command that finds the shim where it looks for `docker`.
    pub(crate) fn before(&self, command: Xtask) -> Xtask {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.0.path().display()))
    }

    /// The calls that change something, by name, in their order.
    pub(crate) fn record(&self) -> Vec<String> {
        let record = fs::read_to_string(Path::new(self.0.path()).join("record"));
        record
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

const SCRIPT: &str = r#"#!/bin/bash
set -uo pipefail
case " $* " in
*' # Batch after batch'*) call='redis batches' ;;
' info '* | ' container inspect '* | ' volume inspect '* | ' network inspect '* | ' ps '* | ' volume ls '*) call= ;;
' logs '* | ' image inspect '* | *' tta-redis-admin -e INFO '* | *' tta-redis-admin -e ACL '* | *' tta-redis-admin -e --raw '*) call= ;;
*' tta-neo4j-query '* | *' tta-neo4j-health '* | *' tta-redis-health '* | *' tta-redis-drift '* | *' du -sb '*) call= ;;
' compose '*' up '*) call='compose up' ;;
' volume rm '* | ' volume create '* | ' network rm '*) call="$1 $2" ;;
*' bolt '*) call=bolt ;;
*'cp -a /from/appendonlydir '*) call='fill redis' ;;
*' look '*) call= ;;
*' tta-redis-admin -e '*)
    words=" $* "
    words=${words##* tta-redis-admin -e }
    call=${words%% *}
    # Without words its commands come by standard input.
    [ -n "$call" ] || call='redis script'
    ;;
*) call=$1 ;;
esac
[ -z "$call" ] || echo "$call" >>'@RECORD@'
[ "$call" = '@CALL@' ] || exec '@REAL@' "$@"

kill_parent() {
    # Nothing but the tool is ever killed.
    case $(readlink "/proc/$PPID/exe") in
    */xtask | */xtask' (deleted)') kill -9 "$PPID" ;;
    esac
}
case '@MOMENT@' in
before) kill_parent ;;
fails)
    echo "Error response from daemon: cannot $1: operation timed out" >&2
    exit 1
    ;;
during) kill_parent; exec '@REAL@' "$@" ;;
after) '@REAL@' "$@"; kill_parent ;;
KILL | STOP)
    '@REAL@' "$@"
    code=$?
    tool=$(awk '/^PPid:/ { print $2 }' "/proc/$PPID/status")
    case $(readlink "/proc/$tool/exe") in
    */xtask | */xtask' (deleted)') kill -'@MOMENT@' "$tool" ;;
    esac
    : >'@RECORD@.reached'
    exit "$code"
    ;;
amid | unserved)
    for word in "$@"; do
        [[ ! $word =~ ^[0-9a-f]{64}$ ]] || container=$word
    done
    renames=
    batches=0
    while IFS= read -r line; do
        [[ $line != *RENAMENX* ]] || renames=yes
        [ "$renames $line" != 'yes on' ] || batches=$((batches + 1))
        if [ '@MOMENT@ '$batches = 'unserved 3' ]; then '@REAL@' kill "$container" >&2; fi
        printf '%s\n' "$line"
        if [ '@MOMENT@ '$batches = 'amid 3' ]; then
            kill_parent
            break
        fi
    done | '@REAL@' "$@"
    ;;
held)
    '@REAL@' "$@"
    code=$?
    : >'@RECORD@.reached'
    for ((waited = 0; waited < 600; waited++)); do
        [ ! -e '@RECORD@.released' ] || exit "$code"
        sleep 0.1
    done
    ;;
esac
"#;

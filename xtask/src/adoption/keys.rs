//! A Redis store: read by a scratch server, and handed on as the append-only file that the
//! environment's own server loads.

use std::time::Instant;

use environments::{Deployment, Service, images};
use process::{printable, tail};

use super::filled::filling;
use super::helper;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::namespace::audit::{self, Census, Depth};
use crate::observe::redis;
use crate::tools::docker::Container;
use crate::tools::redis::field;
use crate::ui::counted;

/// What a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) source: String,
    pub(crate) bytes: u64,
    pub(crate) census: Census,
    /// What of the source the server could not read and has left out, as a person is told.
    pub(crate) left_out: Vec<String>,
}

/// The server is given users as every server of ours is, but for the environment's: the image adds
/// its administrator. An append-only file, where there is one, holds more than a dump beside it.
const SERVE: &str = r#"set -e
    mkdir -p /etc/tta
    echo 'user default off ~* &* +@all' >/etc/tta/users.acl
    append=no
    if [ -d /data/appendonlydir ] || [ -f /data/appendonly.aof ]; then append=yes; fi
    # The server cuts off what it cannot read of a file's end.
    find /data/appendonlydir /data/appendonly.aof -type f -printf 'before loading: %s bytes in %f\n' 2>/dev/null || true
    exec tta-redis-entrypoint redis-server --appendonly $append --save """#;

impl Keys {
    /// Copies a source and reads the copy, which is left in the form that is handed on.
    ///
    /// # Errors
    /// It cannot be copied, or is no store that this Redis reads.
    pub(crate) fn look(context: &Context, deployment: &Deployment, source: &str) -> Result<Self> {
        let bytes = helper::copy(context, deployment, Service::Redis, source)?;
        let mounts = [format!(
            "{}:/data",
            helper::volume(deployment, Service::Redis)
        )];
        let command = helper::run(context, deployment, Service::Redis, &mounts).args([
            "--detach",
            "--entrypoint",
            "bash",
            images::REDIS,
            "-c",
            SERVE,
        ]);
        let check = "[ \"$(tta-redis-admin PING)\" = PONG ]";
        let server = helper::serve(context, deployment, Service::Redis, &command, check)?;
        let left_out = left_out(&loading(context, &server)?);
        let asked = redis(context, &server);
        asked.admin(&["CONFIG", "SET", "appendonly", "yes"])?;
        // The file is written by a child of the server: it is whole when that has ended well.
        loop {
            context.interrupt().check()?;
            let info = asked.admin(&["INFO", "persistence"])?;
            let of = |name| field(&info, name).unwrap_or_default();
            if of("aof_last_bgrewrite_status") != "ok" {
                return Err(Failure::failed(
                    "Redis could not write its append-only file",
                ));
            }
            if of("aof_rewrite_in_progress") == "0"
                && of("aof_rewrite_scheduled") == "0"
                && of("aof_enabled") == "1"
            {
                break;
            }
        }
        let census = audit::keys(context, deployment.environment(), &server, Depth::Values)?;
        helper::end(context, &server)?;
        Ok(Self {
            source: source.to_owned(),
            bytes,
            census,
            left_out,
        })
    }
}

/// What a server has written since it was started, all of it up to where it says that it is ready: it
/// answers a moment before that can be read.
fn loading(context: &Context, server: &Container) -> Result<String> {
    let until = Instant::now() + context.patience;
    loop {
        let log = context.docker.log_tail(&server.id, 10_000)?;
        if log.contains("Ready to accept connections") {
            return Ok(log);
        }
        context.interrupt().check()?;
        if Instant::now() > until {
            return Err(Failure::failed(format!(
                "the log of {} does not say how its data were loaded:\n    {}",
                server.name(),
                tail(&log, 10).join("\n    ")
            )));
        }
    }
}

/// The ends of files that were cut off half way. Redis loads such a file all the same, without its end
/// (`aof-load-truncated`, 8.0.2), and says so in its log alone.
fn left_out(log: &str) -> Vec<String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let size = |file: &str| {
        let of_it = |line: &str| {
            let (size, name) = line
                .strip_prefix("before loading: ")?
                .split_once(" bytes in ")?;
            (name == file).then(|| number(size))?
        };
        log.lines().find_map(of_it)
    };
    let kept = |file: &str| {
        let said = format!("!!! Truncating the AOF {file} at offset ");
        let offset = |line: &str| number(line.split_once(&said)?.1.strip_suffix("!!!")?);
        log.lines().find_map(offset)
    };
    let cut = |line: &str| {
        let said = "!!! Warning: short read while loading the AOF file ";
        let file = line.split_once(said)?.1.trim_end().strip_suffix("!!!")?;
        let lost = size(file).zip(kept(file));
        let lost = lost.and_then(|(size, kept)| size.checked_sub(kept));
        let bytes = lost.map_or("an unknown number of bytes".to_owned(), |bytes| {
            counted(bytes, "byte")
        });
        Some(format!(
            "{bytes} at the end of {}, which was cut off half way",
            printable(file)
        ))
    };
    log.lines().filter_map(cut).collect()
}

/// Puts what was read into the environment's own volume.
pub(crate) fn fill(context: &Context, deployment: &Deployment) -> Result<()> {
    let mounts = [
        format!("{}:/from:ro", helper::volume(deployment, Service::Redis)),
        format!("{}:/to", deployment.volume(helper::data(Service::Redis))),
    ];
    let script =
        filling("cp -a /from/appendonlydir /to/ && chown -R redis:redis /to/appendonlydir");
    helper::shell(context, deployment, Service::Redis, &mounts, &script)?.ok()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded of a Redis 8.0.2 whose file had lost its last 7 bytes.
    const LOG: &str = "\
before loading: 114 bytes in appendonly.aof.manifest
before loading: 88 bytes in appendonly.aof.1.base.rdb
before loading: 311 bytes in appendonly.aof.1.incr.aof
28:M 30 Nov 2026 21:00:31.186 * DB loaded from base file appendonly.aof.1.base.rdb: 0.001 seconds
28:M 30 Nov 2026 21:00:31.186 # !!! Warning: short read while loading the AOF file appendonly.aof.1.incr.aof!!!
28:M 30 Nov 2026 21:00:31.186 # !!! Truncating the AOF appendonly.aof.1.incr.aof at offset 259 !!!
28:M 30 Nov 2026 21:00:31.186 # AOF appendonly.aof.1.incr.aof loaded anyway because aof-load-truncated is enabled
28:M 30 Nov 2026 21:00:31.201 * Ready to accept connections tcp
";

    #[test]
    fn an_end_that_was_cut_off_half_way_is_told_with_how_much_it_is() {
        let told = "52 bytes at the end of appendonly.aof.1.incr.aof, which was cut off half way";
        assert_eq!(left_out(LOG), [told]);
        let without = LOG.replace("before loading", "something else");
        let told = "an unknown number of bytes at the end of appendonly.aof.1.incr.aof, which was cut off half way";
        assert_eq!(left_out(&without), [told]);
    }

    #[test]
    fn of_a_file_that_is_whole_nothing_is_left_out() {
        let whole: Vec<&str> = LOG.lines().filter(|line| !line.contains('#')).collect();
        assert_eq!(left_out(&whole.join("\n")), Vec::<String>::new());
    }
}

//! A Redis store: read by a scratch server, and handed on as the append-only file that the
//! environment's own server loads.

use environments::{Deployment, Service, images};

use super::filled::filling;
use super::helper;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::namespace::audit::{self, Census, Depth};
use crate::observe::redis;
use crate::tools::redis::field;

/// What a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) source: String,
    pub(crate) bytes: u64,
    pub(crate) census: Census,
}

/// The server is given users as every server of ours is, but for the environment's: the image adds
/// its administrator. An append-only file, where there is one, holds more than a dump beside it.
const SERVE: &str = r#"set -e
    mkdir -p /etc/tta
    echo 'user default off ~* &* +@all' >/etc/tta/users.acl
    append=no
    if [ -d /data/appendonlydir ] || [ -f /data/appendonly.aof ]; then append=yes; fi
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
        })
    }
}

/// Puts what was read into the environment's own volume.
pub(crate) fn fill(context: &Context, deployment: &Deployment) -> Result<()> {
    let mounts = [
        format!("{}:/from:ro", helper::volume(deployment, Service::Redis)),
        format!("{}:/to", deployment.volume(helper::data(Service::Redis))),
    ];
    let script =
        filling("cp -a /from/appendonlydir /to/ && chown -R redis:redis /to/appendonlydir");
    helper::shell(context, deployment, Service::Redis, &mounts, &script)?
        .ok()
        .map(drop)
}

//! Building a server's base and image with docker.

use std::path::Path;
use std::time::{Duration, Instant};

use environments::images;
use process::Invocation;

use super::{BASE, Job, SOURCES};
use crate::context::Context;
use crate::engine::done;
use crate::error::{Failure, Result};

/// A build that downloads everything takes about two minutes here.
const BUILD: Duration = Duration::from_secs(3600);

/// Certificates of whoever looks into this machine's connections: building must trust them too.
const HOST_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where a server's base comes from.
#[derive(Debug)]
pub(super) enum Origin {
    Pulled(String),
    Built,
}

/// One server's builds, one after the other.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) job: &'a Job,
    pub(super) origin: Origin,
    pub(super) build_base: bool,
    /// Why the base is built.
    pub(super) because: String,
    pub(super) logs: &'a Path,
}

impl Work<'_> {
    /// Builds what is needed.
    ///
    /// # Errors
    /// A build fails: the end of its log is in the message.
    pub(super) fn run(&self, context: &Context) -> Result<()> {
        let server = self.job.server;
        if self.build_base {
            let mut args = vec![("BASE".to_owned(), images::DEBIAN_BASE.to_owned())];
            args.extend(
                server
                    .args
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
            );
            let labels = [(SOURCES, self.job.base_sources.as_str())];
            self.build(
                context,
                server.base_name,
                server.base,
                &args,
                &labels,
                &self.because,
            )?;
        }
        let (origin, base) = match &self.origin {
            Origin::Pulled(digest) => ("pulled", digest.as_str()),
            Origin::Built => ("built", server.base),
        };
        let args = [
            ("BASE", server.base),
            ("SOURCES", &self.job.sources),
            ("ORIGIN", origin),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.build(
            context,
            server.name,
            server.tag,
            &args,
            &[(BASE, base)],
            &self.job.because,
        )
    }

    fn build(
        &self,
        context: &Context,
        folder: &str,
        tag: &str,
        args: &[(String, String)],
        labels: &[(&str, &str)],
        because: &str,
    ) -> Result<()> {
        let started = Instant::now();
        let log = self.logs.join(format!("{folder}.log"));
        context
            .ui
            .say(format!("building {tag} … ({})", log.display()));
        let folder = context.root.join("docker/images").join(folder);
        let ca = Some(HOST_CA).filter(|path| Path::new(path).is_file());
        let command = build(context.docker.command(), &folder, tag, args, labels, ca);
        let built = context.runner.logged(&command, &log, None)?.ok();
        built.map_err(|error| explained(error.into(), tag))?;
        done(context, &format!("build {tag}"), because, started);
        Ok(())
    }
}

fn build(
    docker: Invocation,
    folder: &Path,
    tag: &str,
    args: &[(String, String)],
    labels: &[(&str, &str)],
    host_ca: Option<&str>,
) -> Invocation {
    docker
        .args(["build", "--progress", "plain", "--tag", tag])
        .args(
            args.iter()
                .map(|(name, value)| format!("--build-arg={name}={value}")),
        )
        .args(
            labels
                .iter()
                .map(|(name, value)| format!("--label={name}={value}")),
        )
        .args(host_ca.map(|path| format!("--secret=id=host-ca,src={path}")))
        .arg(folder.display().to_string())
        .deadline(BUILD)
}

fn explained(failure: Failure, tag: &str) -> Failure {
    let said = failure.message.to_lowercase();
    let failure = failure.within(format!("{tag} could not be built"));
    if said.contains("buildx component is missing") || said.contains("unknown flag: --secret") {
        failure.hint("cargo xtask doctor   (docker lacks its buildx plugin)")
    } else if said.contains("no space left on device") {
        failure.hint("docker system df   (the engine's disk is full)")
    } else if said.contains("temporary failure resolving") || said.contains("unknown host") {
        failure
            .hint("containers being built reach no name server: does this machine have a network?")
    } else {
        failure.hint("the same command goes on from docker's cache once the cause is mended")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_names_its_base_its_sources_and_the_hosts_certificates() {
        let args = [("BASE", "tta-redis-base:8.0.2"), ("SOURCES", "abc")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let folder = Path::new("docker/images/redis");
        let labels = [(BASE, "redis@sha256:1")];
        let ca = Some("/etc/ca.crt");
        insta::assert_snapshot!(
            build(Invocation::new("docker"), folder, "tta-redis:8.0.2", &args, &labels, ca).line(),
            @"docker build --progress plain --tag tta-redis:8.0.2 --build-arg=BASE=tta-redis-base:8.0.2 --build-arg=SOURCES=abc --label=org.tta.image.base=redis@sha256:1 --secret=id=host-ca,src=/etc/ca.crt docker/images/redis"
        );
    }

    #[test]
    fn a_failed_build_says_what_to_do_about_the_causes_that_are_known() {
        let failure = explained(
            Failure::failed("ERROR: no space left on device"),
            "tta-redis:8.0.2",
        );
        assert!(
            failure
                .message
                .starts_with("tta-redis:8.0.2 could not be built")
        );
        assert!(failure.hints[0].contains("docker system df"));
        let failure = explained(Failure::failed("Temporary failure resolving 'x'"), "t");
        assert!(failure.hints[0].contains("network"));
    }
}

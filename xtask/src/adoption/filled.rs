//! Which volumes are filled, and which a run has only begun to fill.
//!
//! A file in a volume says so: what is in it may go, and no server is to run on it. All that are to be
//! filled have it before any is, so that a run that was killed between two leaves it in the other.

use environments::{Deployment, Service, Volume};

use super::helper;
use crate::context::Context;
use crate::error::{Failure, Result};

/// The file. It has the words by which the sources were named.
const MARK: &str = ".tta-adopting";

/// Marks the volumes that are to be filled. Each is empty, or marked by a run that was killed.
pub(super) fn begin(
    context: &Context,
    deployment: &Deployment,
    volumes: &[Volume],
    named: &str,
) -> Result<()> {
    let script = format!(
        "set -euo pipefail\n\
         for one in /volumes/*; do\n\
         [ -z \"$(ls -A $one)\" ] || [ -e $one/{MARK} ] || {{ echo 'the volume is not empty' >&2; exit 1; }}\n\
         done\n\
         for one in /volumes/*; do printf '%s\\n' '{named}' >$one/{MARK}; done\n\
         sync"
    );
    let mounts = mounts(deployment, volumes, "");
    helper::shell(context, deployment, Service::Redis, &mounts, &script)?.ok()?;
    Ok(())
}

/// The beginning and the end of a script that fills `/to`: nothing that is there is written over, but
/// for what a killed run of this command had begun.
pub(super) fn filling(script: &str) -> String {
    format!(
        "set -euo pipefail\n\
         [ -e /to/{MARK} ] || {{ echo 'the volume is not empty' >&2; exit 1; }}\n\
         find /to -mindepth 1 ! -name {MARK} -delete\n\
         {script}\n\
         sync\n\
         rm /to/{MARK}\n"
    )
}

/// What a deployment's volumes hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filled {
    /// Those that hold something, and that no run has only begun to fill.
    pub(crate) volumes: Vec<Volume>,
    /// Those that a run has only begun to fill.
    pub(crate) begun: Vec<Volume>,
    /// The words by which the sources of these were named; none where they cannot be read.
    named: Option<String>,
    /// A server of Neo4j has run on them: it gives its data a file that a dump has not.
    pub(crate) served: bool,
}

/// Looks into the volumes of a deployment that exist. No server runs on them.
pub(crate) fn filled(
    context: &Context,
    deployment: &Deployment,
    there: &[Volume],
) -> Result<Filled> {
    let script = format!(
        "for one in /volumes/*; do\n\
         name=${{one#/volumes/}}\n\
         if [ -e $one/{MARK} ]; then echo \"begun $name $(head -c 1000 $one/{MARK} | head -n 1)\"\n\
         elif [ -n \"$(ls -A $one)\" ]; then echo filled $name\n\
         fi\n\
         [ ! -e $one/server_id ] || echo served\n\
         done"
    );
    let mounts = mounts(deployment, there, ":ro");
    let said = helper::look(context, deployment, Service::Redis, &mounts, &script)?;
    Ok(read(there, &said))
}

fn mounts(deployment: &Deployment, volumes: &[Volume], mode: &str) -> Vec<String> {
    let mount = |one: &Volume| format!("{}:/volumes/{}{mode}", deployment.volume(*one), one.key());
    volumes.iter().map(mount).collect()
}

fn read(there: &[Volume], said: &str) -> Filled {
    let lines = said.lines().map(|line| {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, words) = rest.split_once(' ').unwrap_or((rest, ""));
        (kind, name, words)
    });
    let of = |kind: &str| -> Vec<Volume> {
        let said = |one: &&Volume| {
            let mut lines = lines.clone();
            lines.any(|(said, name, _)| said == kind && name == one.key())
        };
        there.iter().filter(said).copied().collect()
    };
    let mut named = lines.clone().filter(|(kind, ..)| *kind == "begun");
    Filled {
        volumes: of("filled"),
        begun: of("begun"),
        named: named.find_map(|(_, _, words)| typed(words)),
        served: lines.clone().any(|(kind, ..)| kind == "served"),
    }
}

/// Words that came out of a volume, where they are such that this command takes them.
fn typed(words: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.- ".contains(&byte);
    (words.starts_with("--from-") && words.bytes().all(plain)).then(|| words.to_owned())
}

impl Filled {
    /// Refuses to go on where a volume is filled by half that is none of these, which are to be filled.
    ///
    /// # Errors
    /// Refused (3), with the command that goes on where it stopped.
    pub(crate) fn none_by_half_but(
        &self,
        deployment: &Deployment,
        to_be_filled: &[Volume],
    ) -> Result<()> {
        let left = |volume: &&Volume| !to_be_filled.contains(volume);
        let left: Vec<String> = self
            .begun
            .iter()
            .filter(left)
            .map(|volume| deployment.volume(*volume))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        let named = self.named.as_deref();
        Err(Failure::refused(format!(
            "an adoption of old volumes was cut off when {deployment} was filled by half: {} still \
             to be filled, and no server is to run on that",
            match &left[..] {
                [one] => format!("the volume {one} is"),
                more => format!("the volumes {} are", more.join(" and ")),
            }
        ))
        .hint(format!(
            "cargo xtask adopt {} {}   (goes on where it stopped)",
            deployment.environment(),
            named.unwrap_or("--from-neo4j VOLUME --from-redis VOLUME")
        )))
    }
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;

    #[test]
    fn what_is_only_begun_is_told_with_the_words_that_go_on_with_it() {
        let there = [Volume::Neo4jData, Volume::Neo4jLogs, Volume::RedisData];
        let [neo4j, _, redis] = there.map(Volume::key);
        let said = format!("filled {neo4j}\nserved\nbegun {redis} --from-redis old_redis\n");
        let filled = read(&there, &said);
        assert_eq!(filled.volumes, [Volume::Neo4jData]);
        assert_eq!(filled.begun, [Volume::RedisData]);
        assert!(filled.served);
        let dev = Deployment::new(Environment::Dev, Instance::main());
        let refused = filled.none_by_half_but(&dev, &[]).expect_err("by half");
        let line = "cargo xtask adopt dev --from-redis old_redis ";
        assert!(refused.hints[0].starts_with(line), "{:?}", refused.hints);
        let to_be_filled = [Volume::RedisData];
        assert!(filled.none_by_half_but(&dev, &to_be_filled).is_ok());
        assert!(read(&there, "").none_by_half_but(&dev, &[]).is_ok());
    }

    #[test]
    fn words_from_a_volume_that_nobody_could_have_typed_are_not_handed_on() {
        for words in [
            "",
            "--from-redis $(reboot)",
            "old_redis",
            "--from-redis a\u{1b}[2J",
        ] {
            assert_eq!(typed(words), None, "{words:?}");
        }
    }
}

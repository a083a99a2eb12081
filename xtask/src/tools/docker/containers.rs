//! Containers of our own beside the servers: helpers and scratch servers, off every network, with
//! labels that say which run made them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use process::{Invocation, PROMPT, Reply};

use super::{Container, Docker, SLOW, VolumeState, freezer, said};
use crate::error::{Failure, Kind, Result};

/// A container to be run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Helper {
    pub(crate) name: String,
    /// An image's id or name.
    pub(crate) image: String,
    pub(crate) labels: Vec<(String, String)>,
    /// Instead of the image's own.
    pub(crate) entrypoint: Option<&'static str>,
    /// Instead of the image's own.
    pub(crate) user: Option<&'static str>,
    pub(crate) mounts: Vec<Mounted>,
    /// Folders that live in memory: the image declares volumes there, and one without a name would
    /// be made for each.
    pub(crate) in_memory: Vec<&'static str>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) args: Vec<String>,
}

/// A volume in a helper.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    pub(crate) volume: String,
    pub(crate) folder: String,
    pub(crate) read_only: bool,
}

impl Mounted {
    pub(crate) fn reading(volume: impl Into<String>, folder: impl Into<String>) -> Self {
        Self {
            read_only: true,
            ..Self::writing(volume, folder)
        }
    }

    pub(crate) fn writing(volume: impl Into<String>, folder: impl Into<String>) -> Self {
        Self {
            volume: volume.into(),
            folder: folder.into(),
            read_only: false,
        }
    }
}

impl Helper {
    /// The words after `docker run …`, our own options among them.
    fn words(&self) -> Vec<String> {
        // Off every network; then Neo4j finds no address for its own host name and does not start
        // (5.26.30), so it is called localhost.
        let mut words: Vec<String> = ["--network", "none", "--hostname", "localhost", "--pull"]
            .map(str::to_owned)
            .to_vec();
        words.push("never".to_owned());
        let mut pair = |option: &str, value: String| {
            words.push(option.to_owned());
            words.push(value);
        };
        if !self.name.is_empty() {
            pair("--name", self.name.clone());
        }
        for (name, value) in &self.labels {
            pair("--label", format!("{name}={value}"));
        }
        if let Some(entrypoint) = self.entrypoint {
            pair("--entrypoint", entrypoint.to_owned());
        }
        if let Some(user) = self.user {
            pair("--user", user.to_owned());
        }
        for folder in &self.in_memory {
            pair("--tmpfs", (*folder).to_owned());
        }
        for mounted in &self.mounts {
            let read_only = if mounted.read_only { ":ro" } else { "" };
            pair(
                "--volume",
                format!("{}:{}{read_only}", mounted.volume, mounted.folder),
            );
        }
        for (name, value) in &self.env {
            pair("--env", format!("{name}={value}"));
        }
        words.push(self.image.clone());
        words.extend(self.args.iter().cloned());
        words
    }
}

/// How often what only tells is asked.
const ASKED: usize = 3;

/// What a process in a container tells, asked again where nothing that can be read has come: under
/// load the engine gives an output up two seconds after its process has ended, and the exit code is
/// 0 all the same (26.1.5). So whatever is read needs an end that shows that all of it has come.
///
/// # Errors
/// It fails, or tells what cannot be read each time.
pub(crate) fn told<T>(
    mut ask: impl FnMut() -> Result<Reply>,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T> {
    for _ in 1..ASKED {
        if let Some(answer) = read(&ask()?.ok()?.stdout) {
            return Ok(answer);
        }
    }
    let last = ask()?.ok()?;
    Ok(read(&last.stdout).ok_or_else(|| last.unexpected(expected))?)
}

impl Docker {
    /// Starts a container that stays; its id.
    pub(crate) fn run_in_background(&self, helper: &Helper) -> Result<String> {
        let command = self
            .command()
            .args(["run", "--detach"])
            .args(helper.words())
            .deadline(SLOW);
        let reply = self.runner().run(&command)?.ok()?;
        let id = reply.stdout.trim();
        let hexadecimal = |byte: u8| byte.is_ascii_hexdigit();
        if id.len() == 64 && id.bytes().all(hexadecimal) {
            Ok(id.to_owned())
        } else {
            Err(reply.unexpected("a container's id").into())
        }
    }

    /// A container that does one thing and is removed: to be run by whoever knows what it prints.
    pub(crate) fn run_once(&self, helper: &Helper, deadline: Duration) -> Invocation {
        self.command()
            .args(["run", "--rm", "--interactive"])
            .args(helper.words())
            .deadline(deadline)
    }

    /// What a container tells that does one thing, which must be harmless: it may be run again.
    ///
    /// # Errors
    /// It fails, or tells what cannot be read each time.
    pub(crate) fn told_once<T>(
        &self,
        helper: &Helper,
        deadline: Duration,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let mut attempt = 0;
        let ask = || {
            attempt += 1;
            let mut helper = helper.clone();
            // The name of the one before may not be free yet.
            if attempt > 1 {
                helper.name.push_str(&format!("-{attempt}"));
            }
            Ok(self.runner().run(&self.run_once(&helper, deadline))?)
        };
        told(ask, expected, read)
    }

    /// Freezes all processes of containers, one call for all.
    pub(crate) fn pause(&self, ids: &[String], deadline: Duration) -> Result<()> {
        let command = self.command().arg("pause").args(ids).deadline(deadline);
        self.runner().run(&command)?.ok()?;
        Ok(())
    }

    /// When containers, by their full ids, were frozen, as far as the engine still knows: it keeps the
    /// last 256 events of all kinds (Docker 26.1). A line each, `TIME ID`.
    pub(crate) fn freezes(&self, ids: &[String]) -> Result<BTreeSet<String>> {
        let of = ids.iter().map(|id| format!("--filter=container={id}"));
        let command = self
            .command()
            .args(["events", "--since", "1", "--until", "0s"])
            .arg("--format={{.TimeNano}} {{.Actor.ID}}")
            .args(of)
            .args(["--filter=type=container", "--filter=event=pause"]);
        let reply = self.runner().run(&command)?.ok()?;
        let whole = |line: &str| line.split(' ').count() == 2;
        if reply.stdout.lines().all(whole) {
            Ok(reply.stdout.lines().map(str::to_owned).collect())
        } else {
            Err(reply.unexpected("a line `TIME ID` for each event").into())
        }
    }

    /// Lets them run again, with a deadline of the caller's.
    pub(crate) fn unpause_within(&self, ids: &[String], deadline: Duration) -> Result<()> {
        let command = self.command().arg("unpause").args(ids).deadline(deadline);
        let reply = self.runner().run(&command)?;
        said::done_or(said::NOT_PAUSED, ids, &reply)
    }

    /// Lets frozen processes run again; where the engine does not, by the kernel's own switch.
    pub(crate) fn unpause(&self, ids: &[String]) -> Result<()> {
        let failed = |ended: &Result<()>| matches!(ended, Err(one) if one.kind == Kind::Failed);
        let mut ended = self.unpause_within(ids, PROMPT);
        // What runs already is not harmed by it.
        if failed(&ended) && freezer::thaw_all(ids) {
            ended = self.unpause_with_help(ids, PROMPT);
            // What the engine takes for frozen was made so, and can be thawed now.
            if failed(&ended) {
                ended = self.unpause_with_help(ids, PROMPT);
            }
        }
        if ended.is_ok() {
            freezer::thaw_all(ids);
        }
        ended
    }

    /// Lets them run again by a call for each, so that what the engine says of one is believed of that
    /// one alone; who was not thawed gets the kernel's help, and is to be tried again.
    ///
    /// # Errors
    /// What it says of the last that it did not thaw.
    pub(crate) fn unpause_with_help(&self, ids: &[String], deadline: Duration) -> Result<()> {
        let mut ended = Ok(());
        for id in ids {
            match self.unpause_within(std::slice::from_ref(id), deadline) {
                Err(failure) if failure.kind == Kind::Failed => {
                    freezer::help(id, &failure.message);
                    ended = Err(failure);
                }
                Err(failure) => return Err(failure),
                Ok(()) => {}
            }
        }
        ended
    }

    /// The containers, running or not, that carry all of these labels with these very values.
    pub(crate) fn containers_labelled(
        &self,
        labels: &BTreeMap<String, String>,
        with: &str,
    ) -> Result<Vec<Container>> {
        let ids = self.labelled(&["ps", "--all", "--no-trunc", "--quiet"], labels, with)?;
        let found = self.containers(&ids)?;
        let ours = |one: &Container| {
            let same = |(name, value): (&String, &String)| one.label(name) == Some(value);
            labels.iter().all(same) && one.label(with).is_some()
        };
        Ok(found.into_iter().filter(ours).collect())
    }

    /// The volumes that carry them.
    pub(crate) fn volumes_labelled(
        &self,
        labels: &BTreeMap<String, String>,
        with: &str,
    ) -> Result<Vec<VolumeState>> {
        let names = self.labelled(&["volume", "ls", "--quiet"], labels, with)?;
        let found = self.volumes(&names)?;
        let ours = |one: &VolumeState| {
            let same = |(name, value): (&String, &String)| one.label(name) == Some(value);
            labels.iter().all(same) && one.label(with).is_some()
        };
        Ok(found.into_iter().filter(ours).collect())
    }

    /// A filter only finds candidates: the labels are read from the objects themselves.
    fn labelled(
        &self,
        list: &[&str],
        labels: &BTreeMap<String, String>,
        with: &str,
    ) -> Result<Vec<String>> {
        let filters = labels
            .iter()
            .flat_map(|(name, value)| ["--filter".to_owned(), format!("label={name}={value}")]);
        let command = self
            .command()
            .args(list.iter().copied())
            .args(filters)
            .args(["--filter".to_owned(), format!("label={with}")]);
        let reply = self.runner().run(&command)?.ok()?;
        Ok(reply.stdout.lines().map(str::to_owned).collect())
    }

    /// Removes scratch containers, with the nameless volumes that their image may have asked for.
    pub(crate) fn remove_scratch(&self, ids: &[String]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let command = self
            .command()
            .args(["rm", "--force", "--volumes"])
            .args(ids)
            .deadline(SLOW);
        let reply = self.runner().run(&command)?;
        said::done_or(said::REMOVED, ids, &reply)
    }

    /// Waits until a container has ended by itself; its exit code.
    pub(crate) fn stop_and_wait(&self, id: &str, grace: Duration) -> Result<i64> {
        let seconds = grace.as_secs().to_string();
        let command = self
            .command()
            .args(["stop", "--time", &seconds, id])
            .deadline(grace + Duration::from_secs(30));
        self.runner().run(&command)?.ok()?;
        let found = self.containers(&[id.to_owned()])?.pop();
        found
            .map(|container| container.state.exit_code)
            .ok_or_else(|| Failure::failed(format!("the container {id} has gone")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_off_every_network_and_reads_what_it_must_not_write() {
        let helper = Helper {
            name: "tta-staging-scratch-1-copy".to_owned(),
            image: "sha256:00".to_owned(),
            labels: vec![("org.tta.run".to_owned(), "1".to_owned())],
            entrypoint: Some("sleep"),
            user: Some("root"),
            mounts: vec![
                Mounted::reading("tta_neo4j_staging_data", "/from/neo4j"),
                Mounted::writing("scratch", "/to"),
            ],
            in_memory: vec!["/data"],
            env: Vec::new(),
            args: vec!["infinity".to_owned()],
        };
        insta::assert_snapshot!(
            helper.words().join(" "),
            @"--network none --hostname localhost --pull never --name tta-staging-scratch-1-copy --label org.tta.run=1 --entrypoint sleep --user root --tmpfs /data --volume tta_neo4j_staging_data:/from/neo4j:ro --volume scratch:/to sha256:00 infinity"
        );
    }
}

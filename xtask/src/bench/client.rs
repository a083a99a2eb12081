//! An application that asks over the published ports, as fast as it is answered, and keeps by its own
//! clock how long it had to wait: what a snapshot costs whoever uses it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use environments::{Deployment, Environment, Service, label};
use process::side_by_side::joined;
use serde_json::json;

use crate::bench::data::well_known_password;
use crate::bench::site::Site;
use crate::error::{Failure, Result};
use crate::isolation::servers::keyed::base64;

/// No answer takes this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is written each time.
const TEXT: &str =
    "a thought of some length, so that a second of writing is something to be copied";

/// How it reaches the two servers.
#[derive(Debug)]
pub(super) struct Client {
    http: u16,
    redis: u16,
}

/// What it has seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// The longest time between two acknowledged writes, of either store.
    pub(super) longest: Duration,
    pub(super) nodes: u64,
    pub(super) keys: u64,
}

impl Client {
    pub(super) fn of(site: &Site<'_>) -> Result<Self> {
        let port = |service, label: &str| port(site, Environment::Staging, service, label);
        Ok(Self {
            http: port(Service::Neo4j, label::HTTP_PORT)?,
            redis: port(Service::Redis, label::REDIS_PORT)?,
        })
    }

    /// Writes to both while something is done.
    ///
    /// # Errors
    /// That fails, or any write.
    pub(super) fn throughout(&self, work: impl FnOnce() -> Result<()>) -> Result<Seen> {
        let done = AtomicBool::new(false);
        let (worked, keys, nodes) = thread::scope(|scope| {
            let keys = scope.spawn(|| self.write_keys(&done));
            let nodes = scope.spawn(|| self.write_nodes(&done));
            let worked = work();
            done.store(true, Ordering::SeqCst);
            (worked, joined(keys), joined(nodes))
        });
        worked?;
        let ((keys, one), (nodes, other)) = (keys?, nodes?);
        Ok(Seen {
            longest: one.max(other),
            nodes,
            keys,
        })
    }

    fn write_keys(&self, done: &AtomicBool) -> Result<(u64, Duration)> {
        let staging = Environment::Staging;
        let mut keys = Keys::login(self.redis, staging)?;
        let prefix = staging.redis_prefix();
        counted(done, |count| {
            keys.ask(&["SET", &format!("{prefix}writer:{count}"), TEXT], "+OK")
        })
    }

    fn write_nodes(&self, done: &AtomicBool) -> Result<(u64, Duration)> {
        let login = format!("{}:{}", Environment::Staging.neo4j_user(), password()?);
        let login = base64(login.as_bytes());
        let path = format!("/db/{}/query/v2", Environment::Staging.database());
        counted(done, |count| {
            let statement = "CREATE (:Writer {n: $n, text: $text})";
            let body =
                json!({ "statement": statement, "parameters": { "n": count, "text": TEXT } });
            let body = body.to_string();
            let request = format!(
                "POST {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic {login}\r\n\
                 Content-Type: application/json\r\nAccept: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut stream = connected(self.http)?;
            let mut reply = String::new();
            let sent = stream.write_all(request.as_bytes());
            sent.and_then(|()| stream.read_to_string(&mut reply))
                .context("a write to Neo4j")?;
            let status = reply.split(' ').nth(1).unwrap_or_default();
            acknowledged(
                status.starts_with('2') && !reply.contains("\"errors\""),
                &reply,
            )
        })
    }
}

/// A connection to Redis over its published port, as its environment's own user.
#[derive(Debug)]
pub(super) struct Keys(BufReader<TcpStream>);

impl Keys {
    pub(super) fn login(port: u16, environment: Environment) -> Result<Self> {
        let mut keys = Self(BufReader::new(connected(port)?));
        let password = well_known_password(environment)?;
        keys.ask(&["AUTH", environment.redis_user(), password], "+OK")?;
        Ok(keys)
    }

    /// Asks what is answered by one line, which must be this one.
    pub(super) fn ask(&mut self, words: &[&str], expected: &str) -> Result<()> {
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let mut line = String::new();
        let sent = self.0.get_mut().write_all(text.as_bytes());
        sent.and_then(|()| self.0.read_line(&mut line))
            .context("a question to Redis")?;
        acknowledged(line.trim_end() == expected, &line)
    }
}

/// The port at which a service of an environment is published.
pub(super) fn port(
    site: &Site<'_>,
    environment: Environment,
    service: Service,
    label: &str,
) -> Result<u16> {
    let container = Deployment::new(environment, site.scratch.ours().clone()).container(service);
    let found = site.context.docker.containers(&[container])?.pop();
    let port = found.and_then(|found| found.label(label)?.parse().ok());
    port.ok_or_else(|| Failure::failed(format!("the {service:?} of {environment} has no {label}")))
}

/// Writes one after the other; how many, and the longest time from one answer to the next.
fn counted(done: &AtomicBool, mut write: impl FnMut(u64) -> Result<()>) -> Result<(u64, Duration)> {
    let (mut count, mut longest) = (0, Duration::ZERO);
    let mut last: Option<Instant> = None;
    while !done.load(Ordering::SeqCst) {
        write(count)?;
        count += 1;
        let now = Instant::now();
        longest = last.map_or(longest, |last| longest.max(now - last));
        last = Some(now);
    }
    Ok((count, longest))
}

fn connected(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("no connection")?;
    let set = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    set.context("no deadline for a connection")?;
    Ok(stream)
}

fn acknowledged(so: bool, said: &str) -> Result<()> {
    if so {
        return Ok(());
    }
    let said = process::printable(said);
    Err(Failure::failed(format!(
        "what was asked was answered with {said}"
    )))
}

fn password() -> Result<&'static str> {
    well_known_password(Environment::Staging)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_between_two_answers_is_kept() {
        let done = AtomicBool::new(false);
        let counted = counted(&done, |count| {
            if count == 2 {
                done.store(true, Ordering::SeqCst);
            }
            Ok(())
        });
        let (count, longest) = counted.expect("all were answered");
        assert_eq!(count, 3);
        assert!(longest > Duration::ZERO);
    }
}

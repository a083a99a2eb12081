//! What the machine itself must have: memory, disk, ports, a clock, folders to write to.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use chrono::{DateTime, Utc};
use environments::{Environment, PublishedPorts, Service};

use crate::context::Context;
use crate::engine::detect::Facts;
use crate::engine::judge::{Check, Status};
use crate::guard;
use crate::journal::private_folder;
use crate::observe::Observed;
use crate::ui::bytes;

const GIB: u64 = 1 << 30;

/// One environment takes about 750 MiB; the engine, a build and the person want some too.
pub(super) fn memory(meminfo: &str, running: u64) -> Check {
    const NAME: &str = "memory";
    let local = Environment::LOCAL.len() as u64;
    let needed = GIB * (1 + local.saturating_sub(running));
    match available(meminfo) {
        Some(free) if free >= needed => Check::ok(NAME, format!("{} available", bytes(free))),
        Some(free) => Check::new(
            NAME,
            Status::Warning,
            format!(
                "{} available, and {} are wanted for what is not up yet",
                bytes(free),
                bytes(needed)
            ),
            "cargo xtask up dev   (one environment alone takes about 750 MiB)",
        ),
        None => Check::new(NAME, Status::Warning, "/proc/meminfo does not say", ""),
    }
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// The space left where the engine keeps images and volumes.
pub(super) fn disk(folder: &str) -> Check {
    const NAME: &str = "disk";
    let free = rustix::fs::statvfs(folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    match free {
        Ok(free) => judged_disk(NAME, folder, free),
        Err(error) => Check::new(NAME, Status::Warning, format!("{folder}: {error}"), ""),
    }
}

fn judged_disk(name: &str, folder: &str, free: u64) -> Check {
    let found = format!("{} free in {folder}", bytes(free));
    let status = match free {
        free if free < 2 * GIB => Status::Missing,
        free if free < 6 * GIB => Status::Warning,
        _ => return Check::ok(name, found),
    };
    Check::new(
        name,
        status,
        format!("{found}: images and a build take about 5 GiB"),
        "docker system df",
    )
}

/// Whether the ports of an environment are free, or held by its own containers.
pub(super) fn ports(
    observed: &Observed,
    ports: PublishedPorts,
    publishers: &[(String, String)],
) -> Check {
    let deployment = &observed.deployment;
    let name = format!("ports of {deployment}");
    let own = Service::ALL.map(|service| deployment.container(service));
    let mut taken = Vec::new();
    let mut fix = String::new();
    for port in ports.all() {
        match publisher(publishers, port) {
            Some(container) if own.contains(container) => {}
            Some(container) => {
                taken.push(format!("{port} is published by the container {container}"));
                fix = format!("docker stop {container}");
            }
            None if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() => {}
            None => {
                taken.push(format!("{port} is taken by a process of this machine"));
                fix = format!("ss -ltnp 'sport = :{port}'");
            }
        }
    }
    if taken.is_empty() {
        let numbers = ports.all().map(|port| port.to_string()).join(", ");
        let state = if observed.running() {
            "its own"
        } else {
            "free"
        };
        return Check::ok(&name, format!("{numbers}: {state}"));
    }
    fix.push_str("   (or other ports: cargo xtask --instance NAME quickstart)");
    Check::new(&name, Status::Missing, taken.join("; "), fix)
}

/// The container that publishes a port, from the lines of `docker ps`: `127.0.0.1:7474->7474/tcp`.
fn publisher(publishers: &[(String, String)], port: u16) -> Option<&String> {
    let publishes = |ports: &str| {
        ports.split(", ").any(|one| {
            let Some((host, _)) = one.split_once("->") else { return false };
            let numbers = host.rsplit(':').next().unwrap_or_default();
            match numbers.split_once('-') {
                // A range of ports is printed as one.
                Some((first, last)) => {
                    let number = |text: &str| text.parse::<u16>().ok();
                    matches!((number(first), number(last)), (Some(a), Some(b)) if (a..=b).contains(&port))
                }
                None => numbers.parse() == Ok(port),
            }
        })
    };
    publishers
        .iter()
        .find(|(_, ports)| publishes(ports))
        .map(|(name, _)| name)
}

/// Snapshots are named by the time, and containers' start times are compared with it: the engine
/// and this machine must agree on it.
pub(super) fn clock(facts: &Facts) -> Check {
    const NAME: &str = "clock";
    let now = Utc::now();
    let Ok(theirs) = facts.system_time.parse::<DateTime<Utc>>() else {
        return Check::new(
            NAME,
            Status::Warning,
            "the engine does not say what time it is",
            "",
        );
    };
    let apart = (now.timestamp() - theirs.timestamp()).abs();
    if apart <= 5 {
        return Check::ok(
            NAME,
            format!("{}; the engine agrees", now.format("%Y-%m-%d %H:%M UTC")),
        );
    }
    let found = format!("the engine's clock is {apart} s away from this machine's");
    Check::new(
        NAME,
        Status::Warning,
        found,
        "restart the engine, or its virtual machine",
    )
}

/// The folders that every changing command writes to.
pub(super) fn folders(context: &Context) -> Vec<Check> {
    let state = context.journal.folder();
    let written = private_folder(state).and_then(|()| tempfile::tempfile_in(state).map(drop));
    let state = match written {
        Ok(()) => Check::ok("state folder", state.display().to_string()),
        Err(error) => Check::new(
            "state folder",
            Status::Missing,
            format!("{}: {error}", state.display()),
            "set TTA_STATE to a folder of yours",
        ),
    };
    let folder = guard::folder();
    let locks = match tempfile::tempfile_in(&folder) {
        Ok(_) => Check::ok("lock folder", folder.display().to_string()),
        Err(error) => Check::new(
            "lock folder",
            Status::Missing,
            format!("{}: {error}", folder.display()),
            format!("sudo chmod 1777 {}", folder.display()),
        ),
    };
    vec![state, locks]
}

/// What the kernel says of memory.
pub(super) fn meminfo() -> String {
    fs::read_to_string("/proc/meminfo").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_environments_want_4_gib_and_those_that_run_want_none_any_more() {
        let meminfo =
            |gib: u64| format!("MemTotal: 9 kB\nMemAvailable:   {} kB\n", gib * 1024 * 1024);
        assert_eq!(memory(&meminfo(4), 0).status, Status::Ok);
        assert_eq!(memory(&meminfo(3), 0).status, Status::Warning);
        assert_eq!(memory(&meminfo(1), 3).status, Status::Ok);
        assert_eq!(memory("", 0).status, Status::Warning);
    }

    #[test]
    fn a_full_disk_is_missing_and_a_small_one_a_warning() {
        let status = |free| judged_disk("disk", "/var/lib/docker", free).status;
        assert_eq!(
            [status(GIB), status(4 * GIB), status(20 * GIB)],
            [Status::Missing, Status::Warning, Status::Ok]
        );
    }

    #[test]
    fn the_container_that_publishes_a_port_is_found_also_in_a_range() {
        let publishers = [
            (
                "a".to_owned(),
                "7473/tcp, 127.0.0.1:7474->7474/tcp".to_owned(),
            ),
            (
                "b".to_owned(),
                "0.0.0.0:8000-8002->8000-8002/tcp, [::]:9000->9000/tcp".to_owned(),
            ),
        ];
        assert_eq!(publisher(&publishers, 7474).map(String::as_str), Some("a"));
        assert_eq!(publisher(&publishers, 8001).map(String::as_str), Some("b"));
        assert_eq!(publisher(&publishers, 9000).map(String::as_str), Some("b"));
        assert_eq!(publisher(&publishers, 7473), None);
    }
}

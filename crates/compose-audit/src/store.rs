//! Where a volume's driver options put its data: on this host, on a server, or in memory. Pure.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// A volume's driver and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driven<'a> {
    /// The driver's name.
    pub driver: &'a str,
    /// What it is given.
    pub options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Driven<'a> {
    /// The path or device of this host behind it. Docker's `local` driver hands these options to
    /// mount.
    pub fn path(&self) -> Option<&'a str> {
        if self.driver != "local" {
            return None;
        }
        let kind = self.option("type");
        let elsewhere = exported(kind) || kind == "tmpfs";
        let device = self.option("device");
        (!elsewhere && device.starts_with('/')).then_some(device)
    }

    /// What names its place where that is not on this host's disk: an export of a server, or
    /// whatever the options of another driver describe.
    pub fn store(&self) -> Option<String> {
        if self.driver != "local" {
            let options = self.options.iter();
            let options: Vec<String> = options
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            // Such options may hold a password: only a digest of them is kept.
            let digest = digest(&options.join("\n"));
            return (!options.is_empty()).then(|| format!("{} {digest}", self.driver));
        }
        let kind = self.option("type");
        if !exported(kind) {
            return None;
        }
        let device = self.option("device");
        let device = device.strip_prefix(':').unwrap_or(device);
        let mut words = self.option("o").split(',');
        let server = words.find_map(|word| word.strip_prefix("addr="));
        let kind = if kind.starts_with("nfs") {
            "nfs"
        } else {
            "cifs"
        };
        let server = server.unwrap_or_default();
        Some(format!("{kind}://{server}/{}", device.trim_matches('/')))
    }

    fn option(&self, name: &str) -> &'a str {
        self.options.get(name).copied().unwrap_or_default()
    }
}

/// Whether one of two stores is the other, or lies in it.
pub fn overlap(one: &str, other: &str) -> bool {
    let inside = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || outer.ends_with('/'))
    };
    inside(one, other) || inside(other, one)
}

fn exported(kind: &str) -> bool {
    kind.starts_with("nfs") || kind == "cifs" || kind == "smb3"
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

//! The images from a registry: one that runs here, with the public images' names in it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::docker::{docker, inspect, tried, until};
use crate::harness::patience;
use crate::live::Live;

const IMAGES: [&str; 2] = ["tta-neo4j:5.26.30", "tta-redis:8.0.2"];
const BASES: [(&str, &str); 2] = [
    ("tta-neo4j-base:5.26.30", "neo4j:5.26.30-community-trixie"),
    ("tta-redis-base:8.0.2", "redis:8.0.2"),
];

/// Debian's `docker-registry`, on a free port of this machine.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let config = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n",
            folder.join("registry").display()
        );
        fs::write(&config, text).expect("its settings");
        let child = Command::new(program(folder))
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the registry starts");
        let registry = Self {
            child,
            address: format!("localhost:{port}"),
        };
        until("the registry listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one that is installed, or Debian's package unpacked, which installs nothing.
fn program(folder: &Path) -> PathBuf {
    if let Ok(installed) = which::which("docker-registry") {
        return installed;
    }
    let script = "apt-get -qq update && apt-get -qq download docker-registry && \
                  dpkg-deb --extract docker-registry_*.deb .";
    let output = patience::output(Command::new("sh").args(["-c", script]).current_dir(folder));
    assert!(
        output.status.success(),
        "docker-registry is missing: apt-get install docker-registry\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder.join("usr/bin/docker-registry")
}

/// The names that images had, given back in the end.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn remember() -> Self {
        let names = IMAGES.into_iter().chain(BASES.map(|(base, _)| base));
        Self(
            names
                .map(|name| {
                    (
                        name,
                        docker(&["image", "inspect", "--format", "{{.Id}}", name]),
                    )
                })
                .collect(),
        )
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        for (name, id) in &self.0 {
            tried(&["tag", id, name]);
        }
    }
}

#[test]
#[ignore = "it pushes and pulls a gigabyte: cargo xtask test --all pulled"]
fn images_are_pulled_from_a_registry_finished_and_pinned_by_the_digest_that_was_read() {
    let live = Live::alone("images from a registry");
    let registry = Registry::start(live.folder.path());
    let names = Names::remember();
    for (base, public) in BASES {
        let pushed = format!("{}/{public}", registry.address);
        docker(&["tag", base, &pushed]);
        docker(&["push", "--quiet", &pushed]);
        // So that it has to be pulled.
        docker(&["image", "rm", &pushed]);
    }
    let images = || live.xtask(&["images", "--registry", &registry.address]);
    images().run().code(0).stdout_has("made");
    for name in IMAGES {
        let labels = inspect("image", name)["Config"]["Labels"].clone();
        assert_eq!(labels["org.tta.image.origin"], "pulled", "{labels}");
        let base = labels["org.tta.image.base"].as_str().unwrap_or_default();
        let digest = base.split_once("@sha256:").map(|(_, digest)| digest.len());
        assert!(
            base.starts_with(&registry.address) && digest == Some(64),
            "{base}"
        );
    }
    images().run().code(0).stdout_has("are up to date");
    // Servers run on them.
    live.up(&["test"]);
    live.xtask(&["reset-test"]).run().code(0);
    for (_, public) in BASES {
        tried(&["image", "rm", &format!("{}/{public}", registry.address)]);
    }
    drop(names);
}

//! A Python of the tests' own, with the packages that the Python tests need.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use super::patience;

/// The real drivers, and the checker of types.
const PACKAGES: [&str; 4] = [
    "mypy==2.4.1",
    "neo4j==6.4.1",
    "redis==8.1.0",
    "setuptools==80.9.0",
];

/// Where the Python package is.
pub fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/environments/python")
}

/// Any Python of this machine. It must have one: nothing is skipped.
pub fn python() -> PathBuf {
    which::which("python3").unwrap_or_else(|_| {
        panic!("python3 is missing: apt-get install python3 python3-venv (or leave this group out: cargo xtask test --unit FILTER)")
    })
}

/// A Python with [`PACKAGES`], made once and kept below `target/`.
pub fn with_packages() -> PathBuf {
    let name = PACKAGES.join("-").replace("==", "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("venv-{name}"));
    let lock = File::create(folder.with_extension("lock")).expect("a lock");
    flock(&lock, FlockOperation::LockExclusive).expect("the lock");
    let (program, whole) = (folder.join("bin/python3"), folder.join("whole"));
    if !whole.exists() {
        let _ = fs::remove_dir_all(&folder);
        good(Command::new(python()).args(["-m", "venv"]).arg(&folder));
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        good(Command::new(&program).args(pip).args(PACKAGES));
        fs::write(whole, "").expect("a mark");
    }
    program
}

/// Runs a command that must succeed; what it said on stderr is shown where it does not.
#[track_caller]
pub fn good(command: &mut Command) -> String {
    // Nothing is left in the checkout.
    let output = patience::output(command.env("PYTHONDONTWRITEBYTECODE", "1"));
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    format!("{out}{err}")
}

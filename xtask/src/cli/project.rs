//! What is asked of this project itself: its files, images, checks and figures.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct History {
    /// How many runs, counted from the end
    #[arg(long, value_name = "RUNS", default_value_t = 20)]
    pub(crate) last: usize,
    /// Check that no line was changed, removed or added
    #[arg(long, conflicts_with = "last")]
    pub(crate) verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Fail where a file is not as rendered, and show the difference
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Build even where the public image could be pulled
    #[arg(long)]
    pub(crate) build: bool,
    /// Pull from this registry, as HOST:PORT, instead of the public one
    #[arg(long, value_name = "REGISTRY", conflicts_with = "build", value_parser = registry)]
    pub(crate) registry: Option<String>,
    /// Install what building needs without asking, where it is missing
    #[arg(long)]
    pub(crate) install_tools: bool,
}

/// A registry becomes the beginning of an image's name, and so an argument of docker.
fn registry(text: &str) -> Result<String, String> {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || ".-_:/[]".contains(character);
    let text = text.trim_end_matches('/');
    if text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && text.chars().all(plain)
        && !text.contains("//")
    {
        Ok(text.to_owned())
    } else {
        Err("expected HOST:PORT, without http://".to_owned())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Ci {
    /// Pass even where a checker is not installed; it is listed all the same
    #[arg(long)]
    pub(crate) allow_missing: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The big stores too
    #[arg(long)]
    pub(crate) all: bool,
    /// Only the tests that need no engine
    #[arg(long, conflicts_with = "all")]
    pub(crate) unit: bool,
    /// Only the corpus of faults, and a table of its rows
    #[arg(long, conflicts_with_all = ["all", "unit", "filter"])]
    pub(crate) faults: bool,
    /// Install a Docker engine, and what building the images needs, without asking
    #[arg(long, conflicts_with = "unit")]
    pub(crate) install_engine: bool,
    /// Only tests whose name contains this
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How often each way is run
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) runs: usize,
    /// The slow ones too
    #[arg(long, conflicts_with = "only")]
    pub(crate) all: bool,
    /// Only the comparisons whose name contains this
    #[arg(value_name = "NAME")]
    pub(crate) only: Option<String>,
}

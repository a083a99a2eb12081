//! What is asked of the proof that environments are apart.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use compose_audit::Composed;
use compose_audit::finding::Layer;
use compose_audit::report::written::Wanted;
use environments::Environment;

use crate::isolation::AGAIN;

#[derive(Debug, Args)]
pub(crate) struct VerifyIsolation {
    /// dev, test, staging or prod; all that have objects on this engine where none is named
    #[arg(value_name = "ENV", conflicts_with = "compose")]
    pub(crate) environments: Vec<Environment>,
    /// Only these layers
    #[arg(long, value_name = "LAYER", value_parser = layer(), value_delimiter = ',')]
    pub(crate) layer: Vec<Layer>,
    /// Compare anyone's compose files instead, without an engine; may be repeated
    #[arg(long, value_name = "NAME=FILE[,FILE]", value_parser = composed)]
    pub(crate) compose: Vec<Composed>,
    /// Findings that are known and excused, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Option<PathBuf>,
    /// Write a report too: junit=FILE, markdown=FILE or html=FILE; may be repeated
    #[arg(long, value_name = "KIND=FILE", value_parser = Wanted::parse)]
    pub(crate) report: Vec<Wanted>,
}

/// The layers by name, with where each looks.
fn layer() -> impl TypedValueParser<Value = Layer> {
    let values = Layer::ALL.map(|layer| PossibleValue::new(layer.name()).help(layer.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse())
}

fn composed(text: &str) -> Result<Composed, String> {
    Composed::parse(text, AGAIN)
}

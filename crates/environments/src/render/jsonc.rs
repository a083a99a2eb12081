//! One property of a JSON file that people edit: its value is exchanged, every other byte stays.
//!
//! Decides where the value begins and ends, and how it is laid out there. It must not know what it
//! means. jsonc-parser reads the text; nothing is written back from its tree.

use std::error::Error;
use std::fmt;

use jsonc_parser::ast::{Object, ObjectProp, Value as Parsed};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// A text in which a property can't be set. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsoncError {
    line: usize,
    column: usize,
    problem: String,
}

impl fmt::Display for JsoncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            problem,
        } = self;
        write!(f, "line {line}, column {column}: {problem}")
    }
}

impl Error for JsoncError {}

/// The text with the top-level property set to the value: its old value is exchanged where it
/// stands; if it has none, it becomes the first property; an empty text becomes a new object.
///
/// # Errors
/// The text is not JSON with comments and trailing commas, which is what VS Code reads, is no
/// object, or has the property more than once.
pub(super) fn with_property(text: &str, name: &str, value: &Value) -> Result<String, JsoncError> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => (&text[..text.len() - body.len()], body),
        None => ("", text),
    };
    if body.trim().is_empty() {
        let value = laid_out(value, "  ", "  ", "\n");
        return Ok(format!("{mark}{{\n  {}: {value}\n}}\n", quoted(name)));
    }
    let parsed = parse_to_ast(body, &CollectOptions::default(), &strict())
        .map_err(|error| problem_at(body, error.range().start, error.kind().to_string()))?;
    let object = match &parsed.value {
        Some(Parsed::Object(object)) => object,
        other => {
            let at = other.as_ref().map_or(body.len(), |value| start_of(value));
            return Err(problem_at(body, at, "expected an object".to_owned()));
        }
    };
    let edited = match the_property(body, object, name)? {
        Some(property) => exchange(body, property, value),
        None => insert(body, object, name, value),
    };
    Ok(mark.to_owned() + &edited)
}

/// What VS Code reads: comments and trailing commas, nothing else beyond JSON.
const fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn the_property<'a>(
    text: &str,
    object: &'a Object<'a>,
    name: &str,
) -> Result<Option<&'a ObjectProp<'a>>, JsoncError> {
    let mut found = object
        .properties
        .iter()
        .filter(|property| property.name.as_str() == name);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(second) => Err(problem_at(
            text,
            second.range.start,
            format!(
                "{} is there a second time: delete one of the two",
                quoted(name)
            ),
        )),
    }
}

fn exchange(text: &str, property: &ObjectProp<'_>, value: &Value) -> String {
    let (start, end) = range_of(&property.value);
    let (before, after) = (&text[..start], &text[end..]);
    // The old value's own line ends go with it: only the others say what the file uses.
    let line_end = line_end(before).or(line_end(after)).unwrap_or("\n");
    let line = indent_of_line(before, property.range.start);
    let value = laid_out(value, line, unit(line), line_end);
    format!("{before}{value}{after}")
}

fn insert(text: &str, object: &Object<'_>, name: &str, value: &Value) -> String {
    let (before, after) = text.split_at(object.range.start + "{".len());
    let line_end = line_end(text).unwrap_or("\n");
    let closing = indent_of_line(text, object.range.start);
    let first = object
        .properties
        .first()
        .map(|first| indent_of_line(text, first.range.start));
    let indent = match first {
        Some(indent) if indent.len() > closing.len() => indent.to_owned(),
        _ => format!("{closing}  "),
    };
    let value = laid_out(value, &indent, unit(&indent), line_end);
    let next = if first.is_some() {
        ",".to_owned()
    } else if after.starts_with('}') {
        format!("{line_end}{closing}")
    } else {
        String::new()
    };
    format!(
        "{before}{line_end}{indent}{}: {value}{next}{after}",
        quoted(name)
    )
}

/// The value as indented JSON whose first line continues one that is indented by `line`.
fn laid_out(value: &Value, line: &str, unit: &str, line_end: &str) -> String {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(unit.as_bytes());
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
        .expect("a JSON value can be written to memory");
    let text = String::from_utf8(bytes).expect("serde_json writes UTF-8");
    // JSON's strings have no line ends of their own.
    text.replace('\n', &format!("{line_end}{line}"))
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

/// A top-level property is indented by one unit; where it stands on the brace's line, two spaces.
fn unit(indent: &str) -> &str {
    if indent.is_empty() { "  " } else { indent }
}

fn line_end(text: &str) -> Option<&'static str> {
    let at = text.find('\n')?;
    Some(if text[..at].ends_with('\r') {
        "\r\n"
    } else {
        "\n"
    })
}

/// The white space at the start of the line that contains the position.
fn indent_of_line(text: &str, position: usize) -> &str {
    let start = text[..position].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[start..position];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn range_of(value: &Parsed<'_>) -> (usize, usize) {
    use jsonc_parser::common::Ranged as _;
    (value.start(), value.end())
}

fn start_of(value: &Parsed<'_>) -> usize {
    range_of(value).0
}

fn problem_at(text: &str, position: usize, problem: String) -> JsoncError {
    let before = &text[..position.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    JsoncError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        problem,
    }
}

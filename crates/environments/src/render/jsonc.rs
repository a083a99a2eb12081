//! Some entries of one list in a JSON file that people edit: they are set, every other byte stays.
//!
//! Decides where they begin and end, and how they are laid out there. It must not know what they
//! mean. jsonc-parser reads the text; nothing is written back from its tree.

use std::error::Error;
use std::fmt;

use jsonc_parser::ast::{Array, Object, ObjectProp, Value as Parsed};
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

/// By this property an entry of the list is known.
const NAME: &str = "name";

/// The text with the entries in the list that is the top-level property: what differs in one of that
/// name is exchanged where it stands, one that is missing comes last, and so does a property that an
/// entry lacks. Without the property it becomes the first one; an empty text becomes a new object.
///
/// An entry that equals one of the `earlier` is exchanged whole: nobody has edited it.
///
/// # Errors
/// The text is not JSON with comments and trailing commas, which is what VS Code reads, is no
/// object, has the property or an entry more than once, or has no list there.
pub(super) fn with_entries(
    text: &str,
    name: &str,
    entries: &[Value],
    earlier: &[Value],
) -> Result<String, JsoncError> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => (&text[..text.len() - body.len()], body),
        None => ("", text),
    };
    if body.trim().is_empty() {
        let value = laid_out(&entries.into(), "  ", "  ", "\n");
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
        Some(property) => merged(body, property, entries, earlier)?,
        None => insert(body, object, name, &entries.into()),
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
    let found = object.properties.iter();
    let found = found.filter(|property| property.name.as_str() == name);
    the_one(
        text,
        name,
        found.map(|property| (property.range.start, property)),
    )
}

fn the_one<T>(
    text: &str,
    name: &str,
    mut found: impl Iterator<Item = (usize, T)>,
) -> Result<Option<T>, JsoncError> {
    let first = found.next();
    match found.next() {
        None => Ok(first.map(|(_, one)| one)),
        Some((second, _)) => Err(problem_at(
            text,
            second,
            format!(
                "{} is there a second time: delete one of the two",
                quoted(name)
            ),
        )),
    }
}

/// What stands between two positions is exchanged.
type Edit = (usize, usize, String);

/// How a text is laid out around a property.
struct Layout<'a> {
    text: &'a str,
    /// One step of indentation.
    unit: &'a str,
    line_end: &'a str,
}

fn merged(
    text: &str,
    property: &ObjectProp<'_>,
    entries: &[Value],
    earlier: &[Value],
) -> Result<String, JsoncError> {
    let list = match &property.value {
        Parsed::Array(list) => list,
        Parsed::NullKeyword(_) => return Ok(exchange(text, property, &entries.into())),
        other => {
            let problem = format!("{} is no list", quoted(property.name.as_str()));
            return Err(problem_at(text, start_of(other), problem));
        }
    };
    let inside = &text[list.range.start + 1..list.range.end - 1];
    if inside.trim().is_empty() {
        return Ok(exchange(text, property, &entries.into()));
    }
    let indent = indent_of_line(text, property.range.start);
    let layout = Layout {
        text,
        unit: unit(indent),
        line_end: line_end(text).unwrap_or("\n"),
    };
    let mut edits = Vec::new();
    let mut missing = Vec::new();
    for entry in entries {
        match the_entry(text, list, entry)? {
            Some(found) => edits.extend(layout.set(found, entry, earlier)?),
            None => missing.push(entry),
        }
    }
    let last = list.elements.last().map(range_of);
    let indent = match last {
        Some((start, _)) => indent_of_line(text, start).to_owned(),
        None => format!("{indent}{}", layout.unit),
    };
    let missing = missing.into_iter();
    let missing = missing.map(|entry| laid_out(entry, &indent, layout.unit, layout.line_end));
    let end = list.range.end - 1;
    let gap = format!("{}{indent}", layout.line_end);
    edits.extend(layout.appended(last.map(|(_, end)| end), end, &gap, missing.collect()));
    Ok(edited(text, edits))
}

/// The entry of the list that has the same name.
fn the_entry<'a>(
    text: &str,
    list: &'a Array<'a>,
    entry: &Value,
) -> Result<Option<&'a Object<'a>>, JsoncError> {
    let name = entry[NAME].as_str().unwrap_or_default();
    let called = |object: &&Object<'_>| {
        let mut names = object.properties.iter();
        names.any(|property| {
            let value = property.value.as_string_lit();
            property.name.as_str() == NAME && value.is_some_and(|value| value.value == name)
        })
    };
    let objects = list.elements.iter().filter_map(Parsed::as_object);
    let found = objects.filter(called);
    the_one(text, name, found.map(|object| (object.range.start, object)))
}

impl Layout<'_> {
    /// What has to be exchanged for an object to have an entry's properties.
    fn set(
        &self,
        object: &Object<'_>,
        entry: &Value,
        earlier: &[Value],
    ) -> Result<Vec<Edit>, JsoncError> {
        let (start, end) = (object.range.start, object.range.end);
        // Comments make it an edited one, for they are no plain JSON.
        let now: Option<Value> = serde_json::from_str(&self.text[start..end]).ok();
        let indent = indent_of_line(self.text, start);
        if now.as_ref() == Some(entry) {
            return Ok(Vec::new());
        }
        if now.is_some_and(|now| earlier.contains(&now)) {
            let whole = laid_out(entry, indent, self.unit, self.line_end);
            return Ok(vec![(start, end, whole)]);
        }
        let mut edits = Vec::new();
        let mut missing = Vec::new();
        for (name, value) in entry.as_object().into_iter().flatten() {
            match the_property(self.text, object, name)? {
                None => missing.push(format!("{}: {value}", quoted(name))),
                Some(property) if is(&property.value, value) => {}
                Some(property) => {
                    let (start, end) = range_of(&property.value);
                    edits.push((start, end, value.to_string()));
                }
            }
        }
        let last = object.properties.last().map(|last| last.range);
        let gap = match last {
            // On one line with both brackets, where no comment reaches to the end of the line.
            _ if !self.text[start..end].contains('\n') => " ".to_owned(),
            Some(last) => self.line_end.to_owned() + indent_of_line(self.text, last.start),
            None => format!("{}{indent}{}", self.line_end, self.unit),
        };
        edits.extend(self.appended(last.map(|last| last.end), end - 1, &gap, missing));
        Ok(edits)
    }

    /// Further items before the bracket that closes a list or an object, each after a gap, and all
    /// after whatever comments stand there.
    fn appended(
        &self,
        last: Option<usize>,
        bracket: usize,
        gap: &str,
        items: Vec<String>,
    ) -> Vec<Edit> {
        if items.is_empty() {
            return Vec::new();
        }
        let mut edits = Vec::new();
        if let Some(last) = last.filter(|last| !has_comma(&self.text[*last..bracket])) {
            edits.push((last, last, ",".to_owned()));
        }
        let lines: Vec<String> = items
            .into_iter()
            .map(|item| format!("{gap}{item}"))
            .collect();
        let at = self.text[..bracket].trim_end().len();
        edits.push((at, at, lines.join(",")));
        edits
    }
}

fn is(found: &Parsed<'_>, wanted: &Value) -> bool {
    match (found, wanted) {
        (Parsed::StringLit(found), Value::String(wanted)) => found.value == *wanted,
        (Parsed::NumberLit(found), Value::Number(wanted)) => {
            found.value.parse().ok() == wanted.as_u64()
        }
        _ => false,
    }
}

/// Whether there is a comma between comments and white space.
fn has_comma(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        let after = if let Some(line) = rest.strip_prefix("//") {
            line.split_once('\n')
        } else if let Some(block) = rest.strip_prefix("/*") {
            block.split_once("*/")
        } else {
            return rest.starts_with(',');
        };
        rest = after.map_or("", |(_, after)| after.trim_start());
    }
}

/// The text with the edits made. None of them overlaps another.
fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    // Stable: of two at one place the first stays first.
    edits.sort_by_key(|(start, ..)| *start);
    let mut result = String::new();
    let mut done = 0;
    for (start, end, new) in edits {
        result.push_str(&text[done..start]);
        result.push_str(&new);
        done = end;
    }
    result + &text[done..]
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

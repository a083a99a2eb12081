//! A value as Neo4j's typed JSON tells it, written as Cypher that makes the very same value.
//!
//! Pure. What Cypher cannot write is refused, never approximated: the caller has the server read
//! what is written here and compares the types and values that come of it.

use serde_json::Value;

use crate::tools::neo4j::quoted_name;

/// Why a value cannot be written.
pub(super) type Unwritable = String;

/// The literal of one value.
///
/// # Errors
/// What it is that Cypher has no words for.
pub(super) fn literal(value: &Value) -> Result<String, Unwritable> {
    let kind = value["$type"].as_str().unwrap_or_default();
    let inner = &value["_value"];
    let text = || {
        let text = inner.as_str();
        text.ok_or_else(|| format!("a {kind} that is no text"))
    };
    Ok(match kind {
        "Boolean" => match inner {
            Value::Bool(set) => set.to_string(),
            _ => return Err("a Boolean that is neither".to_owned()),
        },
        "Integer" => text()?
            .parse::<i64>()
            .map_err(|_| "an Integer of another size".to_owned())?
            .to_string(),
        "Float" => float(text()?)?,
        "String" => string(text()?),
        "Date" => call("date", text()?),
        "Time" => call("time", text()?),
        "LocalTime" => call("localtime", text()?),
        "OffsetDateTime" | "ZonedDateTime" => call("datetime", text()?),
        "LocalDateTime" => call("localdatetime", text()?),
        "Duration" => call("duration", text()?),
        "Point" => point(text()?).ok_or_else(|| "a Point of another form".to_owned())?,
        "List" => {
            let all = inner.as_array().ok_or("a List that is none")?;
            let all: Vec<String> = all.iter().map(literal).collect::<Result<_, _>>()?;
            format!("[{}]", all.join(", "))
        }
        "Map" => map(inner, None)?,
        "Base64" => return Err("bytes, which Cypher has no literal for".to_owned()),
        other => return Err(format!("a value of the type {other:?}")),
    })
}

/// The properties of a node or relationship, by name, and one more before them.
///
/// # Errors
/// The property that cannot be written, and why.
pub(super) fn map(properties: &Value, first: Option<String>) -> Result<String, Unwritable> {
    let properties = properties.as_object().ok_or("properties that are no map")?;
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_unstable();
    let each = names.into_iter().map(|name| {
        let value = literal(&properties[name]).map_err(|why| format!("{name:?} holds {why}"))?;
        Ok(format!("{}: {value}", quoted_name(name)))
    });
    let all: Vec<String> = first
        .map(Ok)
        .into_iter()
        .chain(each)
        .collect::<Result<_, Unwritable>>()?;
    Ok(format!("{{{}}}", all.join(", ")))
}

fn float(text: &str) -> Result<String, Unwritable> {
    let plain = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    match text {
        "NaN" | "Infinity" | "-Infinity" => Ok(text.to_owned()),
        // As Java prints them: with a point, and maybe an exponent.
        number if plain(number) && number.contains(['.', 'e', 'E']) => Ok(number.to_owned()),
        number if plain(number) => Ok(format!("{number}.0")),
        _ => Err("a Float of another form".to_owned()),
    }
}

fn call(function: &str, text: &str) -> String {
    format!("{function}({})", string(text))
}

/// A text in quotes, on one line. A backslash stands in quotes of its own: before a `u` it would
/// begin an escape wherever it stands.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("' + '\\\\' + '"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other if other.is_control() || matches!(other, '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(other)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// `SRID=7203;POINT (1.5 2.0)`, and `POINT Z` with three numbers.
fn point(text: &str) -> Option<String> {
    let (srid, rest) = text.strip_prefix("SRID=")?.split_once(';')?;
    let srid: u32 = srid.parse().ok()?;
    let rest = rest.trim().strip_prefix("POINT")?.trim();
    let (deep, rest) = match rest.strip_prefix('Z') {
        Some(rest) => (true, rest.trim()),
        None => (false, rest),
    };
    let inside = rest.strip_prefix('(')?.strip_suffix(')')?;
    let numbers: Vec<String> = inside
        .split_whitespace()
        .map(float)
        .collect::<Result<_, _>>()
        .ok()?;
    let names = ["x", "y", "z"];
    if numbers.len() != if deep { 3 } else { 2 } {
        return None;
    }
    let each = names.iter().zip(numbers);
    let each: Vec<String> = each
        .map(|(name, number)| format!("{name}: {number}"))
        .collect();
    Some(format!("point({{srid: {srid}, {}}})", each.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: &str, value: Value) -> Result<String, Unwritable> {
        literal(&json!({"$type": kind, "_value": value}))
    }

    #[test]
    fn each_type_has_its_literal() {
        for (kind, value, expected) in [
            ("Boolean", json!(true), "true"),
            (
                "Integer",
                json!("-9223372036854775808"),
                "-9223372036854775808",
            ),
            ("Float", json!("1.0E-7"), "1.0E-7"),
            ("Float", json!("3"), "3.0"),
            ("Float", json!("NaN"), "NaN"),
            ("Float", json!("-Infinity"), "-Infinity"),
            ("Date", json!("2026-01-02"), "date('2026-01-02')"),
            ("Duration", json!("P1M-2DT3S"), "duration('P1M-2DT3S')"),
            (
                "Point",
                json!("SRID=4979;POINT Z (1.5 2.0 -3.25)"),
                "point({srid: 4979, x: 1.5, y: 2.0, z: -3.25})",
            ),
        ] {
            assert_eq!(of(kind, value), Ok(expected.to_owned()));
        }
        let list =
            json!([{"$type": "Integer", "_value": "1"}, {"$type": "Integer", "_value": "2"}]);
        assert_eq!(of("List", list), Ok("[1, 2]".to_owned()));
    }

    #[test]
    fn no_text_ends_its_quotes_or_its_line_or_begins_an_escape() {
        assert_eq!(string("it's; a\nb"), "'it\\'s; a\\nb'");
        assert_eq!(string("\\u0027"), "'' + '\\\\' + 'u0027'");
        assert_eq!(string("a\0b\u{2028}"), "'a\\u0000b\\u2028'");
    }

    #[test]
    fn what_cypher_cannot_write_is_refused_and_named() {
        let bytes = json!({"raw": {"$type": "Base64", "_value": "AQID"}});
        let refused = map(&bytes, None).expect_err("bytes");
        assert!(refused.contains("\"raw\" holds bytes"), "{refused}");
        for (kind, value) in [
            ("Vector", json!("x")),
            ("Float", json!("one")),
            ("Integer", json!("9223372036854775808")),
            ("Point", json!("SRID=1;POINT (1.0)")),
            ("Boolean", json!("true")),
        ] {
            assert!(of(kind, value.clone()).is_err(), "{kind} {value}");
        }
    }
}

//! Variables as text, in the three forms that other tools read.
//!
//! Decides quoting. It must not know what the variables mean.

use std::error::Error;
use std::fmt;

use super::acl::sha256_hex;

/// A value that a `.env` file can't hold: its readers disagree about line breaks within quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBreak {
    name: String,
}

impl fmt::Display for LineBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name } = self;
        write!(
            f,
            "the value of {name} contains a line break or a control character, which no .env file \
             can hold reliably: use the format json or github"
        )
    }
}

impl Error for LineBreak {}

/// `NAME=value` lines, quoted only where the value needs it.
///
/// A quoted value means the same to a POSIX shell and to Compose. Single quotes are taken first:
/// nothing within them is special to any reader. Only a value that has a single quote or a backslash
/// itself is written in double quotes, with escapes.
///
/// # Errors
/// A value with a line break or another control character.
pub fn to_dotenv(variables: &[(&str, String)]) -> Result<String, LineBreak> {
    let mut text = String::new();
    for (name, value) in variables {
        if value.chars().any(char::is_control) {
            return Err(LineBreak {
                name: (*name).to_owned(),
            });
        }
        text.push_str(name);
        text.push('=');
        text.push_str(&dotenv_value(value));
        text.push('\n');
    }
    Ok(text)
}

fn dotenv_value(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+,=".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else if !value.contains(['\'', '\\']) {
        format!("'{value}'")
    } else {
        let mut quoted = String::from('"');
        for c in value.chars() {
            if "\\\"$`".contains(c) {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        quoted + "\""
    }
}

/// The lines that a GitHub workflow appends to the file `$GITHUB_ENV`.
///
/// A value with line breaks stands between delimiters that are made from the value's own digest, so
/// that no line of it can end it early and set a variable of its own (GitHub's documentation of
/// workflow commands, "Multiline strings").
#[must_use]
pub fn to_github(variables: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        if value.contains(['\n', '\r']) {
            let delimiter = format!("TTA_{}", sha256_hex(value));
            text.push_str(&format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
        } else {
            text.push_str(&format!("{name}={value}\n"));
        }
    }
    text
}

/// One JSON object.
#[must_use]
pub fn to_json(variables: &[(&str, String)]) -> String {
    let object: serde_json::Map<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
        .collect();
    format!("{:#}\n", serde_json::Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dotenv(value: &str) -> Result<String, LineBreak> {
        to_dotenv(&[("A", value.to_owned())])
    }

    #[test]
    fn a_dotenv_value_is_quoted_only_where_it_must_be() {
        for (value, line) in [
            ("tta_dev_password_2024", "A=tta_dev_password_2024\n"),
            (
                "redis://u:p%20w@localhost:1/0",
                "A=redis://u:p%20w@localhost:1/0\n",
            ),
            ("", "A=\n"),
            ("two words", "A='two words'\n"),
            ("a#b$c", "A='a#b$c'\n"),
            ("say \"hi\"", "A='say \"hi\"'\n"),
            ("it's", "A=\"it's\"\n"),
            ("a\\'$b`\"", "A=\"a\\\\'\\$b\\`\\\"\"\n"),
        ] {
            assert_eq!(dotenv(value).as_deref(), Ok(line));
        }
    }

    #[test]
    fn a_dotenv_value_with_a_line_break_is_refused_without_being_shown() {
        let error = dotenv("secret\nB=1").expect_err("two lines");
        assert!(error.to_string().starts_with("the value of A contains"));
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_github_value_can_not_set_a_variable_of_its_own() {
        let text = to_github(&[("A", "x<<EOF".into()), ("B", "1\nC=2".into())]);
        let lines: Vec<_> = text.lines().collect();
        let delimiter = lines[1].strip_prefix("B<<").expect("a delimiter");
        assert_eq!(lines, ["A=x<<EOF", lines[1], "1", "C=2", delimiter]);
    }

    #[test]
    fn json_is_one_object_in_the_given_order() {
        let text = to_json(&[("B", "\"".into()), ("A", "1".into())]);
        assert_eq!(text, "{\n  \"B\": \"\\\"\",\n  \"A\": \"1\"\n}\n");
    }
}

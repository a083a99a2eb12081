//! How a file differs from its rendering, without a value of anybody's.

use std::fmt::Write as _;

use diffy::{DiffOptions, Line};

use process::printable;

/// A unified difference. A line that is not `ours` is there by its name alone.
pub(super) fn text(path: &str, now: &str, rendered: &str, ours: &dyn Fn(&str) -> bool) -> String {
    if now != rendered && now.replace("\r\n", "\n") == rendered {
        return format!("{path}: its lines end in CR LF, rendered ones in LF\n");
    }
    let mut text = format!("--- {path}\n+++ {path} as rendered\n");
    let mut options = DiffOptions::new();
    options.set_context_len(2);
    for hunk in options.create_patch(now, rendered).hunks() {
        let _ = writeln!(text, "@@ -{} +{} @@", hunk.old_range(), hunk.new_range());
        for line in hunk.lines() {
            let (sign, line) = match line {
                Line::Context(line) => (' ', line),
                Line::Delete(line) => ('-', line),
                Line::Insert(line) => ('+', line),
            };
            let line = line.trim_end_matches(['\r', '\n']);
            let _ = if ours(line) {
                writeln!(text, "{sign}{}", printable(line))
            } else {
                writeln!(text, "{sign}{}", unnamed(line))
            };
        }
    }
    text
}

/// A line without what its neighbours decide: its indentation and a comma at its end.
pub(super) fn bare(line: &str) -> &str {
    line.trim().trim_end_matches(',')
}

fn unnamed(line: &str) -> String {
    match name(line) {
        Some(name) => format!("(a line that is not rendered, {name}…)"),
        None => "(a line that is not rendered)".to_owned(),
    }
}

/// The name that a line gives a value, with the sign behind it, in the forms of our files: `NAME=`,
/// `"name":`, `name:`. What only looks like one may be part of a value.
fn name(line: &str) -> Option<&str> {
    const LONGEST: usize = 40;
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let word = |text: &str, more: &dyn Fn(u8) -> bool| {
        let known = |byte: u8| more(byte) || byte == b'_';
        !text.is_empty() && text.len() <= LONGEST && text.bytes().all(known)
    };
    if let Some((name, _)) = line.split_once('=')
        && word(name, &|byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit()
        })
        && !name.starts_with(|first: char| first.is_ascii_digit())
    {
        return line.get(..=name.len());
    }
    let (name, rest) = line.split_once(':')?;
    let quoted = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let key = quoted.unwrap_or(name);
    let known = word(key, &|byte| {
        byte.is_ascii_alphanumeric() || b".-".contains(&byte)
    });
    (known && (rest.is_empty() || rest.starts_with(' '))).then(|| &line[..=name.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rendered_lines_are_shown_with_their_values() {
        let now = "A=1\nexport API_KEY=s3cret\n\"token\": \"s3cret\"\nq83vEjRWeJA=\nuser:s3cret\n";
        let shown = text(".env", now, "A=1\nB=2\n", &|line| {
            ["A=1", "B=2"].contains(&line)
        });
        insta::assert_snapshot!(shown, @r#"
        --- .env
        +++ .env as rendered
        @@ -1,5 +1,2 @@
         A=1
        -(a line that is not rendered, API_KEY=…)
        -(a line that is not rendered, "token":…)
        -(a line that is not rendered)
        -(a line that is not rendered)
        +B=2
        "#);
    }

    #[test]
    fn line_ends_alone_are_told_in_one_line() {
        let shown = text(".env", "A=1\r\nB=2\r\n", "A=1\nB=2\n", &|_| true);
        assert_eq!(shown, ".env: its lines end in CR LF, rendered ones in LF\n");
    }
}

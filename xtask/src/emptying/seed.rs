//! A fixture's Cypher, split into its statements.
//!
//! `cypher-shell` would split it too, but its error does not say which statement failed.

/// The statements of a fixture, without comments around them and without their semicolons.
///
/// # Errors
/// A quote or comment that does not end, or a command of the shell (`:param`), which is no Cypher.
pub(crate) fn statements(text: &str) -> Result<Vec<String>, String> {
    let mut statements = Vec::new();
    let mut current = String::new();
    let mut line = 1;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while let Some(character) = rest.chars().next() {
        let length = match character {
            '\'' | '"' => quoted(rest, character, true),
            '`' => quoted(rest, character, false),
            '/' if rest.starts_with("//") => Some(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map(|end| end + 4),
            _ => Some(character.len_utf8()),
        };
        let length = length.ok_or_else(|| format!("line {line}: {character} does not end"))?;
        let (token, after) = rest.split_at(length);
        rest = after;
        let comment = token.starts_with("//") || token.starts_with("/*");
        if token == ";" {
            keep(&mut statements, &mut current, line)?;
        } else if comment {
            // A space stands where a comment stood, so that it still parts two words.
            current.push(' ');
        } else {
            current.push_str(token);
        }
        line += token.matches('\n').count();
    }
    keep(&mut statements, &mut current, line)?;
    Ok(statements)
}

fn keep(statements: &mut Vec<String>, current: &mut String, line: usize) -> Result<(), String> {
    let statement = std::mem::take(current).trim().to_owned();
    if statement.starts_with(':') {
        return Err(format!(
            "before line {line}: {statement:?} is a command of cypher-shell, not Cypher"
        ));
    }
    if !statement.is_empty() {
        statements.push(statement);
    }
    Ok(())
}

/// The length of a quoted text with its quotes. A backslash escapes in strings, a doubled backtick
/// in names.
fn quoted(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote {
            let doubled = !escapes && characters.peek().is_some_and(|(_, next)| *next == quote);
            if doubled {
                characters.next();
            } else {
                return Some(at + quote.len_utf8());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_semicolon_ends_a_statement_only_outside_quotes_and_comments() {
        let text = "// first; not a statement\n\
                    CREATE (:A {t: 'a;b', u: \"c\\\";d\"});\n\
                    /* ; */ MATCH (n:`x;``y`) RETURN n // ;\n ;\n\n;";
        assert_eq!(
            statements(text).expect("it is well formed"),
            [
                "CREATE (:A {t: 'a;b', u: \"c\\\";d\"})",
                "MATCH (n:`x;``y`) RETURN n",
            ]
        );
    }

    #[test]
    fn what_does_not_end_is_told_with_its_line() {
        assert_eq!(
            statements("RETURN 1;\nRETURN 'x").expect_err("open"),
            "line 2: ' does not end"
        );
        assert_eq!(
            statements("/* x").expect_err("open"),
            "line 1: / does not end"
        );
    }

    #[test]
    fn a_command_of_the_shell_is_not_taken_for_cypher() {
        assert!(statements(":param x => 1;").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_split_or_refused_without_a_panic(text in any::<String>()) {
            let _ = statements(&text);
        }

        #[test]
        fn statements_put_together_come_apart_again(parts in prop::collection::vec("[a-z]{1,8}", 0..6)) {
            prop_assert_eq!(statements(&parts.join(";\n")).expect("plain"), parts);
        }
    }
}

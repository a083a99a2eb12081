//! Text of children, made fit for a person to see and for a shell to read.

/// The last lines of a text, blank ones left out.
pub fn tail(text: &str, lines: usize) -> Vec<&str> {
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    all[all.len().saturating_sub(lines)..].to_vec()
}

pub(crate) fn redacted(text: &str, secrets: &[String]) -> String {
    let blot = |text: String, secret: &String| text.replace(secret.as_str(), "•••");
    secrets.iter().fold(text.to_owned(), blot)
}

/// Text from elsewhere made safe for a terminal: control characters are shown, not obeyed, and so
/// are those that turn or hide what follows them (Unicode's bidirectional and invisible ones).
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let hides = matches!(
                character,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                    | '\u{e0000}'..='\u{e007f}'
            );
            if (character.is_control() && character != '\t') || hides {
                character.escape_default().collect::<Vec<_>>()
            } else {
                vec![character]
            }
        })
        .collect()
}

/// A word as a shell would need it. Braces too: bash makes two words of `{a,b}`.
pub fn quoted(word: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:=,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

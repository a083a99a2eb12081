//! Secrets inside of longer texts: URIs, command lines, configuration files, lists of Redis users.
//! Pure. What is returned is secret.

use crate::statics::secret_words::secret_name;

/// Passwords in `scheme://user:password@host` and in `password=…`.
pub(crate) fn in_uris(text: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    for rest in text.split("://").skip(1) {
        let authority = rest
            .split(['/', '?', '#', ' ', ','])
            .next()
            .unwrap_or_default();
        // A password may hold slashes where its writer forgot to encode them.
        let authority = if authority.contains('@') {
            authority
        } else {
            rest
        };
        let Some((account, _)) = authority.rsplit_once('@') else {
            continue;
        };
        if let Some((_, password)) = account.split_once(':')
            && !password.is_empty()
            && !password.contains(char::is_whitespace)
        {
            secrets.push(password.to_owned());
        }
    }
    if text.contains("://") || text.contains(';') {
        for part in text.split([';', '?', '&', ' ', ',']) {
            if let Some((name, value)) = part.split_once('=')
                && secret_name(name.trim())
                && !value.is_empty()
            {
                secrets.push(value.trim().to_owned());
            }
        }
    }
    secrets
}

/// Passwords in a command line: after `--requirepass` and its like, in `--password=…`, in `-a` of
/// redis-cli and `-p` of cypher-shell, as `>password` of a Redis user, in URIs.
pub fn in_words(words: &[String]) -> Vec<String> {
    let mut secrets: Vec<String> = words.iter().flat_map(|word| in_uris(word)).collect();
    let bare = |word: &str| word.trim_matches(['"', '\'']).to_owned();
    let words: Vec<String> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .map(bare)
        .filter(|word| !word.is_empty())
        .collect();
    let runs = |program: &str| words.iter().any(|word| word.ends_with(program));
    let (asks_redis, asks_neo4j) = (runs("redis-cli"), runs("cypher-shell"));
    let lists_users = words
        .iter()
        .any(|word| word == "--user" || word == "SETUSER");
    for (place, word) in words.iter().enumerate() {
        let flag = word.starts_with("--");
        let name = word.trim_start_matches('-');
        if let Some((name, value)) = name.split_once('=') {
            if secret_name(name) && !value.is_empty() {
                secrets.push(value.to_owned());
            }
        } else if (flag && secret_name(name))
            || ["requirepass", "masterauth"].contains(&name)
            || (asks_redis && word == "-a")
            || (asks_neo4j && word == "-p")
        {
            let next = words.get(place + 1).filter(|next| !next.starts_with("--"));
            secrets.extend(next.cloned());
        } else if lists_users && word.len() > 1 && word.starts_with('>') {
            secrets.push(word[1..].to_owned());
        }
    }
    secrets
}

/// Passwords in a configuration file, and the hashes of those that only their hash is there of.
pub(crate) fn in_text(text: &str) -> (Vec<String>, Vec<String>) {
    let mut secrets = Vec::new();
    let mut hashes = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        secrets.extend(in_uris(line));
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["requirepass" | "masterauth", value, ..] => secrets.push(unquoted(value)),
            ["user", _, rules @ ..] => {
                for rule in rules {
                    if let Some(value) = rule.strip_prefix('>') {
                        secrets.push(value.to_owned());
                    } else if let Some(hash) = rule.strip_prefix('#')
                        && hash.len() == 64
                    {
                        hashes.push(hash.to_owned());
                    }
                }
            }
            _ => {
                if let Some((name, value)) = line.split_once(['=', ':']) {
                    let name = unquoted(name.trim());
                    let value = unquoted(value.trim().trim_end_matches(','));
                    if secret_name(&name) && !value.contains("://") {
                        secrets.push(value);
                    }
                }
            }
        }
    }
    secrets.retain(|secret| !secret.is_empty());
    (secrets, hashes)
}

fn unquoted(text: &str) -> String {
    text.trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_it_is_written() {
        for (text, secret) in [
            ("redis://tta:s3cret@host:6379/0", "s3cret"),
            ("redis://:s3cret@host", "s3cret"),
            ("postgres://u:s3/cret@db/x", "s3/cret"),
            ("jdbc:postgresql://db/x?user=u&password=s3cret", "s3cret"),
            ("Server=db;User Id=sa;Password=s3cret;", "s3cret"),
        ] {
            assert_eq!(in_uris(text), [secret], "{text}");
        }
        for text in ["bolt://localhost:7687", "a=b", "x:y@z", "http://a/b@c"] {
            assert_eq!(in_uris(text), Vec::<String>::new(), "{text}");
        }
        for line in [
            "redis-server --requirepass s3cret",
            "sh -c 'redis-server --requirepass \"s3cret\"'",
            "app --db-password=s3cret",
            "app --token s3cret",
            "redis-cli -a s3cret ping",
            "cypher-shell -u neo4j -p s3cret 'RETURN 1'",
            "redis-server --user tta on >s3cret ~*",
        ] {
            assert_eq!(in_words(&[line.to_owned()]), ["s3cret"], "{line}");
        }
        let hash = "0".repeat(64);
        let text = format!(
            "# password=no\nrequirepass s3cret\nuser a on #{hash} >other\n\"token\": \"third\","
        );
        assert_eq!(
            in_text(&text),
            (
                vec!["s3cret".to_owned(), "other".to_owned(), "third".to_owned()],
                vec![hash]
            )
        );
    }
}

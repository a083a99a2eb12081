//! By its name and its look: what is a secret, and what only sounds like one. Pure.

/// Words that end a secret's name, or begin one that goes on with nothing in [`OTHERWISE`].
const SECRET: [&str; 16] = [
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASS",
    "PWD",
    "PASSPHRASE",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTH",
    "REQUIREPASS",
    "MASTERAUTH",
    "PRIVATEKEY",
];

/// What stands before KEY where the key is secret.
const KEYS: [&str; 12] = [
    "API",
    "ACCESS",
    "SECRET",
    "PRIVATE",
    "ENCRYPTION",
    "SIGNING",
    "MASTER",
    "JWT",
    "SESSION",
    "APP",
    "AUTH",
    "COOKIE",
];

/// Words with which a name is about a secret, but none.
const OTHERWISE: [&str; 50] = [
    "FILE",
    "PATH",
    "DIR",
    "URL",
    "URI",
    "HOST",
    "PORT",
    "LENGTH",
    "MIN",
    "MAX",
    "TTL",
    "EXPIRY",
    "EXPIRES",
    "EXPIRE",
    "EXPIRATION",
    "LIFETIME",
    "TIMEOUT",
    "AGE",
    "ENABLED",
    "ENABLE",
    "DISABLE",
    "DISABLED",
    "REQUIRED",
    "REQUIRE",
    "ALLOW",
    "ALGORITHM",
    "ALGO",
    "TYPE",
    "METHOD",
    "MODE",
    "POLICY",
    "HEADER",
    "NAME",
    "USER",
    "USERNAME",
    "ID",
    "PREFIX",
    "ROUNDS",
    "COUNT",
    "SIZE",
    "ISSUER",
    "AUDIENCE",
    "PROVIDER",
    "BACKEND",
    "ENCODING",
    "SCHEME",
    "REALM",
    "PUBLIC",
    "SCOPE",
    "COST",
];

/// Words that may stand before and say the same.
const BEFORE: [&str; 8] = [
    "ALLOW", "ENABLE", "DISABLE", "REQUIRE", "PUBLIC", "MIN", "MAX", "NO",
];

/// Whether a variable of that name holds a secret.
pub(crate) fn secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase().replace(['-', '.', ' '], "_");
    let words: Vec<&str> = upper.split('_').filter(|word| !word.is_empty()).collect();
    // The shell's own working folder.
    if words == ["PWD"] || words == ["OLDPWD"] {
        return false;
    }
    let last = words.iter().enumerate().rposition(|(place, word)| {
        let ends = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "PASSPHRASE"];
        let key = *word == "KEY" && place > 0 && KEYS.contains(&words[place - 1]);
        SECRET.contains(word) || key || ends.iter().any(|end| word.ends_with(end))
    });
    last.is_some_and(|place| {
        !words[place + 1..]
            .iter()
            .any(|word| OTHERWISE.contains(word))
            && !words[..place].iter().any(|word| BEFORE.contains(word))
    })
}

/// Whether a value can be one: not empty, no switch, no path to one, no placeholder.
pub(crate) fn secret_value(value: &str) -> bool {
    let value = value.trim();
    let lower = value.to_ascii_lowercase();
    let switches = [
        "",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "none",
        "null",
        "nil",
        "undefined",
        "enabled",
        "disabled",
        "0",
        "1",
        "default",
        "basic",
        "bearer",
        "plain",
        "neo4j",
        "redis",
        "postgres",
        "•••",
    ];
    let placeholder = value.starts_with('$')
        || value.starts_with('/')
        || (value.starts_with('<') && value.ends_with('>'))
        || (value.starts_with('{') && value.ends_with('}'))
        || value
            .chars()
            .all(|one| one == '*' || one == 'x' || one == '.');
    !switches.contains(&lower.as_str()) && !placeholder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_name() {
        for name in [
            "PASSWORD",
            "POSTGRES_PASSWORD",
            "NEO4J_AUTH",
            "REDISCLI_AUTH",
            "PGPASSWORD",
            "db-password",
            "spring.datasource.password",
            "JWT_SECRET",
            "SECRET_KEY_BASE",
            "AWS_SECRET_ACCESS_KEY",
            "API_KEY",
            "GITHUB_TOKEN",
            "DB_PASS",
            "USER_PASSWORD",
        ] {
            assert!(secret_name(name), "{name}");
        }
        for name in [
            "PWD",
            "PASSWORD_FILE",
            "ALLOW_EMPTY_PASSWORD",
            "PASSWORD_MIN_LENGTH",
            "TOKEN_TTL",
            "AUTH_URL",
            "NEO4J_dbms_security_auth__enabled",
            "AWS_ACCESS_KEY_ID",
            "KEY_PREFIX",
            "AUTHOR",
            "COMPASS_MODE",
            "PUBLIC_KEY",
            "PATH",
        ] {
            assert!(!secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_switch_a_path_or_a_placeholder_is_no_secret() {
        for value in [
            "",
            " ",
            "true",
            "none",
            "/run/secrets/x",
            "${X}",
            "<password>",
            "****",
        ] {
            assert!(!secret_value(value), "{value}");
        }
        for value in ["changeme", "123456", "p", "hunter2/x"] {
            assert!(secret_value(value), "{value}");
        }
    }
}

//! Redis' users, as ACL LIST tells them, and whether one may do more than the definitions say. Pure.

use std::collections::BTreeSet;

use environments::Environment;
use environments::render::{Secrets, Target, redis_users};
use process::printable;

use crate::isolation::servers::keyed::{Digest, Key};

/// One user, passwords as digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) on: bool,
    pub(crate) nopass: bool,
    pub(crate) passwords: BTreeSet<Digest>,
    keys: BTreeSet<String>,
    channels: BTreeSet<String>,
    commands: Vec<String>,
    selectors: Vec<String>,
}

impl User {
    /// Whether it may touch a key of any name.
    pub(crate) fn any_key(&self) -> bool {
        self.on
            && self
                .keys
                .iter()
                .any(|pattern| pattern == "~*" || pattern == "%RW~*")
    }
}

/// Reads the lines of ACL LIST. None where one is not understood: it must not be taken for a user
/// who may do nothing.
pub(crate) fn users(lines: &[String], key: &Key) -> Option<Vec<User>> {
    let users: Option<Vec<User>> = lines.iter().map(|line| user(line, key)).collect();
    users.filter(|users| !users.is_empty())
}

fn user(line: &str, key: &Key) -> Option<User> {
    let mut words = words(line.strip_prefix("user ")?)?.into_iter();
    let mut user = User {
        name: words.next()?,
        on: false,
        nopass: false,
        passwords: BTreeSet::new(),
        keys: BTreeSet::new(),
        channels: BTreeSet::new(),
        commands: Vec::new(),
        selectors: Vec::new(),
    };
    for word in words {
        match word.as_str() {
            "on" => user.on = true,
            "off" => user.on = false,
            "nopass" => user.nopass = true,
            // How payloads are checked, and that what follows is all there is.
            "sanitize-payload"
            | "skip-sanitize-payload"
            | "resetchannels"
            | "resetkeys"
            | "-@all"
            | "nocommands" => {}
            "allkeys" => drop(user.keys.insert("~*".to_owned())),
            "allchannels" => drop(user.channels.insert("&*".to_owned())),
            "allcommands" => user.commands.push("+@all".to_owned()),
            _ if word.starts_with('#') => drop(user.passwords.insert(key.of_hash(&word[1..]))),
            _ if word.starts_with(['~', '%']) => drop(user.keys.insert(word)),
            _ if word.starts_with('&') => drop(user.channels.insert(word)),
            _ if word.starts_with(['+', '-']) => user.commands.push(word),
            _ if word.starts_with('(') => user.selectors.push(word),
            _ => return None,
        }
    }
    Some(user)
}

/// The words of a rule; a selector, `(~x +get)`, is one.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut depth = 0_u32;
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if character == ' ' && depth == 0 {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(character);
        }
    }
    words.retain(|word| !word.is_empty());
    (depth == 0).then_some(words)
}

/// The users that the definitions give an environment's Redis: `default` and its own.
pub(crate) fn defined(environment: Environment, password: &str, key: &Key) -> Vec<User> {
    let target = Target::main(environment, Secrets::well_known());
    let text = redis_users(&target, password);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    users(&lines, key).unwrap_or_default()
}

/// The admin that the image makes at each start: all rights, one password that nobody else knows.
pub(crate) const ADMIN: &str = "tta-admin";

/// What a user may do beyond what the definitions give it, in words.
pub(crate) fn beyond(found: &User, defined: &User) -> Vec<String> {
    let mut beyond = Vec::new();
    // Who is off cannot log in, whatever it may do: `default` has to keep all permissions.
    if !found.on {
        return beyond;
    }
    if !defined.on {
        beyond.push("it can log in".to_owned());
    }
    if found.nopass {
        beyond.push("it needs no password".to_owned());
    }
    let own = found.passwords.intersection(&defined.passwords).count();
    if own > 0 && found.passwords.len() > own {
        beyond.push("it takes a second password".to_owned());
    }
    let more = |what: &str, found: &BTreeSet<String>, defined: &BTreeSet<String>| {
        let extra: Vec<String> = found
            .difference(defined)
            .map(|word| printable(word))
            .collect();
        (!extra.is_empty()).then(|| format!("it may touch {what} {}", extra.join(" ")))
    };
    beyond.extend(more("the keys", &found.keys, &defined.keys));
    beyond.extend(more("the channels", &found.channels, &defined.channels));
    let all = found.commands.first().is_some_and(|rule| rule == "+@all");
    let gained = found
        .commands
        .iter()
        .filter(|rule| rule.starts_with('+') && !defined.commands.contains(rule))
        // Who starts from nothing has what it is given, of which all but this is in `+@all` less
        // what is taken away.
        .filter(|rule| all || rule.starts_with("+@") || ADMINISTERS.contains(&command(rule)))
        .map(|rule| printable(rule));
    let kept = defined
        .commands
        .iter()
        .filter(|rule| all && rule.starts_with('-') && !found.commands.contains(rule))
        .map(|rule| format!("no {rule}"));
    let rules: Vec<String> = gained.chain(kept).collect();
    if !rules.is_empty() {
        beyond.push(format!("its commands: {}", rules.join(", ")));
    } else if last_all(&found.commands) {
        beyond.push("its rules of commands end with +@all".to_owned());
    }
    if !found.selectors.is_empty() {
        let selectors: Vec<String> = found.selectors.iter().map(|one| printable(one)).collect();
        beyond.push(format!("it may also {}", selectors.join(" ")));
    }
    beyond
}

/// Commands of the categories that are taken from everyone.
const ADMINISTERS: [&str; 20] = [
    "acl",
    "bgrewriteaof",
    "bgsave",
    "client",
    "cluster",
    "config",
    "debug",
    "failover",
    "flushall",
    "function",
    "latency",
    "migrate",
    "module",
    "monitor",
    "psync",
    "replicaof",
    "restore",
    "save",
    "shutdown",
    "swapdb",
];

/// `+config|get` is about `config`.
fn command(rule: &str) -> &str {
    let name = rule.trim_start_matches('+');
    name.split('|').next().unwrap_or(name)
}

/// Whether `+@all` stands behind what takes commands away, and so gives them back.
fn last_all(rules: &[String]) -> bool {
    rules.len() > 1 && rules.last().is_some_and(|rule| rule == "+@all")
}

/// Whether a user is the defined one but for its prefix, as the namespace mode `audit` has it.
pub(crate) fn audited(found: &User, defined: &User) -> bool {
    let open = |set: &BTreeSet<String>, all: &str| set.len() == 1 && set.contains(all);
    let mut narrow = found.clone();
    narrow.keys.clone_from(&defined.keys);
    narrow.channels.clone_from(&defined.channels);
    open(&found.keys, "~*") && open(&found.channels, "&*") && beyond(&narrow, defined).is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWORD: &str = "tta_dev_password_2024";

    fn dev() -> User {
        defined(Environment::Dev, PASSWORD, &Key::fixed(1))
            .pop()
            .expect("a user")
    }

    fn as_listed(change: impl Fn(String) -> String) -> User {
        let hash = "81b9b8b7eb10a9dc1a99b56909979f6e5b3ef17617e9f7a36cdad16e2e5553b7";
        let line = format!(
            "user tta-dev on sanitize-payload #{hash} ~development:* resetchannels &development:* +@all -@admin -@dangerous -function +sort +sort_ro +flushdb +keys +info"
        );
        user(&change(line), &Key::fixed(1)).expect("a user")
    }

    #[test]
    fn a_user_as_redis_lists_it_is_the_defined_one() {
        assert_eq!(
            beyond(&as_listed(|line| line), &dev()),
            Vec::<String>::new()
        );
    }

    #[test]
    fn whatever_is_more_is_named() {
        let other = format!("#{}", "0".repeat(64));
        for (from, to, told) in [
            ("~development:*", "~*", "the keys ~*"),
            (
                "~development:*",
                "~development:* %R~test:*",
                "the keys %R~test:*",
            ),
            ("&development:*", "&*", "the channels &*"),
            (" -@dangerous", "", "no -@dangerous"),
            ("+info", "+info +config", "+config"),
            ("+info", "+info +@all", "end with +@all"),
            ("+@all -@admin", "-@all +get +config|set", "+config|set"),
            ("on ", "on nopass ", "no password"),
            ("on ", &format!("on {other} "), "second password"),
            ("+info", "+info (~* +@all)", "(~* +@all)"),
        ] {
            let beyond = beyond(&as_listed(|line| line.replace(from, to)), &dev());
            assert!(beyond.join(" ").contains(told), "{to}: {beyond:?}");
        }
    }

    #[test]
    fn what_is_less_or_off_is_nothing_to_report() {
        for (from, to) in [
            (" +info", ""),
            ("+info", "+info -sort"),
            (
                "+@all -@admin -@dangerous -function +sort +sort_ro +flushdb +keys +info",
                "-@all +get",
            ),
            ("~development:* ", ""),
            (" on ", " off "),
        ] {
            let found = as_listed(|line| line.replace(from, to));
            assert_eq!(beyond(&found, &dev()), Vec::<String>::new(), "{to}");
        }
    }

    #[test]
    fn default_may_be_off_with_all_permissions_and_not_on() {
        let key = Key::fixed(1);
        let defined = &defined(Environment::Dev, PASSWORD, &key)[0];
        let off = user("user default off sanitize-payload ~* &* +@all", &key).expect("a user");
        assert!(beyond(&off, defined).is_empty());
        let on = user("user default on nopass ~* &* +@all", &key).expect("a user");
        assert_eq!(
            beyond(&on, defined),
            ["it can log in", "it needs no password"]
        );
    }

    #[test]
    fn the_audit_mode_is_told_from_other_wide_rules() {
        let wide = |line: String| {
            line.replace("~development:*", "~*")
                .replace("&development:*", "&*")
        };
        assert!(audited(&as_listed(wide), &dev()));
        assert!(!audited(
            &as_listed(|line| line.replace("~development:*", "~*")),
            &dev()
        ));
        assert!(!audited(
            &as_listed(|line| wide(line).replace(" -@admin", "")),
            &dev()
        ));
        assert!(!audited(&dev(), &dev()));
    }

    #[test]
    fn what_is_no_user_is_not_taken_for_one() {
        let key = Key::fixed(1);
        for line in [
            "",
            "ERR x",
            "user",
            "user ",
            "user a huh",
            "user a on (~x",
            "user a on )",
        ] {
            assert_eq!(users(&[line.to_owned()], &key), None, "{line:?}");
        }
        assert_eq!(users(&[], &key), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused_without_a_panic(line in "(user )?[ -~]{0,80}") {
            let _ = users(&[line], &Key::fixed(1));
        }
    }
}

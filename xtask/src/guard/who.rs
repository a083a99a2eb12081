//! Who runs this command, as the kernel knows it: variables such as `USER` can be set by anybody.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

use process::printable;

/// Where the kernel says that nobody has logged in.
const NOBODY: u32 = u32::MAX;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Who {
    /// The real user of the process.
    pub(crate) uid: u32,
    /// Its name in this machine's own list; none where that has none.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Who has logged in, where the kernel knows and it is another: `sudo` leaves that as it was.
    #[serde(default)]
    pub(crate) login: Option<String>,
}

impl Who {
    /// Whoever runs this process.
    pub(crate) fn runs_this() -> Self {
        Self::told(
            rustix::process::getuid().as_raw(),
            &fs::read_to_string("/proc/self/loginuid").unwrap_or_default(),
            &fs::read_to_string("/etc/passwd").unwrap_or_default(),
        )
    }

    fn told(uid: u32, login: &str, users: &str) -> Self {
        let login: Option<u32> = login.trim().parse().ok();
        let login = login.filter(|login| *login != NOBODY && *login != uid);
        Self {
            uid,
            name: name_of(uid, users),
            login: login.map(|login| shown(login, name_of(login, users).as_deref())),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may have been read from a file that others can write.
        f.write_str(&printable(&shown(self.uid, self.name.as_deref())))?;
        match &self.login {
            Some(login) => write!(f, " (logged in as {})", printable(login)),
            None => Ok(()),
        }
    }
}

/// The name of a user by number, as this machine's own list has it.
pub(super) fn user(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    printable(&shown(uid, name_of(uid, &users).as_deref()))
}

fn shown(uid: u32, name: Option<&str>) -> String {
    name.map_or_else(|| format!("uid {uid}"), str::to_owned)
}

/// `name:password:uid:…`, a line a user.
fn name_of(uid: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number = fields.nth(1)?.parse::<u32>().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/bash\n# a note\n\nada:x:1000:1000::/home/ada:/bin/sh\n";

    #[test]
    fn a_user_is_told_by_name_and_by_number_where_the_machine_has_no_name() {
        assert_eq!(Who::told(1000, "", USERS).to_string(), "ada");
        assert_eq!(Who::told(1001, "4294967295", USERS).to_string(), "uid 1001");
        assert_eq!(Who::told(1000, "1000\n", USERS).login, None);
    }

    #[test]
    fn whoever_became_root_is_told_too() {
        let who = Who::told(0, "1000", USERS);
        assert_eq!(who.to_string(), "root (logged in as ada)");
        let who = Who::told(0, "1001", USERS);
        assert_eq!(who.to_string(), "root (logged in as uid 1001)");
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let who = Who {
            uid: 1,
            name: Some("a\u{1b}[2J".to_owned()),
            login: Some("b\r".to_owned()),
        };
        assert_eq!(who.to_string(), r"a\u{1b}[2J (logged in as b\r)");
    }

    #[test]
    fn no_variable_says_who_runs_this() {
        // Safe to ask beside other tests: nothing is set here.
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(Who::runs_this().uid, uid);
    }
}

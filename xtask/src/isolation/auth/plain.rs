//! What a Redis tells whoever reaches its port, with logins alone: no helper of ours is needed, as
//! none is by an intruder.

use environments::Environment;

use crate::isolation::auth::evidence::{Beyond, Reach, Try};
use crate::isolation::auth::matrix::Planned;
use crate::isolation::servers::graph::Login;

/// Says a command that is answered with one line, and returns that.
pub(super) type Ask<'a> = dyn FnMut(&[&str]) -> Result<String, String> + 'a;

/// What is asked of one server.
pub(super) struct Plan<'a> {
    pub(super) environment: Environment,
    pub(super) run: &'a str,
    /// Its own password.
    pub(super) own: Result<&'a str, String>,
    pub(super) logins: Vec<Given<'a>>,
    /// Whether its own user tries what is beyond it.
    pub(super) reach: bool,
}

/// A login that should be refused, with the password that it is tried with.
pub(super) struct Given<'a> {
    pub(super) planned: Planned,
    pub(super) tried: bool,
    pub(super) password: Result<&'a str, String>,
}

impl Plan<'_> {
    pub(super) fn has_wrong_logins(&self) -> bool {
        self.logins.iter().any(|one| one.tried)
    }
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) own: Login,
    pub(super) anonymous: Login,
    /// Of each login that was tried, what came, and whether its own was taken behind it.
    pub(super) logins: Vec<Option<(Login, bool)>>,
    pub(super) beyond: Vec<Beyond>,
}

/// Asks on one connection that nobody has logged in on.
///
/// # Errors
/// The server does not answer, or not in time.
pub(super) fn ask(server: &mut Ask<'_>, plan: &Plan<'_>) -> Result<Answered, String> {
    let anonymous = anonymous(&server(&["DBSIZE"])?);
    let user = plan.environment.redis_user();
    let own = match &plan.own {
        Ok(password) => login(&server(&["AUTH", user, password])?),
        Err(why) => Login::Unknown(why.clone()),
    };
    let beyond = match plan.reach {
        true => beyond(server, plan, &own)?,
        false => Vec::new(),
    };
    let mut logins = Vec::new();
    for one in &plan.logins {
        logins.push(match (one.tried, &one.password) {
            (true, Ok(password)) => {
                let outcome = login(&server(&["AUTH", &one.planned.user, password])?);
                let behind = match &plan.own {
                    Ok(own) => login(&server(&["AUTH", user, own])?) == Login::Accepted,
                    Err(_) => false,
                };
                Some((outcome, behind))
            }
            _ => None,
        });
    }
    Ok(Answered {
        own,
        anonymous,
        logins,
        beyond,
    })
}

/// The logins that should be refused with what became of each; `by_list` decides what was not tried.
pub(super) fn tries(
    logins: Vec<Given<'_>>,
    answered: Vec<Option<(Login, bool)>>,
    by_list: impl Fn(&Given<'_>, &str) -> Login,
) -> Vec<Try> {
    let decided = |(one, answered): (Given<'_>, Option<(Login, bool)>)| {
        let (outcome, how) = match (answered, &one.password) {
            (_, Err(why)) => (Login::Unknown(why.clone()), String::new()),
            (Some((outcome, behind)), Ok(_)) => {
                let control = if behind {
                    "its own login is accepted before and after"
                } else {
                    "its own login is not accepted"
                };
                (outcome, format!("tried on the server; {control}"))
            }
            (None, Ok(password)) => (
                by_list(&one, password),
                "not tried: decided by the server's list of users, whose hashes are compared keyed; \
                 exact, since Redis compares the same hashes"
                    .to_owned(),
            ),
        };
        Try {
            user: one.planned.user,
            password: one.planned.password,
            outcome,
            how,
        }
    };
    logins.into_iter().zip(answered).map(decided).collect()
}

/// A name that no key has.
pub(super) fn absent(prefix: &str, run: &str) -> String {
    format!("{prefix}tta-verify/{run}")
}

/// What the own user may touch and run beyond what it is given. Nothing is read or changed: the keys
/// do not exist, and the command tells a time.
fn beyond(server: &mut Ask<'_>, plan: &Plan<'_>, own: &Login) -> Result<Vec<Beyond>, String> {
    let unknown = |why: String| {
        [Reach::Keys, Reach::Commands].map(|reach| Beyond {
            reach,
            outcome: Login::Unknown(why.clone()),
            allowed: Vec::new(),
        })
    };
    match own {
        Login::Accepted => {}
        Login::Refused => return Ok(unknown("its own login is refused".to_owned()).into()),
        Login::Unknown(why) => return Ok(unknown(why.clone()).into()),
    }
    let control = absent(&plan.environment.redis_prefix(), plan.run);
    let answer = server(&["EXISTS", &control])?;
    if answer != "0" {
        let why = format!("EXISTS of a key with its own prefix is answered {answer:?}");
        return Ok(unknown(why).into());
    }
    let others = Environment::ALL
        .into_iter()
        .filter(|one| *one != plan.environment);
    let prefixes = others.map(Environment::redis_prefix).chain([String::new()]);
    let keys: Vec<String> = prefixes.map(|prefix| absent(&prefix, plan.run)).collect();
    // One needs leave to read, the other to write as well.
    let on_keys = keys
        .iter()
        .flat_map(|key| [["EXISTS", key], ["PERSIST", key]]);
    let on_keys: Vec<[&str; 2]> = on_keys.collect();
    let on_keys: Vec<&[&str]> = on_keys.iter().map(<[&str; 2]>::as_slice).collect();
    Ok(vec![
        reached(server, Reach::Keys, &on_keys)?,
        reached(server, Reach::Commands, &[&["LASTSAVE"]])?,
    ])
}

fn reached(server: &mut Ask<'_>, reach: Reach, commands: &[&[&str]]) -> Result<Beyond, String> {
    let mut allowed = Vec::new();
    let mut unknown = None;
    for words in commands {
        let answer = server(words)?;
        let line = words.join(" ");
        // A replica says so after it has found that the user may.
        if answer.parse::<u64>().is_ok() || answer.starts_with("READONLY ") {
            allowed.push(line);
        } else if !answer.starts_with("NOPERM ") {
            unknown = Some(format!("{line} is answered {answer:?}"));
        }
    }
    let outcome = match unknown {
        _ if !allowed.is_empty() => Login::Accepted,
        None => Login::Refused,
        Some(why) => Login::Unknown(why),
    };
    Ok(Beyond {
        reach,
        outcome,
        allowed,
    })
}

/// What AUTH answers.
fn login(answer: &str) -> Login {
    if answer == "OK" {
        Login::Accepted
    } else if answer.starts_with("WRONGPASS") {
        Login::Refused
    } else {
        Login::Unknown(format!("AUTH is answered {answer:?}"))
    }
}

/// What DBSIZE answers to nobody in particular.
fn anonymous(answer: &str) -> Login {
    if answer.parse::<u64>().is_ok() {
        Login::Accepted
    } else if answer.starts_with("NOAUTH") || answer.starts_with("NOPERM") {
        Login::Refused
    } else {
        Login::Unknown(format!("DBSIZE is answered {answer:?}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use environments::Environment::{Dev, Staging, Test};

    use super::*;
    use crate::isolation::auth::matrix;

    const PREFIX: &str = "development:";

    /// A Redis: its users with their passwords, and what its own user may touch.
    struct Redis {
        users: BTreeMap<&'static str, &'static str>,
        open: bool,
        every_key: bool,
        every_command: bool,
        as_user: Option<String>,
        wrong: usize,
    }

    impl Redis {
        fn of_dev() -> Self {
            Self {
                users: BTreeMap::from([("tta-dev", "dev-pw")]),
                open: false,
                every_key: false,
                every_command: false,
                as_user: None,
                wrong: 0,
            }
        }

        fn answer(&mut self, words: &[&str]) -> String {
            const NOPERM: &str = "NOPERM User tta-dev has no permissions";
            match words {
                ["AUTH", user, password] if self.users.get(user) == Some(password) => {
                    self.as_user = Some((*user).to_owned());
                    "OK".to_owned()
                }
                ["AUTH", ..] => {
                    self.wrong += 1;
                    "WRONGPASS invalid username-password pair".to_owned()
                }
                _ if self.as_user.is_none() && !self.open => {
                    "NOAUTH Authentication required.".to_owned()
                }
                ["EXISTS" | "PERSIST", key] if self.every_key || key.starts_with(PREFIX) => {
                    "0".to_owned()
                }
                ["LASTSAVE"] if self.every_command => "1795801552".to_owned(),
                ["DBSIZE"] => "3".to_owned(),
                _ => NOPERM.to_owned(),
            }
        }
    }

    fn plan(scope: &[Environment]) -> Plan<'static> {
        let given = |planned: Planned| Given {
            tried: planned.tried,
            password: Ok(match planned.password {
                Dev => "dev-pw",
                Test => "test-pw",
                _ => "staging-pw",
            }),
            planned,
        };
        let logins = matrix::on_keys(Dev, scope, &[]);
        Plan {
            environment: Dev,
            run: "1-2",
            own: Ok("dev-pw"),
            logins: logins.into_iter().map(given).collect(),
            reach: true,
        }
    }

    fn asked(redis: &mut Redis) -> Answered {
        let scope = [Dev, Test, Staging];
        ask(&mut |words| Ok(redis.answer(words)), &plan(&scope)).expect("it answers")
    }

    fn accepted(answered: &Answered) -> Vec<String> {
        let logins = plan(&[Dev, Test, Staging]).logins;
        let taken = logins.iter().zip(&answered.logins);
        taken
            .filter(|(_, one)| matches!(one, Some((Login::Accepted, _))))
            .map(|(one, _)| format!("{} {}", one.planned.user, one.planned.password))
            .collect()
    }

    fn reaches(answered: &Answered) -> Vec<Login> {
        answered
            .beyond
            .iter()
            .map(|one| one.outcome.clone())
            .collect()
    }

    #[test]
    fn a_server_with_a_login_of_its_own_refuses_all_that_should_be_refused() {
        let answered = asked(&mut Redis::of_dev());
        assert_eq!(answered.own, Login::Accepted);
        assert_eq!(answered.anonymous, Login::Refused);
        assert_eq!(accepted(&answered), Vec::<String>::new());
        assert!(answered.logins.iter().flatten().all(|(_, behind)| *behind));
        assert_eq!(reaches(&answered), [Login::Refused, Login::Refused]);
    }

    #[test]
    fn whatever_a_plain_login_opens_is_seen_without_any_helper() {
        let mut open = Redis::of_dev();
        open.open = true;
        assert_eq!(asked(&mut open).anonymous, Login::Accepted);
        let mut neighbour = Redis::of_dev();
        neighbour.users.insert("tta-test", "test-pw");
        assert_eq!(accepted(&asked(&mut neighbour)), ["tta-test test"]);
        let mut default = Redis::of_dev();
        default.users.insert("default", "dev-pw");
        assert_eq!(accepted(&asked(&mut default)), ["default dev"]);
        let mut wide = Redis::of_dev();
        wide.every_key = true;
        let answered = asked(&mut wide);
        assert_eq!(reaches(&answered), [Login::Accepted, Login::Refused]);
        let allowed = &answered.beyond[0].allowed;
        assert_eq!(allowed[0], "EXISTS test:tta-verify/1-2");
        assert!(
            allowed.contains(&"PERSIST tta-verify/1-2".to_owned()),
            "{allowed:?}"
        );
        let mut admin = Redis::of_dev();
        admin.every_command = true;
        assert_eq!(
            reaches(&asked(&mut admin)),
            [Login::Refused, Login::Accepted]
        );
        let mut stale = Redis::of_dev();
        stale.users.insert("tta-dev", "another");
        let answered = asked(&mut stale);
        assert_eq!(answered.own, Login::Refused);
        assert!(
            reaches(&answered)
                .iter()
                .all(|one| matches!(one, Login::Unknown(_)))
        );
    }

    #[test]
    fn what_is_not_understood_is_no_refusal() {
        let answer = |words: &[&str]| {
            Ok(match words {
                ["AUTH", ..] => "OK",
                ["EXISTS", key] if key.starts_with(PREFIX) => "0",
                _ => "LOADING Redis is loading the dataset in memory",
            }
            .to_owned())
        };
        let answered = ask(&mut { answer }, &plan(&[Dev])).expect("it answers");
        assert!(matches!(answered.anonymous, Login::Unknown(_)));
        assert!(
            reaches(&answered)
                .iter()
                .all(|one| matches!(one, Login::Unknown(_)))
        );
    }

    #[test]
    fn a_protected_server_gets_no_wrong_password_that_was_not_planned() {
        let mut redis = Redis::of_dev();
        let mut quiet = plan(&[Dev, Test, Staging]);
        for one in &mut quiet.logins {
            one.tried = false;
        }
        ask(&mut |words| Ok(redis.answer(words)), &quiet).expect("it answers");
        assert_eq!(redis.wrong, 0);
    }
}

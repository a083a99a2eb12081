//! What the auth layer has seen, judged. Pure.

mod secrets;

use compose_audit::fault::A5;
use compose_audit::finding::{Check, Expected, Finding, Layer, Outcome, Seen};
use environments::{Environment, Instance};
use process::printable;

use crate::isolation::auth::evidence::{Beyond, Graph, Keys, Reach, Site, Try};
use crate::isolation::auth::findings as say;
use crate::isolation::servers::graph::Login;
use crate::isolation::servers::keyed::Secret;

const AUDITED: &str = "the namespace mode is audit, which the namespace layer reports";

pub(super) fn judge(instance: &Instance, sites: &[Site]) -> Outcome {
    let mut outcome = Outcome::default();
    for site in sites {
        let of = say::Of {
            instance,
            environment: site.environment,
        };
        match &site.graph {
            Ok(graph) => on_graph(&mut outcome, &of, site, graph),
            Err(why) => outcome
                .checks
                .push(blind(site.environment, "neo4j: every login", why)),
        }
        match &site.keys {
            Ok(keys) => on_keys(&mut outcome, &of, site, keys),
            Err(why) => outcome
                .checks
                .push(blind(site.environment, "redis: every login", why)),
        }
    }
    for (at, one) in sites.iter().enumerate() {
        for other in &sites[at + 1..] {
            secrets::shared(&mut outcome, instance, one, other);
        }
    }
    outcome
}

fn blind(environment: Environment, subject: &str, why: &str) -> Check {
    cell(
        environment.slug(),
        environment,
        subject.to_owned(),
        Expected::LoginRefused,
        Seen::CouldNotAsk,
        why,
    )
}

fn cell(
    from: &str,
    to: Environment,
    subject: String,
    expected: Expected,
    observed: Seen,
    control: &str,
) -> Check {
    Check {
        layer: Layer::Auth,
        from: from.to_owned(),
        to: to.slug().to_owned(),
        subject,
        expected,
        observed,
        control: control.to_owned(),
    }
}

/// A login's cell: why it is not known stands where the control would.
fn login_cell(
    from: &str,
    to: Environment,
    subject: String,
    expected: Expected,
    (login, how): (&Login, &str),
) -> Check {
    let (observed, control) = match login {
        Login::Accepted => (Seen::LoginAccepted, how),
        Login::Refused => (Seen::LoginRefused, how),
        Login::Unknown(why) => (Seen::CouldNotAsk, why.as_str()),
    };
    cell(from, to, subject, expected, observed, control)
}

fn on_graph(outcome: &mut Outcome, of: &say::Of<'_>, site: &Site, graph: &Graph) {
    let environment = site.environment;
    own(outcome, of, environment, "neo4j", &graph.name, &graph.own);
    unlocked(
        outcome,
        of,
        environment,
        "neo4j",
        &graph.name,
        (&graph.anonymous, &graph.own),
    );
    // A Neo4j that asks for no login takes every password: that is A3.
    let any: &[&str] = if graph.anonymous == Login::Accepted {
        &[environment.neo4j_user()]
    } else {
        &[]
    };
    tries(
        outcome,
        of,
        environment,
        "neo4j",
        &graph.name,
        (&graph.tries, any),
    );
    configured(
        outcome,
        of,
        site,
        "neo4j",
        &graph.name,
        (&graph.secrets, &graph.own),
    );
    let subject = "neo4j: users".to_owned();
    let name = environment.slug();
    match &graph.users {
        Err(why) => outcome.checks.push(cell(
            name,
            environment,
            subject,
            Expected::Same,
            Seen::CouldNotAsk,
            why,
        )),
        Ok(users) => {
            let extra: Vec<&String> = users
                .iter()
                .filter(|user| *user != environment.neo4j_user())
                .collect();
            // Whoever was asked is listed himself: a list without him is none.
            let listed = users.contains(environment.neo4j_user());
            let observed = match (listed, extra.is_empty()) {
                (false, _) => Seen::CouldNotAsk,
                (true, true) => Seen::Same,
                (true, false) => Seen::Distinct,
            };
            let control = "SHOW USERS lists the user that asks";
            outcome.checks.push(cell(
                name,
                environment,
                subject,
                Expected::Same,
                observed,
                control,
            ));
            for user in extra {
                outcome
                    .findings
                    .push(say::extra_graph_user(of, &graph.name, user));
            }
        }
    }
}

fn on_keys(outcome: &mut Outcome, of: &say::Of<'_>, site: &Site, keys: &Keys) {
    let environment = site.environment;
    own(outcome, of, environment, "redis", &keys.name, &keys.own);
    unlocked(
        outcome,
        of,
        environment,
        "redis",
        &keys.name,
        (&keys.anonymous, &keys.own),
    );
    // Who needs no password takes any: that is A5, and joins nobody in particular.
    let any = take_any(environment, keys);
    tries(
        outcome,
        of,
        environment,
        "redis",
        &keys.name,
        (&keys.tries, &any),
    );
    configured(
        outcome,
        of,
        site,
        "redis",
        &keys.name,
        (&keys.secrets, &keys.own),
    );
    accounts(outcome, of, environment, keys);
    more_users(outcome, of, keys, &any);
    for one in &keys.beyond {
        reach(outcome, of, keys, one);
    }
}

/// The users of a Redis that take any password: by its list, else by all that were tried.
fn take_any(environment: Environment, keys: &Keys) -> Vec<&str> {
    if let Ok(users) = &keys.users {
        let open = users.iter().filter(|user| user.on && user.nopass);
        return open.map(|user| user.name.as_str()).collect();
    }
    let mut users: Vec<&str> = keys.tries.iter().map(|one| one.user.as_str()).collect();
    users.sort_unstable();
    users.dedup();
    let takes_all = |user: &&str| {
        let of_it = keys.tries.iter().filter(|one| one.user == *user);
        let tried = of_it.filter(|one| !matches!(one.outcome, Login::Unknown(_)));
        let own = *user == environment.redis_user() && keys.own == Login::Accepted;
        let count = tried.clone().count() + usize::from(own);
        count > 1 && tried.into_iter().all(|one| one.outcome == Login::Accepted)
    };
    users.retain(takes_all);
    // Whoever logs in as nobody is user `default`.
    if keys.anonymous == Login::Accepted && !users.contains(&"default") {
        users.push("default");
    }
    users
}

/// A4: the environment's own login.
fn own(
    outcome: &mut Outcome,
    of: &say::Of<'_>,
    environment: Environment,
    service: &str,
    container: &str,
    login: &Login,
) {
    outcome.checks.push(login_cell(
        environment.slug(),
        environment,
        format!("{service}: its own login"),
        Expected::LoginAccepted,
        (
            login,
            "this is the positive control of every refused login on this server",
        ),
    ));
    if *login == Login::Refused {
        outcome.findings.push(say::stale(of, service, container));
    }
}

/// A3: nobody in particular.
fn unlocked(
    outcome: &mut Outcome,
    of: &say::Of<'_>,
    environment: Environment,
    service: &str,
    container: &str,
    (anonymous, own): (&Login, &Login),
) {
    let control = match own {
        Login::Accepted => "the same server accepts its own login",
        Login::Refused | Login::Unknown(_) => "the server answers, but not to its own login",
    };
    outcome.checks.push(login_cell(
        "anyone",
        environment,
        format!("{service}: without a login"),
        Expected::LoginRefused,
        (anonymous, control),
    ));
    if *anonymous == Login::Accepted {
        outcome.findings.push(say::open(of, service, container));
    }
}

/// A2: another environment's login. `any` are users that take any password.
fn tries(
    outcome: &mut Outcome,
    of: &say::Of<'_>,
    environment: Environment,
    service: &str,
    container: &str,
    (tries, any): (&[Try], &[&str]),
) {
    for one in tries {
        let whose = one.password;
        let from = if whose == environment {
            // Its own password under another's name.
            Environment::ALL
                .into_iter()
                .find(|other| one.user == other.redis_user())
                .unwrap_or(environment)
        } else {
            whose
        };
        outcome.checks.push(login_cell(
            from.slug(),
            environment,
            format!("{service}: user {} with the password of {whose}", one.user),
            Expected::LoginRefused,
            (&one.outcome, &one.how),
        ));
    }
    for whose in Environment::ALL
        .into_iter()
        .filter(|whose| *whose != environment)
    {
        let opened: Vec<&Try> = tries
            .iter()
            .filter(|one| one.password == whose && one.outcome == Login::Accepted)
            .filter(|one| !any.contains(&one.user.as_str()))
            .collect();
        if !opened.is_empty() {
            outcome
                .findings
                .push(say::opened(of, service, container, whose, &opened));
        }
    }
}

/// A4 too: the container's own health check and restart use what it is configured with.
fn configured(
    outcome: &mut Outcome,
    of: &say::Of<'_>,
    site: &Site,
    service: &str,
    container: &str,
    (secrets, own): (&[Secret], &Login),
) {
    let name = if service == "neo4j" { "NEO4J" } else { "REDIS" };
    let its_own = |secret: &&Secret| {
        let place = secret.place.to_uppercase();
        place.contains(name) && (place.contains("PASSWORD") || place.ends_with("AUTH"))
    };
    let passwords: Vec<&Secret> = secrets.iter().filter(its_own).collect();
    let subject = format!("{service}: the password that its container is configured with");
    let name = site.environment.slug();
    let (observed, control) = match (&site.password, passwords.is_empty()) {
        (Err(why), _) => (Seen::CouldNotAsk, why.as_str()),
        (Ok(_), true) => (
            Seen::CouldNotAsk,
            "none was found in its variables and secret files",
        ),
        (Ok(defined), false) => {
            let same = passwords.iter().all(|secret| secret.digest == *defined);
            (
                if same { Seen::Same } else { Seen::Distinct },
                "compared by keyed hashes",
            )
        }
    };
    outcome.checks.push(cell(
        name,
        site.environment,
        subject,
        Expected::Same,
        observed,
        control,
    ));
    // Where its own login is refused as well, that is told already.
    if observed == Seen::Distinct && *own == Login::Accepted {
        outcome
            .findings
            .push(say::configured(of, service, container, &passwords));
    }
}

/// A5: who may do what on a Redis.
fn accounts(outcome: &mut Outcome, of: &say::Of<'_>, environment: Environment, keys: &Keys) {
    use crate::isolation::auth::acl::{ADMIN, audited, beyond};
    let subject = "redis: users and what they may do".to_owned();
    let name = environment.slug();
    let found = match (&keys.users, keys.defined.is_empty()) {
        (Err(why), _) => Err(why.as_str()),
        (Ok(_), true) => Err("what its own user should be is not known without its password"),
        (Ok(found), false) => Ok(found),
    };
    let found = match found {
        Err(why) => {
            outcome.checks.push(cell(
                name,
                environment,
                subject,
                Expected::Same,
                Seen::CouldNotAsk,
                why,
            ));
            return;
        }
        Ok(found) => found,
    };
    let before = outcome.findings.len();
    let listing = if keys.asker == ADMIN {
        say::users(&keys.name)
    } else {
        say::says(of, &keys.name, "ACL LIST")
    };
    let mut control = format!("ACL LIST names {}, who asks", printable(&keys.asker));
    for user in found {
        let defined = keys
            .defined
            .iter()
            .find(|defined| defined.name == user.name);
        let more = match defined {
            Some(defined) if keys.audit && audited(user, defined) => {
                control.replace_range(.., AUDITED);
                Vec::new()
            }
            Some(defined) => beyond(user, defined),
            None if user.name == ADMIN => {
                let mut more = Vec::new();
                if user.nopass {
                    more.push("it needs no password".to_owned());
                } else if user.passwords.len() > 1 {
                    more.push("it takes a second password".to_owned());
                }
                more
            }
            None if user.on => vec!["the definitions do not have it".to_owned()],
            None => Vec::new(),
        };
        if !more.is_empty() {
            outcome.findings.push(say::broad(
                of,
                &keys.name,
                &user.name,
                &more,
                listing.clone(),
            ));
        }
    }
    let observed = if !found.iter().any(|user| user.name == keys.asker && user.on) {
        Seen::CouldNotAsk
    } else if outcome.findings.len() == before {
        Seen::Same
    } else {
        Seen::Distinct
    };
    outcome.checks.push(cell(
        name,
        environment,
        subject,
        Expected::Same,
        observed,
        &control,
    ));
}

/// A5 too: another user that takes the environment's own password, whatever the list of users says,
/// and, where there is none, each that takes whatever it is given.
fn more_users(outcome: &mut Outcome, of: &say::Of<'_>, keys: &Keys, any: &[&str]) {
    let taken = keys.tries.iter().filter(|one| {
        one.password == of.environment
            && one.outcome == Login::Accepted
            && !any.contains(&one.user.as_str())
    });
    for one in taken {
        let more = [format!(
            "it takes the password of {} ({})",
            one.password, one.how
        )];
        let reproduce = say::takes(of, &keys.name, &one.user);
        let finding = say::broad(of, &keys.name, &one.user, &more, reproduce);
        tell(outcome, finding);
    }
    if keys.users.is_ok() {
        return;
    }
    for user in any {
        let more = ["it needs no password: it takes each that was tried".to_owned()];
        let reproduce = say::takes(of, &keys.name, user);
        tell(outcome, say::broad(of, &keys.name, user, &more, reproduce));
    }
}

/// A5 again: what the own user may do beyond its prefix and its commands, as it has tried itself.
fn reach(outcome: &mut Outcome, of: &say::Of<'_>, keys: &Keys, one: &Beyond) {
    let (subject, more) = match one.reach {
        // That is so on purpose, and the namespace layer reports it.
        Reach::Keys if keys.audit => return,
        Reach::Keys => (
            "redis: its own user at keys without its prefix",
            "it may touch keys without its prefix",
        ),
        Reach::Commands => (
            "redis: its own user at commands that administer",
            "it may run commands that administer the server",
        ),
    };
    let environment = of.environment;
    outcome.checks.push(login_cell(
        environment.slug(),
        environment,
        subject.to_owned(),
        Expected::LoginRefused,
        (
            &one.outcome,
            "the same user may look for a key with its own prefix",
        ),
    ));
    if let (Login::Accepted, Some(first)) = (&one.outcome, one.allowed.first()) {
        let more = [format!("{more}: {} is not refused", one.allowed.join(", "))];
        let reproduce = say::says(of, &keys.name, first);
        let user = environment.redis_user();
        tell(outcome, say::broad(of, &keys.name, user, &more, reproduce));
    }
}

/// Tells a finding, unless something else was found of the same account.
fn tell(outcome: &mut Outcome, finding: Finding) {
    let told = |other: &Finding| (other.fault, &other.subject) == (A5, &finding.subject);
    if !outcome.findings.iter().any(told) {
        outcome.findings.push(finding);
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

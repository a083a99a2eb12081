//! Which logins are tried on which server, and which are decided without trying. Pure.
//!
//! On a protected server somebody's wrong passwords are a nuisance to whoever watches its log, and
//! lock Neo4j's user after three in a row: two are tried in a run, over all protected servers.

use environments::{Deployment, Environment, Instance, Protection};

/// How many wrong passwords a run gives protected servers altogether.
const ON_PROTECTED: usize = 2;

/// A login with another's password, or as another's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) user: String,
    /// Whose password.
    pub(crate) password: Environment,
    /// Whether it is tried on the server.
    pub(crate) tried: bool,
}

/// How many wrong passwords each protected server gets. Its Redis comes first where it does not list
/// its users: a Neo4j that takes its own password takes no other, which is known without trying.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) graph: usize,
    pub(crate) keys: usize,
}

/// `unlisted` are the environments whose Redis does not list its users.
pub(crate) fn share(server: Environment, scope: &[Environment], unlisted: &[Environment]) -> Share {
    let guarded = |one: &&Environment| protected(**one);
    let graphs: Vec<Environment> = scope.iter().filter(guarded).copied().collect();
    let keys: Vec<Environment> = unlisted.iter().filter(guarded).copied().collect();
    // The first ones get what cannot be shared evenly.
    let of = |takers: &[Environment]| match takers.iter().position(|one| *one == server) {
        None => 0,
        Some(at) => ON_PROTECTED / takers.len() + usize::from(at < ON_PROTECTED % takers.len()),
    };
    if keys.is_empty() {
        Share {
            graph: of(&graphs),
            keys: 0,
        }
    } else {
        Share {
            graph: 0,
            keys: of(&keys),
        }
    }
}

pub(crate) fn protected(environment: Environment) -> bool {
    let deployment = Deployment::new(environment, Instance::main());
    matches!(Protection::from(deployment), Protection::Protected(_))
}

/// The logins on an environment's Neo4j that should be refused: its one user with the password of
/// each other environment in scope.
pub(crate) fn on_graph(
    server: Environment,
    scope: &[Environment],
    unlisted: &[Environment],
) -> Vec<Planned> {
    let mut left = if protected(server) {
        share(server, scope, unlisted).graph
    } else {
        usize::MAX
    };
    let others = scope.iter().copied().filter(|other| *other != server);
    others
        .map(|other| Planned {
            user: server.neo4j_user().to_owned(),
            password: other,
            tried: taken(&mut left),
        })
        .collect()
}

/// The logins on an environment's Redis that should be refused: each environment's user, and the
/// user `default`, with each environment's password, but for its own login. On a protected server
/// the list of users decides exactly which would be taken; where there is none, the neighbours' own
/// logins are tried, as far as wrong passwords may be.
pub(crate) fn on_keys(
    server: Environment,
    scope: &[Environment],
    unlisted: &[Environment],
) -> Vec<Planned> {
    let mut left = share(server, scope, unlisted).keys;
    let users = scope
        .iter()
        .map(|one| (one.redis_user(), Some(*one)))
        .chain([("default", None)]);
    users
        .flat_map(|user| scope.iter().map(move |password| (user, *password)))
        .filter(|((user, _), password)| (*user, *password) != (server.redis_user(), server))
        .map(|((user, of), password)| Planned {
            user: user.to_owned(),
            password,
            tried: !protected(server) || of == Some(password) && taken(&mut left),
        })
        .collect()
}

fn taken(left: &mut usize) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_servers_get_two_wrong_passwords_in_all() {
        use Environment::{Dev, Prod, Staging, Test};
        for scope in [
            &Environment::ALL[..],
            &Environment::LOCAL,
            &[Environment::Test, Environment::Prod],
        ] {
            for unlisted in [&[][..], &[Dev], &[Staging], &[Prod], &[Test, Staging, Prod]] {
                let tried = |server: &Environment| {
                    let plan = on_graph(*server, scope, unlisted)
                        .into_iter()
                        .chain(on_keys(*server, scope, unlisted));
                    plan.filter(|one| one.tried).count()
                };
                let guarded = scope.iter().filter(|server| protected(**server));
                assert!(
                    guarded.map(tried).sum::<usize>() <= 2,
                    "{scope:?} {unlisted:?}"
                );
                assert_eq!(
                    on_graph(scope[0], scope, unlisted)
                        .iter()
                        .filter(|one| one.tried)
                        .count(),
                    scope.len() - 1
                );
            }
        }
    }

    #[test]
    fn the_table_is_whole() {
        let scope = Environment::LOCAL;
        assert_eq!(on_graph(Environment::Staging, &scope, &[]).len(), 2);
        // Four users, three passwords, less its own login.
        assert_eq!(on_keys(Environment::Dev, &scope, &[]).len(), 11);
        assert!(
            on_keys(Environment::Staging, &scope, &[])
                .iter()
                .all(|one| !one.tried)
        );
    }

    #[test]
    fn a_protected_redis_that_does_not_list_its_users_is_tried_with_its_neighbours_own_logins() {
        let scope = Environment::LOCAL;
        let unlisted = [Environment::Staging];
        let tried: Vec<String> = on_keys(Environment::Staging, &scope, &unlisted)
            .into_iter()
            .filter(|one| one.tried)
            .map(|one| format!("{} {}", one.user, one.password))
            .collect();
        assert_eq!(tried, ["tta-dev dev", "tta-test test"]);
        let graph = on_graph(Environment::Staging, &scope, &unlisted);
        assert!(graph.iter().all(|one| !one.tried));
    }
}

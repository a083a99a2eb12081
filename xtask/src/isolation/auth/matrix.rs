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

pub(crate) fn protected(environment: Environment) -> bool {
    let deployment = Deployment::new(environment, Instance::main());
    matches!(Protection::from(deployment), Protection::Protected(_))
}

/// The logins on an environment's Neo4j that should be refused: its one user with the password of
/// each other environment in scope.
pub(crate) fn on_graph(server: Environment, scope: &[Environment]) -> Vec<Planned> {
    let guarded: Vec<Environment> = scope
        .iter()
        .copied()
        .filter(|environment| protected(*environment))
        .collect();
    let mut left = match guarded.iter().position(|one| *one == server) {
        None => usize::MAX,
        // The first ones get what cannot be shared evenly.
        Some(at) => ON_PROTECTED / guarded.len() + usize::from(at < ON_PROTECTED % guarded.len()),
    };
    let others = scope.iter().copied().filter(|other| *other != server);
    others
        .map(|other| Planned {
            user: server.neo4j_user().to_owned(),
            password: other,
            tried: {
                let tried = left > 0;
                left = left.saturating_sub(1);
                tried
            },
        })
        .collect()
}

/// The logins on an environment's Redis that should be refused: each environment's user, and the
/// user `default`, with each environment's password, but for its own login. On a protected server
/// none is tried: its list of users decides exactly which would be taken.
pub(crate) fn on_keys(server: Environment, scope: &[Environment]) -> Vec<Planned> {
    let users = scope.iter().map(|one| one.redis_user()).chain(["default"]);
    users
        .flat_map(|user| scope.iter().map(move |password| (user, *password)))
        .filter(|(user, password)| (*user, *password) != (server.redis_user(), server))
        .map(|(user, password)| Planned {
            user: user.to_owned(),
            password,
            tried: !protected(server),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_servers_get_two_wrong_passwords_in_all() {
        for scope in [
            &Environment::ALL[..],
            &Environment::LOCAL,
            &[Environment::Test, Environment::Prod],
        ] {
            let tried = |server: &Environment| {
                let plan = on_graph(*server, scope)
                    .into_iter()
                    .chain(on_keys(*server, scope));
                plan.filter(|one| one.tried).count()
            };
            let guarded = scope.iter().filter(|server| protected(**server));
            assert!(guarded.map(tried).sum::<usize>() <= 2, "{scope:?}");
            assert_eq!(
                on_graph(scope[0], scope)
                    .iter()
                    .filter(|one| one.tried)
                    .count(),
                scope.len() - 1
            );
        }
    }

    #[test]
    fn the_table_is_whole() {
        let scope = Environment::LOCAL;
        assert_eq!(on_graph(Environment::Staging, &scope).len(), 2);
        // Four users, three passwords, less its own login.
        assert_eq!(on_keys(Environment::Dev, &scope).len(), 11);
        assert!(
            on_keys(Environment::Staging, &scope)
                .iter()
                .all(|one| !one.tried)
        );
    }
}

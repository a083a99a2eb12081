//! What all children of this tool have in common: what they are not given, and who is shown them.

use environments::Environment;
use process::Caller;

use crate::ui::Ui;

impl Caller for Ui {
    /// What would lead docker or compose elsewhere (COMPOSE_PROJECT_NAME overrides even a literal
    /// `name:`, DOCKER_HOST and DOCKER_CONTEXT choose another engine), and the passwords that a
    /// provider gave: a child that needs one is given it by name.
    fn withholds(&self, name: &str) -> bool {
        let secret = |environment: Environment| environment.credential().variable() == Some(name);
        name.starts_with("COMPOSE_")
            || name.starts_with("DOCKER_")
            || Environment::ALL.into_iter().any(secret)
    }

    fn starting(&self, line: &str) {
        self.child(line);
    }
}

#[cfg(test)]
mod tests {
    use process::{Interrupt, Invocation, Runner};

    use super::*;

    #[test]
    fn variables_that_choose_another_engine_or_project_do_not_reach_a_child() {
        let runner = Runner::new(Interrupt::default(), Ui::silent());
        let env = Invocation::new("env").env("TTA_GIVEN", "1");
        let reply = runner.run(&env).expect("it runs");
        let leads_elsewhere =
            |line: &str| line.starts_with("DOCKER_") || line.starts_with("COMPOSE_");
        assert!(!reply.stdout.lines().any(leads_elsewhere));
        assert!(reply.stdout.lines().any(|line| line == "TTA_GIVEN=1"));
    }

    #[test]
    fn no_child_is_given_another_engine_or_a_password_that_it_was_not_meant_to_have() {
        for name in [
            "COMPOSE_PROJECT_NAME",
            "DOCKER_HOST",
            "TTA_STAGING_PASSWORD",
            "TTA_PROD_PASSWORD",
        ] {
            assert!(Ui::silent().withholds(name), "{name}");
        }
        for name in ["PATH", "HOME", "TTA_STATE", "TTA_INSTANCE"] {
            assert!(!Ui::silent().withholds(name), "{name}");
        }
    }
}

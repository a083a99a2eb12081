//! Where passwords come from.

/// Where an environment's password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Written in rendered files: it guards nothing but against mistakes.
    WellKnown(&'static str),
    /// Well known, unless a secrets provider gives another under this variable's name.
    WellKnownUnlessProvided {
        /// The password where no provider gives one.
        password: &'static str,
        /// The name under which a provider is asked.
        variable: &'static str,
    },
    /// Never written anywhere: only a secrets provider has it.
    Provided {
        /// The name under which a provider is asked.
        variable: &'static str,
    },
}

impl Credential {
    /// The well-known password, if there is one.
    #[must_use]
    pub const fn well_known(self) -> Option<&'static str> {
        match self {
            Self::WellKnown(password) | Self::WellKnownUnlessProvided { password, .. } => {
                Some(password)
            }
            Self::Provided { .. } => None,
        }
    }

    /// The variable under which a provider gives the password, if it may.
    #[must_use]
    pub const fn variable(self) -> Option<&'static str> {
        match self {
            Self::WellKnown(_) => None,
            Self::WellKnownUnlessProvided { variable, .. } | Self::Provided { variable } => {
                Some(variable)
            }
        }
    }
}

//! Which positive answers stand beside a negative one. Pure.
//!
//! An address that was given a moment ago, above all an IPv6 one that is still being tried for
//! duplicates, answers nobody: nothing sent to it or from it proves anything. So each address that
//! does not answer another environment must have answered its own, and whoever asks over IPv6 must
//! have been reached at its own IPv6 addresses, and must have had an answer of the host's where it
//! asks the host.

use std::collections::BTreeSet;
use std::net::IpAddr;

use environments::{Environment, Service};

use crate::isolation::network::answers::{Answer, Answers};
use crate::isolation::network::questions::{Question, Server, Source, Table};

/// What has answered as it should.
pub(super) struct Controls {
    /// Servers' ports at the addresses at which their own environment has reached them.
    reached: BTreeSet<(Environment, &'static str, IpAddr, u16)>,
    /// The containers that had an answer from the host over IPv6, by name.
    host: BTreeSet<String>,
}

impl Controls {
    pub(super) fn of(table: &Table, answers: &[Result<Answers, String>]) -> Self {
        let mut controls = Self {
            reached: BTreeSet::new(),
            host: BTreeSet::new(),
        };
        for (source, answers) in table.sources.iter().zip(answers) {
            let Ok(answers) = answers else { continue };
            for (number, question) in source.questions.iter().enumerate() {
                controls.note(source, question, answers.answers.get(&number));
            }
        }
        controls
    }

    fn note(&mut self, source: &Source, question: &Question, answer: Option<&Answer>) {
        match (question, answer) {
            (
                Question::OwnServer {
                    service,
                    address,
                    port,
                },
                Some(Answer::Open),
            ) => {
                let one = (source.environment, service.name(), *address, *port);
                self.reached.insert(one);
            }
            (Question::Host { address, .. }, Some(Answer::Open | Answer::Refused))
                if address.is_ipv6() =>
            {
                self.host.insert(source.name.clone());
            }
            _ => {}
        }
    }

    /// Whether a server answers its own environment at an address.
    pub(super) fn answered(
        &self,
        of: Environment,
        service: Service,
        address: IpAddr,
        port: u16,
    ) -> bool {
        self.reached.contains(&(of, service.name(), address, port))
    }

    /// Whether anything answers its own environment at a port of a server, over one family.
    pub(super) fn listens(&self, of: Environment, service: Service, port: u16, v6: bool) -> bool {
        self.reached.iter().any(|(whose, name, address, at)| {
            (*whose, *name, *at) == (of, service.name(), port) && address.is_ipv6() == v6
        })
    }

    /// What stands beside the silence of a server's addresses of one family.
    ///
    /// # Errors
    /// Which control did not come out.
    pub(super) fn of_server(
        &self,
        source: &Source,
        of: Environment,
        target: &Server,
        port: u16,
        v6: bool,
    ) -> Result<String, String> {
        let mut addresses = target.addresses.keys();
        let is_dumb = |address: &&IpAddr| {
            address.is_ipv6() == v6 && !self.answered(of, target.service, **address, port)
        };
        if let Some(address) = addresses.find(is_dumb) {
            return Err(format!(
                "its own environment does not reach {} at {address}, {port}/tcp",
                target.name
            ));
        }
        if !v6 {
            return Ok("its own environment reaches it".to_owned());
        }
        self.own_v6(source)
            .map(|own| format!("its own environment reaches it, and {own}"))
    }

    /// What stands beside the silence of the host's IPv6 addresses.
    ///
    /// # Errors
    /// Which control did not come out.
    pub(super) fn of_host(&self, source: &Source) -> Result<String, String> {
        let own = self.own_v6(source)?;
        if source.v6.is_empty() || self.host.contains(&source.name) {
            Ok(format!(
                "the server behind it answers its own environment, and {own}"
            ))
        } else {
            Err(format!(
                "no IPv6 address of the host has answered {}, not even that nobody listens there",
                source.name
            ))
        }
    }

    /// Whether a container can be heard over IPv6 at all.
    fn own_v6(&self, source: &Source) -> Result<String, String> {
        if source.v6.is_empty() {
            return Ok(format!("{} has no IPv6 address to ask from", source.name));
        }
        let answers = |address: &IpAddr| {
            self.reached.iter().any(|(whose, name, at, _)| {
                (*whose, *name, at) == (source.environment, source.service.name(), address)
            })
        };
        match source.v6.iter().find(|address| !answers(address)) {
            None => Ok(format!("{} is reached over IPv6 itself", source.name)),
            Some(address) => Err(format!(
                "{} is not reached at its own address {address}: whether it could ask over IPv6 is not known",
                source.name
            )),
        }
    }
}

//! S10: subnets that overlap. Pure.

use std::net::IpAddr;

use crate::fault;
use crate::finding::Finding;
use crate::shared::Kind;
use crate::statics::side::{Side, grep_both};

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    address: IpAddr,
    length: u32,
}

impl Block {
    /// Reads `10.0.0.0/8` or `fd00::/64`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.trim().split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let length: u32 = length.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (length <= most).then_some(Self { address, length })
    }

    /// Whether an address lies in it.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.overlaps(Self {
            address,
            length: if address.is_ipv4() { 32 } else { 128 },
        })
    }

    fn overlaps(self, other: Self) -> bool {
        let length = self.length.min(other.length);
        match (self.address, other.address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                one.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
                one.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// A network's name, its subnet as written, and what that is.
pub(crate) fn subnets(side: &Side) -> Vec<(String, String, Block)> {
    let mut all = Vec::new();
    for (key, network) in &side.model.networks {
        let Some(name) = side.model.network_name(key) else {
            continue;
        };
        for text in network.subnets() {
            if let Some(block) = Block::parse(text) {
                all.push((name.clone(), text.to_owned(), block));
            }
        }
    }
    all
}

pub(crate) fn count(side: &Side) -> usize {
    subnets(side).len()
}

/// S10. One network in both is S8.
pub(crate) fn overlaps(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings = Vec::new();
    let theirs = subnets(other);
    for (name, text, block) in subnets(one) {
        for (against, target, other_block) in &theirs {
            let declared = one.shared.with(&[Kind::Network], &name, &other.name)
                && other.shared.with(&[Kind::Network], against, &one.name);
            let one_network = name == *against && one.name != other.name;
            if declared || one_network || !block.overlaps(*other_block) {
                continue;
            }
            findings.push(
                Finding::new(fault::S10, &[&one.name, &other.name], &text)
                    .evidence(format!(
                        "{text} of {name} ({}) and {target} of {against} ({}) have addresses in common",
                        one.name, other.name
                    ))
                    .reproduce(grep_both(one, other, "\"subnet\""))
                    .fix(format!(
                        "give {against} another subnet, or leave the choice to the engine"
                    )),
            );
        }
    }
    findings
}

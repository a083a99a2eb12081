//! The addresses of the host at which a container could find what others publish: its own on every
//! network of the engine, and where the engine runs on this machine, all others that it has.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::isolation::census::Network;

pub(crate) fn addresses(networks: &[Network]) -> BTreeSet<IpAddr> {
    let gateways = networks.iter().flat_map(Network::gateways);
    let mut all: BTreeSet<IpAddr> = gateways.filter_map(parsed).collect();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut here: BTreeSet<IpAddr> = v4(&read("/proc/net/fib_trie")).into_iter().collect();
    here.extend(v6(&read("/proc/net/if_inet6")));
    // Another machine's engine has gateways that this one has not.
    if all.iter().any(|gateway| here.contains(gateway)) {
        all.extend(here);
    }
    // Inside a container these are the container itself, or its own link.
    all.retain(|address| !address.is_loopback() && !address.is_unspecified());
    all.retain(|address| match address {
        IpAddr::V4(address) => !address.is_link_local(),
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 != 0xfe80,
    });
    all
}

/// Older engines give a gateway with its prefix: `fd00::1/64`.
fn parsed(gateway: &str) -> Option<IpAddr> {
    gateway.split('/').next()?.parse().ok()
}

/// The addresses that the kernel's routing trie calls the host's own: a line `|-- 10.0.0.1` and
/// below it `/32 host LOCAL`.
fn v4(trie: &str) -> Vec<IpAddr> {
    let lines: Vec<&str> = trie.lines().map(str::trim).collect();
    let pair = |pair: &[&str]| {
        let address: Ipv4Addr = pair[0].strip_prefix("|-- ")?.trim().parse().ok()?;
        (pair[1] == "/32 host LOCAL").then_some(IpAddr::V4(address))
    };
    lines.windows(2).filter_map(pair).collect()
}

/// Lines that begin with 32 hexadecimal digits.
fn v6(table: &str) -> Vec<IpAddr> {
    let line = |line: &str| {
        let digits = line.split_whitespace().next()?;
        let number = u128::from_str_radix(digits, 16).ok()?;
        (digits.len() == 32).then(|| IpAddr::V6(Ipv6Addr::from(number)))
    };
    table.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_tables_give_the_host_s_own_addresses() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 172.17.0.0/16 2 0 2\n        |-- 172.17.0.0\n           /16 link UNICAST\n        |-- 172.17.0.1\n           /32 host LOCAL\n        |-- 172.17.255.255\n           /32 link BROADCAST\n";
        assert_eq!(v4(trie), [IpAddr::from([172, 17, 0, 1])]);
        let table = "fd7a74610001000000000000000000010 03 40 20 80 x\nfd7a7461000100000000000000000001 03 40 20 80 br-1\n";
        assert_eq!(
            v6(table),
            ["fd7a:7461:1::1".parse::<IpAddr>().expect("an address")]
        );
    }

    #[test]
    fn garbage_gives_none() {
        for text in ["", "|-- x\n/32 host LOCAL", "zzzz", "|-- 1.2.3.4"] {
            assert!(v4(text).is_empty() && v6(text).is_empty(), "{text}");
        }
    }
}

//! The interfaces of this system.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use streamlens_model::{LinkType, MacAddress};

/// Whose clock stamps frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StampType {
    /// The kernel's, when it copies a frame into the ring.
    #[default]
    Host,
    /// The adapter's own, which nothing keeps in step with system time.
    AdapterUnsynced,
}

impl StampType {
    /// The name that it has on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::AdapterUnsynced => "adapter_unsynced",
        }
    }
}

/// An interface as the system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    /// Its name.
    pub name: String,
    /// Its number in the system.
    pub index: u32,
    /// The `ARPHRD_` number of Linux: how its frames begin.
    pub hardware_type: u16,
    /// Its MAC address where it has one.
    pub mac: Option<MacAddress>,
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is set up.
    pub is_up: bool,
    /// Whether it has a carrier.
    pub is_running: bool,
    /// Whether it is the loopback.
    pub is_loopback: bool,
    /// Who may stamp its frames.
    pub stamp_types: Vec<StampType>,
}

impl InterfaceInfo {
    /// How its frames begin; `None` where that is not known here.
    #[must_use]
    pub fn link_type(&self) -> Option<LinkType> {
        match self.hardware_type {
            // Ethernet and the loopback, whose frames have an Ethernet header of zeros
            1 | 772 => Some(LinkType::ETHERNET),
            // raw IP: rawip, tunnels of IPv4 and IPv6, sit, none (tun, WireGuard)
            519 | 768 | 769 | 776 | 65_534 => Some(LinkType::RAW),
            _ => None,
        }
    }

    /// The name of its hardware type in `linux/if_arp.h`, in words.
    #[must_use]
    pub fn hardware_name(&self) -> &'static str {
        match self.hardware_type {
            1 => "Ethernet",
            32 => "InfiniBand",
            280 => "CAN",
            512 => "PPP",
            519 => "raw IP",
            768 => "IPv4 tunnel",
            769 => "IPv6 tunnel",
            772 => "loopback",
            776 => "IPv6 in IPv4",
            778 => "GRE",
            801 => "IEEE 802.11",
            802 => "IEEE 802.11 with Prism header",
            803 => "IEEE 802.11 with radiotap header",
            804 => "IEEE 802.15.4",
            824 => "netlink monitor",
            826 => "virtual socket monitor",
            65_534 => "no link header",
            _ => "unknown",
        }
    }
}

/// All interfaces, by number.
///
/// # Errors
///
/// Where the system refuses to list them.
pub fn interfaces() -> std::io::Result<Vec<InterfaceInfo>> {
    let mut found: BTreeMap<String, InterfaceInfo> = BTreeMap::new();
    let mut addresses: Vec<(String, IpAddr)> = Vec::new();
    for entry in getifaddrs()? {
        let Some(storage) = entry.address else { continue };
        let name = entry.interface_name;
        if let Some(link) = storage.as_link_addr() {
            let mac = link.addr().filter(|bytes| *bytes != [0; 6]).map(MacAddress);
            let flags = entry.flags;
            let info = InterfaceInfo {
                index: u32::try_from(link.ifindex()).unwrap_or(0),
                hardware_type: link.hatype(),
                mac,
                addresses: Vec::new(),
                is_up: flags.contains(InterfaceFlags::IFF_UP),
                is_running: flags.contains(InterfaceFlags::IFF_RUNNING),
                is_loopback: flags.contains(InterfaceFlags::IFF_LOOPBACK),
                stamp_types: stamp_types(&name),
                name: name.clone(),
            };
            found.insert(name, info);
        } else if let Some(address) = storage.as_sockaddr_in() {
            addresses.push((name, address.ip().into()));
        } else if let Some(address) = storage.as_sockaddr_in6() {
            addresses.push((name, address.ip().into()));
        }
    }
    for (name, address) in addresses {
        if let Some(info) = found.get_mut(&name) {
            info.addresses.push(address);
        }
    }
    let mut interfaces: Vec<_> = found.into_values().collect();
    interfaces.sort_by_key(|info| info.index);
    Ok(interfaces)
}

/// An adapter has a clock of its own where it is tied to a PTP clock device.
fn stamp_types(name: &str) -> Vec<StampType> {
    let mut types = vec![StampType::Host];
    if fs::read_dir(format!("/sys/class/net/{name}/device/ptp")).is_ok_and(|mut clocks| clocks.next().is_some()) {
        types.push(StampType::AdapterUnsynced);
    }
    types
}

/// Names that are like one that does not exist: at most two letters differ, or one begins with the other.
pub(crate) fn near_names(name: &str, interfaces: &[InterfaceInfo]) -> Vec<String> {
    let is_near = |other: &&str| other.starts_with(name) || name.starts_with(*other) || distance(name, other) <= 2;
    let mut near: Vec<&str> = interfaces.iter().map(|info| info.name.as_str()).filter(is_near).collect();
    near.sort_by_key(|other| distance(name, other));
    near.into_iter().take(3).map(str::to_owned).collect()
}

/// Levenshtein distance; names of interfaces have at most 15 bytes.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().take(64).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (column, b) in other.iter().enumerate() {
            let above = row.get(column + 1).copied().unwrap_or(0);
            let best = (left + 1).min(above + 1).min(diagonal + usize::from(a != *b));
            if let Some(cell) = row.get_mut(column) {
                *cell = left;
            }
            diagonal = above;
            left = best;
        }
        if let Some(last) = row.last_mut() {
            *last = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_letters_that_differ() {
        for (one, other, expected) in [("eth0", "eth0", 0), ("eth0", "eth1", 1), ("", "lo", 2), ("enp3s0", "ens3", 3)] {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn the_loopback_is_listed_with_its_link_type() {
        let interfaces = interfaces().expect("a list");
        let loopback = interfaces.iter().find(|info| info.name == "lo").expect("the loopback");
        assert!(loopback.is_loopback && loopback.index > 0 && loopback.stamp_types == [StampType::Host]);
        assert_eq!((loopback.link_type(), loopback.mac), (Some(LinkType::ETHERNET), None));
        assert_eq!(near_names("l0", &interfaces).first().map(String::as_str), Some("lo"));
    }
}

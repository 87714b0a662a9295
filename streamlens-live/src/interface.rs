//! The interfaces of this system.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use streamlens_model::{LinkType, MacAddress};

use crate::choose::Candidate;
use crate::options::StampType;

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

impl Candidate for InterfaceInfo {
    const CAN_BE_DOWN: bool = true;

    fn name(&self) -> &str {
        &self.name
    }

    fn is_up(&self) -> bool {
        self.is_up
    }

    fn left_out(&self) -> Option<String> {
        let why = || format!("link type ARPHRD {} ({})", self.hardware_type, self.hardware_name());
        self.link_type().is_none().then(why)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_listed_with_its_link_type() {
        let interfaces = interfaces().expect("a list");
        let loopback = interfaces.iter().find(|info| info.name == "lo").expect("the loopback");
        assert!(loopback.is_loopback && loopback.index > 0 && loopback.stamp_types == [StampType::Host]);
        assert_eq!((loopback.link_type(), loopback.mac), (Some(LinkType::ETHERNET), None));
    }
}

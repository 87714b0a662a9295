//! Addresses, endpoints and the key of a flow.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};

/// A 48-bit IEEE 802 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Whether it names a group (multicast or broadcast): the lowest bit of the first octet.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether it is `ff:ff:ff:ff:ff:ff`.
    #[must_use]
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Serialize for MacAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An address of an endpoint: that of the outermost IP header, or of the link layer where there is no IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// The link has no addresses, or the frame was too short to hold them.
    #[default]
    None,
    /// A link-layer address.
    Mac(MacAddress),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl Address {
    /// The IP address, where it is one.
    #[must_use]
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::V4(ip) => Some(IpAddr::V4(ip)),
            Self::V6(ip) => Some(IpAddr::V6(ip)),
            Self::None | Self::Mac(_) => None,
        }
    }

    /// Whether packets to it go to one receiver, to a group, or to all.
    #[must_use]
    pub fn traffic_type(self) -> TrafficType {
        match self {
            Self::Mac(mac) if mac.is_broadcast() => TrafficType::Broadcast,
            Self::Mac(mac) if mac.is_group() => TrafficType::Multicast,
            Self::V4(ip) if ip.is_broadcast() => TrafficType::Broadcast,
            Self::V4(ip) if ip.is_multicast() => TrafficType::Multicast,
            Self::V6(ip) if ip.is_multicast() => TrafficType::Multicast,
            _ => TrafficType::Unicast,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Mac(mac) => mac.fmt(f),
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) => ip.fmt(f),
        }
    }
}

/// Text as displayed; null for [`Address::None`].
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            address => serializer.collect_str(address),
        }
    }
}

/// How many receivers an address stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrafficType {
    /// One.
    #[default]
    Unicast,
    /// A group.
    Multicast,
    /// All.
    Broadcast,
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// The port, where the transport has ports and the frame holds them.
    pub port: Option<u16>,
}

/// `10.0.0.1:5004`, `[fe80::1]:319`, or the address alone where there is no port.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.port) {
            (address, None) => address.fmt(f),
            (Address::V6(ip), Some(port)) => write!(f, "[{ip}]:{port}"),
            (address, Some(port)) => write!(f, "{address}:{port}"),
        }
    }
}

/// The VLAN identifiers in front of a packet, outermost first; 12 bits each, 0 (priority tag) included.
///
/// It holds up to [`VlanStack::MAX`]; frames with more tags than that count as malformed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanStack {
    ids: [u16; Self::MAX],
    length: u8,
}

impl VlanStack {
    /// The most tags it holds.
    pub const MAX: usize = 6;

    /// Adds the identifier of the next inner tag. Returns false, and adds nothing, where the stack is full.
    pub fn push(&mut self, id: u16) -> bool {
        let Some(slot) = self.ids.get_mut(usize::from(self.length)) else { return false };
        *slot = id & 0x0FFF;
        self.length += 1;
        true
    }

    /// The identifiers, outermost first.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        self.ids.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Whether there is no tag.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Serialize for VlanStack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice())
    }
}

/// What makes packets one flow: direction, endpoints and VLAN tags. The transport is no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// Where its packets come from.
    pub src: Endpoint,
    /// Where they go.
    pub dst: Endpoint,
    /// The VLAN tags in front of them.
    pub vlan: VlanStack,
}

/// `10.0.0.1:5004 -> 239.0.0.1:5004`, followed by ` vlan 10,20` where there are tags.
impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.src, self.dst)?;
        for (index, id) in self.vlan.as_slice().iter().enumerate() {
            write!(f, "{}{id}", if index == 0 { " vlan " } else { "," })?;
        }
        Ok(())
    }
}

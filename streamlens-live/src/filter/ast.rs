//! A capture filter as a tree.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Term(Term),
}

/// Which ends of a frame a term is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Either,
    Source,
    Destination,
}

/// Which protocols an address is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Any,
    Ip,
    Ip6,
    Arp,
}

/// A network; of a host all bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    V4 { address: Ipv4Addr, mask: u32 },
    V6 { address: Ipv6Addr, bits: u8 },
}

/// What can be asked of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Network {
        carrier: Carrier,
        end: End,
        network: Network,
    },
    /// Ports from the first to the last, of one transport or of TCP, UDP and SCTP.
    Ports {
        transport: Option<u8>,
        end: End,
        first: u16,
        last: u16,
    },
    EtherType(u16),
    /// An IPv4 protocol number.
    IpProtocol(u8),
    /// An IPv6 next header, also behind a fragment header.
    Ip6Protocol(u8),
    /// Either of the two above.
    Protocol(u8),
    Mac {
        end: End,
        address: [u8; 6],
    },
    EtherMulticast,
    EtherBroadcast,
    IpMulticast,
    IpBroadcast,
    Ip6Multicast,
    Vlan(Option<u16>),
    AtLeast(u32),
    AtMost(u32),
}

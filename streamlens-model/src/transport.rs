//! What carries an application's bytes.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::LinkType;

/// The protocol of the outermost IP header's payload, or what stands in its place where there is no IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// A frame on an Ethernet-like link with no IP header.
    Ethernet,
    /// The protocol number of the outermost IP header, extension headers passed over (IANA Protocol Numbers).
    Ip(u8),
    /// A frame with no IP on a link without Ethernet addresses; its name is the link's.
    Link(LinkType),
    /// Packets of an IRIG 106 Chapter 10 recorder file.
    Chapter10File,
}

impl Transport {
    /// TCP (RFC 9293).
    pub const TCP: Self = Self::Ip(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self::Ip(17);

    /// The standard name; `IP-<number>` where the number has none.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Ethernet => "Ethernet",
            Self::Chapter10File => "Chapter10 file",
            Self::Link(link) => return link.name(),
            Self::Ip(number) => match number {
                1 => "ICMP",
                2 => "IGMP",
                4 => "IPv4",
                8 => "EGP",
                9 => "IGP",
                6 => "TCP",
                17 => "UDP",
                33 => "DCCP",
                41 => "IPv6",
                46 => "RSVP",
                47 => "GRE",
                50 => "ESP",
                51 => "AH",
                58 => "ICMPv6",
                88 => "EIGRP",
                89 => "OSPF",
                97 => "EtherIP",
                103 => "PIM",
                108 => "IPComp",
                112 => "VRRP",
                115 => "L2TP",
                132 => "SCTP",
                136 => "UDP-Lite",
                other => return Cow::Owned(format!("IP-{other}")),
            },
        })
    }

    /// Whether its header begins with a source and a destination port.
    #[must_use]
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::Ip(6 | 17 | 33 | 132 | 136))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Serialize for Transport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

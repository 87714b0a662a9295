//! Link types, by their numbers in pcap and pcapng headers.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reading;

/// How a frame begins: the LINKTYPE number of the pcap and pcapng formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four bytes of address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC framing.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing (RFC 1662).
    pub const PPP_HDLC: Self = Self(50);
    /// PPP over Ethernet session frames.
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IP, version by the first nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: four bytes of address family in network order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// What the packet filter of Linux logs: attributes, one of which is the IP packet.
    pub const NFLOG: Self = Self(239);
    /// Apple's frames with what is known of process and interface in front.
    pub const PKTAP: Self = Self(258);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// A packet of an IRIG 106 Chapter 10 recorder file, from its sync word on. The number is StreamLens' own: such
    /// packets have no LINKTYPE, and none will be assigned at the very end of the range.
    pub const CHAPTER10_FILE: Self = Self(65_535);

    /// Of a frame whose interface the capture does not describe, so that nobody knows how it begins. As for
    /// [`Self::CHAPTER10_FILE`], the number is StreamLens' own.
    pub const UNDESCRIBED: Self = Self(65_534);

    /// The link type of a name as [`name`](Self::name) returns it, `None` of any other text. Of those that share a name, as the
    /// numbers of raw IP do, the one that has a constant here, else the lowest.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        // the highest number with a name of its own is below 300, but for two of StreamLens' own
        let named = [Self::RAW.0].into_iter().chain(0..300).chain([Self::UNDESCRIBED.0, Self::CHAPTER10_FILE.0]);
        let number = name.strip_prefix("LINKTYPE-").and_then(|number| number.parse().ok());
        named.chain(number).map(Self).find(|known| known.name() == name)
    }

    /// The name under which the link type is known; `LINKTYPE-<number>` where it has none here.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self.0 {
            0 => "BSD null",
            1 => "Ethernet",
            6 => "IEEE 802.5 Token Ring",
            7 => "ARCNET",
            8 => "SLIP",
            9 => "PPP",
            10 => "FDDI",
            50 => "PPP in HDLC-like framing",
            51 => "PPPoE session",
            100 => "ATM RFC 1483",
            12 | 14 | 101 | 228 | 229 => "Raw IP",
            104 => "Cisco HDLC",
            105 => "IEEE 802.11",
            106 => "Linux ATM CLIP",
            107 => "Frame Relay",
            108 => "BSD loop",
            113 => "Linux SLL",
            117 => "OpenBSD pflog",
            119 => "IEEE 802.11 Prism",
            122 => "IP over Fibre Channel",
            127 => "IEEE 802.11 radiotap",
            143 => "DOCSIS",
            147..=162 => return Cow::Owned(format!("User {}", self.0 - 147)),
            163 => "IEEE 802.11 AVS",
            178 => "Juniper Ethernet",
            187 => "Bluetooth HCI",
            189 => "USB Linux",
            192 => "PPI",
            195 | 215 | 230 => "IEEE 802.15.4",
            197 => "ERF",
            201 => "Bluetooth HCI with direction",
            220 => "USB Linux, mmapped",
            227 => "CAN SocketCAN",
            235 => "DVB-CI",
            239 => "NFLOG",
            243 => "MPEG-2 transport stream",
            249 => "USBPcap",
            253 => "Linux Netlink",
            257 => "PROFIBUS DL",
            258 => "Apple PKTAP",
            274 => "Ethernet MPacket",
            276 => "Linux SLL2",
            277 => "Apple PKTAP with userspace",
            283 => "IEEE 802.15.4 TAP",
            65_534 => "undescribed interface",
            65_535 => "Chapter10 file",
            other => return Cow::Owned(format!("LINKTYPE-{other}")),
        })
    }
}

impl Serialize for LinkType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for LinkType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reading::text(deserializer, "the name of a link type", Self::of_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_a_link_type_of_that_name() {
        for number in 0..=u16::MAX {
            let name = LinkType(number).name();
            assert_eq!(LinkType::of_name(&name).map(LinkType::name), Some(name), "{number}");
        }
        assert_eq!(LinkType::of_name("Raw IP"), Some(LinkType::RAW));
        let refused = ["", "ethernet", "LINKTYPE-1", "LINKTYPE-0300", "LINKTYPE-+300", "LINKTYPE-65536", "User 16"];
        assert!(refused.iter().all(|name| LinkType::of_name(name).is_none()));
    }
}

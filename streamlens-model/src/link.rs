//! Link types, by their numbers in pcap and pcapng headers.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

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
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// A packet of an IRIG 106 Chapter 10 recorder file, from its sync word on. The number is StreamLens' own: such
    /// packets have no LINKTYPE, and none will be assigned at the very end of the range.
    pub const CHAPTER10_FILE: Self = Self(65_535);

    /// Of a frame whose interface the capture does not describe, so that nobody knows how it begins. As for
    /// [`Self::CHAPTER10_FILE`], the number is StreamLens' own.
    pub const UNDESCRIBED: Self = Self(65_534);

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
            201 => "Bluetooth HCI with direction",
            220 => "USB Linux, mmapped",
            227 => "CAN SocketCAN",
            239 => "NFLOG",
            249 => "USBPcap",
            253 => "Linux Netlink",
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

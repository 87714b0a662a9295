//! Addresses, endpoints and the key of a flow.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ascii::Ascii;
use crate::reading;

/// Room for the text of any endpoint, and a few bytes more. Written by octets and digits: a result may hold millions of
/// addresses, and the formatting of the standard library takes several times as long.
type Short = Room<64>;
/// Room for the text of any key of a flow.
type Long = Room<160>;

struct Room<const SIZE: usize> {
    text: Ascii<SIZE>,
    length: usize,
}

/// The octets as decimal numbers with a dot behind, and how many bytes that is.
const OCTETS: [([u8; 4], u8); 256] = {
    let (mut octets, mut octet) = ([(*b"0.  ", 2); 256], 0);
    while octet < 256 {
        let [hundreds, tens, ones] = [octet / 100, octet / 10 % 10, octet % 10];
        let [hundreds, tens, ones] = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        octets[octet] = match octet {
            0..10 => ([ones, b'.', b' ', b' '], 2),
            10..100 => ([tens, ones, b'.', b' '], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        octet += 1;
    }
    octets
};

/// The octets as two hexadecimal digits.
const PAIRS: [[u8; 2]; 256] = {
    let (mut pairs, mut octet) = ([[0; 2]; 256], 0);
    while octet < 256 {
        pairs[octet] = [b"0123456789abcdef"[octet >> 4], b"0123456789abcdef"[octet & 15]];
        octet += 1;
    }
    pairs
};

impl<const SIZE: usize> Room<SIZE> {
    fn of(write: impl FnOnce(&mut Self)) -> Self {
        let mut room = Self { text: Ascii([0; SIZE]), length: 0 };
        write(&mut room);
        room
    }

    fn as_str(&self) -> &str {
        self.text.as_str(self.length)
    }

    #[inline]
    fn push(&mut self, letters: &[u8]) {
        if let Some(room) = self.text.0.get_mut(self.length..self.length + letters.len()) {
            room.copy_from_slice(letters);
            self.length += letters.len();
        }
    }

    /// Pushes the first of so many letters: the copy of a number that is known takes no call.
    #[inline]
    fn push_some<const COUNT: usize>(&mut self, letters: [u8; COUNT], length: usize) {
        if let Some(room) = self.text.0.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut) {
            *room = letters;
            self.length += length;
        }
    }

    #[inline]
    fn decimal(&mut self, number: u16) {
        let digit = |unit: u16| b'0' + (number / unit % 10) as u8;
        let digits = [digit(10_000), digit(1000), digit(100), digit(10), digit(1), 0, 0, 0];
        let length = match number {
            0..10 => 1,
            10..100 => 2,
            100..1000 => 3,
            1000..10_000 => 4,
            _ => 5,
        };
        self.push_some((u64::from_le_bytes(digits) >> (8 * (5 - length))).to_le_bytes(), length);
    }

    fn address(&mut self, address: Address) {
        match address {
            Address::None => self.push(b"-"),
            Address::Mac(mac) => self.push(mac.text().as_str(MacAddress::LENGTH).as_bytes()),
            Address::V4(ip) => {
                for octet in ip.octets() {
                    let (text, length) = OCTETS[usize::from(octet)];
                    self.push_some(text, length.into());
                }
                // without the last dot
                self.length -= 1;
            }
            Address::V6(ip) => {
                // the longest text of an address and a port finds room
                let _ = write!(self, "{ip}");
            }
        }
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        match (endpoint.address, endpoint.port) {
            (address, None) => self.address(address),
            (address, Some(port)) => {
                let is_v6 = matches!(address, Address::V6(_));
                if is_v6 {
                    self.push(b"[");
                }
                self.address(address);
                if is_v6 {
                    self.push(b"]");
                }
                self.push(b":");
                self.decimal(port);
            }
        }
    }
}

impl<const SIZE: usize> fmt::Write for Room<SIZE> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// A 48-bit IEEE 802 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

/// A text that is no link-layer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMacAddressError;

impl fmt::Display for ParseMacAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no link-layer address such as 02:00:5e:10:00:01")
    }
}

impl std::error::Error for ParseMacAddressError {}

/// The way back of its text; in capitals too.
impl FromStr for MacAddress {
    type Err = ParseMacAddressError;

    fn from_str(text: &str) -> Result<Self, ParseMacAddressError> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let is_octet = |part: &&str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
            let part = parts.next().filter(is_octet).ok_or(ParseMacAddressError)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| ParseMacAddressError)?;
        }
        if parts.next().is_some() { Err(ParseMacAddressError) } else { Ok(Self(octets)) }
    }
}

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

    /// Bytes of its text.
    const LENGTH: usize = 17;

    /// What [`Display`](fmt::Display) prints.
    fn text(self) -> Ascii<32> {
        let mut text = *b"00:00:00:00:00:00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        text.chunks_mut(3).zip(self.0).for_each(|(room, octet)| room[..2].copy_from_slice(&PAIRS[usize::from(octet)]));
        Ascii(text)
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str(Self::LENGTH))
    }
}

impl Serialize for MacAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(Self::LENGTH, serializer)
    }
}

impl<'de> Deserialize<'de> for MacAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reading::text(deserializer, "a link-layer address such as 02:00:5e:10:00:01", |text| text.parse().ok())
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
        f.pad(Short::of(|text| text.address(*self)).as_str())
    }
}

/// Text as displayed; null for [`Address::None`].
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            address => {
                let Short { text, length } = Short::of(|text| text.address(*address));
                text.serialize(length, serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// What an address is where it is not null.
        struct Known(Address);
        impl<'de> Deserialize<'de> for Known {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let parse = |text: &str| match text.parse() {
                    Ok(IpAddr::V4(ip)) => Some(Self(Address::V4(ip))),
                    Ok(IpAddr::V6(ip)) => Some(Self(Address::V6(ip))),
                    Err(_) => text.parse().ok().map(|mac| Self(Address::Mac(mac))),
                };
                reading::text(deserializer, "an address of IPv4, IPv6 or the link layer", parse)
            }
        }
        Option::deserialize(deserializer).map(|known| known.map_or(Self::None, |Known(address)| address))
    }
}

/// How many receivers an address stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl TrafficType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unicast, Self::Multicast, Self::Broadcast];

    /// `unicast`, `multicast` or `broadcast`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
        }
    }
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// The port, where the transport has ports and the frame holds them.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Calls with the text that is displayed; allocates nothing.
    pub fn with_text<T>(&self, see: impl FnOnce(&str) -> T) -> T {
        see(Short::of(|text| text.endpoint(self)).as_str())
    }
}

/// `10.0.0.1:5004`, `[fe80::1]:319`, or the address alone where there is no port.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Short::of(|text| text.endpoint(self)).as_str())
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

impl<'de> Deserialize<'de> for VlanStack {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = Vec::<u16>::deserialize(deserializer)?;
        let mut stack = Self::default();
        let finds_room = ids.iter().all(|&id| id <= 0x0FFF && stack.push(id));
        let refused = || de::Error::invalid_length(ids.len(), &"at most six VLAN identifiers below 4096");
        finds_room.then_some(stack).ok_or_else(refused)
    }
}

/// What makes packets one flow: direction, endpoints and VLAN tags. The transport is no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct FlowKey {
    /// Where its packets come from.
    pub src: Endpoint,
    /// Where they go.
    pub dst: Endpoint,
    /// The VLAN tags in front of them.
    pub vlan: VlanStack,
}

impl FlowKey {
    /// What [`Display`](fmt::Display) prints.
    fn text(&self) -> Long {
        Long::of(|text| {
            text.endpoint(&self.src);
            text.push(b" -> ");
            text.endpoint(&self.dst);
            for (index, id) in self.vlan.as_slice().iter().enumerate() {
                text.push(if index == 0 { b" vlan " } else { b"," });
                text.decimal(*id);
            }
        })
    }

    /// Calls with the text that is displayed; allocates nothing.
    pub fn with_text<T>(&self, see: impl FnOnce(&str) -> T) -> T {
        see(self.text().as_str())
    }

    /// Appends the text that is displayed, without what it takes to display it.
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        let Long { text, length } = self.text();
        bytes.extend_from_slice(text.0.get(..length).unwrap_or_default());
    }
}

/// `10.0.0.1:5004 -> 239.0.0.1:5004`, followed by ` vlan 10,20` where there are tags.
impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_link_layer_address_is_refused() {
        for text in
            ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "+2:00:00:00:00:01", "2:0:0:0:0:1", "02-00-00-00-00-01"]
        {
            assert_eq!(text.parse::<MacAddress>(), Err(ParseMacAddressError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_link_layer_address_is_read_as_it_was_written(mac: [u8; 6]) {
            let text = MacAddress(mac).to_string();
            prop_assert_eq!(text.parse(), Ok(MacAddress(mac)));
            prop_assert_eq!(text.to_uppercase().parse(), Ok(MacAddress(mac)));
        }

        #[test]
        fn addresses_are_written_as_the_standard_library_does(v4 in any::<u32>(), v6 in any::<u128>(), port: u16, mac: [u8; 6]) {
            let text = |address, port| Endpoint { address, port }.to_string();
            let (v4, v6) = (Ipv4Addr::from_bits(v4), Ipv6Addr::from_bits(v6));
            prop_assert_eq!(text(Address::V4(v4), Some(port)), format!("{v4}:{port}"));
            prop_assert_eq!(text(Address::V6(v6), Some(port)), format!("[{v6}]:{port}"));
            prop_assert_eq!(text(Address::V6(v6), None), v6.to_string());
            prop_assert_eq!(format!("{:>17}", Address::V4(v4)), format!("{v4:>17}"));
            let octets = mac.map(|octet| format!("{octet:02x}"));
            prop_assert_eq!(text(Address::Mac(MacAddress(mac)), None), octets.join(":"));
        }
    }

    #[test]
    fn the_longest_text_finds_room() {
        let address = Address::V6(Ipv6Addr::from_bits(u128::MAX));
        let longest = Endpoint { address, port: Some(u16::MAX) }.to_string();
        assert_eq!(longest, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
        let end = Endpoint { address, port: Some(u16::MAX) };
        let mut key = FlowKey { src: end, dst: end, vlan: VlanStack::default() };
        while key.vlan.push(4095) {}
        assert_eq!(key.to_string(), format!("{longest} -> {longest} vlan 4095,4095,4095,4095,4095,4095"));
        assert_eq!(Address::None.to_string(), "-");
    }
}

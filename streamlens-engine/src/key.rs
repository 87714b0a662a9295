//! The key of a flow in the form in which it is hashed and compared: a few machine words.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::{FixedState, RandomState};
use streamlens_model::{Address, FlowKey};

use crate::dissect::Dissected;

/// A flow key as words. Equal keys are equal flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PackedKey {
    src: [u64; 2],
    dst: [u64; 2],
    /// Ports, whether there are ports, kinds of address, number of tags.
    rest: u64,
    vlan: [u64; 2],
}

impl PackedKey {
    #[inline]
    pub(crate) fn of(packet: &Dissected<'_>) -> Self {
        let ports = match packet.ports {
            Some((src, dst)) => u64::from(src) | u64::from(dst) << 16 | 1 << 32,
            None => 0,
        };
        Self::new(&packet.src, &packet.dst, ports, packet.vlan.as_slice())
    }

    pub(crate) fn of_key(key: &FlowKey) -> Self {
        let ports = match (key.src.port, key.dst.port) {
            (Some(src), Some(dst)) => u64::from(src) | u64::from(dst) << 16 | 1 << 32,
            _ => 0,
        };
        Self::new(&key.src.address, &key.dst.address, ports, key.vlan.as_slice())
    }

    #[inline]
    fn new(src: &Address, dst: &Address, ports: u64, tags: &[u16]) -> Self {
        let ((src_kind, src), (dst_kind, dst)) = (words(src), words(dst));
        let mut vlan = [0; 2];
        for (place, &id) in tags.iter().enumerate() {
            // twelve bits each; five fit into a word
            vlan[place / 5] |= u64::from(id) << (place % 5 * 12);
        }
        Self { src, dst, rest: ports | src_kind << 40 | dst_kind << 44 | (tags.len() as u64) << 48, vlan }
    }

    /// A hash with seeds of this process, so that nobody can prepare addresses that collide.
    #[inline]
    pub(crate) fn hash(&self, state: &RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        hasher.write_u64(self.src[0]);
        hasher.write_u64(self.dst[0]);
        hasher.write_u64(self.rest);
        if self.src[1] | self.dst[1] | self.vlan[0] != 0 {
            hasher.write_u64(self.src[1]);
            hasher.write_u64(self.dst[1]);
            hasher.write_u64(self.vlan[0]);
            hasher.write_u64(self.vlan[1]);
        }
        hasher.finish()
    }
}

/// Kind and bits of an address.
#[inline]
fn words(address: &Address) -> (u64, [u64; 2]) {
    match address {
        Address::None => (0, [0; 2]),
        Address::Mac(mac) => {
            let [a, b, c, d, e, f] = mac.0;
            (1, [u64::from_le_bytes([a, b, c, d, e, f, 0, 0]), 0])
        }
        Address::V4(ip) => (2, [u64::from(ip.to_bits()), 0]),
        Address::V6(ip) => {
            let bits = ip.to_bits();
            (3, [(bits >> 64) as u64, bits as u64])
        }
    }
}

/// A number that is the same for both directions between two stations, and for every run: it decides where a
/// conversation's state lives.
///
/// On Ethernet addresses that differ in the locally administered bit of the first octet alone count as one station,
/// since EtherCAT slaves set that bit on the way back.
#[inline]
pub(crate) fn conversation_hash(src: &Address, dst: &Address) -> u64 {
    const LOCALLY_ADMINISTERED: u64 = 0x02;
    let station = |address: &Address| match words(address) {
        (1, [mac, _]) => [mac & !LOCALLY_ADMINISTERED, 0],
        (_, words) => words,
    };
    let (src, dst) = (station(src), station(dst));
    let (src, dst) = (src[0] ^ src[1].rotate_left(32), dst[0] ^ dst[1].rotate_left(32));
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write_u64(src ^ dst);
    hasher.write_u64(src.wrapping_add(dst));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;
    use streamlens_model::MacAddress;

    use super::*;

    fn address() -> impl Strategy<Value = Address> {
        prop_oneof![
            Just(Address::None),
            any::<[u8; 6]>().prop_map(|mac| Address::Mac(MacAddress(mac))),
            any::<u32>().prop_map(|ip| Address::V4(Ipv4Addr::from_bits(ip))),
            any::<u128>().prop_map(|ip| Address::V6(Ipv6Addr::from_bits(ip))),
        ]
    }

    fn key() -> impl Strategy<Value = FlowKey> {
        let tags = proptest::collection::vec(0_u16..4096, 0..6);
        (address(), address(), any::<Option<(u16, u16)>>(), tags).prop_map(|(src, dst, ports, tags)| {
            let mut key = FlowKey::default();
            (key.src.address, key.dst.address) = (src, dst);
            (key.src.port, key.dst.port) = (ports.map(|p| p.0), ports.map(|p| p.1));
            tags.into_iter().for_each(|tag| assert!(key.vlan.push(tag)));
            key
        })
    }

    proptest! {
        #[test]
        fn packed_keys_are_equal_exactly_where_keys_are(a in key(), b in key()) {
            prop_assert_eq!(a == b, PackedKey::of_key(&a) == PackedKey::of_key(&b));
            prop_assert_eq!(PackedKey::of_key(&a), PackedKey::of_key(&a.clone()));
        }

        #[test]
        fn both_directions_share_a_conversation(a in address(), b in address()) {
            prop_assert_eq!(conversation_hash(&a, &b), conversation_hash(&b, &a));
        }
    }
}

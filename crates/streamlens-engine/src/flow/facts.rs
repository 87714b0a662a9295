//! Properties of a flow that hold for many frames and change now and then.

use streamlens_model::{Change, MacAddress, MacPair};

use crate::dissect::Dissected;

/// Changes of one property that are kept.
const MAX_CHANGES: usize = 16;

/// A property with the changes it went through.
#[derive(Debug, Default)]
struct Tracked<T> {
    now: Option<Change<T>>,
    before: Vec<Change<T>>,
    not_kept: u64,
}

impl<T: Copy + PartialEq> Tracked<T> {
    #[inline]
    fn note(&mut self, value: T, frame: u64) {
        match &mut self.now {
            Some(now) if now.value == value => now.packets += 1,
            now => {
                if let Some(old) = now.replace(Change { value, since_frame: frame, packets: 1 }) {
                    if self.before.len() < MAX_CHANGES {
                        self.before.push(old);
                    } else {
                        self.not_kept += 1;
                    }
                }
            }
        }
    }

    fn list(&self) -> Vec<Change<T>> {
        self.before.iter().chain(&self.now).copied().collect()
    }
}

/// Link-layer addresses, DSCP and TTL of a flow.
#[derive(Debug, Default)]
pub(crate) struct FlowFacts {
    macs: Tracked<(Option<MacAddress>, Option<MacAddress>)>,
    dscp: Tracked<u8>,
    ttl: Tracked<u8>,
    /// Whether a frame went to the link's broadcast address.
    pub(crate) broadcast: bool,
}

impl FlowFacts {
    #[inline]
    pub(crate) fn note(&mut self, packet: &Dissected<'_>, frame: u64) {
        if packet.src_mac.is_some() || packet.dst_mac.is_some() {
            self.macs.note((packet.src_mac, packet.dst_mac), frame);
            self.broadcast |= packet.dst_mac.is_some_and(MacAddress::is_broadcast);
        }
        if let Some(ip) = &packet.ip {
            self.dscp.note(ip.dscp, frame);
            self.ttl.note(ip.ttl, frame);
        }
    }

    pub(crate) fn macs(&self) -> Vec<Change<MacPair>> {
        let pair = |change: Change<(Option<MacAddress>, Option<MacAddress>)>| Change {
            value: MacPair { src: change.value.0, dst: change.value.1 },
            since_frame: change.since_frame,
            packets: change.packets,
        };
        self.macs.list().into_iter().map(pair).collect()
    }

    pub(crate) fn dscp(&self) -> Vec<Change<u8>> {
        self.dscp.list()
    }

    pub(crate) fn ttl(&self) -> Vec<Change<u8>> {
        self.ttl.list()
    }

    pub(crate) fn not_kept(&self) -> u64 {
        self.macs.not_kept + self.dscp.not_kept + self.ttl.not_kept
    }
}

/// Tells frames that were delivered twice, to the IP header and the payload the same, from their successors.
///
/// Of the last few packets of the flow the IPv4 identification with flags, TTL, protocol and checksum, the TCP
/// number, and both ends of the payload are compared. Senders that leave the identification at 0 are left out, for
/// their repeats can be their own; so is IPv6, which has none.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    recent: [u32; 4],
    place: u8,
    pub(crate) count: u64,
    pub(crate) first: Option<u64>,
}

impl Copies {
    /// Whether a packet is a copy of one of the last four of its flow.
    #[inline]
    pub(crate) fn is_copy(&mut self, packet: &Dissected<'_>, frame: u64) -> bool {
        let Some(ip) = packet.ip.filter(|ip| ip.fingerprint >> 48 != 0) else { return false };
        let tcp = packet.tcp.map_or(0, |tcp| u64::from(tcp.sequence));
        let offset = packet.fragment.map_or(0, |fragment| u64::from(fragment.offset));
        let payload = packet.payload;
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        let mut mixed = ip.fingerprint ^ tcp.rotate_left(20) ^ (offset ^ payload.len() as u64).rotate_left(48);
        for part in [payload.first_chunk(), payload.get(8..).and_then(<[u8]>::first_chunk), payload.last_chunk()] {
            mixed = (mixed ^ word(part)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        }
        let fingerprint = (mixed >> 32) as u32 | 1;
        if self.recent.contains(&fingerprint) {
            self.count += 1;
            self.first.get_or_insert(frame);
            return true;
        }
        self.recent[usize::from(self.place & 3)] = fingerprint;
        self.place = self.place.wrapping_add(1);
        false
    }
}

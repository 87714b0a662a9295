//! From the bytes of a frame to its addresses, transport and payload. Everything is borrowed.
//!
//! Headers are read by etherparse's slices, which check lengths once. A header that is cut or damaged ends the walk:
//! the frame then belongs to the last layer that could be read.

mod header_cache;
mod ip;
mod link;
mod shim;
mod transport;

use streamlens_model::{Address, Endpoint, FlowKey, Frame, MacAddress, TrafficType, Transport, VlanStack};

pub(crate) use self::header_cache::{CachedFlow, HeaderCache};
pub(crate) use self::link::{bottom_of_stack, dissect, is_plain, own_end, ppp_payload};
pub(crate) use self::transport::transport_payload;

/// Why a frame is in no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NotInFlow {
    /// Its link type is not supported.
    LinkType(u16),
    /// It is shorter than its link-layer header.
    TooShort,
    /// The capture cut it off within its link-layer header.
    Cut,
    /// It has more VLAN tags than any network has.
    VlanDepth,
    /// The flow table is full.
    TableFull,
}

/// One frame, taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dissected<'a> {
    pub(crate) src: Address,
    pub(crate) dst: Address,
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) vlan: VlanStack,
    pub(crate) transport: Transport,
    /// Link-layer addresses, where the link has them.
    pub(crate) src_mac: Option<MacAddress>,
    pub(crate) dst_mac: Option<MacAddress>,
    /// To how many receivers the link says that it went, where it has no address of theirs.
    pub(crate) link_cast: Option<TrafficType>,
    /// The type field in front of the payload, where there is no IP.
    pub(crate) ether_type: Option<u16>,
    pub(crate) ip: Option<IpFacts>,
    pub(crate) tcp: Option<TcpFacts>,
    /// As [`PacketBody::check`].
    pub(crate) check: u16,
    pub(crate) fragment: Option<FragmentFacts>,
    /// The transport's payload, without padding where a length field tells. Of a fragment: its piece of the IP payload.
    pub(crate) payload: &'a [u8],
    /// Bytes of the payload that were on the wire and are not in the capture.
    pub(crate) missing: usize,
}

/// What is left of a packet once its flow is known: what is counted and decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketBody<'a> {
    pub(crate) transport: Transport,
    pub(crate) ether_type: Option<u16>,
    /// As [`IpFacts::fingerprint`]; 0 where there is none.
    pub(crate) fingerprint: u64,
    /// Checksum of UDP or TCP; 0 where there is none.
    pub(crate) check: u16,
    pub(crate) tcp: Option<TcpFacts>,
    pub(crate) payload: &'a [u8],
    pub(crate) missing: usize,
}

/// What the outermost IP header says beside addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpFacts {
    /// Differentiated services code point, 0 to 63.
    pub(crate) dscp: u8,
    /// Time to live or hop limit.
    pub(crate) ttl: u8,
    /// Tells a copy of a packet from its successor: IPv4 identification, flags, TTL, protocol and checksum.
    pub(crate) fingerprint: u64,
}

/// What the TCP header says (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpFacts {
    pub(crate) sequence: u32,
    /// The next byte that the sender wants of the other direction; `None` without the ACK flag.
    pub(crate) acknowledged: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) rst: bool,
}

/// Where a fragment belongs (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct FragmentFacts {
    pub(crate) identification: u32,
    /// Protocol of the whole packet. IPv6 knows it from the first fragment alone.
    pub(crate) protocol: u8,
    pub(crate) is_v6: bool,
    /// Offset in bytes.
    pub(crate) offset: u32,
    /// Whether more fragments follow.
    pub(crate) more: bool,
}

impl<'a> Dissected<'a> {
    /// A frame of which nothing is known yet but its bytes. It is filled in place on the way through the layers: the
    /// structure is too large to be handed from one to the next.
    #[inline]
    pub(crate) fn new(frame: &Frame<'a>) -> Self {
        Self {
            src: Address::None,
            dst: Address::None,
            ports: None,
            vlan: VlanStack::default(),
            transport: Transport::Ethernet,
            src_mac: None,
            dst_mac: None,
            link_cast: None,
            ether_type: None,
            ip: None,
            tcp: None,
            check: 0,
            fragment: None,
            payload: frame.data,
            missing: frame.missing(),
        }
    }

    /// What is counted and decoded, once the flow is known.
    #[inline]
    pub(crate) fn content(&self) -> PacketBody<'a> {
        let Self { transport, ether_type, check, tcp, payload, missing, .. } = *self;
        let fingerprint = self.ip.map_or(0, |ip| ip.fingerprint);
        PacketBody { transport, ether_type, fingerprint, check, tcp, payload, missing }
    }

    /// Number of the IP protocol; 0 where there is no IP.
    pub(crate) fn protocol(&self) -> u8 {
        match self.transport {
            Transport::Ip(protocol) => protocol,
            _ => 0,
        }
    }

    /// The key of the flow it belongs to.
    pub(crate) fn flow_key(&self) -> FlowKey {
        let (src_port, dst_port) = self.ports.map_or((None, None), |(src, dst)| (Some(src), Some(dst)));
        FlowKey {
            src: Endpoint { address: self.src, port: src_port },
            dst: Endpoint { address: self.dst, port: dst_port },
            vlan: self.vlan,
        }
    }
}

#[cfg(test)]
mod tests;

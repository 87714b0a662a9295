//! Frames that repeat the headers of one before: most frames of a stream differ from the last one in lengths, counters,
//! checksums and payload alone. Those are told by comparing six words, and need neither be dissected nor looked up.

use streamlens_model::{Frame, LinkType, Transport};

use super::{Dissected, PacketBody, ip, link, transport};

/// Bytes that are compared: an Ethernet header with a tag, IPv4 without options, ports, and what is left of the words.
const COMPARED: usize = 48;

/// Header sets that are remembered.
const REMEMBERED: usize = 4;

type Words = [u64; COMPARED / 8];

/// Headers whose repetitions are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeaderLayout {
    /// An Ethernet type that nothing lies under.
    Plain { at: usize },
    /// UDP over IPv4 without options, which begins here.
    Udp { at: usize },
    /// TCP over IPv4 without options, which begins here.
    Tcp { at: usize },
}

impl HeaderLayout {
    /// The layout of a dissected frame; `None` for all others.
    fn of(frame: &Frame<'_>, packet: &Dissected<'_>) -> Option<Self> {
        if frame.link_type != LinkType::ETHERNET || frame.data.len() < COMPARED || packet.fragment.is_some() {
            return None;
        }
        let at = match packet.vlan.as_slice() {
            [] => 14,
            [_] if frame.data.get(12..14)? == [0x81, 0x00] => 18,
            _ => return None,
        };
        let kind = frame.data.get(at - 2..at)?;
        let is_ipv4_without_options =
            packet.ports.is_some() && kind == [0x08, 0x00] && frame.data.get(at) == Some(&0x45);
        match packet.transport {
            Transport::Ethernet if link::is_plain(u16::from_be_bytes(kind.try_into().ok()?)) => {
                Some(Self::Plain { at })
            }
            Transport::UDP if is_ipv4_without_options => Some(Self::Udp { at }),
            Transport::TCP if is_ipv4_without_options => Some(Self::Tcp { at }),
            _ => None,
        }
    }

    /// Ones where bytes must be the same.
    fn mask(self) -> Words {
        let mut bytes = [0; COMPARED];
        let same: &[(usize, usize)] = match self {
            Self::Plain { at } => &[(0, at)],
            // all but total length and identification, header checksum; ports
            Self::Udp { at } | Self::Tcp { at } => &[(0, at + 2), (at + 6, at + 10), (at + 12, at + 24)],
        };
        for &(from, to) in same {
            bytes.iter_mut().take(to).skip(from).for_each(|byte| *byte = 0xFF);
        }
        words(&bytes)
    }
}

#[inline]
fn words(bytes: &[u8; COMPARED]) -> Words {
    let (chunks, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|place| chunks.get(place).map_or(0, |chunk| u64::from_ne_bytes(*chunk)))
}

/// What is known of headers: where their frames are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CachedFlow {
    /// Place of the flow.
    pub(crate) flow: usize,
    /// Place of the transport in it.
    pub(crate) transport: usize,
    /// The [epoch](crate::flow::LinkProperties::epoch) of the flow's facts when they were told of these headers.
    pub(crate) epoch: u64,
}

/// One set of headers.
#[derive(Clone, Copy, Debug)]
struct Headers {
    masked: Words,
    mask: Words,
    layout: HeaderLayout,
    known: CachedFlow,
    packet: Dissected<'static>,
}

impl Headers {
    #[inline]
    fn are_in(&self, start: &[u8; COMPARED]) -> bool {
        let parts = words(start).into_iter().zip(&self.mask).zip(&self.masked);
        parts.fold(0, |all, ((now, mask), masked)| all | (now & mask ^ masked)) == 0
    }
}

/// What lies in the IPv4 packet without options that begins here, and is missing of it, behind the fingerprint of its header.
#[inline]
fn in_ipv4<'a>(frame: &Frame<'a>, at: usize) -> Option<(u64, &'a [u8], usize)> {
    let header = frame.data.get(at..)?;
    let (payload, missing) = ip::v4_payload(header, 20, frame.missing())?;
    // without ports it would be another flow's
    (payload.len() >= 4).then_some((ip::v4_fingerprint(header)?, payload, missing))
}

/// The headers of the last few flows that had several frames.
#[derive(Debug, Default)]
pub(crate) struct HeaderCache {
    headers: Vec<Headers>,
    /// Where the last repetition was found.
    hot: usize,
    /// Flows whose frames were dissected last: headers are remembered at a flow's second one, so that traffic in which
    /// no flow comes back soon costs nothing here.
    dissected: [Option<usize>; REMEMBERED],
    turn: usize,
}

impl HeaderCache {
    /// What is known of a frame that repeats headers, and what it brought.
    #[inline]
    pub(crate) fn find<'a>(&mut self, frame: &Frame<'a>) -> Option<(CachedFlow, PacketBody<'a>)> {
        self.find_datagram(frame).or_else(|| self.find_segment(frame))
    }

    /// As [`Self::find`], but for the headers of TCP.
    #[inline(always)]
    pub(crate) fn find_datagram<'a>(&mut self, frame: &Frame<'a>) -> Option<(CachedFlow, PacketBody<'a>)> {
        let start = frame.data.first_chunk()?;
        if frame.link_type != LinkType::ETHERNET {
            return None;
        }
        if !self.headers.get(self.hot).is_some_and(|headers| headers.are_in(start)) {
            self.turn_to(start)?;
        }
        let Headers { layout, known, packet, .. } = self.headers.get(self.hot)?;
        let (fingerprint, check, payload, missing) = match *layout {
            HeaderLayout::Plain { at } => (0, 0, frame.data.get(at..)?, frame.missing()),
            HeaderLayout::Udp { at } => {
                let (fingerprint, datagram, missing) = in_ipv4(frame, at)?;
                let (payload, missing) = transport::udp(datagram, missing);
                (fingerprint, transport::udp_check(datagram), payload, missing)
            }
            HeaderLayout::Tcp { .. } => return None,
        };
        let Dissected { transport, ether_type, .. } = *packet;
        Some((*known, PacketBody { transport, ether_type, fingerprint, check, tcp: None, payload, missing }))
    }

    /// As [`Self::find`], for headers of TCP, after [`Self::find_datagram`] has looked for them.
    #[inline]
    pub(crate) fn find_segment<'a>(&self, frame: &Frame<'a>) -> Option<(CachedFlow, PacketBody<'a>)> {
        let Headers { layout: HeaderLayout::Tcp { at }, known, packet, .. } = self.headers.get(self.hot)? else {
            return None;
        };
        let start = frame.data.first_chunk().filter(|_| frame.link_type == LinkType::ETHERNET)?;
        if !self.headers.get(self.hot)?.are_in(start) {
            return None;
        }
        let (fingerprint, segment, missing) = in_ipv4(frame, *at)?;
        let check = transport::tcp_check(segment);
        let (tcp, payload, missing) = transport::tcp(segment, missing);
        let Dissected { transport, ether_type, .. } = *packet;
        Some((*known, PacketBody { transport, ether_type, fingerprint, check, tcp, payload, missing }))
    }

    /// Looks for headers among those that were not found last.
    #[inline(never)]
    fn turn_to(&mut self, start: &[u8; COMPARED]) -> Option<()> {
        self.hot = self.headers.iter().position(|headers| headers.are_in(start))?;
        Some(())
    }

    /// Tells the flow of a frame once more of the headers that it repeats: `note` is given them as they were dissected, and
    /// gives the epoch of the flow's facts. Says whether they are still remembered.
    #[cold]
    pub(crate) fn note_again(&mut self, frame: &Frame<'_>, note: impl FnOnce(&Dissected<'_>) -> u64) -> bool {
        let Some(start) = frame.data.first_chunk() else { return false };
        let Some(headers) = self.headers.iter_mut().find(|headers| headers.are_in(start)) else { return false };
        headers.known.epoch = note(&headers.packet);
        true
    }

    /// Records a frame that was dissected, and its flow.
    #[inline]
    pub(crate) fn note(&mut self, frame: &Frame<'_>, packet: &Dissected<'_>, known: CachedFlow) {
        if self.dissected.contains(&Some(known.flow)) {
            self.remember(frame, packet, known);
        }
        self.turn = (self.turn + 1) % REMEMBERED;
        self.dissected[self.turn] = Some(known.flow);
    }

    fn remember(&mut self, frame: &Frame<'_>, packet: &Dissected<'_>, known: CachedFlow) {
        let (Some(layout), Some(bytes)) = (HeaderLayout::of(frame, packet), frame.data.first_chunk()) else { return };
        let (mask, now) = (layout.mask(), words(bytes));
        let masked = std::array::from_fn(|place| now[place] & mask[place]);
        let packet = Dissected { payload: &[], tcp: None, ..*packet };
        let headers = Headers { masked, mask, layout, known, packet };
        if self.headers.len() < REMEMBERED {
            self.headers.push(headers);
        } else if let Some(oldest) = self.headers.get_mut(self.turn) {
            *oldest = headers;
        }
    }

    /// Forgets everything: a flow is gone.
    pub(crate) fn clear(&mut self) {
        self.headers.clear();
        self.dissected = [None; REMEMBERED];
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    use super::super::dissect;
    use super::*;

    fn frame(data: &[u8]) -> Frame<'_> {
        let original_length = data.len() as u32 + 3;
        Frame { number: 1, time: None, link_type: LinkType::ETHERNET, interface: 0, original_length, data }
    }

    fn dissected<'a>(frame: &Frame<'a>) -> Dissected<'a> {
        let mut packet = Dissected::new(frame);
        let _ = dissect(frame, &mut packet);
        packet
    }

    fn known(flow: usize) -> CachedFlow {
        CachedFlow { flow, transport: 0, epoch: 1 }
    }

    /// The flow of a frame that repeats headers, where all that is known of it is what dissection says.
    fn find(repeats: &mut HeaderCache, frame: &Frame<'_>) -> Option<usize> {
        let (known, content) = repeats.find(frame)?;
        let packet = dissected(frame);
        assert_eq!(format!("{content:?}"), format!("{:?}", packet.content()));
        let facts = |packet: &Dissected<'_>| {
            let ip = packet.ip.map(|ip| (ip.dscp, ip.ttl));
            (packet.flow_key(), packet.src_mac, packet.dst_mac, ip)
        };
        let is_known = repeats.note_again(frame, |headers| {
            assert_eq!(facts(headers), facts(&packet));
            known.epoch
        });
        assert!(is_known);
        Some(known.flow)
    }

    /// UDP and TCP, with and without a tag; PROFINET likewise.
    fn bases() -> Vec<Vec<u8>> {
        let ethernet = || PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let tag = || etherparse::VlanId::try_new(100).unwrap();
        let (mut plain, mut tagged) = (Vec::new(), Vec::new());
        ethernet().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(5000, 5001).write(&mut plain, &[7; 40]).unwrap();
        let builder = ethernet().single_vlan(tag()).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        builder.udp(5000, 5001).write(&mut tagged, &[7; 40]).unwrap();
        let mut tcp = Vec::new();
        ethernet().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(80, 5001, 9, 100).write(&mut tcp, &[7; 40]).unwrap();
        let layer_2 = [&plain[..12], &[0x88, 0x92], &plain[14..]].concat();
        let tagged_layer_2 = [&tagged[..16], &[0x88, 0xA4], &tagged[18..]].concat();
        vec![plain, tagged, tcp, layer_2, tagged_layer_2]
    }

    /// A memory that has seen all bases, each in a flow of its own.
    fn memory(bases: &[Vec<u8>], flow_of: usize) -> HeaderCache {
        let mut repeats = HeaderCache::default();
        for _ in 0..2 {
            repeats.note(&frame(&bases[flow_of]), &dissected(&frame(&bases[flow_of])), known(flow_of));
        }
        repeats
    }

    #[test]
    fn a_flow_is_known_from_its_second_frame_on() {
        let bases = bases();
        for (flow, base) in bases.iter().enumerate() {
            let mut repeats = HeaderCache::default();
            for found in [None, None, Some(flow)] {
                let frame = frame(base);
                assert_eq!(find(&mut repeats, &frame), found, "{flow}");
                repeats.note(&frame, &dissected(&frame), known(flow));
            }
        }
    }

    #[test]
    fn as_many_flows_as_are_remembered_may_take_turns() {
        let bases = bases();
        let mut repeats = HeaderCache::default();
        let mut found = 0;
        for _ in 0..10 {
            for (flow, base) in bases.iter().enumerate().take(REMEMBERED) {
                let frame = frame(base);
                match find(&mut repeats, &frame) {
                    Some(place) => {
                        assert_eq!(place, flow);
                        found += 1;
                    }
                    None => repeats.note(&frame, &dissected(&frame), known(flow)),
                }
            }
        }
        assert_eq!(found, 8 * REMEMBERED);
    }

    proptest! {
        /// Whatever is changed in a frame: where it is taken for a repetition, dissection says the same of it.
        #[test]
        fn a_repetition_is_what_dissection_makes_of_it(
            base in 0..5_usize,
            changes in proptest::collection::vec((0..60_usize, any::<u8>()), 0..4),
            length in 0..100_usize,
        ) {
            let bases = bases();
            let mut data = bases[base].clone();
            for (at, byte) in changes {
                if let Some(slot) = data.get_mut(at) {
                    *slot = byte;
                }
            }
            data.truncate(length.max(20));
            let frame = frame(&data);
            if let Some(flow) = find(&mut memory(&bases, base), &frame) {
                prop_assert_eq!(flow, base);
            }
        }

        /// Counters and checksums may change, and the repetition is still recognised.
        #[test]
        fn counters_and_checksums_are_no_difference(base in 0..3_usize, identification in any::<u16>(), sum in any::<u16>()) {
            let bases = bases();
            let mut data = bases[base].clone();
            let at = if base == 1 { 18 } else { 14 };
            data[at + 4..at + 6].copy_from_slice(&identification.to_be_bytes());
            data[at + 10..at + 12].copy_from_slice(&sum.to_be_bytes());
            let frame = frame(&data);
            prop_assert_eq!(find(&mut memory(&bases, base), &frame), Some(base));
        }
    }
}

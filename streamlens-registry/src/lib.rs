#![doc = include_str!("../README.md")]

use std::collections::BTreeMap;
use std::sync::Arc;

use streamlens_decoders::{Carrier, Confidence, StreamDecoder};
use streamlens_model::{Packet, Transport};

mod builtins;

/// Encodings that refine the one of a built-in decoder.
const REFINEMENTS: [(&str, &str); 12] = [
    ("ST2110-20", "RTP"),
    ("ST2110-22", "RTP"),
    ("ST2110-30", "RTP"),
    ("ST2110-31", "RTP"),
    ("ST2110-40", "RTP"),
    ("ST2022-1", "RTP"),
    ("ST2022-2", "RTP"),
    ("ST2022-5", "RTP"),
    ("ST2022-6", "RTP"),
    ("AES67", "RTP"),
    ("MPEG-TS", "RTP"),
    ("SRTCP", "RTCP"),
];

/// A decoder's place in its registry, in order of registration. Stable while nothing is registered or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecoderIndex(pub u16);

/// A decoder with the confidence it has in a payload.
#[derive(Clone, Copy, Debug)]
pub struct Ranked {
    /// Which decoder.
    pub index: DecoderIndex,
    /// How sure it is.
    pub confidence: Confidence,
}

/// The decoders of an analysis. A value that is passed in: there is no global one.
#[derive(Clone, Default)]
pub struct DecoderRegistry {
    decoders: Vec<Arc<dyn StreamDecoder>>,
    /// Those for UDP, which brings nearly all payloads that decoders are asked for.
    udp: Carried,
    /// Those for other carriers.
    others: BTreeMap<Carrier, Carried>,
    /// What the engine asks of each while frames flow, in the order of the decoders.
    properties: Vec<Properties>,
    /// Those that have announcement ports.
    inspecting: Vec<DecoderIndex>,
    /// The announcement ports of all.
    announcement_ports: Vec<u16>,
}

/// What is derived from a decoder once.
#[derive(Clone, Copy)]
struct Properties {
    publishes: bool,
    /// Whether a flow of it can be decoded by itself, at any time: it publishes nothing and has no conversation monitor.
    is_deferrable: bool,
}

impl Properties {
    fn of(decoder: &dyn StreamDecoder) -> Self {
        let publishes = decoder.info().publishes;
        Self { publishes, is_deferrable: !publishes && decoder.conversation_monitor().is_none() }
    }
}

/// The decoders that a carrier may bring payloads for, in order of registration.
#[derive(Clone, Default)]
struct Carried {
    all: Vec<DecoderIndex>,
    /// Those whose flows have to be decoded when their frames come.
    immediate: Vec<DecoderIndex>,
}

impl Carried {
    fn add(&mut self, index: DecoderIndex, properties: Properties) {
        self.all.push(index);
        if !properties.is_deferrable {
            self.immediate.push(index);
        }
    }
}

impl DecoderRegistry {
    /// A registry without decoders.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry with the built-in decoders.
    #[must_use]
    pub fn with_builtins() -> Self {
        let mut registry = Self::new();
        builtins::all().into_iter().for_each(|decoder| registry.push(decoder));
        registry
    }

    /// Registers a decoder behind those that are there. One with the same encoding name is replaced, in its place.
    pub fn register(&mut self, decoder: impl StreamDecoder + 'static) {
        self.push(Arc::new(decoder));
    }

    /// Registers a decoder before those that are there, so that it wins where confidences are equal. One with the
    /// same encoding name is taken out.
    pub fn register_first(&mut self, decoder: impl StreamDecoder + 'static) {
        self.remove(&decoder.info().name);
        self.decoders.insert(0, Arc::new(decoder));
        self.reindex();
    }

    /// Takes out the decoder of that encoding name (letter case does not matter); false where there is none.
    pub fn remove(&mut self, encoding_name: &str) -> bool {
        let before = self.decoders.len();
        self.decoders.retain(|decoder| !is_called(decoder.as_ref(), encoding_name));
        self.reindex();
        self.decoders.len() < before
    }

    fn push(&mut self, decoder: Arc<dyn StreamDecoder>) {
        let same = self.decoders.iter_mut().find(|known| is_called(known.as_ref(), &decoder.info().name));
        match same {
            Some(known) => *known = decoder,
            None => self.decoders.push(decoder),
        }
        self.reindex();
    }

    fn reindex(&mut self) {
        let Self { decoders, udp, others, properties, inspecting, announcement_ports } = self;
        (*udp, *others) = (Carried::default(), BTreeMap::new());
        properties.clear();
        inspecting.clear();
        announcement_ports.clear();
        for (index, decoder) in (0..).map(DecoderIndex).zip(decoders) {
            let (info, own) = (decoder.info(), Properties::of(decoder.as_ref()));
            properties.push(own);
            if !info.announcement_ports.is_empty() {
                inspecting.push(index);
                announcement_ports.extend(info.announcement_ports.iter());
            }
            for &carrier in info.carriers.iter() {
                let carried = if carrier == Carrier::Udp { &mut *udp } else { others.entry(carrier).or_default() };
                carried.add(index, own);
            }
        }
    }

    /// The decoders in order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &dyn StreamDecoder> {
        self.decoders.iter().map(Arc::as_ref)
    }

    /// The names of all encodings that a result may have: those of the decoders, and those that refine them, with what they
    /// refine.
    ///
    /// ```
    /// use streamlens_registry::DecoderRegistry;
    /// let registry = DecoderRegistry::with_builtins();
    /// assert!(registry.encodings().any(|named| named == ("AES67", Some("RTP"))));
    /// assert!(registry.encodings().any(|named| named == ("PTP", None)));
    /// ```
    pub fn encodings(&self) -> impl Iterator<Item = (&str, Option<&'static str>)> {
        let own = self.iter().map(|decoder| (&*decoder.info().name, None));
        let refined = REFINEMENTS.iter().filter(|(_, base)| self.get(base).is_some());
        own.chain(refined.map(|(name, base)| (*name, Some(*base))))
    }

    /// Number of decoders.
    #[must_use]
    pub fn len(&self) -> usize {
        self.decoders.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.decoders.is_empty()
    }

    /// The decoder of that encoding name (letter case does not matter).
    #[must_use]
    pub fn get(&self, encoding_name: &str) -> Option<&dyn StreamDecoder> {
        self.position(encoding_name).and_then(|index| self.decoder(index))
    }

    /// The index of the decoder of that encoding name (letter case does not matter).
    #[must_use]
    pub fn position(&self, encoding_name: &str) -> Option<DecoderIndex> {
        let place = self.decoders.iter().position(|decoder| is_called(decoder.as_ref(), encoding_name))?;
        u16::try_from(place).ok().map(DecoderIndex)
    }

    /// The decoder at an index.
    #[must_use]
    #[inline]
    pub fn decoder(&self, index: DecoderIndex) -> Option<&dyn StreamDecoder> {
        self.decoders.get(usize::from(index.0)).map(Arc::as_ref)
    }

    /// The decoders that a carrier may bring payloads for, in order of registration.
    #[must_use]
    #[inline]
    pub fn for_carrier(&self, carrier: Carrier) -> &[DecoderIndex] {
        self.carried(carrier).map_or(&[], |carried| &carried.all)
    }

    #[inline]
    fn carried(&self, carrier: Carrier) -> Option<&Carried> {
        if carrier == Carrier::Udp { Some(&self.udp) } else { self.others.get(&carrier) }
    }

    /// The decoders that [inspect](StreamDecoder::inspect_foreign) a datagram of other protocols, by its ports.
    pub fn inspecting(&self, packet: &Packet<'_>) -> impl Iterator<Item = (DecoderIndex, &dyn StreamDecoder)> {
        let ports = [packet.flow.src.port, packet.flow.dst.port];
        let all = if self.is_inspected(packet) { self.inspecting.as_slice() } else { &[] };
        all.iter().filter_map(|&index| Some((index, self.decoder(index)?))).filter(move |(_, decoder)| {
            decoder.info().announcement_ports.iter().any(|&port| ports.contains(&Some(port)))
        })
    }

    /// Whether any decoder inspects a packet of other protocols.
    #[inline]
    fn is_inspected(&self, packet: &Packet<'_>) -> bool {
        packet.transport == Transport::UDP && self.announcement_ports.iter().any(|&port| packet.has_port(port))
    }

    /// Whether the decoder says that it [publishes](streamlens_decoders::DecoderInfo::publishes) PDUs.
    #[must_use]
    #[inline]
    pub fn publishes(&self, index: DecoderIndex) -> bool {
        self.properties.get(usize::from(index.0)).is_some_and(|properties| properties.publishes)
    }

    /// Whether the flows of a decoder can each be decoded by themselves, at any time: it publishes nothing and has no
    /// conversation monitor.
    #[must_use]
    pub fn is_deferrable(&self, index: DecoderIndex) -> bool {
        self.properties.get(usize::from(index.0)).is_some_and(|properties| properties.is_deferrable)
    }

    /// Whether a packet may be decoded later than those of other flows: only [deferrable](Self::is_deferrable) decoders
    /// have a claim to it, and none inspects it.
    #[must_use]
    pub fn may_wait(&self, packet: &Packet<'_>) -> bool {
        let carried = carrier_of(packet.transport, packet.ether_type).and_then(|carrier| self.carried(carrier));
        let immediate = carried.into_iter().flat_map(|carried| &carried.immediate);
        let mut immediate = immediate.filter_map(|&index| self.decoder(index));
        !self.is_inspected(packet) && !immediate.any(|decoder| decoder.can_decode(packet).is_some())
    }

    /// Fills `ranked` with every decoder whose confidence in the packet is above 0, best first, ties in order of
    /// registration.
    pub fn rank(&self, packet: &Packet<'_>, ranked: &mut Vec<Ranked>) {
        ranked.clear();
        let Some(carrier) = carrier_of(packet.transport, packet.ether_type) else { return };
        for &index in self.for_carrier(carrier) {
            let Some(decoder) = self.decoder(index) else { continue };
            let confidence = decoder.can_decode(packet);
            if confidence.is_some() {
                ranked.push(Ranked { index, confidence });
            }
        }
        // stable, so that ties stay in order of registration; confidences are never NaN
        ranked.sort_by(|a, b| b.confidence.value().total_cmp(&a.confidence.value()));
    }

    /// Every decoder whose confidence in the packet is above 0, best first, ties in order of registration.
    #[must_use]
    pub fn find_decoders(&self, packet: &Packet<'_>) -> Vec<(&dyn StreamDecoder, Confidence)> {
        let mut ranked = Vec::new();
        self.rank(packet, &mut ranked);
        ranked.iter().filter_map(|rank| Some((self.decoder(rank.index)?, rank.confidence))).collect()
    }
}

/// Whether a decoder has that encoding name (letter case does not matter).
fn is_called(decoder: &dyn StreamDecoder, encoding_name: &str) -> bool {
    decoder.info().name.eq_ignore_ascii_case(encoding_name)
}

/// The carrier that a transport is for decoders; `None` where there can be no decoder for it.
#[must_use]
#[inline]
pub fn carrier_of(transport: Transport, ether_type: Option<u16>) -> Option<Carrier> {
    match transport {
        Transport::UDP => Some(Carrier::Udp),
        Transport::TCP => Some(Carrier::Tcp),
        Transport::Ip(protocol) => Some(Carrier::IpProtocol(protocol)),
        Transport::Ethernet => ether_type.map(Carrier::EtherType),
        Transport::Chapter10File => Some(Carrier::Chapter10File),
        Transport::Link(_) => None,
    }
}

#[cfg(test)]
mod tests;

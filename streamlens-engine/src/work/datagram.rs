//! Payloads that stand alone: UDP datagrams, Ethernet payloads, those of other IP protocols.

use streamlens_decoders::{Confidence, Joined};
use streamlens_model::Packet;
use streamlens_registry::{DecoderIndex, carrier_of};

use super::PacketContext;
use crate::flow::{EncodingEntry, FrameFacts, Pdus, TransportEntry, parts};
use crate::identify::{IdentificationWindow, Identified, MIN_CONFIDENCE, own_decoder};

/// Encodings that are kept apart in one transport of a flow.
const MAX_ENCODINGS: usize = 8;

impl PacketContext<'_> {
    /// Offers a payload to the encoding that took the last one, and counts the frame where it takes this one too: nearly all
    /// payloads end here. `frame` brought it, with those `earlier` where it was put together.
    #[inline(always)]
    pub(crate) fn datagram(
        &mut self,
        transport: &mut TransportEntry,
        packet: &Packet<'_>,
        frame: &FrameFacts,
        earlier: &[FrameFacts],
    ) {
        self.scratch.pdus.clear();
        let current = usize::from(transport.current);
        if !packet.payload.is_empty() && self.offer(transport, current, packet, frame) {
            if !earlier.is_empty() {
                self.count_earlier(transport, current, earlier);
            }
            transport.count(frame, Some(current), &self.scratch.pdus, self.env.options.interval_ns);
        } else {
            self.reborrow().datagram_of_another(transport, packet, *frame, earlier);
        }
    }

    /// As [`Self::datagram`], where that encoding has not taken it, or there is nothing to take.
    #[inline(never)]
    fn datagram_of_another(
        mut self,
        transport: &mut TransportEntry,
        packet: &Packet<'_>,
        frame: FrameFacts,
        earlier: &[FrameFacts],
    ) {
        let mut place = None;
        if !packet.payload.is_empty() {
            place = self.offer_others(transport, packet, frame);
            match place {
                Some(place) => transport.current = place as u8,
                None => place = self.unknown(transport, packet, frame, earlier),
            }
            match place {
                Some(place) => self.count_earlier(transport, place, earlier),
                None => {
                    packet.ether_type.into_iter().for_each(|kind| transport.foreign_types.note(kind));
                    self.inspect_foreign(packet, frame);
                }
            }
        }
        transport.count(&frame, place, &self.scratch.pdus, self.env.options.interval_ns);
    }

    /// Offers a payload to all encodings of the flow but the one that took the last.
    fn offer_others(
        &mut self,
        transport: &mut TransportEntry,
        packet: &Packet<'_>,
        frame: FrameFacts,
    ) -> Option<usize> {
        let (current, count) = (usize::from(transport.current), transport.encodings.len());
        (current + 1..count).chain(0..current.min(count)).find(|&place| self.offer(transport, place, packet, &frame))
    }

    /// Offers a payload to one of the flow's encodings, and says whether it took it.
    #[inline(always)]
    fn offer(&mut self, transport: &mut TransportEntry, place: usize, packet: &Packet<'_>, frame: &FrameFacts) -> bool {
        let Some(encoding) = transport.encodings.get_mut(place) else { return false };
        if packet.ether_type != encoding.ether_type && !self.carries(packet, encoding.decoder) {
            return false;
        }
        let is_taken = self.take(encoding, packet, frame);
        if is_taken {
            encoding.ether_type = packet.ether_type;
        }
        is_taken
    }

    /// Counts the frames of a reassembled payload for the encoding, all but the last.
    fn count_earlier(&self, transport: &mut TransportEntry, place: usize, earlier: &[FrameFacts]) {
        earlier.iter().for_each(|&frame| {
            transport.count_again(frame, place, &Pdus::default(), self.env.options.interval_ns);
        });
    }

    fn carries(&self, packet: &Packet<'_>, decoder: DecoderIndex) -> bool {
        packet.ether_type.is_none()
            || carrier_of(packet.transport, packet.ether_type)
                .is_some_and(|carrier| self.env.registry.for_carrier(carrier).contains(&decoder))
    }

    /// The decoder that the user has named for this packet.
    pub(super) fn pinned(&self, transport: &TransportEntry, packet: &Packet<'_>) -> Option<Identified> {
        if !transport.encodings.is_empty() {
            return None;
        }
        let rule = self.env.options.decode_as.iter().find(|rule| (rule.selector)(packet.flow, packet.transport))?;
        let decoder = self.env.registry.position(&rule.encoding_name)?;
        Some(Identified { decoder, confidence: Confidence::new(1.0, "told by the user"), preferred_to: None })
    }

    /// A payload that none of the flow's encodings takes.
    fn unknown(
        &mut self,
        transport: &mut TransportEntry,
        packet: &Packet<'_>,
        frame: FrameFacts,
        earlier: &[FrameFacts],
    ) -> Option<usize> {
        let carrier = carrier_of(packet.transport, packet.ether_type)?;
        if self.env.registry.for_carrier(carrier).is_empty() {
            return None;
        }
        if let Some(pinned) = self.pinned(transport, packet) {
            return self.identify(transport, IdentificationWindow::default(), pinned, packet, frame);
        }
        transport.unclaimed += 1;
        if let Some(encoding) = transport.encodings.get_mut(usize::from(transport.current)) {
            encoding.refused += 1;
        }
        let scratch = &mut *self.scratch;
        self.env.registry.rank(packet, &mut scratch.ranked);
        scratch.ranked.retain(|rank| transport.encodings.iter().all(|known| known.decoder != rank.index));
        let mut young = match transport.young.take() {
            Some(young) => young,
            None if transport.encodings.len() >= MAX_ENCODINGS => return None,
            // a flow whose identification window is over is young again when somebody has a claim
            None if transport.unclaimed > 1 && scratch.ranked.is_empty() => return None,
            None => Box::new(IdentificationWindow::new(transport.unclaimed > 1)),
        };
        let at_once = match self.joined_length(packet) {
            Some(length) => self.weigh_parts(transport, &mut young, packet, length),
            None => {
                let scratch = &mut *self.scratch;
                young.weigh(packet, self.env.registry, &scratch.ranked, &mut scratch.result)
            }
        };
        if let Some(identified) = at_once {
            transport.unclaimed -= 1;
            return self.identify(transport, *young, identified, packet, frame);
        }
        young.hold(packet, frame, earlier, !self.scratch.ranked.is_empty());
        if !young.is_over() {
            transport.young = Some(young);
            return None;
        }
        let Some(identified) = young.best(MIN_CONFIDENCE) else {
            transport.candidates = young.candidates(None);
            return None;
        };
        // the payload at hand is taken below, not replayed
        young.release_last(packet);
        transport.unclaimed -= 1;
        self.identify(transport, *young, identified, packet, frame)
    }

    /// The length of the parts of a joined datagram, where any decoder sees that it is one.
    fn joined_length(&self, packet: &Packet<'_>) -> Option<usize> {
        let carrier = carrier_of(packet.transport, packet.ether_type).filter(|_| packet.missing == 0)?;
        let decoders = self.env.registry.for_carrier(carrier).iter();
        decoders.filter_map(|&index| self.env.registry.decoder(index)).find_map(|decoder| {
            match decoder.joined(packet.payload) {
                Joined::Parts(length) => Some(length),
                Joined::One | Joined::Unclear => None,
            }
        })
    }

    /// Weighs each part of a joined datagram.
    fn weigh_parts(
        &mut self,
        transport: &TransportEntry,
        young: &mut IdentificationWindow,
        whole: &Packet<'_>,
        length: usize,
    ) -> Option<Identified> {
        let scratch = &mut *self.scratch;
        parts(whole, length).find_map(|part| {
            self.env.registry.rank(&part, &mut scratch.ranked);
            scratch.ranked.retain(|rank| transport.encodings.iter().all(|known| known.decoder != rank.index));
            young.weigh(&part, self.env.registry, &scratch.ranked, &mut scratch.result)
        })
    }

    /// Lets decoders inspect a datagram that is not theirs.
    fn inspect_foreign(&mut self, packet: &Packet<'_>, frame: FrameFacts) {
        for (index, decoder) in self.env.registry.inspecting(packet) {
            let result = &mut self.scratch.result;
            result.clear();
            decoder.inspect_foreign(packet, result);
            if self.env.registry.publishes(index) {
                self.outbox.take(result, index, packet.flow, frame.at);
            }
        }
    }

    /// Adds the encoding, replays what was held, and takes the payload at hand.
    fn identify(
        &mut self,
        transport: &mut TransportEntry,
        young: IdentificationWindow,
        identified: Identified,
        packet: &Packet<'_>,
        frame: FrameFacts,
    ) -> Option<usize> {
        let place = self.add_encoding(transport, &young, &identified, packet, frame.at.frame)?;
        self.replay(transport, place, young, packet);
        self.scratch.pdus.clear();
        let encoding = transport.encodings.get_mut(place)?;
        if self.take_slowly(encoding, packet, frame) {
            transport.current = place as u8;
            return Some(place);
        }
        // what the shared decoder took, the decoder of the flow may refuse; without any frame there is no encoding
        if encoding.packets == 0 {
            self.drop_last_encoding(transport);
        }
        transport.unclaimed += 1;
        None
    }

    /// Adds an encoding for a decoder that is believed.
    pub(super) fn add_encoding(
        &mut self,
        transport: &mut TransportEntry,
        young: &IdentificationWindow,
        identified: &Identified,
        packet: &Packet<'_>,
        at_frame: u64,
    ) -> Option<usize> {
        let decoder = self.env.registry.decoder(identified.decoder)?;
        let confidence = identified.confidence.value();
        let own = own_decoder(decoder, packet.flow, confidence);
        let mut encoding = EncodingEntry::new(identified.decoder, own);
        encoding.confidence = confidence;
        encoding.reason = identified.confidence.reason();
        encoding.preferred_to = identified.preferred_to;
        encoding.identified_at = at_frame;
        encoding.counted_from_start = !young.is_late;
        encoding.conversation = self.conversations.place(packet.flow, identified.decoder, decoder);
        transport.candidates = young.candidates(Some(identified.decoder));
        Some(transport.add_encoding(encoding))
    }

    /// Lets an encoding take the datagrams that were held.
    pub(crate) fn replay(
        &mut self,
        transport: &mut TransportEntry,
        place: usize,
        young: IdentificationWindow,
        like: &Packet<'_>,
    ) {
        let interval_ns = self.env.options.interval_ns;
        for held in young.held {
            let Some(encoding) = transport.encodings.get_mut(place) else { return };
            let Some((&last, earlier)) = held.frames.split_last() else { continue };
            let packet = held.packet(like);
            self.scratch.pdus.clear();
            if self.take_slowly(encoding, &packet, last) {
                transport.unclaimed = transport.unclaimed.saturating_sub(1);
                self.count_earlier(transport, place, earlier);
                transport.count_again(last, place, &self.scratch.pdus, interval_ns);
            }
        }
        transport.share_if_whole();
    }

    /// The end of a flow's window when no more payloads come: what is likely enough is believed, and replayed.
    pub(crate) fn conclude(&mut self, transport: &mut TransportEntry, like: &Packet<'_>) {
        let Some(young) = transport.young.take() else { return };
        let Some(identified) = young.best(MIN_CONFIDENCE) else {
            transport.candidates = young.candidates(None);
            return;
        };
        let at_frame = young.held.last().and_then(|held| held.frames.last()).map_or(0, |frame| frame.at.frame);
        let Some(place) = self.add_encoding(transport, &young, &identified, like, at_frame) else { return };
        self.replay(transport, place, *young, like);
        if transport.encodings.get(place).is_some_and(|encoding| encoding.packets == 0) {
            self.drop_last_encoding(transport);
        }
    }

    fn drop_last_encoding(&mut self, transport: &mut TransportEntry) {
        let conversation = transport.drop_last_encoding().and_then(|encoding| encoding.conversation);
        conversation.into_iter().for_each(|place| self.conversations.leave(place));
    }
}

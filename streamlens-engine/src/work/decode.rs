//! Taking PDUs off a payload, and noting what the decoder says of each.
//!
//! What lies on the path of every packet is told to be inlined there, and callers beside that path have entries of their own:
//! in one piece it takes a tenth fewer instructions, and the optimiser's choice varies between builds.

use streamlens_decoders::{DecodeError, DecodingResult, ObservedPdu, PduState, StreamMark};
use streamlens_model::{Occurrence, Packet, Timestamp};
use streamlens_registry::DecoderRegistry;

use super::PacketContext;
use crate::flow::{EncodingEntry, FrameFacts, IntervalSeries, LISTS_FRAMES, Pdu, parts};
use crate::health::{Arrival, LossChange};
use crate::identify::own_decoder;

/// Asks the decoder of the flow where there is one, else the shared one.
#[inline(always)]
pub(super) fn decode(
    encoding: &mut EncodingEntry,
    registry: &DecoderRegistry,
    packet: &Packet<'_>,
    result: &mut DecodingResult,
) -> Result<usize, DecodeError> {
    result.clear();
    if let Some(own) = &mut encoding.flow_decoder {
        return own.decode_packet(packet, result);
    }
    match registry.decoder(encoding.decoder) {
        Some(decoder) => decoder.decode_packet(packet, result),
        None => Err(DecodeError::Refused { protocol: "", reason: "the decoder is not registered" }),
    }
}

impl PacketContext<'_> {
    /// Takes all PDUs off a datagram. Says whether it is of this encoding: then its PDUs are in `scratch.pdus`.
    #[inline(always)]
    pub(super) fn take(&mut self, encoding: &mut EncodingEntry, whole: &Packet<'_>, frame: &FrameFacts) -> bool {
        if encoding.interface != Some(frame.interface) {
            let (decoder, confidence) = (self.env.registry.decoder(encoding.decoder), encoding.confidence);
            encoding.turn_to_interface(frame.interface, || own_decoder(decoder?, whole.flow, confidence));
        }
        if !encoding.joined.is_single(whole)
            && let Some(decoder) = self.env.registry.decoder(encoding.decoder)
            && let Some(length) = encoding.joined.parts(whole, decoder)
        {
            return self.reborrow().take_parts(encoding, whole, length, *frame);
        }
        self.take_one(encoding, whole, frame)
    }

    /// Takes the parts of a joined datagram, each as a datagram of its own.
    #[inline(never)]
    fn take_parts(
        mut self,
        encoding: &mut EncodingEntry,
        whole: &Packet<'_>,
        length: usize,
        frame: FrameFacts,
    ) -> bool {
        let taken = encoding.taken;
        for part in parts(whole, length) {
            self.take_one(encoding, &part, &frame);
        }
        encoding.taken > taken
    }

    /// Takes all PDUs off a datagram that is none of several joined ones, or one of those.
    #[inline(always)]
    fn take_one(&mut self, encoding: &mut EncodingEntry, whole: &Packet<'_>, frame: &FrameFacts) -> bool {
        match decode(encoding, self.env.registry, whole, &mut self.scratch.result) {
            Ok(taken) if taken > 0 => {
                self.note_pdu(encoding, whole, taken, frame);
                // most datagrams are one PDU
                if taken < whole.payload.len() {
                    self.reborrow().take_others(encoding, whole, taken, *frame);
                }
            }
            Ok(_) | Err(DecodeError::Refused { .. }) => return false,
            Err(_) => encoding.malformed += 1,
        }
        encoding.taken += 1;
        true
    }

    /// Takes the PDUs that begin here, behind the first of a datagram.
    #[inline(never)]
    fn take_others(mut self, encoding: &mut EncodingEntry, whole: &Packet<'_>, mut at: usize, frame: FrameFacts) {
        while let Some(payload) = whole.payload.get(at..).filter(|rest| !rest.is_empty()) {
            let packet = Packet { payload, offset: at, ..*whole };
            match decode(encoding, self.env.registry, &packet, &mut self.scratch.result) {
                Ok(taken) if taken > 0 => {
                    self.note_pdu(encoding, &packet, taken, &frame);
                    at += taken;
                }
                // bytes behind the last PDU that are nothing of the protocol's
                Ok(_) | Err(DecodeError::Refused { .. }) => return,
                Err(_) => {
                    encoding.malformed += 1;
                    return;
                }
            }
        }
    }

    /// As [`Self::take`], off the packet path.
    #[inline(never)]
    pub(super) fn take_slowly(&mut self, encoding: &mut EncodingEntry, whole: &Packet<'_>, frame: FrameFacts) -> bool {
        self.take(encoding, whole, &frame)
    }

    /// Notes one PDU of `taken` bytes at the front of the packet.
    #[inline(always)]
    pub(super) fn note_pdu(
        &mut self,
        encoding: &mut EncodingEntry,
        packet: &Packet<'_>,
        taken: usize,
        frame: &FrameFacts,
    ) {
        let (result, interval_ns) = (&self.scratch.result, self.env.options.interval_ns);
        for mark in result.marks() {
            let arrival = match interval_ns {
                None => encoding.streams.push(mark, &frame.at, packet.time),
                Some(_) => push_counted(encoding, interval_ns, &frame.at, packet.time, mark),
            };
            encoding.follows += u64::from(arrival == Some(Arrival::InOrder));
            if matches!(arrival, Some(Arrival::Gap(_))) {
                encoding.joined.note_gap();
            }
        }
        if let Some(monitor) = encoding.conversation.and_then(|place| self.conversations.monitor_mut(place)) {
            monitor.observe(&ObservedPdu {
                at: Occurrence { frame: frame.at.frame, time: packet.time },
                flow: packet.flow,
                packet_type: result.packet_type,
                bytes: packet.payload.get(..taken).unwrap_or(packet.payload),
            });
        }
        if result.state != PduState::Unfinished {
            let length = result.pdu_length.unwrap_or_else(|| u32::try_from(taken).unwrap_or(u32::MAX));
            self.scratch.pdus.push(Pdu { kind: result.packet_type, length, state: result.state, within: None });
        }
        if result.has_more() {
            self.reborrow().note_more(encoding, packet, *frame);
        }
    }

    /// Notes what few PDUs have: faults, bytes that are handed on, PDUs inside.
    #[inline(never)]
    fn note_more(self, encoding: &mut EncodingEntry, packet: &Packet<'_>, frame: FrameFacts) {
        let result = &self.scratch.result;
        for flag in result.flags() {
            let log = encoding.findings.get_or_insert_default();
            log.add(flag.code, flag.severity, flag.stream, frame.at, || flag.text.to_string());
        }
        if self.env.registry.publishes(encoding.decoder) {
            let at = Occurrence { frame: frame.at.frame, time: packet.time };
            self.outbox.take(result, encoding.decoder, packet.flow, at);
        }
        if result.state != PduState::Unfinished {
            for &(kind, length) in result.nested() {
                let within = Some(result.packet_type);
                self.scratch.pdus.push(Pdu { kind, length, state: PduState::Whole, within });
            }
        }
    }
}

/// Pushes a mark to its stream, and notes what became of its number in intervals of time: packets and jitter in that of the
/// frame, what is missing in that of the packet that showed it, so that a late packet takes away what was counted there.
#[inline(never)]
fn push_counted(
    encoding: &mut EncodingEntry,
    interval_ns: Option<u64>,
    at: &Occurrence,
    time: Option<Timestamp>,
    mark: &StreamMark,
) -> Option<Arrival> {
    let (arrival, change) = encoding.streams.push_counted(mark, at, time);
    let Some((place, LossChange { numbers, shown })) = change else { return arrival };
    if interval_ns == Some(LISTS_FRAMES) {
        IntervalSeries::note_stream_of(&mut encoding.series, at.frame, place as u32);
        return arrival;
    }
    let Some(stream) = encoding.streams.get(place) else { return arrival };
    let (jitter, is_carrier) = (stream.clock.as_ref().and_then(|clock| clock.jitter_ns()), stream.id.is_carrier());
    let (series, place) = (&mut encoding.series, place as u32);
    let lost = mark.sequence.map(|_| 0);
    let packets = u64::from(arrival != Some(Arrival::Repeat));
    IntervalSeries::note_health(series, interval_ns, at.time, (lost, is_carrier), jitter.map(|nanos| (place, nanos)));
    IntervalSeries::note_stream(series, interval_ns, at.time, place, (packets, lost, jitter));
    if numbers != 0 {
        IntervalSeries::note_health(series, interval_ns, shown.time, (Some(numbers), is_carrier), None);
        IntervalSeries::note_stream(series, interval_ns, shown.time, place, (0, Some(numbers), None));
    }
    arrival
}

//! Taking PDUs off a payload, and noting what the decoder says of each.
//!
//! What lies on the path of every packet is told to be inlined there, and callers beside that path have entries of their own:
//! in one piece it takes a tenth fewer instructions, and left to itself the compiler makes now one piece of it, now many.

use streamlens_decoders::{DecodeError, DecodingResult, ObservedPdu, PduState};
use streamlens_model::Packet;
use streamlens_registry::DecoderRegistry;

use super::Work;
use crate::flow::{EncodingEntry, FrameFacts, Pdu, Series};
use crate::health::Arrival;

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

impl Work<'_> {
    /// Takes all PDUs off a datagram. Says whether it is of this encoding: then its PDUs are in `scratch.pdus`.
    #[inline(always)]
    pub(super) fn take(&mut self, encoding: &mut EncodingEntry, whole: &Packet<'_>, frame: &FrameFacts) -> bool {
        let (mut at, mut packet, mut rest) = (0, whole, None);
        while at < whole.payload.len() {
            match decode(encoding, self.env.registry, packet, &mut self.scratch.result) {
                Ok(taken) if taken > 0 => {
                    self.note_pdu(encoding, packet, taken, frame);
                    at += taken;
                }
                Ok(_) | Err(DecodeError::Refused { .. }) if at == 0 => return false,
                // bytes behind the last PDU that are nothing of the protocol's
                Ok(_) | Err(DecodeError::Refused { .. }) => break,
                Err(_) => {
                    encoding.malformed += 1;
                    break;
                }
            }
            // most datagrams are one PDU
            if at < whole.payload.len() {
                let payload = whole.payload.get(at..).unwrap_or_default();
                packet = rest.insert(Packet { payload, offset: at, ..*whole });
            }
        }
        encoding.taken += 1;
        true
    }

    /// As [`Self::take`], off the packet path.
    #[inline(never)]
    pub(super) fn take_slowly(&mut self, encoding: &mut EncodingEntry, whole: &Packet<'_>, frame: &FrameFacts) -> bool {
        self.take(encoding, whole, frame)
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
            let arrival = encoding.streams.push(mark, frame.at, frame.is_copy);
            encoding.follows += u64::from(arrival == Some(Arrival::InOrder));
            if interval_ns.is_some() {
                let lost = match arrival {
                    Some(Arrival::Gap(numbers)) => numbers.cast_signed(),
                    Some(Arrival::Reordered(_)) => -1,
                    _ => 0,
                };
                let jitter = encoding.streams.latest_jitter_ns();
                Series::note_health(&mut encoding.series, interval_ns, frame.at.time, lost, jitter);
            }
        }
        for flag in result.flags() {
            let log = encoding.findings.get_or_insert_default();
            log.add(flag.code, flag.severity, flag.stream, frame.at, || flag.text.to_string());
        }
        self.outbox.take(result, encoding.decoder, packet.flow, frame.at);
        if let Some(monitor) =
            encoding.conversation.and_then(|place| self.conversations.monitors.get_mut(place as usize))
        {
            monitor.observe(&ObservedPdu {
                at: frame.at,
                flow: packet.flow,
                packet_type: result.packet_type,
                bytes: packet.payload.get(..taken).unwrap_or(packet.payload),
            });
        }
        if result.state != PduState::Unfinished {
            let length = result.pdu_length.unwrap_or_else(|| u32::try_from(taken).unwrap_or(u32::MAX));
            self.scratch.pdus.push(Pdu { kind: result.packet_type, length, state: result.state, within: None });
            for &(kind, length) in result.nested() {
                let within = Some(result.packet_type);
                self.scratch.pdus.push(Pdu { kind, length, state: PduState::Whole, within });
            }
        }
    }
}

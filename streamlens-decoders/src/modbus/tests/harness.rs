//! Puts TCP streams together and feeds a decoder and its monitor, as far as these tests need.

use std::collections::BTreeMap;

use streamlens_model::{Endpoint, FlowKey, Occurrence, Packet};

use crate::testing::Captured;
use crate::{
    ConversationMonitor, DecodeError, DecodingResult, FlowDecoder, FlowReport, ObservedPdu, PacketType, PduState,
    StreamDecoder,
};

/// How sure one must be that a flow is of this protocol.
const SURE: f32 = 0.5;

struct Stream {
    next: Option<u32>,
    /// Segments that came too early, by distance of their sequence number.
    early: BTreeMap<u32, Captured>,
    buffer: Vec<u8>,
    doubt: f32,
    held: Vec<Captured>,
    decoder: Option<Box<dyn FlowDecoder>>,
    given_up: bool,
}

/// What became of a flow.
pub(super) struct Outcome {
    pub(super) flow: FlowKey,
    pub(super) types: BTreeMap<String, u64>,
    pub(super) report: FlowReport,
}

/// One analysis by one decoder.
pub(super) struct Session<'d> {
    decoder: &'d dyn StreamDecoder,
    streams: BTreeMap<FlowKey, Stream>,
    monitors: BTreeMap<(Endpoint, Endpoint), Box<dyn ConversationMonitor>>,
    types: BTreeMap<FlowKey, BTreeMap<PacketType, u64>>,
    identify: bool,
}

impl<'d> Session<'d> {
    /// `identify` is false where flows are known to be of this protocol.
    pub(super) fn new(decoder: &'d dyn StreamDecoder, identify: bool) -> Self {
        let (streams, monitors, types) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { decoder, streams, monitors, types, identify }
    }

    pub(super) fn segment(&mut self, segment: &Captured) {
        let stream = self.streams.entry(segment.flow).or_insert_with(|| Stream {
            next: None,
            early: BTreeMap::new(),
            buffer: Vec::new(),
            doubt: 1.0,
            held: Vec::new(),
            decoder: None,
            given_up: false,
        });
        let Some(sequence) = segment.tcp_sequence else { return self.bytes(segment.clone()) };
        let next = *stream.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next);
        if ahead < 1 << 16 {
            stream.early.insert(sequence, segment.clone());
        } else if ahead > u32::MAX - (1 << 16) {
            // Seen before, at least in part.
            let known = ahead.wrapping_neg() as usize;
            if let Some(rest) = segment.payload.get(known..).filter(|rest| !rest.is_empty()) {
                let again = Captured { tcp_sequence: Some(next), payload: rest.to_vec(), ..segment.clone() };
                return self.segment(&again);
            }
        } else {
            // Another stream altogether, or damage: it begins anew.
            stream.next = Some(sequence);
            stream.buffer.clear();
            stream.early.insert(sequence, segment.clone());
        }
        while let Some(stream) = self.streams.get_mut(&segment.flow)
            && let Some(next) = stream.next
            && let Some(ready) = stream.early.remove(&next)
        {
            stream.next = Some(next.wrapping_add(ready.payload.len() as u32));
            self.bytes(Captured { frame: segment.frame, time: segment.time, ..ready });
        }
    }

    fn bytes(&mut self, segment: Captured) {
        let stream = self.streams.get_mut(&segment.flow).expect("made before");
        if stream.given_up {
            return;
        }
        if stream.decoder.is_none() {
            stream.held.push(segment.clone());
            stream.buffer.extend_from_slice(&segment.payload);
            let whole = packet(&segment, &stream.buffer);
            let confidence = if self.identify { self.decoder.can_decode(&whole).value() } else { 1.0 };
            // As the engine weighs: the best payload decides, others that decode add to it, refusals halve it.
            match self.decoder.decode_packet(&whole, &mut DecodingResult::default()) {
                Ok(_) => {
                    stream.doubt = (stream.doubt * 0.85).min(1.0 - confidence);
                    stream.buffer.clear();
                }
                Err(DecodeError::Incomplete { .. }) => stream.doubt = stream.doubt.min(1.0 - confidence),
                Err(_) => {
                    stream.doubt = 1.0 - (1.0 - stream.doubt) * 0.5;
                    stream.buffer.clear();
                }
            }
            if 1.0 - stream.doubt < SURE {
                stream.given_up = stream.held.len() >= 64;
                return;
            }
            stream.buffer.clear();
            stream.decoder = Some(self.decoder.flow_decoder(&segment.flow).expect("it has memory"));
            for held in std::mem::take(&mut stream.held) {
                self.decode(&held);
            }
            return;
        }
        self.decode(&segment);
    }

    fn decode(&mut self, segment: &Captured) {
        let stream = self.streams.get_mut(&segment.flow).expect("made before");
        stream.buffer.extend_from_slice(&segment.payload);
        let mut result = DecodingResult::default();
        let mut at = 0;
        while at < stream.buffer.len() {
            let rest = &stream.buffer[at..];
            result.clear();
            let decoder = stream.decoder.as_mut().expect("identified");
            match decoder.decode_packet(&packet(segment, rest), &mut result) {
                Ok(taken) => {
                    assert!((1..=rest.len()).contains(&taken), "{taken} of {} bytes taken", rest.len());
                    if result.state == PduState::Whole {
                        *self.types.entry(segment.flow).or_default().entry(result.packet_type).or_default() += 1;
                    }
                    let (src, dst) = (segment.flow.src, segment.flow.dst);
                    let key = if src < dst { (src, dst) } else { (dst, src) };
                    let monitor = self
                        .monitors
                        .entry(key)
                        .or_insert_with(|| self.decoder.conversation_monitor().expect("it has a monitor"));
                    let occurrence = Occurrence { frame: segment.frame, time: segment.time };
                    let (flow, packet_type, bytes) = (&segment.flow, result.packet_type, &rest[..taken]);
                    monitor.observe(&ObservedPdu { at: occurrence, flow, packet_type, bytes });
                    at += taken;
                }
                Err(DecodeError::Incomplete { needed, .. }) => {
                    assert!(needed > rest.len(), "more bytes are asked for than there are");
                    break;
                }
                Err(_) => match self.decoder.resynchronise(&packet(segment, rest)) {
                    Some(skipped) if skipped > 0 => at += skipped,
                    _ => at = stream.buffer.len(),
                },
            }
        }
        stream.buffer.drain(..at);
    }

    /// The flows in which anything was decoded.
    pub(super) fn outcome(&self) -> Vec<Outcome> {
        let flows = self.types.iter().map(|(flow, types)| {
            let mut report = FlowReport::default();
            self.streams[flow].decoder.as_ref().expect("identified").report(&mut report);
            let key = if flow.src < flow.dst { (flow.src, flow.dst) } else { (flow.dst, flow.src) };
            self.monitors[&key].report(flow, &mut report);
            let mut names = BTreeMap::new();
            for (packet_type, n) in types {
                let named = report.type_names.get(packet_type).cloned();
                *names
                    .entry(named.unwrap_or_else(|| self.decoder.packet_type(*packet_type)).into_owned())
                    .or_default() += n;
            }
            Outcome { flow: *flow, types: names, report }
        });
        flows.collect()
    }
}

pub(super) fn packet<'a>(segment: &'a Captured, payload: &'a [u8]) -> Packet<'a> {
    Packet { payload, ..segment.packet() }
}

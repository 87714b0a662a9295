//! TmNS as a [`StreamDecoder`].

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, StreamId};

use super::flow::TmnsFlow;
use super::header::{HEADER, Packages, TmnsHeader};
use super::terms;
use crate::telemetry::terms::{AGAINST_CAPTURE, TRACK, TRACK_TIME};
use crate::telemetry::{Naming, TelemetryMonitor};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, Joined, MediaClock, NetworkMonitor,
    PacketType, PduState, Sequence, StreamDecoder, StreamMark,
};

pub(super) const ENCODING: &str = "TmNS";
/// Over TCP a longer message is taken for another protocol.
const LONGEST_IN_STREAM: usize = 1 << 20;

const WHOLE: PacketType = PacketType(0);
const FRAGMENT: PacketType = PacketType(1);
const END_MARKER: PacketType = PacketType(2);

const NAMING: Naming = Naming {
    encoding: ENCODING,
    name: |id| format!("message definition 0x{id:08X}"),
    stopped: "tmns.message-stopped",
    two_sources: "tmns.message-from-two-sources",
    watches: &["IENA", "iNetX", "NPD"],
};

/// Recognises and reads TmNS data messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct TmnsDecoder;

impl TmnsDecoder {
    /// A decoder of TmNS.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

/// What the bytes behind the header show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// So many packages end exactly with the message, at least one.
    Packages(u64),
    /// Nothing that could be tested: packages without standard header, a fragment, an empty message, cut bytes.
    Untested,
    /// There should be packages, and they don't end with the message.
    Broken,
}

/// One message at the front of a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) header: TmnsHeader,
    pub(super) shape: Shape,
    /// Bytes of it that were captured.
    pub(super) taken: usize,
}

static INFO: DecoderInfo = DecoderInfo::new(ENCODING, &[Carrier::Udp, Carrier::Tcp])
    .with_standards("IRIG 106-24 Chapter 24")
    .with_ports(&[50_003, 55_555, 6678])
    .with_packet_types(&["TmNSDataMessage", "TmNSDataMessage fragment", "End of data marker"])
    .with_finding_prefix("tmns")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_measures(&[TRACK, TRACK_TIME, terms::MEASURES])
    .with_against_capture(AGAINST_CAPTURE)
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for TmnsDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.payload.first().is_some_and(|first| first >> 4 == TmnsHeader::VERSION) {
            probe(packet)
        } else {
            Confidence::NONE
        }
    }

    fn joined(&self, payload: &[u8]) -> Joined {
        let Ok(first) = TmnsHeader::parse(payload) else { return Joined::One };
        Joined::judge(payload, first.length as usize, |part| {
            let header = TmnsHeader::parse(part).ok()?;
            (header.definition_id == first.definition_id && header.length as usize == part.len())
                .then(|| header.sequence.wrapping_sub(first.sequence).cast_signed().into())
        })
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Borrowed(match packet_type {
            FRAGMENT => "TmNSDataMessage fragment",
            END_MARKER => "End of data marker",
            _ => "TmNSDataMessage",
        })
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("message definition 0x{:08X}", id.0)
    }

    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(TmnsFlow::default()))
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(TelemetryMonitor::new(NAMING)))
    }
}

#[inline(never)]
fn probe(packet: &Packet<'_>) -> Confidence {
    match (read(packet), packet.is_stream) {
        (Ok(Message { shape: Shape::Packages(_), .. }), false) => {
            Confidence::new(0.97, "header and length fit, packages end exactly")
        }
        (Ok(Message { shape: Shape::Untested, .. }), false) => {
            Confidence::new(0.7, "header and length fit, no packages to test")
        }
        (Ok(Message { shape: Shape::Broken, .. }), false) => {
            Confidence::new(0.4, "header and length fit, the packages don't")
        }
        // In a stream no length outside says that the one inside is right.
        (Ok(Message { shape: Shape::Packages(_), .. }), true) => {
            Confidence::new(0.9, "header fits, packages end exactly with the message")
        }
        (Err(DecodeError::Incomplete { .. }), true) if packet.payload.len() >= HEADER => {
            Confidence::new(0.1, "header fits, the message is not whole yet")
        }
        _ => Confidence::NONE,
    }
}

fn refused(reason: &'static str) -> DecodeError {
    DecodeError::Refused { protocol: ENCODING, reason }
}

/// The message at the front of the payload.
#[inline]
pub(super) fn read(packet: &Packet<'_>) -> Result<Message, DecodeError> {
    let payload = packet.payload;
    let incomplete =
        |field, needed, present| DecodeError::Incomplete { protocol: ENCODING, field, offset: 0, needed, present };
    if packet.is_stream
        && payload.len() < HEADER
        && payload.first().is_none_or(|first| first >> 4 == TmnsHeader::VERSION)
    {
        return Err(incomplete("header", HEADER, payload.len()));
    }
    let header = TmnsHeader::parse(payload).map_err(|_| refused("the header does not fit"))?;
    let length = header.length as usize;
    let bytes = if packet.is_stream {
        if length > LONGEST_IN_STREAM {
            return Err(refused("the message is too long"));
        }
        payload.get(..length).ok_or(incomplete("message", length, payload.len()))?
    } else if length == packet.wire_payload_length() {
        payload
    } else {
        return Err(refused("the length does not fit"));
    };
    let is_cut = bytes.len() < length;
    let is_tested =
        header.flags & (TmnsHeader::STANDARD_PACKAGES | TmnsHeader::FRAGMENT) == TmnsHeader::STANDARD_PACKAGES;
    let shape = if is_tested && !is_cut && length > header.packages_at() {
        let mut packages = Packages::of(header, bytes);
        let count = packages.by_ref().count() as u64;
        if packages.is_at_end() { Shape::Packages(count) } else { Shape::Broken }
    } else {
        Shape::Untested
    };
    Ok(Message { header, shape, taken: bytes.len() })
}

#[inline]
pub(super) fn fill(packet: &Packet<'_>, message: Message, result: &mut DecodingResult) {
    let header = message.header;
    if message.taken < header.length as usize {
        result.state = PduState::Cut;
    }
    if header.is_end_marker() {
        result.packet_type = END_MARKER;
    } else {
        result.packet_type = if header.has(TmnsHeader::FRAGMENT) { FRAGMENT } else { WHOLE };
        result.mark(StreamMark {
            id: StreamId(header.definition_id.into()),
            sequence: Some(Sequence::new(header.sequence.into(), 32)),
            clock: Some(MediaClock { ticks: header.nanos(), bits: 64, rate_hz: 1_000_000_000 }),
        });
    }
    if result.wants_fields() {
        fields(packet, message, result);
    }
}

#[cold]
fn fields(packet: &Packet<'_>, message: Message, result: &mut DecodingResult) {
    let header = message.header;
    result.field("option_words", header.option_words);
    result.field("message_type", header.message_type);
    result.field("flags", header.flags);
    result.field("message_definition_id", header.definition_id);
    result.field("sequence", header.sequence);
    result.field("length", header.length);
    result.field("seconds", header.seconds);
    result.field("nanoseconds", header.nanoseconds);
    let Shape::Packages(count) = message.shape else { return };
    result.field("packages", count);
    if let Some(first) = packet.payload.get(..message.taken).and_then(|bytes| Packages::of(header, bytes).next()) {
        result.field("first_package_definition_id", first.definition_id);
    }
}

//! The decoder of RTP, and its memory of one flow.

use std::borrow::Cow;

use streamlens_model::{FindingLog, FlowKey, Occurrence, Packet, StreamId, Timestamp};

use super::RtpJitter;
use super::RtpPacket;
use super::clocks::fixed_rate;
use super::framed;
use super::framing::{self, Framing};
use super::payload_type::is_plausible;
use super::probation::Credit;
use super::probe;
use super::redundancy::RedundantPaths;
use super::stream::{ClockSource, Stream};
use super::terms;
use crate::media::Difference;
use crate::sap::PayloadFormat;
use crate::text::{LOWER, hex_numbered, numbered};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport, Joined, MediaClock,
    NetworkMonitor, PacketType, PduState, Refinement, Sequence, StreamDecoder, StreamMark,
};
use crate::{media, mpegts};

pub(super) const NAME: &str = "RTP";
/// The most SSRCs remembered of one flow; beyond, the one that was silent longest is forgotten.
const MAX_STREAMS: usize = 64;

/// RTP over UDP (RFC 3550), and over TCP: interleaved with RTSP (RFC 2326 §10.12) or behind lengths (RFC 4571).
///
/// A stream is an SSRC. What its payload is (ST 2110, MPEG-TS, PCM audio, ...) is found by the analysers of
/// [`media`](crate::media).
#[derive(Clone, Copy, Debug, Default)]
pub struct RtpDecoder;

impl RtpDecoder {
    /// The decoder. It has no options.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Udp, Carrier::Tcp])
    .with_standards("RFC 3550")
    .with_ports(&[5004])
    .with_packet_types(&["PT 0", "PT 8", "PT 10", "PT 11", "PT 33", "PT 96", "RTCP", "RTSP"])
    .with_finding_prefix("rtp")
    .with_findings(&[terms::FINDINGS, media::terms::FINDINGS, mpegts::terms::FINDINGS])
    .with_facts(&[terms::FACTS, terms::ANNOUNCED_FACTS])
    .with_measures(&[terms::MEASURES, terms::TOLD_MEASURES, media::terms::MEASURES])
    .with_network_facts(&[terms::NETWORK_FACTS])
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for RtpDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.is_stream { framed::confidence(packet.payload) } else { probe::confidence(packet) }
    }

    fn resynchronise(&self, packet: &Packet<'_>) -> Option<usize> {
        framing::resynchronise(packet.payload)
    }

    /// Without the memory of a flow, whose packets bear each other out, a payload type that nobody assigned speaks against
    /// RTP.
    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let second = packet.payload.get(1).filter(|_| !packet.is_stream);
        if second.is_some_and(|second| !is_plausible(second & 0x7F)) {
            return Err(refused("an unassigned payload type"));
        }
        RtpFlow::new().decode_packet(packet, result)
    }

    fn joined(&self, payload: &[u8]) -> Joined {
        super::joined::joined(payload)
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        match packet_type {
            framed::RTCP => "RTCP".into(),
            framed::RTSP => "RTSP".into(),
            _ => numbered("PT ", packet_type.0.into()).into(),
        }
    }

    fn stream_name(&self, id: StreamId) -> String {
        hex_numbered("0x", id.0, 8, LOWER)
    }

    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(RtpFlow::new()))
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(RedundantPaths))
    }
}

pub(super) const fn refused(reason: &'static str) -> DecodeError {
    DecodeError::Refused { protocol: NAME, reason }
}

#[inline]
fn parse<'a>(packet: &Packet<'a>) -> Result<RtpPacket<'a>, DecodeError> {
    RtpPacket::parse_cut(packet.payload, packet.missing).map_err(no_rtp)
}

/// Bytes without an RTP header are for others to judge, whatever is wrong with them.
#[cold]
fn no_rtp(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::Malformed { field: "version", .. } => refused("the version is not 2"),
        DecodeError::Malformed { .. } => refused("the second byte is that of RTCP"),
        _ => refused("the header does not fit"),
    }
}

/// Not inlined: what it needs would take registers from all that comes before.
#[inline(never)]
fn fill(packet: &Packet<'_>, rtp: &RtpPacket<'_>, result: &mut DecodingResult) {
    result.packet_type = PacketType(u32::from(rtp.payload_type));
    if packet.missing > 0 {
        result.state = PduState::Cut;
    }
    result.mark(StreamMark {
        id: StreamId(u128::from(rtp.ssrc)),
        sequence: Some(Sequence::new(u64::from(rtp.sequence), 16)),
        clock: fixed_rate(rtp.payload_type).map(|rate| MediaClock {
            ticks: u64::from(rtp.timestamp),
            bits: 32,
            rate_hz: u64::from(rate),
        }),
    });
    if result.wants_fields() {
        fields(rtp, result);
    }
}

#[cold]
fn fields(rtp: &RtpPacket<'_>, result: &mut DecodingResult) {
    use streamlens_model::Value;
    result.field("payload_type", rtp.payload_type);
    result.field("marker", rtp.marker);
    result.field("sequence", rtp.sequence);
    result.field("timestamp", rtp.timestamp);
    result.field("ssrc", format!("0x{:08x}", rtp.ssrc));
    if !rtp.csrc.is_empty() {
        result.field("csrc", Value::list(rtp.contributing_sources().map(|csrc| format!("0x{csrc:08x}"))));
    }
    if let Some((profile, words)) = rtp.extension {
        result.field("extension_profile", format!("0x{profile:04x}"));
        result.field("extension_length", words.len() as u64);
        let elements = rtp.extension_elements().map(|element| {
            Value::map([("id", Value::from(element.id)), ("length", Value::from(element.data.len() as u64))])
        });
        result.field("extension_elements", Value::List(elements.collect()));
    }
    result.field("payload_length", rtp.payload.len() as u64);
    if rtp.padding > 0 {
        result.field("padding", rtp.padding);
    }
    if let Some(count) = rtp.wrong_padding {
        result.field("wrong_padding", count);
    }
}

/// Packets of a flow with a bit or part set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtpPacketCounts {
    /// All.
    pub packets: u64,
    /// With the marker bit.
    pub markers: u64,
    /// With a header extension.
    pub extensions: u64,
    /// With padding.
    pub paddings: u64,
    /// With contributing sources.
    pub contributing_sources: u64,
}

/// What a flow knows of one of its streams, for monitors.
#[derive(Clone, Copy)]
pub struct RtpStreamView<'a> {
    /// The source.
    pub ssrc: u32,
    /// Packets counted.
    pub packets: u64,
    /// The first packet.
    pub first: Occurrence,
    /// The last packet.
    pub last: Occurrence,
    /// Payload types and how many packets had them; that of the last packet comes first.
    pub payload_types: &'a [(u8, u64)],
    /// Rate of the media clock in Hz, as far as the stream itself tells, and how it is known.
    pub clock: Option<(u32, ClockSource)>,
    /// Timestamp of the last packet.
    pub last_timestamp: u32,
    /// Step of the timestamp from packet to packet in ticks, where more than half have the same.
    pub timestamp_step: Option<u32>,
    /// Bytes of the smallest and of the largest payload.
    pub payload_lengths: (u32, u32),
    pub(super) stream: &'a Stream,
}

impl RtpStreamView<'_> {
    /// Jitter at a clock rate; `None` where the timestamps' slope had ruled that rate out.
    #[must_use]
    pub fn jitter_at(&self, clock_rate_hz: u32) -> Option<RtpJitter> {
        self.stream.jitter_at(clock_rate_hz)
    }

    /// Ticks per second that the timestamps made against arrival times, once that can be said.
    #[must_use]
    pub fn timestamp_rate(&self) -> Option<f64> {
        self.stream.slope()
    }

    /// Times and timestamps of packets all over the stream: some hundred at most.
    #[cfg(all(feature = "sap", feature = "ptp"))]
    pub(crate) fn samples(&self) -> impl Iterator<Item = (Timestamp, u32)> + use<'_> {
        let samples = self.stream.path.iter().flat_map(|path| &path.samples);
        samples.map(|sample| (sample.time, sample.timestamp))
    }

    /// In what the payload differs from the parameters announced for its payload type, as far as it was recognised.
    #[must_use]
    pub fn differences(&self, announced: &PayloadFormat) -> Vec<Difference> {
        self.stream.analyser().map_or_else(Vec::new, |(analyser, _)| analyser.differences(announced))
    }

    /// What the payload was recognised as.
    #[must_use]
    pub fn refinement(&self) -> Option<Refinement> {
        self.stream.analyser().map(|(_, refinement)| refinement)
    }
}

/// RTP's memory of one flow: its streams.
pub struct RtpFlow {
    pub(super) streams: Vec<Stream>,
    /// Where the stream of the last packet stands: most flows have one stream.
    recent: usize,
    credit: Credit,
    /// Whether the user has said that it is RTP: then nothing has to be proven.
    is_told: bool,
    pub(super) counts: RtpPacketCounts,
    /// Identifiers of extension elements that were seen, a bit each (RFC 8285, both forms).
    pub(super) extension_ids: [u64; 4],
    pub(super) refused: u64,
    pub(super) forgotten: u64,
    /// How packets are told apart, where they came in a byte stream.
    pub(super) framing: Option<Framing>,
    /// Behind a gap of a byte stream, until the next packet was found.
    pub(super) is_out_of_step: bool,
    pub(super) findings: FindingLog,
}

impl RtpFlow {
    pub(super) fn new() -> Self {
        Self {
            streams: Vec::with_capacity(1),
            recent: 0,
            credit: Credit::new(),
            is_told: false,
            counts: RtpPacketCounts::default(),
            extension_ids: [0; 4],
            refused: 0,
            forgotten: 0,
            framing: None,
            is_out_of_step: false,
            findings: FindingLog::default(),
        }
    }

    /// Packets by what their headers have.
    #[must_use]
    pub fn counts(&self) -> RtpPacketCounts {
        self.counts
    }

    /// The streams that packets were counted of, in the order in which they appeared.
    pub fn streams(&self) -> impl Iterator<Item = RtpStreamView<'_>> {
        self.streams.iter().filter(|stream| stream.packets > 0).map(|stream| RtpStreamView {
            ssrc: stream.ssrc,
            packets: stream.packets,
            first: stream.first,
            last: stream.last,
            payload_types: &stream.payload_types,
            clock: stream.clock(),
            last_timestamp: stream.last_timestamp,
            timestamp_step: stream.steps.value(),
            payload_lengths: stream.payload_lengths(),
            stream,
        })
    }

    /// The findings of the flow and its streams, with what the end of the capture shows; `None` where there are none.
    pub(super) fn found(&self) -> Option<Cow<'_, FindingLog>> {
        let mut findings = Cow::Borrowed(&self.findings);
        for stream in self.streams.iter().filter(|stream| stream.packets > 0 && stream.has_more_to_say()) {
            stream.note_end(findings.to_mut());
        }
        (!findings.is_empty()).then_some(findings)
    }

    /// The place of the packet's stream; `None` where it was sent again for another one.
    #[inline]
    fn find(&mut self, rtp: &RtpPacket<'_>, at: Occurrence) -> Option<usize> {
        if self.streams.get(self.recent).is_some_and(|stream| stream.ssrc == rtp.ssrc) {
            return Some(self.recent);
        }
        self.recent = match self.streams.iter().position(|stream| stream.ssrc == rtp.ssrc) {
            Some(index) => index,
            None if self.is_sent_again(rtp, at) => return None,
            None => self.add(rtp, at),
        };
        Some(self.recent)
    }

    /// Counts a packet that was sent again for the stream of its source's twin.
    #[cold]
    fn count_again(&mut self, packet: &Packet<'_>, rtp: &RtpPacket<'_>, result: &mut DecodingResult) -> usize {
        self.counts.packets += 1;
        result.packet_type = PacketType(u32::from(rtp.payload_type));
        // no clock: when it comes says nothing of the stream's
        result.sequence(StreamId(u128::from(rtp.ssrc & !1)), Sequence::new(u64::from(rtp.sequence), 16));
        if result.wants_fields() {
            fields(rtp, result);
        }
        packet.payload.len()
    }

    #[cold]
    fn add(&mut self, rtp: &RtpPacket<'_>, at: Occurrence) -> usize {
        let stream = Stream::new(rtp, at);
        if self.streams.len() < MAX_STREAMS {
            self.streams.push(stream);
            return self.streams.len() - 1;
        }
        // Unproven ones go first.
        let oldest = (0..self.streams.len()).min_by_key(|&index| {
            self.streams.get(index).map(|stream| (stream.proven, stream.last.frame)).unwrap_or_default()
        });
        let oldest = oldest.unwrap_or(0);
        if let Some(slot) = self.streams.get_mut(oldest) {
            self.forgotten += u64::from(slot.proven);
            *slot = stream;
        }
        oldest
    }

    /// Counts the packet that a datagram, or a frame of a byte stream, is.
    #[inline]
    pub(super) fn decode_datagram(
        &mut self,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> Result<usize, DecodeError> {
        let rtp = parse(packet)?;
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let Some(index) = self.find(&rtp, at) else { return Ok(self.count_again(packet, &rtp, result)) };
        let Some(stream) = self.streams.get_mut(index) else { return Err(refused("no room for another stream")) };
        if stream.proven {
            self.credit.earn();
        } else {
            let datagram = (packet.missing == 0).then_some(packet.payload.len());
            if !self.is_told && !stream.is_let_in(&rtp, datagram, &mut self.credit) {
                stream.last = at;
                self.refused += 1;
                return Err(refused("a source that no other packet bears out"));
            }
            result.is_doubtful = !stream.proven;
        }
        stream.count(&rtp, at, packet.missing > 0, &mut self.findings);
        self.counts.packets += 1;
        self.counts.markers += u64::from(rtp.marker);
        if packet.payload.first().is_some_and(|first| first & 0x3F != 0) {
            self.note_optional_parts(&rtp);
        }
        fill(packet, &rtp, result);
        Ok(packet.payload.len())
    }

    #[cold]
    fn note_optional_parts(&mut self, rtp: &RtpPacket<'_>) {
        self.counts.contributing_sources += u64::from(!rtp.csrc.is_empty());
        self.counts.paddings += u64::from(rtp.padding > 0);
        self.counts.extensions += u64::from(rtp.extension.is_some());
        for element in rtp.extension_elements() {
            if let Some(word) = self.extension_ids.get_mut(usize::from(element.id >> 6)) {
                *word |= 1 << (element.id & 63);
            }
        }
    }
}

impl FlowDecoder for RtpFlow {
    fn may_have_findings(&self) -> bool {
        // analysers that have recognised something may have found something
        !self.findings.is_empty()
            || self.streams.iter().any(|stream| stream.analyser().is_some() || stream.has_more_to_say())
    }

    #[inline]
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if packet.is_stream { self.decode_framed(packet, result) } else { self.decode_datagram(packet, result) }
    }

    fn on_gap(&mut self, _: Option<u64>, _: Occurrence) {
        self.is_out_of_step = self.framing.is_some();
    }

    fn accept_all(&mut self) {
        self.is_told = true;
    }

    fn report(&self, report: &mut FlowReport) {
        super::report::report(self, report);
    }
}

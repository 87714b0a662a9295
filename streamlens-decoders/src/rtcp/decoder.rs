//! The decoder of RTCP, and its memory of one flow.

use std::borrow::Cow;
use std::collections::BTreeMap;

use streamlens_model::{FindingLog, FlowKey, Occurrence, Packet, Severity, StreamId, Subject, Value};

use super::framed::{self, Framed};
use super::monitor::{RoundTrips, SenderClocks, SenderRecord};
use super::packet::{APP, BYE, CNAME, Compound, PSFB, RR, RTPFB, RtcpPacket, SDES, SR, SenderInfo, XR, compound};
use super::{sender_clock, terms};
use crate::clock_offset::Standing;
use crate::rtp::framing;
use crate::{
    Carrier, Confidence, ConversationMonitor, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport,
    NetworkMonitor, PacketType, PduState, Refinement, StreamDecoder, StreamMark, clock_offset,
};

pub(super) const NAME: &str = "RTCP";
/// The most sources remembered of one flow.
const MAX_SOURCES: usize = 64;

/// RTCP over UDP (RFC 3550), and over TCP where no RTP is with it (RFC 2326 §10.12, RFC 4571); its feedback (RFC 4585) and extended reports (RFC 3611); SRTCP by its first header.
#[derive(Clone, Copy, Debug, Default)]
pub struct RtcpDecoder;

impl RtcpDecoder {
    /// The decoder. It has no options.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Udp, Carrier::Tcp])
    .with_standards("RFC 3550")
    .with_ports(&[5005])
    .with_packet_types(&["SR", "RR", "SDES", "BYE", "APP", "RTPFB", "PSFB", "XR"])
    .with_finding_prefix("rtcp")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_measures(&[terms::MEASURES])
    .with_against_capture(&["sender_clock_offset_ns"])
    .with_fields(&[terms::FIELDS])
    .publishing();

impl StreamDecoder for RtcpDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.is_stream { framed::confidence(packet.payload) } else { super::probe::confidence(packet) }
    }

    fn resynchronise(&self, packet: &Packet<'_>) -> Option<usize> {
        framing::resynchronise(packet.payload)
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        type_name(packet_type.0)
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("0x{:08x}", id.0)
    }

    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(RtcpFlow::default()))
    }

    fn conversation_monitor(&self) -> Option<Box<dyn ConversationMonitor>> {
        Some(Box::new(RoundTrips::default()))
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(SenderClocks::default()))
    }
}

fn type_name(packet_type: u32) -> Cow<'static, str> {
    Cow::Borrowed(match packet_type {
        192 => "FIR",
        193 => "NACK",
        194 => "SMPTETC",
        195 => "IJ",
        200 => "SR",
        201 => "RR",
        202 => "SDES",
        203 => "BYE",
        204 => "APP",
        205 => "RTPFB",
        206 => "PSFB",
        207 => "XR",
        208 => "AVB",
        209 => "RSI",
        210 => "TOKEN",
        211 => "IDMS",
        212 => "RGRS",
        213 => "SNM",
        other => return format!("Reserved {other}").into(),
    })
}

const fn refused(reason: &'static str) -> DecodeError {
    DecodeError::Refused { protocol: NAME, reason }
}

/// The next packet of a compound, or an encrypted compound as a whole, and the bytes it takes. An encrypted one begins
/// with a report (RFC 3550 §6.1), or is of a source that is `known` by its reports and is an APP or has SRTCP's index; other
/// feedback, of which nothing can be checked, is not taken.
fn read<'a>(packet: &Packet<'a>, known: impl Fn(u32) -> bool) -> Result<(RtcpPacket<'a>, usize), DecodeError> {
    let rtcp = RtcpPacket::parse(packet.payload, packet.missing).map_err(|_| refused("no RTCP header that fits"))?;
    let is_report = matches!(rtcp.packet_type, SR | RR);
    match compound(packet.payload, packet.missing) {
        Compound::Whole if packet.offset > 0 || is_report || matches!(rtcp.packet_type, SDES..=XR) => {
            Ok((rtcp, rtcp.length.min(packet.payload.len())))
        }
        Compound::Encrypted { index } if packet.offset == 0 => {
            if is_report || ((rtcp.packet_type == APP || index) && rtcp.ssrc().is_some_and(known)) {
                Ok((RtcpPacket { body: rtcp.body.get(..4).unwrap_or_default(), ..rtcp }, packet.payload.len()))
            } else {
                Err(refused("an encrypted packet of a source without reports"))
            }
        }
        _ => Err(refused("the lengths of its packets do not add up")),
    }
}

fn fill(packet: &Packet<'_>, rtcp: &RtcpPacket<'_>, result: &mut DecodingResult) {
    result.packet_type = PacketType(u32::from(rtcp.packet_type));
    if packet.missing > 0 && rtcp.length > packet.payload.len() {
        result.state = PduState::Cut;
    }
    if let Some(ssrc) = rtcp.ssrc() {
        result.mark(StreamMark { id: StreamId(u128::from(ssrc)), sequence: None, clock: None });
    }
    if result.wants_fields() {
        fields(rtcp, result);
    }
}

#[cold]
fn fields(rtcp: &RtcpPacket<'_>, result: &mut DecodingResult) {
    let hex = |ssrc: u32| format!("0x{ssrc:08x}");
    match rtcp.packet_type {
        SR | RR | SDES | BYE => result.field("count", rtcp.count),
        RTPFB | PSFB => result.field("format", rtcp.count),
        APP => result.field("subtype", rtcp.count),
        _ => {}
    }
    if let Some(ssrc) = rtcp.ssrc() {
        result.field("ssrc", hex(ssrc));
    }
    if let Some(sender) = rtcp.sender() {
        result.field("ntp_time", sender.wall_clock());
        result.field("rtp_timestamp", sender.rtp_timestamp);
        result.field("packets", sender.packets);
        result.field("octets", sender.octets);
    }
    let reports = rtcp.reports().map(|block| {
        Value::map([
            ("ssrc", Value::from(hex(block.ssrc))),
            ("fraction_lost", block.fraction_lost.into()),
            ("cumulative_lost", block.cumulative_lost.into()),
            ("highest_sequence", block.highest_sequence.into()),
            ("jitter", block.jitter.into()),
            ("last_sender_report", block.last_sender_report.into()),
            ("delay", block.delay.into()),
        ])
    });
    if matches!(rtcp.packet_type, SR | RR) {
        result.field("reports", Value::List(reports.collect()));
    }
    for (_, kind, text) in rtcp.descriptions() {
        let name = match kind {
            CNAME => "cname",
            2 => "name",
            6 => "tool",
            _ => continue,
        };
        result.field(name, String::from_utf8_lossy(text).into_owned());
    }
    if let Some(reason) = rtcp.bye_reason() {
        result.field("reason", String::from_utf8_lossy(reason).into_owned());
    }
}

/// What one source said of itself and of what it hears.
#[derive(Debug, Default)]
struct Source {
    reports: u64,
    cname: Option<String>,
    first_sender: Option<(SenderInfo, Occurrence)>,
    last_sender: Option<(SenderInfo, Occurrence)>,
    /// Its wall clock against the capture's.
    standing: Option<Standing>,
    heard: BTreeMap<u32, Heard>,
    left: Option<(Occurrence, String)>,
}

/// What a source said of another that it hears.
#[derive(Debug, Default)]
struct Heard {
    reports: u64,
    cumulative_lost: i32,
    worst_fraction: u8,
    worst_jitter: u32,
    last_jitter: u32,
    highest_sequence: u32,
}

/// RTCP's memory of one flow: who reported what.
#[derive(Debug, Default)]
pub struct RtcpFlow {
    sources: BTreeMap<u32, Source>,
    packets: u64,
    encrypted: u64,
    /// Of these those with an index where SRTCP has it.
    indexed: u64,
    /// Whether the flow has RTP of one of these sources as well.
    has_rtp: bool,
    /// Over TCP: how packets are told apart, and what is left of the compound at hand.
    pub(super) framed: Framed,
    findings: FindingLog,
}

impl RtcpFlow {
    fn source(&mut self, ssrc: u32) -> Option<&mut Source> {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&ssrc) {
            return None;
        }
        Some(self.sources.entry(ssrc).or_default())
    }

    fn note(&mut self, rtcp: &RtcpPacket<'_>, at: Occurrence) {
        let Some(ssrc) = rtcp.ssrc() else { return };
        if let SR | RR = rtcp.packet_type
            && let Some(source) = self.source(ssrc)
        {
            source.reports += 1;
            if let Some(sender) = rtcp.sender() {
                source.first_sender.get_or_insert((sender, at));
                source.last_sender = Some((sender, at));
                // a sender without a wall clock may say 0 (RFC 3550 6.4.1)
                if let Some(time) = at.time.filter(|_| sender.ntp != 0) {
                    let offset = sender.wall_clock().since(time);
                    source.standing.get_or_insert_with(|| Standing::new(offset, at)).go_on(offset, at);
                }
            }
        }
        for block in rtcp.reports() {
            if block.fraction_lost > 0 {
                let stream = Some(StreamId(u128::from(block.ssrc)));
                self.findings.add("rtcp.loss-at-receiver", Severity::Warning, stream, at, || {
                    format!(
                        "receiver 0x{ssrc:08x} reports {:.1} % of the packets of 0x{:08x} lost since its last report, {} so far",
                        f64::from(block.fraction_lost) / 2.56,
                        block.ssrc,
                        block.cumulative_lost,
                    )
                });
            }
            let Some(source) = self.source(ssrc) else { continue };
            if source.heard.len() >= MAX_SOURCES && !source.heard.contains_key(&block.ssrc) {
                continue;
            }
            let heard = source.heard.entry(block.ssrc).or_default();
            heard.reports += 1;
            heard.cumulative_lost = block.cumulative_lost;
            heard.worst_fraction = heard.worst_fraction.max(block.fraction_lost);
            heard.worst_jitter = heard.worst_jitter.max(block.jitter);
            heard.last_jitter = block.jitter;
            heard.highest_sequence = block.highest_sequence;
        }
        for (ssrc, kind, text) in rtcp.descriptions() {
            if kind == CNAME
                && let Some(source) = self.source(ssrc)
                && source.cname.as_ref().is_none_or(|known| known.as_bytes() != text)
            {
                source.cname = Some(String::from_utf8_lossy(text).into_owned());
            }
        }
        if rtcp.packet_type == BYE && rtcp.count > 0 {
            let reason = String::from_utf8_lossy(rtcp.bye_reason().unwrap_or_default()).into_owned();
            self.findings.add("rtcp.bye", Severity::Info, Some(StreamId(u128::from(ssrc))), at, || {
                format!("source 0x{ssrc:08x} left{}{reason}", if reason.is_empty() { "" } else { ": " })
            });
            if let Some(source) = self.source(ssrc) {
                source.left = Some((at, reason));
            }
        }
    }

    /// Records a packet of RTP in the flow, which another decoder takes.
    #[cold]
    fn note_rtp(&mut self, packet: &Packet<'_>) {
        let rtp = crate::rtp::RtpPacket::parse_cut(packet.payload, packet.missing);
        self.has_rtp |= rtp.is_ok_and(|rtp| self.sources.contains_key(&rtp.ssrc));
    }

    /// Takes the next packet of the compound that a datagram, or a frame of a byte stream, is.
    pub(super) fn decode_datagram(
        &mut self,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> Result<usize, DecodeError> {
        let read = read(packet, |ssrc| self.sources.get(&ssrc).is_some_and(|source| source.reports > 0));
        if read.is_err() {
            self.note_rtp(packet);
        }
        let (rtcp, taken) = read?;
        let at = Occurrence { frame: packet.frame, time: packet.time };
        self.packets += 1;
        if taken > rtcp.length {
            self.encrypted += 1;
            let index = matches!(compound(packet.payload, packet.missing), Compound::Encrypted { index: true });
            self.indexed += u64::from(index);
        }
        self.note(&rtcp, at);
        if let (Some(sender), Some(ssrc)) = (rtcp.sender(), rtcp.ssrc()) {
            result.publish(&SenderRecord { ssrc, sender }.to_bytes());
        }
        fill(packet, &rtcp, result);
        Ok(taken)
    }
}

impl FlowDecoder for RtcpFlow {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if packet.is_stream { self.decode_framed(packet, result) } else { self.decode_datagram(packet, result) }
    }

    fn on_gap(&mut self, _: Option<u64>, _: Occurrence) {
        self.framed.left = 0;
    }

    fn report(&self, report: &mut FlowReport) {
        if self.encrypted > 0 {
            report.fact("encrypted_packets", self.encrypted);
        }
        if self.has_rtp && self.indexed > 0 && self.encrypted == self.packets {
            report.refinements.push(Refinement {
                encoding_name: "SRTCP".into(),
                confidence: 0.95,
                reason: format!(
                    "{} of {} encrypted packets have SRTCP's index, in a flow with RTP of their source",
                    self.indexed, self.encrypted
                ),
            });
        }
        let mut findings = self.findings.clone();
        for (&ssrc, source) in &self.sources {
            let Some((sender, at)) = source.last_sender else { continue };
            let Some(since) = source.standing.map(|standing| standing.since()) else { continue };
            let first = source.first_sender.map_or(at, |(_, first)| first);
            if let Some(said) = at.time.and_then(|time| sender_clock::judged(&sender, time)) {
                let what = ("rtcp.clock-offset", Severity::Warning);
                let place = (Some(StreamId(u128::from(ssrc))), Subject::default());
                findings.add_counted(what, place, 1, (since, since), || {
                    format!("{said}, {}", clock_offset::since(since, first, "report"))
                });
            }
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
        for (&ssrc, source) in &self.sources {
            let stream = report.stream(StreamId(u128::from(ssrc)));
            stream.name.clone_from(&source.cname);
            let mut measure = |name: &'static str, value: Value| {
                stream.measures.insert(name.into(), value);
            };
            measure("reports", source.reports.into());
            if let Some(cname) = &source.cname {
                measure("cname", cname.clone().into());
            }
            if let Some((sender, at)) = source.last_sender {
                measure("sender_packets", sender.packets.into());
                measure("sender_octets", sender.octets.into());
                if let Some(clock) = sender.time_of_day(at.time) {
                    measure("sender_wall_clock", clock.into());
                    if let Some(time) = at.time {
                        measure("sender_clock_offset_ns", clock.since(time).into());
                    }
                }
                if let Some((first, _)) = source.first_sender
                    && let Some(rate) = media_rate(&first, &sender)
                {
                    measure("sender_media_rate_hz", rate.into());
                }
            }
            if let Some((at, reason)) = &source.left {
                measure("left_at_frame", at.frame.into());
                if !reason.is_empty() {
                    measure("left_because", reason.clone().into());
                }
            }
            let heard = source.heard.iter().map(|(heard, what)| {
                let pairs = [
                    ("reports", Value::from(what.reports)),
                    ("cumulative_lost", what.cumulative_lost.into()),
                    ("worst_fraction_lost", (f64::from(what.worst_fraction) / 256.0).into()),
                    ("jitter_ticks", what.last_jitter.into()),
                    ("worst_jitter_ticks", what.worst_jitter.into()),
                    ("highest_sequence", what.highest_sequence.into()),
                ];
                (format!("0x{heard:08x}"), Value::map(pairs))
            });
            if !source.heard.is_empty() {
                measure("hears", Value::map(heard));
            }
        }
    }
}

/// Ticks of the media clock in a second of the sender's wall clock, from two sender reports.
pub(super) fn media_rate(first: &SenderInfo, last: &SenderInfo) -> Option<f64> {
    let seconds = last.ntp.checked_sub(first.ntp).filter(|&elapsed| elapsed >> 32 >= 1)? as f64 / 4_294_967_296.0;
    let ticks = last.rtp_timestamp.wrapping_sub(first.rtp_timestamp).cast_signed();
    (ticks > 0).then(|| f64::from(ticks) / seconds)
}

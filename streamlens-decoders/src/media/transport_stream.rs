//! MPEG-2 transport streams over RTP: SMPTE ST 2022-2 with payload type 33 (RFC 2250 §2), MPEG-TS with any other.

use streamlens_model::{Metadata, Occurrence, Value};

use crate::mpegts::meter::TsMeter;
use crate::mpegts::{Layout, TsPacket};
use crate::rtp::RtpPacket;
use crate::{FlowReport, Refinement, StreamReport};

use super::PayloadAnalyser;
use super::evidence::Evidence;
use super::unit::{Counts, VIDEO_CLOCK_HZ, histogram};

/// The payload type of transport streams (RFC 3551 Table 5).
const MP2T: u8 = 33;

/// Recognises and measures transport streams.
#[derive(Debug, Default)]
pub struct TransportStream {
    meter: Option<Box<TsMeter>>,
    payload_type: u8,
    per_packet: Counts<8>,
    evidence: Evidence,
    late: u64,
    /// The sequence number that is next.
    next: Option<u16>,
}

impl TransportStream {
    /// An analyser that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl PayloadAnalyser for TransportStream {
    fn can_begin(packet: &RtpPacket<'_>) -> bool {
        Layout::of(packet.payload, packet.payload.len()).is_some()
    }

    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        self.payload_type = packet.payload_type;
        let Some(layout) = Layout::of(packet.payload, packet.payload.len()) else {
            self.evidence.contradict(at);
            return;
        };
        self.evidence.support();
        self.per_packet.add((packet.payload.len() / layout.stride()) as u32);
        self.late += u64::from(late);
        let meter = self.meter.get_or_insert_default();
        if !late && self.next.replace(packet.sequence.wrapping_add(1)).is_some_and(|next| next != packet.sequence) {
            meter.carrier_gap();
        }
        for bytes in packet.payload.chunks_exact(layout.stride()) {
            match bytes.get(layout.prefix()..).and_then(|bytes| TsPacket::parse(bytes).ok()) {
                Some(ts) if late => meter.late_packet(&ts),
                Some(ts) => drop(meter.packet(&ts, at)),
                None => meter.sync_error(at),
            }
        }
    }

    fn is_plausible(&self) -> bool {
        self.evidence.is_plausible()
    }

    fn refinement(&self) -> Option<Refinement> {
        let meter = self.meter.as_ref()?;
        let confidence = match (meter.packets(), self.payload_type) {
            (2.., MP2T) | (16.., _) => 0.99,
            (_, MP2T) | (4.., _) => 0.95,
            _ if meter.has_proof() => 0.9,
            _ => return None,
        };
        let name = if self.payload_type == MP2T { "ST2022-2" } else { "MPEG-TS" };
        let reason = format!(
            "{} transport packets begin with the sync byte in {} payloads of type {}",
            meter.packets(),
            self.evidence.good,
            self.payload_type
        );
        Some(Refinement { encoding_name: name.into(), confidence, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        Some(VIDEO_CLOCK_HZ)
    }

    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport) {
        let Some(meter) = &self.meter else { return };
        let mut facts = Metadata::new();
        meter.facts(&mut facts);
        facts.insert("ts_packets_per_frame".into(), histogram(&self.per_packet));
        if self.late > 0 {
            facts.insert("late_packets_left_out".into(), self.late.into());
        }
        let pids = meter.pids().map(|(pid, figures)| (format!("PID {pid:#06x}"), Value::Map(figures)));
        facts.insert("pids".into(), Value::map(pids));
        stream.measures.insert("mpegts".into(), Value::Map(facts));
        // streams are SSRCs here: the sentences name the PID
        let mut findings = meter.findings(false).without_streams();
        self.evidence.log("mpegts.payload", &mut findings);
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }
}

//! What sender reports tell beyond their own flow: round trips, and the wall clock of RTP streams.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};

use nom::Parser;
use streamlens_model::{FlowKey, StreamId, Timestamp, Value};

use super::decoder::media_rate;
use super::packet::{RtcpPacket, SenderInfo};
use crate::rtp::RtpFlow;
use crate::wire::u64;
use crate::{ConversationMonitor, FlowReport, NetworkMonitor, NetworkReport, ObservedPdu, Peer, Survey};

/// Sender reports remembered until a receiver refers to them.
const MAX_SENT: usize = 64;
/// The most sources whose clocks are remembered.
const MAX_SOURCES: usize = 65_536;

/// Round trips between the capture point and the receiver of a stream: from a sender report's passing to the passing
/// of the receiver report that refers to it, less the time the receiver says it kept it (RFC 3550 §6.4.1).
#[derive(Debug, Default)]
pub(super) struct RoundTrips {
    /// Middle bits of the wall clock, when it passed, in which direction.
    sent: VecDeque<(u32, Timestamp, FlowKey)>,
    trips: BTreeMap<FlowKey, Trips>,
}

#[derive(Debug, Default)]
struct Trips {
    count: u64,
    sum: i64,
    smallest: i64,
    largest: i64,
}

impl ConversationMonitor for RoundTrips {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        let (Ok(rtcp), Some(time)) = (RtcpPacket::parse(pdu.bytes, 0), pdu.at.time) else { return };
        for block in rtcp.reports().filter(|block| block.last_sender_report != 0) {
            let sent = self.sent.iter().rev().find(|(middle, ..)| *middle == block.last_sender_report);
            let Some(&(_, at, flow)) = sent else { continue };
            let kept = ((u64::from(block.delay) * 1_000_000_000) >> 16) as i64;
            let trip = time.since(at) - kept;
            // A clock of 1/65536 s may be that much off; more is no round trip.
            if !(-20_000_000..60_000_000_000).contains(&trip) {
                continue;
            }
            let trips = self.trips.entry(flow).or_default();
            if trips.count == 0 {
                (trips.smallest, trips.largest) = (trip, trip);
            }
            trips.count += 1;
            trips.sum += trip;
            trips.smallest = trips.smallest.min(trip);
            trips.largest = trips.largest.max(trip);
        }
        if let Some(sender) = rtcp.sender() {
            if self.sent.len() == MAX_SENT {
                self.sent.pop_front();
            }
            self.sent.push_back((sender.middle(), time, *pdu.flow));
        }
    }

    fn report(&self, flow: &FlowKey, report: &mut FlowReport) {
        let Some(trips) = self.trips.get(flow) else { return };
        report.fact("round_trips", trips.count);
        report.fact("round_trip_min_ns", trips.smallest);
        report.fact("round_trip_max_ns", trips.largest);
        report.fact("round_trip_mean_ns", trips.sum as f64 / trips.count as f64);
    }
}

/// What a flow publishes of a sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SenderRecord {
    pub(super) ssrc: u32,
    pub(super) sender: SenderInfo,
}

impl SenderRecord {
    pub(super) fn to_bytes(self) -> [u8; 24] {
        let mut out = [0; 24];
        let parts = [
            u64::from(self.ssrc) << 32 | u64::from(self.sender.rtp_timestamp),
            self.sender.ntp,
            u64::from(self.sender.packets) << 32 | u64::from(self.sender.octets),
        ];
        for (to, part) in out.chunks_exact_mut(8).zip(parts) {
            to.copy_from_slice(&part.to_be_bytes());
        }
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let parts = (u64("SSRC and RTP timestamp"), u64("NTP timestamp"), u64("counts")).parse(bytes);
        let (_, (a, ntp, c)) = parts.ok()?;
        let sender = SenderInfo { ntp, rtp_timestamp: a as u32, packets: (c >> 32) as u32, octets: c as u32 };
        Some(Self { ssrc: (a >> 32) as u32, sender })
    }
}

/// Ties the timestamps of RTP streams to wall time by the sender reports of the same source and sender.
#[derive(Debug, Default)]
pub(super) struct SenderClocks {
    clocks: BTreeMap<(streamlens_model::Address, u32), Clock>,
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    first: SenderInfo,
    last: SenderInfo,
    /// What the last one says that the time is, where it says so.
    time_of_day: Option<Timestamp>,
    reports: u64,
}

impl NetworkMonitor for SenderClocks {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        let Some(SenderRecord { ssrc, sender }) = SenderRecord::from_bytes(pdu.bytes) else { return };
        let key = (pdu.flow.src.address, ssrc);
        if self.clocks.len() >= MAX_SOURCES && !self.clocks.contains_key(&key) {
            return;
        }
        let new = Clock { first: sender, last: sender, time_of_day: None, reports: 0 };
        let clock = self.clocks.entry(key).or_insert(new);
        (clock.last, clock.time_of_day) = (sender, sender.time_of_day(pdu.at.time));
        clock.reports += 1;
    }

    fn watches(&self) -> &'static [&'static str] {
        &["RTP"]
    }

    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(ClockSurvey { clocks: &self.clocks, report: NetworkReport::default() })
    }
}

/// Tells streams what their senders said of them.
struct ClockSurvey<'m> {
    clocks: &'m BTreeMap<(streamlens_model::Address, u32), Clock>,
    report: NetworkReport,
}

impl Survey for ClockSurvey<'_> {
    fn least_frames(&self) -> u64 {
        // nobody to be told
        if self.clocks.is_empty() { u64::MAX } else { 0 }
    }

    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        let Some(flow) = peer.decoder.and_then(|decoder| (decoder as &dyn Any).downcast_ref::<RtpFlow>()) else {
            return;
        };
        for stream in flow.streams() {
            let Some(clock) = self.clocks.get(&(peer.flow.src.address, stream.ssrc)) else { continue };
            let facts = self.report.flows.entry(number).or_default().stream(StreamId(u128::from(stream.ssrc)));
            let mut measure = |name: &'static str, value: Value| {
                facts.measures.insert(name.into(), value);
            };
            measure("sender_reports", clock.reports.into());
            measure("sender_packets", clock.last.packets.into());
            if let Some(rate) = media_rate(&clock.first, &clock.last) {
                measure("sender_media_rate_hz", rate.into());
            }
            let Some(((rate, _), wall)) = stream.clock.zip(clock.time_of_day) else { continue };
            // Wall time of the stream's last timestamp, by the last report.
            let ticks = stream.last_timestamp.wrapping_sub(clock.last.rtp_timestamp).cast_signed();
            let nanos = i64::from(ticks) * 1_000_000_000 / i64::from(rate.max(1));
            let wall = wall.as_nanos().saturating_add(nanos);
            measure("last_packet_wall_clock", Timestamp::from_nanos(wall).into());
        }
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        *report = self.report;
    }
}

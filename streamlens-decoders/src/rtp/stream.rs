//! One stream of a flow: everything that is remembered of an SSRC.

use smallvec::SmallVec;
use streamlens_model::stats::{Majority, Summary};
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId};

use super::RtpPacket;
use super::jitter::{JitterBank, RtpJitter};
use super::path::{Path, Position};
use super::payload_type::static_payload_type;
use super::probation::{Credit, Probation};
use crate::Refinement;
use crate::media::{PayloadAnalyser, analysers};

/// The most payload types whose packets are counted one by one in a stream.
const MAX_PAYLOAD_TYPES: usize = 8;
/// So often, in packets, analysers that gave up are let go.
const REVIEW_PER: u64 = 64;
/// After so many packets only analysers that came to a result are kept. Large: a format may have to see two whole
/// pictures of UHD video first.
const YOUTH: u64 = 1 << 16;

/// Where the clock rate of a stream is known from, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockSource {
    /// RFC 3551 assigns it to the payload type.
    StaticPayloadType,
    /// An announcement (SDP) says it.
    Sdp,
    /// The payload format that was recognised has it.
    PayloadFormat,
    /// The timestamps' slope against arrival time comes near it.
    Inferred,
}

impl ClockSource {
    /// In words, for results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaticPayloadType => "static payload type",
            Self::Sdp => "SDP",
            Self::PayloadFormat => "payload format",
            Self::Inferred => "inferred from timestamps against arrival",
        }
    }
}

pub(super) struct Stream {
    pub(super) ssrc: u32,
    pub(super) probation: Probation,
    pub(super) proven: bool,
    /// Packets counted on credit before it was proven.
    pub(super) borrowed: u8,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    pub(super) packets: u64,
    pub(super) payload_bytes: u64,
    pub(super) payload_type: u8,
    pub(super) payload_types: SmallVec<[(u8, u64); 1]>,
    pub(super) payload_type_changes: u64,
    pub(super) markers: u64,
    pub(super) extension_changes: u64,
    had_extension: bool,
    pub(super) last_timestamp: u32,
    pub(super) timestamp_changes: u64,
    /// Steps of the timestamp between packets with consecutive numbers, where it moves.
    pub(super) steps: Majority,
    pub(super) payload_lengths: Majority,
    pub(super) backward_steps: u64,
    /// Arrival intervals in nanoseconds.
    pub(super) intervals: Summary,
    /// What RFC 3551 assigns to the payload type of the first packet.
    fixed_clock: Option<u32>,
    pub(super) jitter: JitterBank,
    pub(super) path: Option<Path>,
    analysers: Vec<Box<dyn PayloadAnalyser>>,
}

impl Stream {
    pub(super) fn new(packet: &RtpPacket<'_>, at: Occurrence) -> Self {
        let fixed_clock = match packet.payload_type {
            // Comfort noise goes with voice of any rate.
            13 | 19 => None,
            payload_type => static_payload_type(payload_type).map(|known| known.clock_rate_hz),
        };
        Self {
            ssrc: packet.ssrc,
            probation: Probation::new(packet.sequence, packet.timestamp),
            proven: false,
            borrowed: 0,
            first: at,
            last: at,
            packets: 0,
            payload_bytes: 0,
            payload_type: packet.payload_type,
            payload_types: SmallVec::new(),
            payload_type_changes: 0,
            markers: 0,
            extension_changes: 0,
            had_extension: packet.extension.is_some(),
            last_timestamp: packet.timestamp,
            timestamp_changes: 0,
            steps: Majority::default(),
            payload_lengths: Majority::default(),
            backward_steps: 0,
            intervals: Summary::default(),
            fixed_clock,
            jitter: JitterBank::new(fixed_clock),
            path: None,
            analysers: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> StreamId {
        StreamId(u128::from(self.ssrc))
    }

    /// Judges a packet of a stream that is not proven: whether it counts, proven with it or on credit.
    #[cold]
    #[inline(never)]
    pub(super) fn is_let_in(&mut self, packet: &RtpPacket<'_>, is_new: bool, credit: &mut Credit) -> bool {
        if !is_new {
            self.probation.observe(packet.sequence, packet.timestamp);
        }
        self.proven = self.probation.is_proven();
        if self.proven {
            credit.give_back(std::mem::take(&mut self.borrowed));
            return true;
        }
        let is_lent = credit.spend();
        self.borrowed += u8::from(is_lent);
        is_lent
    }

    /// Counts a packet that was accepted as this stream's.
    #[inline]
    pub(super) fn count(&mut self, packet: &RtpPacket<'_>, at: Occurrence, cut: bool, findings: &mut FindingLog) {
        if self.packets == 0 {
            self.first = at;
            self.analysers = analysers(packet);
        }
        self.packets += 1;
        self.payload_bytes += packet.payload.len() as u64;
        self.markers += u64::from(packet.marker);
        self.last = at;
        if packet.payload_type != self.payload_type || self.payload_types.is_empty() {
            self.change_payload_type(packet.payload_type, at, findings);
        } else if let Some((_, count)) = self.payload_types.first_mut() {
            *count += 1;
        }
        if packet.extension.is_some() != self.had_extension {
            self.had_extension = !self.had_extension;
            self.extension_changes += 1;
        }
        let is_first = self.path.is_none();
        let path = self.path.get_or_insert_with(|| Path::new(packet.sequence));
        let position = path.observe(packet.sequence, packet.timestamp, at);
        let is_next = position == Position::Next;
        let late = position == Position::Behind && !is_first;
        let step = packet.timestamp.wrapping_sub(self.last_timestamp).cast_signed();
        if step != 0 && !late {
            self.timestamp_changes += 1;
            if is_next {
                self.backward_steps += u64::from(step < 0);
                if step > 0 {
                    self.steps.push(step.cast_unsigned());
                }
            }
        }
        if !cut {
            self.payload_lengths.push(u32::try_from(packet.payload.len()).unwrap_or(u32::MAX));
        }
        self.last_timestamp = packet.timestamp;
        if let Some(interval) = at.time.and_then(|time| self.jitter.observe(time, packet.timestamp)) {
            self.intervals.push(interval);
            if is_next {
                // Even at 27 MHz, and at 1 kHz the more so, fewer ticks than this are no jump.
                if step.unsigned_abs() >= 40_000 {
                    self.large_step(step, interval, at, findings);
                }
            }
        }
        for analyser in &mut self.analysers {
            analyser.observe(packet, at, late);
        }
        // at the first packet too: most formats are told apart by it, and a million streams may have no second
        if (self.packets.is_multiple_of(REVIEW_PER) || self.packets == 1) && !self.analysers.is_empty() {
            self.review();
        }
    }

    /// Looks whether a timestamp moved by seconds more or less than time did: the sender's clock was set anew.
    #[cold]
    #[inline(never)]
    fn large_step(&self, step: i32, interval: i64, at: Occurrence, findings: &mut FindingLog) {
        const TOLERANCE_NS: i64 = 5_000_000_000;
        let Some((rate, _)) = self.clock() else { return };
        let elapsed = i64::from(step) * 1_000_000_000 / i64::from(rate);
        if elapsed.abs_diff(interval) > TOLERANCE_NS.cast_unsigned() {
            findings.add("rtp.timestamp-jump", Severity::Warning, Some(self.id()), at, || {
                format!(
                    "the timestamp moved by {step} ticks in {:.3} ms from one packet to the next",
                    interval as f64 / 1e6
                )
            });
        }
    }

    /// Moves the counter of the payload type to the front.
    #[cold]
    fn change_payload_type(&mut self, payload_type: u8, at: Occurrence, findings: &mut FindingLog) {
        let before = std::mem::replace(&mut self.payload_type, payload_type);
        match self.payload_types.iter().position(|&(known, _)| known == payload_type) {
            Some(at) => self.payload_types.swap(0, at),
            None if self.payload_types.len() < MAX_PAYLOAD_TYPES => {
                self.payload_types.push((payload_type, 0));
                let last = self.payload_types.len() - 1;
                self.payload_types.swap(0, last);
            }
            None => {}
        }
        if let Some((_, count)) = self.payload_types.first_mut() {
            *count += 1;
        }
        if before != payload_type {
            self.payload_type_changes += 1;
            findings.add("rtp.payload-type-changed", Severity::Info, Some(self.id()), at, || {
                format!("the payload type changed from {before} to {payload_type} within the stream")
            });
        }
    }

    #[cold]
    fn review(&mut self) {
        let old = self.packets >= YOUTH;
        self.analysers.retain(|analyser| analyser.is_plausible() && (!old || analyser.refinement().is_some()));
    }

    /// The analyser that is surest of what the stream carries.
    pub(super) fn analyser(&self) -> Option<(&dyn PayloadAnalyser, Refinement)> {
        let mut best: Option<(&dyn PayloadAnalyser, Refinement)> = None;
        for analyser in self.analysers.iter().filter(|analyser| analyser.is_plausible()) {
            let Some(refinement) = analyser.refinement() else { continue };
            if best.as_ref().is_none_or(|(_, other)| refinement.confidence > other.confidence) {
                best = Some((analyser.as_ref(), refinement));
            }
        }
        best
    }

    /// Rate of the media clock in Hz, as far as the stream itself tells.
    pub(super) fn clock(&self) -> Option<(u32, ClockSource)> {
        if let Some(rate) = self.fixed_clock {
            return Some((rate, ClockSource::StaticPayloadType));
        }
        let format = self.analyser().filter(|(_, refinement)| refinement.confidence >= 0.5);
        if let Some(rate) = format.and_then(|(analyser, _)| analyser.clock_rate_hz()) {
            return Some((rate, ClockSource::PayloadFormat));
        }
        self.jitter.inferred_rate().map(|rate| (rate, ClockSource::Inferred))
    }

    /// Bytes of the shortest and of the longest whole payload; 0 where the capture cut all.
    pub(super) fn payload_lengths(&self) -> (u32, u32) {
        (self.payload_lengths.min().unwrap_or(0), self.payload_lengths.max().unwrap_or(0))
    }

    /// Jitter at the clock rate of [`Self::clock`].
    pub(super) fn jitter(&self) -> Option<RtpJitter> {
        self.clock().and_then(|(rate, _)| self.jitter.at_rate(rate))
    }
}

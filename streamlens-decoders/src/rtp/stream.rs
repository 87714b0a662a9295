//! One stream of a flow: everything that is remembered of an SSRC.

use smallvec::SmallVec;
use streamlens_model::stats::{Majority, Summary};
use streamlens_model::words::{Counted, Grouped, Span};
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId, Subject, Timestamp};

use super::RtpPacket;
use super::clocks::Clocks;
use super::jitter::RtpJitter;
use super::path::{Path, Position};
use super::probation::{Credit, Probation, Sign};
use super::steps::ClockStep;
use crate::media::{PayloadAnalyser, analysers};
use crate::{Refinement, nanos};

/// The most payload types whose packets are counted one by one in a stream.
const MAX_PAYLOAD_TYPES: usize = 8;
/// So often, in packets, analysers that gave up are let go.
const REVIEW_PER: u64 = 64;
/// After so many packets only analysers that came to a result are kept. Large: a format may have to see two whole
/// pictures of UHD video first.
const YOUTH: u64 = 1 << 16;

/// No oscillator is further off, in parts per million: what looks like it is a wrong rate.
pub(super) const MAX_DRIFT_PPM: f64 = 1_000.0;

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
    last_time: Option<Timestamp>,
    pub(super) clocks: Clocks,
    /// Time, timestamp and payload type of a packet whose number is far off: the first of a new beginning, or nothing.
    stray: Option<(Occurrence, u32, u8)>,
    pub(super) path: Option<Path>,
    /// Packets that were sent again by the source's twin.
    pub(super) retransmissions: u64,
    analysers: Vec<Box<dyn PayloadAnalyser>>,
}

impl Stream {
    pub(super) fn new(packet: &RtpPacket<'_>, at: Occurrence) -> Self {
        Self {
            ssrc: packet.ssrc,
            probation: Probation::new(packet),
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
            last_time: None,
            clocks: Clocks::new(packet.payload_type),
            stray: None,
            path: None,
            retransmissions: 0,
            analysers: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> StreamId {
        StreamId(u128::from(self.ssrc))
    }

    /// Judges a packet of a stream that is not proven: whether it counts, proven with it or on credit.
    #[cold]
    #[inline(never)]
    pub(super) fn is_let_in(&mut self, packet: &RtpPacket<'_>, datagram: Option<usize>, credit: &mut Credit) -> bool {
        let sign = self.probation.observe(packet, datagram);
        self.proven = self.probation.is_proven();
        if self.proven {
            credit.give_back(std::mem::take(&mut self.borrowed));
            return true;
        }
        match sign {
            Sign::Against => false,
            // the slices of a first picture, before its timestamp moves
            Sign::RunsOn => true,
            Sign::For | Sign::Neither => {
                let is_lent = credit.spend();
                self.borrowed += u8::from(is_lent);
                is_lent
            }
        }
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
        // a packet that was joined to the one before has no time of its own
        self.last = Occurrence { time: at.time.or(self.last.time), ..at };
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
        if let Some(time) = at.time {
            self.time(packet, at, time, position, findings);
        }
        if packet.wrong_padding.is_some() {
            self.note_padding(packet, at, findings);
        }
        for analyser in &mut self.analysers {
            analyser.observe(packet, at, late);
        }
        // at the first packet too: most formats are told apart by it, and a million streams may have no second
        if (self.packets.is_multiple_of(REVIEW_PER) || self.packets == 1) && !self.analysers.is_empty() {
            self.review();
        }
    }

    /// Measures intervals, and the timestamp against time.
    #[inline]
    fn time(
        &mut self,
        packet: &RtpPacket<'_>,
        at: Occurrence,
        time: Timestamp,
        position: Position,
        findings: &mut FindingLog,
    ) {
        if let Some(interval) = self.last_time.replace(time).map(|last| nanos::elapsed(last, time)) {
            self.intervals.push(interval);
        }
        if matches!(position, Position::Stray | Position::Restart) {
            self.begin_again(packet, at, position, findings);
        }
        if position != Position::Stray {
            let is_behind = position == Position::Behind;
            if let Some(step) = self.clocks.observe(packet.payload_type, at, time, packet.timestamp, is_behind) {
                self.note_step(&step, findings);
            }
        }
    }

    /// A number far off is no measure of the clock; where numbers begin afresh there, so does the clock.
    #[cold]
    #[inline(never)]
    fn begin_again(&mut self, packet: &RtpPacket<'_>, at: Occurrence, position: Position, findings: &mut FindingLog) {
        if position == Position::Stray {
            self.stray = Some((at, packet.timestamp, packet.payload_type));
            return;
        }
        let steps: SmallVec<[ClockStep; 1]> = self.clocks.restart().collect();
        steps.iter().for_each(|step| self.note_step(step, findings));
        if let Some((at, timestamp, payload_type)) = self.stray.take()
            && let Some(time) = at.time
        {
            self.clocks.observe(payload_type, at, time, timestamp, false);
        }
    }

    /// Points out a step of the media clock.
    #[cold]
    #[inline(never)]
    fn note_step(&self, step: &ClockStep, findings: &mut FindingLog) {
        let rate = self.clock().map(|(rate, _)| rate);
        let (what, place) = (("rtp.timestamp-jump", Severity::Warning), (Some(self.id()), Subject::default()));
        findings.add_figure(what, place, step.at, step.ticks.into(), ticks, || {
            let says = rate.map(|rate| (f64::from(step.ticks) / f64::from(rate) * 1e9) as i64);
            let says = says.map_or_else(String::new, |nanos| format!(" ({})", Span(nanos)));
            format!(
                "the timestamp went on by {}{says} while {} went by",
                ticks(step.ticks.into()),
                Span(step.interval_ns)
            )
        });
    }

    #[cold]
    #[inline(never)]
    fn note_padding(&self, packet: &RtpPacket<'_>, at: Occurrence, findings: &mut FindingLog) {
        let (what, of) = (("rtp.padding", Severity::Warning), (Some(self.id()), Subject::default()));
        let count = packet.wrong_padding.unwrap_or(0);
        findings.add_figure(what, of, at, count.into(), |count| format!("padding count {count}"), || {
            let length = packet.payload.len();
            format!(
                "the padding bit is set and the padding count is {count}, which can't be in {length} bytes; it may be encrypted (SRTP)"
            )
        });
    }

    /// Adds what the end of the capture shows: steps after which little came, and a clock that no oscillator can have.
    pub(super) fn note_end(&self, findings: &mut FindingLog) {
        self.clocks.last_steps().for_each(|step| self.note_step(&step, findings));
        if let Some((rate, source)) = self.clock()
            && source != ClockSource::Inferred
            && let Some(ppm) = self.other_rate()
        {
            findings.add("rtp.clock-rate", Severity::Warning, Some(self.id()), self.last, || {
                let real = f64::from(rate) * (1.0 + ppm / 1e6);
                format!(
                    "the timestamps make {} ticks a second, the clock rate is {} Hz by the {}",
                    Grouped(real.round() as u64),
                    Grouped(rate.into()),
                    source.as_str()
                )
            });
        }
    }

    /// Whether [`Self::note_end`] has anything to add.
    pub(super) fn has_more_to_say(&self) -> bool {
        self.clocks.last_steps().next().is_some() || self.other_rate().is_some()
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
            let subject = Subject::of([before.into(), payload_type.into()]);
            findings.add_about("rtp.payload-type-changed", Severity::Info, Some(self.id()), subject, at, || {
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
        let main = self.clocks.main()?;
        if let Some(rate) = main.fixed_rate() {
            return Some((rate, ClockSource::StaticPayloadType));
        }
        let format = self.analyser().filter(|(_, refinement)| refinement.confidence >= 0.5);
        if let Some(rate) = format.and_then(|(analyser, _)| analyser.clock_rate_hz()) {
            return Some((rate, ClockSource::PayloadFormat));
        }
        main.jitter.inferred_rate().map(|rate| (rate, ClockSource::Inferred))
    }

    /// Bytes of the shortest and of the longest whole payload; 0 where the capture cut all.
    pub(super) fn payload_lengths(&self) -> (u32, u32) {
        (self.payload_lengths.min().unwrap_or(0), self.payload_lengths.max().unwrap_or(0))
    }

    /// Jitter at the clock rate of [`Self::clock`].
    pub(super) fn jitter(&self) -> Option<RtpJitter> {
        self.clock().and_then(|(rate, _)| self.jitter_at(rate))
    }

    /// Jitter at a clock rate, of the payload type that most packets have.
    pub(super) fn jitter_at(&self, clock_rate_hz: u32) -> Option<RtpJitter> {
        self.clocks.main()?.jitter.at_rate(clock_rate_hz)
    }

    /// Ticks per second that the timestamps made against the capture's clock.
    pub(super) fn slope(&self) -> Option<f64> {
        self.clocks.main()?.jitter.slope().map(|(slope, _)| slope)
    }

    /// A drift that no oscillator has. Only over ten seconds and more: a sender that fills a buffer at first looks the same.
    fn other_rate(&self) -> Option<f64> {
        let span = self.clocks.main().map_or(0, |clock| clock.jitter.span());
        self.drift().filter(|ppm| span >= 10_000_000_000 && ppm.abs() > MAX_DRIFT_PPM)
    }

    /// How much faster the sender's clock runs than the capture's, in parts per million, over the longest stretch without a step;
    /// `None` where it can't be told from the network's delay.
    pub(super) fn drift(&self) -> Option<f64> {
        let (rate, _) = self.clock()?;
        self.clocks.main()?.jitter.drift_ppm(rate)
    }
}

/// So many ticks of a clock, back where they are less than 0.
fn ticks(by: i64) -> String {
    let sign = if by < 0 { "-" } else { "" };
    format!("{sign}{}", Counted(by.unsigned_abs(), "tick"))
}

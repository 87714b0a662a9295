//! One stream over time: its packet time against its capture time.

use streamlens_model::stats::{SEEN_WINDOW, Summary, behind};
use streamlens_model::words::{Counted, Span};
use streamlens_model::{FindingLog, Metadata, Occurrence, Packet, Severity, StreamId, Subject, Timestamp, Value};

use super::at;
use crate::{clock_offset, nanos};

/// The packet time may run this far from the capture time between neighbours before it counts as a jump.
const JUMP_NANOS: u64 = 500_000_000;

/// The codes of the findings about a stream's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes {
    pub(crate) backwards: &'static str,
    /// `None` where packet times are never compared with the capture's.
    pub(crate) jump: Option<&'static str>,
    /// How much it matters that the time falls: little, where the field is known to be something else at times.
    pub(crate) severity: Severity,
}

/// What one packet says of its stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The sequence number and its width in bits, up to 32.
    pub(crate) sequence: (u32, u8),
    /// The packet's own time in nanoseconds since the Unix epoch, or since whenever its unit began.
    pub(crate) time: i64,
    /// Whether that time can be compared with the capture time.
    pub(crate) comparable: bool,
}

/// A packet time that does not fit the one before.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    falls: bool,
    jumps: bool,
    step: i64,
    interval: i64,
    reading: Reading,
}

impl Trouble {
    #[cold]
    #[inline(never)]
    fn log(self, packet: &Packet<'_>, id: StreamId, codes: &Codes, log: &mut FindingLog) {
        let Self { step, interval, .. } = self;
        if self.falls {
            let back = step.saturating_neg();
            let written: fn(i64) -> String = match self.reading.comparable {
                true => |back| Span(back).to_string(),
                false => |back| Counted(back.unsigned_abs(), "unit").to_string(),
            };
            let of = (Some(id), Subject::default());
            log.add_figure((codes.backwards, codes.severity), of, at(packet), back, written, || {
                format!("the packet time goes back by {} while the sequence number goes on", written(back))
            });
        }
        if let (true, Some(jump)) = (self.jumps, codes.jump) {
            let by = step.saturating_sub(interval);
            let (code, of) = ((jump, Severity::Warning), (Some(id), Subject::default()));
            log.add_figure(
                code,
                of,
                at(packet),
                by,
                |by| Span(by).to_string(),
                || {
                    let known = clock_offset::in_words(by).map_or_else(String::new, |words| format!(": {words}"));
                    format!(
                        "the packet time steps by {} while {} pass at the capture: it jumps by {}{known}",
                        Span(step),
                        Span(interval),
                        Span(by)
                    )
                },
            );
        }
    }
}

/// One stream over time.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    packets: u64,
    wire_bytes: u64,
    /// Bytes of payload a packet.
    payload: Summary,
    first: Occurrence,
    last: Occurrence,
    longest_interval: i64,
    highest: u32,
    was_late: bool,
    time: i64,
    first_time: i64,
    backward_steps: u64,
    jumps: u64,
    /// Packet time less capture time in nanoseconds, where they can be compared: before the last jump, and since.
    error_before: Summary,
    error: Summary,
    /// The packet since which the clock is to the capture's as it is now.
    since: Occurrence,
}

impl Track {
    /// A stream that begins with this packet. The packet itself is still to be [observed](Self::observe).
    pub(crate) fn new(packet: &Packet<'_>) -> Self {
        Self {
            packets: 0,
            wire_bytes: 0,
            payload: Summary::default(),
            first: at(packet),
            last: at(packet),
            longest_interval: 0,
            highest: 0,
            was_late: false,
            time: 0,
            first_time: 0,
            backward_steps: 0,
            jumps: 0,
            error_before: Summary::default(),
            error: Summary::default(),
            since: at(packet),
        }
    }

    /// Records a packet. What is wrong with its time goes into `log`; a late packet's time is no fault.
    #[inline(always)]
    pub(crate) fn observe(
        &mut self,
        packet: &Packet<'_>,
        reading: Reading,
        id: StreamId,
        codes: &Codes,
        log: &mut FindingLog,
    ) {
        let (number, bits) = reading.sequence;
        self.wire_bytes += u64::from(packet.wire_length);
        // an address space has no more bytes than 2^63
        self.payload.push(packet.wire_payload_length() as i64);
        if self.packets == 0 {
            (self.highest, self.time, self.first_time) = (number, reading.time, reading.time);
        } else {
            let is_late = behind(number.into(), self.highest.into(), bits) < SEEN_WINDOW;
            if !is_late {
                self.highest = number;
            }
            if let Some(trouble) = self.compare(packet, reading, is_late) {
                if trouble.jumps {
                    self.set_anew(packet, reading.time);
                }
                trouble.log(packet, id, codes, log);
            }
            (self.time, self.was_late) = (reading.time, is_late);
        }
        if let (Some(capture), true) = (packet.time, reading.comparable) {
            self.error.push(nanos::saturating_difference(reading.time, capture.as_nanos()));
        }
        self.packets += 1;
        // a packet that was joined to the one before has no time of its own
        self.last = Occurrence { time: packet.time.or(self.last.time), ..at(packet) };
    }

    /// The clock was set: it is judged by what it shows from here on.
    #[cold]
    fn set_anew(&mut self, packet: &Packet<'_>, time: i64) {
        self.error_before.merge(&self.error);
        self.error = Summary::default();
        let offset = |time, capture: Option<Timestamp>| Some(nanos::saturating_difference(time, capture?.as_nanos()));
        let both = offset(self.time, self.last.time).zip(offset(time, packet.time));
        if both.is_none_or(|(before, now)| !clock_offset::are_alike(before, now)) {
            self.since = at(packet);
        }
    }

    /// Compares the times of two neighbours. What is worth a finding is rare, so it is put into words out of line.
    #[inline]
    fn compare(&mut self, packet: &Packet<'_>, reading: Reading, is_late: bool) -> Option<Trouble> {
        let step = nanos::saturating_difference(reading.time, self.time);
        self.backward_steps += u64::from(step < 0);
        let mut trouble = Trouble { falls: step < 0 && !is_late, jumps: false, step, interval: 0, reading };
        if let (Some(now), Some(before)) = (packet.time, self.last.time) {
            trouble.interval = nanos::elapsed(before, now);
            self.longest_interval = self.longest_interval.max(trouble.interval);
            let is_jump =
                reading.comparable && nanos::saturating_difference(step, trouble.interval).unsigned_abs() > JUMP_NANOS;
            self.jumps += u64::from(is_jump);
            trouble.jumps = is_jump && !is_late && !self.was_late;
        }
        (trouble.falls || trouble.jumps).then_some(trouble)
    }

    /// Packets so far.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Its first packet.
    pub(crate) fn first(&self) -> Occurrence {
        self.first
    }

    /// Its last packet.
    pub(crate) fn last(&self) -> Occurrence {
        self.last
    }

    /// The last packet time.
    pub(crate) fn time(&self) -> i64 {
        self.time
    }

    /// By how many nanoseconds the packet time is ahead of the capture's, on average since it jumped, and the packet since which
    /// that is so; `None` where it varies by a second or more, so that no one figure says it, or has jumped with the last packet
    /// alone.
    pub(crate) fn clock_offset(&self) -> Option<(i64, Occurrence)> {
        const STEADY: u64 = 1_000_000_000;
        let (least, most) = self.error.min().zip(self.error.max())?;
        let mean = self.error.sum().checked_div(self.error.count().into())?;
        let is_one = self.error.count() == 1 && self.error_before.count() > 0;
        let mean = i64::try_from(mean).ok()?;
        (most.abs_diff(least) < STEADY && !is_one).then_some((mean, self.since))
    }

    /// Mean interval between packets in nanoseconds of capture time; `None` below two packets.
    pub(crate) fn mean_interval(&self) -> Option<i64> {
        let span = self.last.time?.since(self.first.time?);
        let intervals = i64::try_from(self.packets).ok()?.checked_sub(1).filter(|n| *n > 0)?;
        (span > 0).then_some(span / intervals)
    }

    /// The longest interval between neighbours in nanoseconds of capture time.
    pub(crate) fn longest_interval(&self) -> i64 {
        self.longest_interval
    }

    /// Adds the figures to a stream's measures, all in order of their names, which is done soonest. `absolute`: packet times
    /// are instants.
    pub(crate) fn report(&self, measures: &mut Metadata, absolute: bool) {
        let mut own = Metadata::new();
        own.reserve(17);
        // in order of their names, which is done soonest
        let mut add = |name: &'static str, value: Value| drop(own.insert(name.into(), value));
        let seen = self.first.time.zip(self.last.time);
        let span = seen.map(|(first, last)| last.since(first)).filter(|span| *span > 0 && self.packets > 1);
        let is_timed = absolute && self.packets > 0;
        if let Some(span) = span {
            // the bits of the last packet come after that time
            let share = (self.packets - 1) as f64 / self.packets as f64;
            add("bit_rate", (self.wire_bytes as f64 * share * 8e9 / span as f64).into());
        }
        if let Some((first, last)) = seen {
            add("first_seen", first.into());
            add("last_seen", last.into());
        }
        if span.is_some() {
            add("longest_interval_ns", self.longest_interval.into());
        }
        add("packets", self.packets.into());
        if let (Some(min), Some(mean), Some(max)) = (self.payload.min(), self.payload.mean(), self.payload.max()) {
            add("payload_max_bytes", max.cast_unsigned().into());
            add("payload_mean_bytes", mean.into());
            add("payload_min_bytes", min.cast_unsigned().into());
        }
        if let Some(span) = span {
            add("rate_hz", ((self.packets - 1) as f64 * 1e9 / span as f64).into());
        }
        add("time_backward_steps", self.backward_steps.into());
        let error = self.whole_error();
        if let (Some(min), Some(mean), Some(max)) = (error.min(), error.mean(), error.max()) {
            add("time_error_max_ns", max.into());
            add("time_error_mean_ns", mean.into());
            add("time_error_min_ns", min.into());
        }
        if is_timed {
            add("time_first", Timestamp::from_nanos(self.first_time).into());
            add("time_jumps", self.jumps.into());
            add("time_last", Timestamp::from_nanos(self.time).into());
        }
        add("wire_bytes", self.wire_bytes.into());
        measures.merge(own);
    }

    /// Packet time less capture time of all packets.
    fn whole_error(&self) -> Summary {
        let mut whole = self.error_before;
        whole.merge(&self.error);
        whole
    }

    /// What the mean distance from the capture time says of the time scale of a clock that should count TAI
    /// (IEEE 1588), given that capture times are UTC: within 2 s of 37 s ahead, of no difference, or neither.
    pub(crate) fn time_scale(&self) -> Option<&'static str> {
        let error = self.whole_error();
        let mean = error.sum().checked_div(error.count().into())?;
        Some(match mean / 1_000_000_000 {
            35..=39 => "like TAI: about 37 s ahead of the capture",
            -2..=2 => "like UTC: close to the capture",
            _ => "not synchronised with the capture's clock",
        })
    }
}

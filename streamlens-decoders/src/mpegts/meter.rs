//! What is measured of a transport stream, over RTP and over plain UDP alike.

use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, StreamId, Value};

use super::packet::{NULL_PID, TsPacket};
use super::psi::{Assembler, Tables, stream_type};

/// The most PIDs that are measured; packets of further ones are counted together.
const MAX_PIDS: usize = 512;

/// No entry.
const NONE: u16 = u16::MAX;

/// The range of the program clock reference.
const PCR_WRAP: u64 = (1 << 33) * 300;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metered {
    pub(crate) continuity: Continuity,
    /// The continuity counter, moved so that it runs on over lawful discontinuities; `None` where there is none.
    pub(crate) number: Option<u8>,
}

impl Metered {
    const FREE: Self = Self { continuity: Continuity::Free, number: None };
}

/// What a continuity counter says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// First of its PID, without payload, stuffing, or after a lawful discontinuity: nothing follows from it.
    Free,
    /// One more than the packet before.
    InOrder,
    /// The number of the packet before, which one packet may repeat.
    Repeat,
    /// Anything else: packets are missing, or came too often.
    Broken,
}

/// Program clock references of one PID.
#[derive(Clone, Debug, Default)]
struct ClockMeter {
    count: u64,
    first: Option<(u64, i64)>,
    previous: Option<(u64, Option<i64>)>,
    /// Ticks of 27 MHz since the first, wraps and discontinuities taken out.
    elapsed: u64,
    interval_max: u64,
    interval_max_at: Option<Occurrence>,
    late_intervals: u64,
    /// Arrival against clock, in nanoseconds: the extremes since the last discontinuity, and the widest spread before.
    low: Option<i64>,
    high: Option<i64>,
    widest: i64,
    jitter: f64,
    discontinuities: u64,
}

#[derive(Clone, Debug)]
struct PidMeter {
    pid: u16,
    packets: u64,
    continuity: Option<u8>,
    repeated: bool,
    /// Added to the continuity counter so that it runs on over lawful discontinuities.
    shift: u8,
    errors: u64,
    repeats: u64,
    scrambled: u64,
    clock: Option<Box<ClockMeter>>,
    sections: Option<Box<Assembler>>,
}

/// Measures a transport stream.
#[derive(Debug)]
pub(crate) struct TsMeter {
    /// Index of each PID's meter.
    index: Vec<u16>,
    pids: Vec<PidMeter>,
    other_packets: u64,
    packets: u64,
    sync_errors: u64,
    transport_errors: u64,
    continuity_errors: u64,
    tables: Tables,
    findings: FindingLog,
}

impl Default for TsMeter {
    fn default() -> Self {
        Self {
            index: vec![NONE; 0x2000],
            pids: Vec::new(),
            other_packets: 0,
            packets: 0,
            sync_errors: 0,
            transport_errors: 0,
            continuity_errors: 0,
            tables: Tables::default(),
            findings: FindingLog::default(),
        }
    }
}

impl TsMeter {
    /// Takes note of bytes that should have been a packet and have no sync byte.
    pub(crate) fn sync_error(&mut self) {
        self.sync_errors += 1;
    }

    /// Takes note of a packet.
    pub(crate) fn packet(&mut self, packet: &TsPacket<'_>, at: Occurrence) -> Metered {
        self.packets += 1;
        if packet.has_error {
            self.transport_errors += 1;
            self.findings.add("mpegts.transport-error", Severity::Error, None, at, || {
                format!(
                    "PID {:#06x} has the transport error indicator set: it was damaged before it was sent",
                    packet.pid
                )
            });
        }
        let Some(slot) = self.slot(packet.pid) else {
            self.other_packets += 1;
            return Metered::FREE;
        };
        let Some(meter) = self.pids.get_mut(slot) else { return Metered::FREE };
        meter.packets += 1;
        if packet.pid == NULL_PID {
            return Metered::FREE;
        }
        meter.scrambled += u64::from(packet.scrambling != 0);
        let continuity = meter.continuity(packet);
        let number = packet.payload.map(|_| packet.continuity.wrapping_add(meter.shift) & 0x0F);
        if continuity == Continuity::Broken {
            self.continuity_errors += 1;
        }
        if let Some(pcr) = packet.pcr {
            meter.clock.get_or_insert_default().reference(pcr, packet, at, &mut self.findings);
        }
        if let Some(payload) = packet.payload
            && packet.scrambling == 0
            && let Some(sections) = &mut meter.sections
        {
            let follows = continuity == Continuity::InOrder;
            let before = self.tables.changes;
            let tables = &mut self.tables;
            if continuity != Continuity::Repeat {
                sections.push(payload, packet.starts_unit, follows, |section| tables.section(packet.pid, section));
            }
            if self.tables.changes != before {
                self.watch_maps();
            }
        }
        Metered { continuity, number }
    }

    /// Gives each PID that the programs' table names an assembler.
    fn watch_maps(&mut self) {
        for meter in &mut self.pids {
            if meter.sections.is_none() && self.tables.is_map(meter.pid) {
                meter.sections = Some(Box::default());
            }
        }
    }

    fn slot(&mut self, pid: u16) -> Option<usize> {
        let index = self.index.get_mut(usize::from(pid))?;
        if *index == NONE {
            let slot = u16::try_from(self.pids.len()).ok().filter(|&slot| usize::from(slot) < MAX_PIDS)?;
            let sections = (matches!(pid, 0 | 0x11) || self.tables.is_map(pid)).then(Box::default);
            self.pids.push(PidMeter {
                pid,
                packets: 0,
                continuity: None,
                repeated: false,
                shift: 0,
                errors: 0,
                repeats: 0,
                scrambled: 0,
                clock: None,
                sections,
            });
            *index = slot;
        }
        Some(usize::from(*index))
    }

    /// Transport packets seen.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Whether the stream has what others don't have by chance: a program's table, or stuffing.
    pub(crate) fn has_proof(&self) -> bool {
        self.tables.transport_stream_id.is_some()
    }

    /// Continuity errors of all PIDs.
    pub(crate) fn continuity_errors(&self) -> u64 {
        self.continuity_errors
    }

    /// Findings, of PCR intervals and transport errors.
    pub(crate) fn findings(&self) -> &FindingLog {
        &self.findings
    }

    /// What a PID carries, by the tables.
    pub(crate) fn pid_name(&self, pid: u16) -> Option<String> {
        Some(match pid {
            0 => "PAT".into(),
            1 => "CAT".into(),
            0x10 => "NIT".into(),
            0x11 => "SDT".into(),
            0x12 => "EIT".into(),
            0x14 => "TDT".into(),
            NULL_PID => "null packets".into(),
            _ => match self.tables.streams.get(&pid) {
                Some(&kind) => format!("{} ({kind:#04x})", stream_type(kind)),
                None if self.tables.is_map(pid) => "PMT".into(),
                None => return None,
            },
        })
    }

    /// The PIDs in order, with their names and figures.
    pub(crate) fn pids(&self) -> impl Iterator<Item = (u16, Metadata)> + '_ {
        let mut order: Vec<&PidMeter> = self.pids.iter().collect();
        order.sort_by_key(|meter| meter.pid);
        order.into_iter().map(|meter| {
            let mut figures = Metadata::new();
            figures.insert("packets".into(), meter.packets.into());
            if meter.pid != NULL_PID {
                figures.insert("continuity_errors".into(), meter.errors.into());
                figures.insert("repeats".into(), meter.repeats.into());
            }
            if meter.scrambled > 0 {
                figures.insert("scrambled".into(), meter.scrambled.into());
            }
            if let Some(name) = self.pid_name(meter.pid) {
                figures.insert("name".into(), name.into());
            }
            if let Some(clock) = &meter.clock {
                clock.report(&mut figures);
            }
            (meter.pid, figures)
        })
    }

    /// The whole stream's figures, without those of single PIDs.
    pub(crate) fn facts(&self, out: &mut Metadata) {
        let nulls = self.pids.iter().find(|meter| meter.pid == NULL_PID).map_or(0, |meter| meter.packets);
        let clocks: u64 = self.pids.iter().filter_map(|meter| meter.clock.as_ref()).map(|clock| clock.count).sum();
        out.insert("ts_packets".into(), self.packets.into());
        out.insert("sync_errors".into(), self.sync_errors.into());
        out.insert("transport_errors".into(), self.transport_errors.into());
        out.insert("continuity_errors".into(), self.continuity_errors.into());
        out.insert("pcr_count".into(), clocks.into());
        if self.packets > 0 {
            out.insert("null_ratio".into(), (nulls as f64 / self.packets as f64).into());
        }
        if self.other_packets > 0 {
            out.insert("packets_of_further_pids".into(), self.other_packets.into());
        }
        if let Some(id) = self.tables.transport_stream_id {
            out.insert("transport_stream_id".into(), id.into());
        }
        let programs = self.tables.programs.iter().map(|(number, program)| {
            let mut map = Metadata::new();
            map.insert("pmt_pid".into(), format!("{:#06x}", program.pmt_pid).into());
            if let Some(pid) = program.pcr_pid {
                map.insert("pcr_pid".into(), format!("{pid:#06x}").into());
            }
            for (key, text) in [("name", &program.name), ("provider", &program.provider)] {
                if let Some(text) = text {
                    map.insert(key.into(), text.clone().into());
                }
            }
            (number.to_string(), Value::Map(map))
        });
        out.insert("programs".into(), Value::map(programs));
    }
}

impl PidMeter {
    fn continuity(&mut self, packet: &TsPacket<'_>) -> Continuity {
        let Some(previous) = self.continuity else {
            self.continuity = packet.payload.map(|_| packet.continuity);
            return Continuity::Free;
        };
        if packet.is_discontinuity {
            // The packet's number follows on the last, whatever its counter says; without payload it has none.
            let next = u8::from(packet.payload.is_some());
            self.shift = self.shift.wrapping_add(previous).wrapping_add(next).wrapping_sub(packet.continuity);
            (self.continuity, self.repeated) = (Some(packet.continuity), false);
            return Continuity::Free;
        }
        if packet.payload.is_none() {
            return Continuity::Free;
        }
        let step = packet.continuity.wrapping_sub(previous) & 0x0F;
        self.continuity = Some(packet.continuity);
        match step {
            1 => {
                self.repeated = false;
                Continuity::InOrder
            }
            0 if !self.repeated => {
                self.repeated = true;
                self.repeats += 1;
                Continuity::Repeat
            }
            _ => {
                self.repeated = false;
                self.errors += 1;
                Continuity::Broken
            }
        }
    }
}

impl ClockMeter {
    /// 100 ms, the longest interval that ISO/IEC 13818-1 §2.7.2 allows.
    const LONGEST: u64 = 2_700_000;

    fn reference(&mut self, pcr: u64, packet: &TsPacket<'_>, at: Occurrence, findings: &mut FindingLog) {
        let time = at.time.map(|time| time.as_nanos());
        self.count += 1;
        let step = self.previous.map(|(previous, _)| (pcr + PCR_WRAP - previous) % PCR_WRAP);
        // A jump of more than 10 s, or back, is another clock, announced or not.
        let jumps = step.is_some_and(|step| step > 270_000_000);
        if packet.is_discontinuity || jumps {
            self.discontinuities += 1;
            self.widest = self.spread();
            (self.first, self.low, self.high, self.elapsed) = (None, None, None, 0);
        } else if let Some(step) = step {
            self.elapsed += step;
            if step > self.interval_max {
                (self.interval_max, self.interval_max_at) = (step, Some(at));
            }
            if step > Self::LONGEST {
                self.late_intervals += 1;
                findings.add(
                    "mpegts.pcr-interval",
                    Severity::Warning,
                    Some(StreamId(u128::from(packet.pid))),
                    at,
                    || format!("{:.1} ms between two program clock references; 100 ms are allowed", step as f64 / 27e3),
                );
            }
        }
        if let Some(time) = time {
            let (_, begin) = *self.first.get_or_insert((pcr, time));
            let media = i64::try_from(u128::from(self.elapsed) * 1000 / 27).unwrap_or(i64::MAX);
            let late = time.saturating_sub(begin).saturating_sub(media);
            if let (Some(step), Some((_, Some(before))), false) =
                (step, self.previous, jumps || packet.is_discontinuity)
            {
                let difference = (time.saturating_sub(before) as f64 - step as f64 * 1000.0 / 27.0).abs();
                self.jitter += (difference - self.jitter) / 16.0;
            }
            self.low = Some(self.low.map_or(late, |low| low.min(late)));
            self.high = Some(self.high.map_or(late, |high| high.max(late)));
        }
        self.previous = Some((pcr, time));
    }

    fn spread(&self) -> i64 {
        let spread = self.low.zip(self.high).map_or(0, |(low, high)| high.saturating_sub(low));
        spread.max(self.widest)
    }

    fn report(&self, figures: &mut Metadata) {
        let mut map = Metadata::new();
        map.insert("count".into(), self.count.into());
        map.insert("discontinuities".into(), self.discontinuities.into());
        if let Some(at) = self.interval_max_at {
            map.insert("interval_max_ns".into(), (self.interval_max.saturating_mul(1000) / 27).into());
            map.insert("interval_max_at".into(), at.into());
            map.insert("intervals_above_100_ms".into(), self.late_intervals.into());
            map.insert("arrival_jitter_ns".into(), self.jitter.into());
            map.insert("arrival_spread_ns".into(), self.spread().into());
        }
        figures.insert("pcr".into(), Value::Map(map));
    }
}

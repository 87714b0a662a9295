//! What is measured of a transport stream, over RTP and over plain UDP alike.

use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, StreamId, Subject, Value};

use super::clock::ClockMeter;
pub(crate) use super::continuity::Continuity;
use super::continuity::Counter;
use super::packet::{NULL_PID, TsPacket};
use super::psi::{Assembler, Tables, stream_type};

/// The most PIDs that are measured; packets of further ones are counted together.
const MAX_PIDS: usize = 512;

/// No entry.
const NONE: u16 = u16::MAX;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metered {
    pub(crate) continuity: Continuity,
    /// The continuity counter, extended so that it runs on; `None` where there is none.
    pub(crate) number: Option<u32>,
}

impl Metered {
    const FREE: Self = Self { continuity: Continuity::Free, number: None };
}

#[derive(Clone, Debug)]
struct PidMeter {
    pid: u16,
    packets: u64,
    counter: Counter,
    /// The first and the last error of its counter.
    breaks: Option<(Occurrence, Occurrence)>,
    /// The longest gap that is none of what carries the stream.
    longest_gap: u8,
    /// Whether a packet had the number of the one before more often than is lawful.
    has_excess: bool,
    /// Gaps of what carries the stream, before its last packet.
    carrier_gaps: u32,
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
    /// Gaps of what carries the stream.
    carrier_gaps: u32,
    sync_errors: u64,
    transport_errors: u64,
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
            carrier_gaps: 0,
            sync_errors: 0,
            transport_errors: 0,
            tables: Tables::default(),
            findings: FindingLog::default(),
        }
    }
}

impl TsMeter {
    /// Records bytes that should have been a packet and have no sync byte.
    pub(crate) fn sync_error(&mut self, at: Occurrence) {
        self.sync_errors += 1;
        self.findings.add("mpegts.sync-byte", Severity::Error, None, at, || {
            "where a transport packet should begin stands no sync byte 0x47 (TR 101 290 1.2)".to_owned()
        });
    }

    /// Records packets missing in what carries the stream, which are told of there: what is missing of a PID at its next
    /// packet is no further error.
    pub(crate) fn carrier_gap(&mut self) {
        self.carrier_gaps = self.carrier_gaps.wrapping_add(1);
    }

    /// Records a packet.
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
        let (continuity, number) = meter.counter.observe(packet);
        let is_carried = packet.payload.is_some()
            && std::mem::replace(&mut meter.carrier_gaps, self.carrier_gaps) != self.carrier_gaps;
        if continuity.is_error() && is_carried {
            meter.counter.excuse(if let Continuity::Gap(missing) = continuity { missing } else { 0 });
        } else if continuity.is_error() {
            if let Continuity::Gap(missing) = continuity {
                meter.longest_gap = meter.longest_gap.max(missing);
            }
            meter.has_excess |= continuity == Continuity::Excess;
            meter.breaks = Some((meter.breaks.map_or(at, |(first, _)| first), at));
        }
        if let Some(pcr) = packet.pcr {
            meter.clock.get_or_insert_default().reference(pcr, packet, at, self.carrier_gaps, &mut self.findings);
        }
        if let Some(payload) = packet.payload
            && packet.scrambling == 0
            && let Some(sections) = &mut meter.sections
        {
            let follows = continuity == Continuity::InOrder;
            let before = self.tables.changes;
            let tables = &mut self.tables;
            if !matches!(continuity, Continuity::Repeat | Continuity::Excess | Continuity::Late) {
                sections.push(payload, packet.starts_unit, follows, |section| tables.section(packet.pid, section));
            }
            if self.tables.changes != before {
                self.watch_maps();
            }
        }
        Metered { continuity, number }
    }

    /// Records a packet of a datagram that came again; returns its number.
    pub(super) fn packet_again(&mut self, packet: &TsPacket<'_>) -> Option<u32> {
        self.packets += 1;
        let slot = self.slot(packet.pid).filter(|_| packet.pid != NULL_PID);
        let meter = slot.and_then(|slot| self.pids.get_mut(slot))?;
        meter.packets += 1;
        meter.counter.again(packet)
    }

    /// Records a packet in a datagram that is late, or there twice: it only closes gaps.
    pub(crate) fn late_packet(&mut self, packet: &TsPacket<'_>) {
        let slot = self.index.get(usize::from(packet.pid)).map(|slot| usize::from(*slot));
        if let Some(meter) = slot.and_then(|slot| self.pids.get_mut(slot)).filter(|_| packet.payload.is_some()) {
            meter.counter.fill(packet.continuity);
        }
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
                counter: Counter::default(),
                breaks: None,
                longest_gap: 0,
                has_excess: false,
                carrier_gaps: self.carrier_gaps,
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
        self.pids.iter().map(|meter| meter.counter.errors).sum()
    }

    /// What was found: faults of the sync byte, of continuity counters, of clock references, and transport errors. Findings of
    /// a PID have it as their stream. Where the packets lost `are_told` as the loss of a stream, gaps of its counter are no second
    /// error.
    pub(crate) fn findings(&self, are_told: bool) -> FindingLog {
        let mut findings = self.findings.clone();
        for meter in self.pids.iter().filter(|meter| meter.own().0 > 0) {
            let Some((first, last)) = meter.breaks else { continue };
            let (errors, lost) = meter.own();
            let is_told = are_told && lost > 0 && !meter.has_excess;
            let what = ("mpegts.continuity", if is_told { Severity::Info } else { Severity::Error });
            findings.add_loss(what, place_of(meter.pid), (errors, lost), (first, last), || {
                let broken = meter.broken();
                if is_told { format!("{broken}; their loss is a finding of its own") } else { broken }
            });
        }
        findings
    }

    /// Whether nothing was found.
    pub(crate) fn is_faultless(&self) -> bool {
        self.findings.is_empty() && self.pids.iter().all(|meter| meter.own().0 == 0)
    }

    /// What a PID carries, by the tables.
    pub(crate) fn pid_name(&self, pid: u16) -> Option<String> {
        let name = self.kind_name(pid)?;
        Some(match self.tables.program_of(pid) {
            Some(program) => format!("{name}, {program}"),
            None => name,
        })
    }

    fn kind_name(&self, pid: u16) -> Option<String> {
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
                let Counter { errors, repeats, lost, late, .. } = meter.counter;
                figures.insert("continuity_errors".into(), errors.into());
                if late > 0 {
                    figures.insert("late".into(), late.into());
                }
                if lost > 0 {
                    figures.insert("lost".into(), lost.into());
                }
                figures.insert("repeats".into(), repeats.into());
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
        out.insert("continuity_errors".into(), self.continuity_errors().into());
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

/// Stream and subject of what is said of a PID: over RTP the streams are SSRCs, and the subject alone remains.
pub(super) fn place_of(pid: u16) -> (Option<StreamId>, Subject) {
    (Some(StreamId(u128::from(pid))), Subject::of([pid]))
}

impl PidMeter {
    /// Errors of its counter and packets lost, without those of gaps in what carries the stream.
    fn own(&self) -> (u64, u64) {
        let Counter { errors, lost, carried, .. } = self.counter;
        (errors.saturating_sub(carried.0), lost.saturating_sub(carried.1))
    }

    /// What is said of the errors of its continuity counter.
    fn broken(&self) -> String {
        let ((errors, lost), longest_gap) = (self.own(), self.longest_gap);
        let missing = match lost {
            0 => {
                ", nothing missing: packets came with the number of the one before, which is lawful once, for a repeat"
                    .to_owned()
            }
            _ => format!(", {} missing, at most {longest_gap} in a row", Counted(lost, "packet")),
        };
        format!("continuity count errors of PID {:#06x} (TR 101 290 1.4): {}{missing}", self.pid, Grouped(errors))
    }
}

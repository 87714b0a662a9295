//! Pairs frames that a master sends with those that come back, and follows what they carry.

use std::collections::BTreeMap;

use streamlens_model::stats::Distribution;
use streamlens_model::words::Span;
use streamlens_model::{Address, FindingLog, FlowKey, Occurrence, Severity, Subject};

use super::frame::{Datagram, FRAME_HEADER, is_logical};
use super::journeys::{Fate, Journeys, Sent};
use super::mailbox::{self, Complaint};
use super::names::{FRAME_TYPE, sdo_abort};
use super::registers::{Command, Register};
use super::stations::Stations;
use super::working_counters::{Slots, Verdict, slot_id, slot_name, station_id};
use crate::{ConversationMonitor, FlowReport, ObservedPdu};

/// A frame that this many later returns have overtaken is lost.
pub(super) const OVERTAKEN: u64 = 10;
/// Sets of commands whose cycle is measured.
const MAX_SETS: usize = 64;
/// Intervals before a cycle can be late.
const LEARNING: u64 = 64;
/// Slots of a set that are kept, to name it.
const NAMED: usize = 4;

/// The frame that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    at: Option<Occurrence>,
    /// Whether another datagram follows.
    open: bool,
    is_return: bool,
    /// Whether it is like one that went out or came back just before: a copy, or a frame that no station has touched.
    is_again: bool,
    /// Whether it has gone round once already.
    circulates: bool,
    datagrams: usize,
    /// Index and slot of the first datagram.
    first: u64,
    /// Of the slots of all datagrams.
    set: u64,
    slots: [u64; NAMED],
    logical: bool,
    bad: bool,
}

/// The cycle of one set of commands.
#[derive(Clone, Debug)]
pub(super) struct Set {
    key: u64,
    pub(super) slots: [u64; NAMED],
    pub(super) datagrams: usize,
    pub(super) logical: bool,
    pub(super) sent: u64,
    pub(super) interval: Distribution,
    /// The median of the intervals so far, once there are enough.
    nominal: Option<u64>,
    pub(super) late: u64,
    last: Option<i64>,
    last_sent: u64,
    next: usize,
}

/// Measures an EtherCAT segment: both flows between one master and its stations.
#[derive(Debug, Default)]
pub(super) struct ExchangeMonitor {
    current: Current,
    /// Whether frames with a source that is not locally administered were seen: then the bit tells the direction.
    pub(super) by_address: bool,
    pub(super) journeys: Journeys,
    pub(super) sent: u64,
    pub(super) returned: u64,
    pub(super) matched: u64,
    pub(super) lost: u64,
    pub(super) returned_without_sent: u64,
    /// Frames that came back after they had come back once.
    pub(super) circulated: u64,
    pub(super) datagrams: u64,
    pub(super) most_datagrams: usize,
    pub(super) other_frames: u64,
    pub(super) irqs: u64,
    pub(super) circulating: u64,
    pub(super) zero_counters: u64,
    pub(super) bad_cycles: u64,
    pub(super) round_trip: Distribution,
    pub(super) sets: Vec<Set>,
    at_set: usize,
    pub(super) slots: Slots,
    pub(super) stations: Stations,
    pub(super) mailbox: BTreeMap<&'static str, u64>,
    pub(super) log: FindingLog,
}

/// Whether the first station has marked the frame as being on its way back.
pub(super) fn is_marked(flow: &FlowKey) -> bool {
    matches!(flow.src.address, Address::Mac(mac) if mac.0[0] & 2 != 0)
}

impl ExchangeMonitor {
    /// Decides which way the frame goes by its first datagram.
    #[inline]
    fn begin(&mut self, flow: &FlowKey, datagram: &Datagram<'_>, first: u64, at: Occurrence) {
        let marked = is_marked(flow);
        if !marked && !self.by_address && matches!(flow.src.address, Address::Mac(_)) {
            self.by_address = true;
        }
        self.current.circulates = datagram.is_circulating();
        if self.by_address {
            self.current.is_return = marked;
            self.current.is_again = !self.current.circulates && self.journeys.is_again(first, marked, at);
        } else {
            // A master with such an address of its own, or UDP: a frame that was sent comes back.
            self.current.is_return = self.journeys.is_waiting(first)
                || datagram.is_circulating()
                || datagram.working_counter.is_some_and(|counter| counter > 0);
        }
    }

    /// All datagrams of a frame are read.
    fn finish(&mut self, at: Occurrence) {
        let current = self.current;
        let signature = current.set.rotate_left(8) ^ current.first;
        self.most_datagrams = self.most_datagrams.max(current.datagrams);
        if current.is_again {
            return self.journeys.note_again(current.first, current.is_return, at);
        }
        if !current.is_return {
            return self.sent(signature, at);
        }
        self.returned += 1;
        self.bad_cycles += u64::from(current.bad);
        let elapsed = self.journeys.comes_back(signature, at);
        if current.circulates {
            self.circulates(at);
        }
        match elapsed {
            Some(elapsed) => self.count_matched(elapsed),
            None => self.returned_without_sent += u64::from(!current.circulates),
        }
    }

    fn count_matched(&mut self, elapsed: Option<u64>) {
        self.matched += 1;
        if let Some(elapsed) = elapsed {
            self.round_trip.push(elapsed);
        }
    }

    #[cold]
    fn circulates(&mut self, at: Occurrence) {
        self.circulated += 1;
        let slot = self.current.first & (u64::MAX >> 8);
        self.log.add("ethercat.circulating", Severity::Warning, Some(slot_id(slot)), at, || {
            let name = slot_name(slot);
            format!("a frame ({name}) went round twice: a broken ring, or a port that is closed and should not be")
        });
    }

    /// The datagrams that followed were not captured, or are broken: the frame counts all the same.
    #[cold]
    fn finish_cut(&mut self) {
        if let Some(at) = self.current.at {
            self.finish(at);
        }
    }

    fn sent(&mut self, signature: u64, at: Occurrence) {
        self.sent += 1;
        let before = self.cycle(at);
        let sent = Sent {
            signature,
            set: self.current.set,
            first: self.current.first,
            at,
            returned_before: self.returned,
            before,
            again: None,
        };
        match self.journeys.goes_out(sent) {
            None => {}
            Some(Fate::Lost(lost)) => self.count_lost(&lost),
            Some(Fate::Unchanged(elapsed)) => {
                self.returned += 1;
                self.count_matched(elapsed);
            }
        }
    }

    #[cold]
    fn count_lost(&mut self, sent: &Sent) {
        self.lost += 1;
        // Where nothing ever came back there is one finding about that, in the report.
        if self.returned > 0 {
            log_lost(&mut self.log, sent);
        }
    }

    /// Measures the interval between frames of the same set of commands, and gives it.
    #[inline]
    fn cycle(&mut self, at: Occurrence) -> Option<u64> {
        let key = self.current.set;
        let guess = self.sets.get(self.at_set).map_or(0, |set| set.next);
        let index = match self.sets.get(guess) {
            Some(set) if set.key == key => guess,
            _ => self.find_set(key),
        };
        self.at_set = index;
        let number = self.sent;
        let set = self.sets.get_mut(index)?;
        (set.sent, set.last_sent) = (set.sent + 1, number);
        let time = at.time?.as_nanos();
        let last = set.last.replace(time)?;
        let interval = u64::try_from(time.saturating_sub(last)).ok()?;
        if let Some(nominal) = set.nominal
            && set.logical
            && interval > nominal.saturating_mul(2)
            && nominal > 0
        {
            set.late += 1;
            let slot = set.slots.first().copied().unwrap_or(0);
            let (code, of) = (("ethercat.late-cycle", Severity::Warning), (Some(slot_id(slot)), Subject::default()));
            let late = (interval / 1000).cast_signed();
            self.log.add_figure(code, of, at, late, in_us, || {
                let cycle = in_us((nominal / 1000).cast_signed());
                format!("{} was sent {} after the one before, the cycle is {cycle}", slot_name(slot), in_us(late))
            });
        }
        set.interval.push(interval);
        let count = set.interval.count();
        if count >= LEARNING && (count.is_power_of_two() || count.is_multiple_of(4096)) {
            set.nominal = set.interval.quantile(500);
        }
        Some(interval)
    }

    #[cold]
    fn find_set(&mut self, key: u64) -> usize {
        let index = self.sets.iter().position(|set| set.key == key).unwrap_or_else(|| {
            let set = Set {
                key,
                slots: self.current.slots,
                datagrams: self.current.datagrams,
                logical: self.current.logical,
                sent: 0,
                interval: Distribution::default(),
                nominal: None,
                late: 0,
                last: None,
                last_sent: 0,
                next: 0,
            };
            if self.sets.len() < MAX_SETS {
                self.sets.push(set);
                return self.sets.len() - 1;
            }
            // What starts a machine up is not sent again: the set that rested longest makes room, process data last.
            let rested = self.sets.iter().enumerate().min_by_key(|(_, set)| (set.logical, set.last_sent));
            let index = rested.map_or(0, |(index, _)| index);
            if let Some(old) = self.sets.get_mut(index) {
                *old = set;
            }
            index
        });
        if let Some(before) = self.sets.get_mut(self.at_set) {
            before.next = index;
        }
        index
    }

    /// A datagram that came back.
    #[inline]
    fn came_back(&mut self, datagram: &Datagram<'_>, slot: u64, at: Occurrence) {
        let Some(counter) = datagram.working_counter else { return };
        self.zero_counters += u64::from(counter == 0 && datagram.command != 0);
        if is_logical(datagram.command) {
            if let Verdict::Below(expected) = self.slots.logical(slot, counter) {
                self.current.bad = true;
                self.below(slot, counter, expected, at);
            }
            return;
        }
        self.register_came_back(datagram, slot, counter, at);
    }

    #[cold]
    fn below(&mut self, slot: u64, counter: u16, expected: u16, at: Occurrence) {
        let (code, subject) = (("ethercat.working-counter", Severity::Error), Subject::of([expected]));
        self.log.add_figure(
            code,
            (Some(slot_id(slot)), subject),
            at,
            counter.into(),
            |counter| counter.to_string(),
            || format!("{} came back with working counter {counter}, {expected} is expected", slot_name(slot)),
        );
    }

    /// A datagram that goes out: what the master asks for.
    fn goes_out(&mut self, datagram: &Datagram<'_>, at: Occurrence) {
        use Command::{Apwr, Bwr, Fpwr};
        match (Command::of(datagram.command), Register::of(datagram.register())) {
            (Apwr | Fpwr | Bwr, Register::AlControl) => {
                self.stations.requested = datagram.data.first().copied();
                self.slots.epoch = self.slots.epoch.wrapping_add(1);
            }
            (Apwr | Fpwr, _) => self.message(datagram, at),
            _ => {}
        }
    }

    pub(super) fn message(&mut self, datagram: &Datagram<'_>, at: Occurrence) {
        let Some(message) = mailbox::carried(datagram) else { return };
        *self.mailbox.entry(message.name()).or_default() += 1;
        let (Some(complaint), station) = (message.complaint, datagram.station()) else { return };
        let stream = Some(station_id(station));
        match complaint {
            Complaint::SdoAbort { index, subindex, code } => {
                self.log.add_about(
                    "ethercat.sdo-abort",
                    Severity::Warning,
                    stream,
                    Subject::of([index, u16::from(subindex), (code >> 16) as u16, code as u16]),
                    at,
                    || {
                        let why = sdo_abort(code);
                        format!(
                            "station {station:#06x}: SDO {index:#06x}:{subindex:02x} aborted with {code:#010x} ({why})"
                        )
                    },
                );
            }
            Complaint::Emergency { code: 0 } => {}
            Complaint::Emergency { code } => {
                self.log.add_about("ethercat.emergency", Severity::Error, stream, Subject::of([code]), at, || {
                    format!("station {station:#06x} sent CoE emergency {code:#06x}")
                });
            }
            Complaint::FileError { code } => {
                self.log.add_about(
                    "ethercat.foe-error",
                    Severity::Warning,
                    stream,
                    Subject::of([(code >> 16) as u16, code as u16]),
                    at,
                    || format!("station {station:#06x}: file transfer failed with FoE error {code}"),
                );
            }
            Complaint::Refused { detail } => {
                self.log.add_about(
                    "ethercat.mailbox-error",
                    Severity::Warning,
                    stream,
                    Subject::of([detail]),
                    at,
                    || format!("station {station:#06x} refused a mailbox message with error {detail}"),
                );
            }
        }
    }
}

/// Notes that a frame did not come back.
pub(super) fn log_lost(log: &mut FindingLog, sent: &Sent) {
    let (index, slot) = ((sent.first >> 56) as u8, sent.first & (u64::MAX >> 8));
    let (what, of) = (("ethercat.lost-frame", Severity::Error), (None, Subject(slot.into())));
    log.add_figure(
        what,
        of,
        sent.at,
        index.into(),
        |index| format!("index {index:#04x}"),
        || format!("a frame ({}, index {index:#04x}) did not come back", slot_name(slot)),
    );
}

fn in_us(us: i64) -> String {
    Span(us.saturating_mul(1000)).to_string()
}

impl ConversationMonitor for ExchangeMonitor {
    #[inline]
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        if pdu.packet_type.0 >= FRAME_TYPE {
            self.other_frames += 1;
            if std::mem::take(&mut self.current.open) {
                self.finish_cut();
            }
            return;
        }
        let frame = self.current.at.map(|at| at.frame);
        let starts = !self.current.open || frame != Some(pdu.at.frame);
        if starts && self.current.open {
            self.finish_cut();
        }
        // The first datagram of a frame comes with the frame's header.
        let bytes = if starts { pdu.bytes.get(FRAME_HEADER..).unwrap_or_default() } else { pdu.bytes };
        let Some(datagram) = Datagram::parse(bytes) else { return };
        let slot = datagram.slot();
        if starts {
            let first = slot | u64::from(datagram.index) << 56;
            self.current = Current { at: Some(pdu.at), first, ..Current::default() };
            self.begin(pdu.flow, &datagram, first, pdu.at);
        }
        let current = &mut self.current;
        current.set = (current.set.rotate_left(5) ^ slot).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if let Some(kept) = current.slots.get_mut(current.datagrams) {
            *kept = slot;
        }
        current.datagrams += 1;
        current.logical |= is_logical(datagram.command);
        current.open = datagram.has_more();
        self.datagrams += 1;
        self.circulating += u64::from(datagram.is_circulating());
        if self.current.is_again || self.current.circulates {
            // what it says was said before, and its counters have been counted up twice
        } else if self.current.is_return {
            self.irqs += u64::from(datagram.irq != 0);
            self.came_back(&datagram, slot, pdu.at);
        } else if !is_logical(datagram.command) {
            self.goes_out(&datagram, pdu.at);
        }
        if !self.current.open {
            self.finish(pdu.at);
        }
    }

    fn report(&self, flow: &FlowKey, report: &mut FlowReport) {
        self.add_to(flow, report);
    }
}

//! What is kept of each channel of a flow.

use std::num::NonZeroU32;

use smallvec::SmallVec;
use streamlens_model::stats::{RunLength, Tally};
use streamlens_model::words::Span;
use streamlens_model::{FindingLog, Occurrence, Severity, Subject, Timestamp};

use super::channel_stream;
use super::types::is_computer_generated;
use crate::clock_offset::Standing;
use crate::nanos;
use streamlens_chapter10_wire::PacketHeader;
use streamlens_chapter10_wire::{TimeReading, ticks_between};

/// A disagreement of a time packet with the counter beyond this is a jump, in nanoseconds: half the resolution of
/// Time Data Format 1.
const TIME_STEP_NS: u64 = 5_000_000;
/// A disagreement of packet time with capture time beyond this is a jump, in nanoseconds.
const JUMP_NS: u64 = 500_000_000;

/// How often each value of a byte came.
pub(super) type ByteCounts = Tally<u8, 256>;

/// What the time packets of a channel said.
#[derive(Clone, Debug)]
pub(super) struct TimeTrack {
    pub(super) latest: TimeReading,
    /// Counter and UTC nanoseconds of the first and the last one.
    pub(super) first: (u64, i64),
    pub(super) last: (u64, i64),
    pub(super) packets: u64,
    /// The largest disagreement between time and counter from one packet to the next, in nanoseconds.
    pub(super) largest_step_ns: u64,
    /// The longest time between two packets by the counter, in nanoseconds.
    pub(super) longest_interval_ns: i64,
    /// UTC less capture time at the first and the last packet, in nanoseconds.
    pub(super) offset_first_ns: Option<i64>,
    pub(super) offset_last_ns: Option<i64>,
    /// The first time packet, and since when its clock stands to the capture's as it does.
    pub(super) first_at: Occurrence,
    pub(super) standing: Option<Standing>,
    /// Whether the year had to be taken from elsewhere.
    pub(super) year_from_capture: bool,
}

impl TimeTrack {
    pub(super) fn new(
        reading: TimeReading,
        utc: i64,
        (offset, at): (Option<i64>, Occurrence),
        year_from_capture: bool,
    ) -> Self {
        let here = (reading.counter, utc);
        Self {
            latest: reading,
            first: here,
            last: here,
            packets: 1,
            largest_step_ns: 0,
            longest_interval_ns: 0,
            offset_first_ns: offset,
            offset_last_ns: offset,
            first_at: at,
            standing: offset.map(|offset| Standing::new(offset, at)),
            year_from_capture,
        }
    }

    /// Takes the next time packet; returns by how many nanoseconds it jumps against the counter, where it does.
    pub(super) fn go_on(
        &mut self,
        reading: TimeReading,
        utc: i64,
        (offset, at): (Option<i64>, Occurrence),
    ) -> Option<i64> {
        let ran = ticks_between(self.last.0, reading.counter).saturating_mul(100);
        let step = utc.saturating_sub(self.last.1).saturating_sub(ran);
        self.latest = reading;
        self.last = (reading.counter, utc);
        self.packets += 1;
        self.largest_step_ns = self.largest_step_ns.max(step.unsigned_abs());
        self.longest_interval_ns = self.longest_interval_ns.max(ran);
        self.offset_last_ns = offset;
        if let Some(offset) = offset {
            self.standing.get_or_insert_with(|| Standing::new(offset, at)).go_on(offset, at);
        }
        (step.unsigned_abs() > TIME_STEP_NS).then_some(step)
    }
}

/// One channel of a flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    pub(super) id: u16,
    packets: u64,
    types: ByteCounts,
    /// [`kind`] of the last packet, where another one of it says nothing new by that; those that repeat it are in no
    /// count yet.
    kind: RunLength<NonZeroU32>,
    pub(super) counter_first: u64,
    pub(super) counter_last: u64,
    pub(super) backward_steps: u64,
    pub(super) time_jumps: u64,
    pub(super) messages: u64,
    pub(super) unsound: u64,
    pub(super) overflows: u64,
    pub(super) sync_errors: u64,
    pub(super) first: Option<streamlens_model::Occurrence>,
    pub(super) last: Option<streamlens_model::Occurrence>,
    pub(super) longest_gap_ns: i64,
    pub(super) last_time: Option<Timestamp>,
    pub(super) last_was_generated: bool,
    pub(super) invalid_times: u64,
    pub(super) time: Option<Box<TimeTrack>>,
}

/// Packets of a channel that have the same flags, version and data type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alike {
    pub(super) flags: u8,
    pub(super) version: u8,
    pub(super) data_type: u8,
    pub(super) packets: u64,
}

/// Flags, version and data type of a packet in one number, which is never 0: they are compared at once.
#[inline]
fn kind(header: &PacketHeader) -> NonZeroU32 {
    let [flags, version, data_type] = [header.flags.0, header.version, header.data_type].map(u32::from);
    NonZeroU32::MIN | (flags << 24 | version << 16 | data_type << 8)
}

impl Channel {
    /// Compares a packet with the one before it in its channel.
    #[inline(always)]
    pub(super) fn step(&mut self, header: &PacketHeader, at: Occurrence, is_file: bool, findings: &mut FindingLog) {
        let ticks = ticks_between(self.counter_last, header.counter);
        if ticks < 0 {
            self.fell(header, at, findings);
        }
        let (Some(time), Some(before)) = (at.time, self.last_time) else { return };
        let passed = nanos::elapsed(before, time);
        self.longest_gap_ns = self.longest_gap_ns.max(passed);
        if is_file || is_computer_generated(header.data_type) || self.last_was_generated {
            return;
        }
        // A counter of 48 bits is far from the limits.
        let disagreement = nanos::saturating_difference(ticks * 100, passed);
        if disagreement.unsigned_abs() > JUMP_NS {
            self.jumped(disagreement, at, findings);
        }
    }

    #[cold]
    #[inline(never)]
    fn fell(&mut self, header: &PacketHeader, at: Occurrence, findings: &mut FindingLog) {
        self.backward_steps += 1;
        // The recorder's own packets (setup, index, events) carry the time of what they speak of.
        if !self.last_was_generated && !is_computer_generated(header.data_type) {
            let stream = Some(channel_stream(self.id));
            findings.add("chapter10.rtc-backwards", Severity::Warning, stream, at, || {
                format!(
                    "the relative time counter of channel {} fell from {} to {}",
                    self.id, self.counter_last, header.counter
                )
            });
        }
    }

    #[cold]
    #[inline(never)]
    fn jumped(&mut self, disagreement: i64, at: Occurrence, findings: &mut FindingLog) {
        self.time_jumps += 1;
        let (code, of) =
            (("chapter10.time-jump", Severity::Warning), (Some(channel_stream(self.id)), Subject::default()));
        findings.add_figure(
            code,
            of,
            at,
            disagreement,
            |nanos| Span(nanos).to_string(),
            || {
                format!(
                    "the relative time counter of channel {} jumps by {} against the time of capture",
                    self.id,
                    Span(disagreement)
                )
            },
        );
    }

    /// Whether a packet's flags, version and data type are those of the one before and say nothing new; it is counted then.
    #[inline]
    pub(super) fn repeats(&mut self, header: &PacketHeader) -> bool {
        self.kind.repeats(&kind(header))
    }

    /// Counts a packet that is not like the one before, and gives those that were and are in no other count.
    pub(super) fn begin(&mut self, data_type: u8) -> Option<Alike> {
        let alike = self.alike();
        if let Some(alike) = alike {
            self.packets += alike.packets;
            self.types.add_many(alike.data_type, alike.packets);
        }
        self.kind.replace(None);
        self.packets += 1;
        self.types.add(data_type);
        alike
    }

    /// From this packet on, those that have the same flags, version and data type say nothing new by them.
    pub(super) fn expect_alike(&mut self, header: &PacketHeader) {
        self.kind.replace(Some(kind(header)));
    }

    /// Those packets that are alike and in no other count.
    pub(super) fn alike(&self) -> Option<Alike> {
        let (kind, packets) = self.kind.run()?;
        let [flags, version, data_type, _] = kind.get().to_be_bytes();
        Some(Alike { flags, version, data_type, packets })
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets + self.kind.run().map_or(0, |(_, repeats)| repeats)
    }

    /// Packets by data type.
    pub(super) fn types(&self) -> ByteCounts {
        let mut types = self.types.clone();
        if let Some(alike) = self.alike() {
            types.add_many(alike.data_type, alike.packets);
        }
        types
    }
}

/// The channels of a flow, found by id.
#[derive(Debug)]
pub(super) struct ChannelTable {
    slots: Vec<Channel>,
    /// Ids and places in `slots`, by id.
    order: SmallVec<[(u16, u16); 4]>,
    /// Where a channel was found last, by a hash of its id: a guess that is checked.
    guesses: [u16; 64],
    /// Packets of channels that found no room.
    pub(super) beyond: u64,
}

impl Default for ChannelTable {
    fn default() -> Self {
        Self { slots: Vec::new(), order: SmallVec::new(), guesses: [0; 64], beyond: 0 }
    }
}

impl ChannelTable {
    /// The most channels that are kept of a flow.
    const MAX: usize = 2048;

    /// A channel, made where it is new; `None` where there is no room for it.
    #[inline]
    pub(super) fn get_mut(&mut self, id: u16) -> Option<&mut Channel> {
        let line = usize::from((id ^ id >> 6) & 63);
        if self.slots.get(usize::from(self.guesses[line])).is_none_or(|channel| channel.id != id) {
            self.guesses[line] = self.find_or_add(id)?;
        }
        self.slots.get_mut(usize::from(self.guesses[line]))
    }

    /// A channel, where it is known and was met lately.
    #[inline]
    pub(super) fn recent(&mut self, id: u16) -> Option<&mut Channel> {
        let line = usize::from((id ^ id >> 6) & 63);
        self.slots.get_mut(usize::from(self.guesses[line])).filter(|channel| channel.id == id)
    }

    #[inline(never)]
    fn find_or_add(&mut self, id: u16) -> Option<u16> {
        match self.order.binary_search_by_key(&id, |&(held, _)| held) {
            Ok(at) => Some(self.order.get(at)?.1),
            Err(_) if self.slots.len() >= Self::MAX => {
                self.beyond += 1;
                None
            }
            Err(at) => {
                let slot = u16::try_from(self.slots.len()).ok()?;
                if self.slots.is_empty() {
                    self.slots.reserve_exact(1);
                }
                self.slots.push(Channel { id, ..Channel::default() });
                self.order.insert(at, (id, slot));
                Some(slot)
            }
        }
    }

    /// The channels, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.order.iter().filter_map(|&(_, slot)| self.slots.get(usize::from(slot)))
    }
}

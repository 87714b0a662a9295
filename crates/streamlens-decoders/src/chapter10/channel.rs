//! What is kept of each channel of a flow.

use smallvec::SmallVec;
use streamlens_model::Timestamp;

use super::time::TimeReading;

/// How often each of a few byte values came. The value that came first lies inline: mostly there is no other.
#[derive(Clone, Debug, Default)]
pub(super) struct ByteCounts {
    first: (u8, u64),
    others: Vec<(u8, u64)>,
}

impl ByteCounts {
    #[inline]
    pub(super) fn add(&mut self, value: u8) {
        if self.first.0 == value && self.first.1 > 0 {
            self.first.1 += 1;
        } else {
            self.add_other(value);
        }
    }

    #[inline(never)]
    fn add_other(&mut self, value: u8) {
        if self.first.1 == 0 {
            self.first = (value, 1);
            return;
        }
        match self.others.iter_mut().find(|(held, _)| *held == value) {
            Some((_, count)) => *count += 1,
            None => self.others.push((value, 1)),
        }
    }

    /// Values and counts, in any order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, u64)> {
        (self.first.1 > 0).then_some(self.first).into_iter().chain(self.others.iter().copied())
    }

    /// Values and counts, by value.
    pub(super) fn sorted(&self) -> Vec<(u8, u64)> {
        let mut counts = self.others.clone();
        counts.extend((self.first.1 > 0).then_some(self.first));
        counts.sort_unstable();
        counts
    }
}

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
    /// Whether the year had to be taken from elsewhere.
    pub(super) year_from_capture: bool,
}

/// One channel of a flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    pub(super) id: u16,
    pub(super) packets: u64,
    pub(super) types: ByteCounts,
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

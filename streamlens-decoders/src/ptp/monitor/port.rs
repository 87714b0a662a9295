//! What is kept of each port: its message types with their counters and rates, its Syncs, its requests.

use std::collections::{BTreeMap, VecDeque};

use streamlens_model::{Address, FlowKey, Occurrence};

use super::super::wire::{PortIdentity, TimeInterval};
use super::message::Message;
use super::room::Room;
use super::stats::{Series, Slope, interval_ns};
use crate::nanos;

/// The most ports that are followed in one domain.
pub(super) const MAX_PORTS: usize = 4096;
/// The most pairs of message type and destination that are kept of one port.
const MAX_TYPES: usize = 512;
/// The most messages of a port that wait for their partner.
const MAX_WAITING: usize = 64;
/// How long a message waits for its partner at least, in nanoseconds.
pub(super) const PATIENCE_NS: i64 = 1_000_000_000;

/// One message type of one port to one destination.
#[derive(Clone, Debug)]
pub(super) struct TypeState {
    pub(super) kind: u8,
    pub(super) to: Address,
    pub(super) flow: FlowKey,
    pub(super) edition: u8,
    pub(super) count: u64,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    last_sequence: u16,
    pub(super) missing: u64,
    pub(super) repeated: u64,
    pub(super) backward: u64,
    /// The interval announced last, from the message itself or from the unicast grant.
    pub(super) log_interval: Option<i8>,
    /// The same in nanoseconds, and how far off it is still as announced.
    interval: Option<(i64, i64)>,
    /// What [`Self::patience`] says.
    patience: i64,
    pub(super) intervals: Series,
    /// Intervals that could be compared with the announced one, and those of them that are more than 30 % off.
    pub(super) judged: u64,
    pub(super) off_rate: u64,
}

impl TypeState {
    /// What one takes, with the memory that its list has in advance and its place in the index.
    const BYTES: usize = 2 * size_of::<Self>() + 4 * size_of::<Address>();

    fn new(m: &Message<'_>) -> Self {
        Self {
            kind: m.kind,
            to: m.to(),
            flow: *m.flow,
            edition: m.edition,
            count: 0,
            first: m.at,
            last: m.at,
            last_sequence: m.sequence,
            missing: 0,
            repeated: 0,
            backward: 0,
            log_interval: None,
            interval: None,
            patience: PATIENCE_NS,
            intervals: Series::default(),
            judged: 0,
            off_rate: 0,
        }
    }

    #[inline(always)]
    fn push(&mut self, m: &Message<'_>, granted: impl FnOnce() -> Option<i8>) {
        let step = m.sequence.wrapping_sub(self.last_sequence);
        let before = self.last.time;
        self.last = m.at;
        self.last_sequence = m.sequence;
        self.edition = self.edition.max(m.edition);
        if m.log_interval.is_none() || m.log_interval != self.log_interval {
            self.announce(m.log_interval.or_else(granted));
        }
        self.count += 1;
        if self.count == 1 {
            return;
        }
        match step {
            0 => self.repeated += 1,
            1 => {}
            2..=0x7FFF => self.missing += u64::from(step) - 1,
            _ => self.backward += 1,
        }
        let (Some(now), Some(before)) = (m.at.time, before) else { return };
        let interval = nanos::elapsed(before, now);
        if interval < 0 {
            return;
        }
        self.intervals.push(interval);
        // Where a message is missing the interval says nothing of the sender's rate.
        if step == 1
            && let Some((expected, tolerance)) = self.interval
        {
            self.judged += 1;
            self.off_rate += u64::from((interval - expected).abs() > tolerance);
        }
    }

    /// Notes the interval that a message announces, itself or by its grant; where none is said, the one before stays.
    #[inline(never)]
    fn announce(&mut self, log_interval: Option<i8>) {
        if log_interval.is_none() || log_interval == self.log_interval {
            return;
        }
        self.log_interval = log_interval;
        let interval = log_interval.and_then(interval_ns);
        self.interval = interval.map(|interval| (interval, interval / 10 * 3));
        self.patience = interval.map_or(PATIENCE_NS, |interval| PATIENCE_NS.max(interval.saturating_mul(2)));
    }

    /// How long a Sync waits for its Follow_Up.
    pub(super) fn patience(&self) -> i64 {
        self.patience
    }

    /// Whether more than one in ten intervals is more than 30 % off the announced one (IEEE 1588-2019 9.5.9.2).
    pub(super) fn is_off_rate(&self) -> bool {
        self.judged >= 10 && self.off_rate >= 5 && self.off_rate * 10 > self.judged
    }
}

/// A two-step Sync that waits for its Follow_Up, or a Follow_Up that came before its Sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) at: Occurrence,
    pub(super) time: i64,
    pub(super) sequence: u16,
    pub(super) to: Address,
    pub(super) correction: TimeInterval,
    pub(super) stamp: Option<i64>,
}

impl Waiting {
    /// A Sync that has a Follow_Up, whose own timestamp is none.
    #[inline]
    pub(super) fn sync(m: &Message<'_>, time: i64) -> Self {
        Self { at: m.at, time, sequence: m.answers, to: m.to(), correction: m.correction, stamp: None }
    }

    #[inline]
    pub(super) fn follow_up(m: &Message<'_>, time: i64) -> Self {
        Self { stamp: m.stamp(), ..Self::sync(m, time) }
    }
}

/// A bounded queue of messages in order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Queue<T>(VecDeque<T>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Queue<T> {
    /// Adds one, and gives back the oldest where there is no more room.
    pub(super) fn push(&mut self, item: T) -> Option<T> {
        let oldest = if self.0.len() >= MAX_WAITING { self.0.pop_front() } else { None };
        self.0.push_back(item);
        oldest
    }

    /// The oldest.
    #[inline]
    pub(super) fn first(&self) -> Option<&T> {
        self.0.front()
    }

    /// Takes the oldest off, where it is stale.
    pub(super) fn pop_if(&mut self, is_stale: impl FnOnce(&T) -> bool) -> Option<T> {
        if is_stale(self.0.front()?) { self.0.pop_front() } else { None }
    }

    /// The newest that fits.
    pub(super) fn find(&mut self, fits: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.0.iter_mut().rev().find(|item| fits(item))
    }

    /// Takes out the newest that fits.
    pub(super) fn take(&mut self, fits: impl Fn(&T) -> bool) -> Option<T> {
        // mostly it is the newest of all
        if fits(self.0.back()?) {
            return self.0.pop_back();
        }
        let index = self.0.iter().rposition(fits)?;
        self.0.remove(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

/// A request for a delay measurement, and what answered it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) at: Occurrence,
    pub(super) time: i64,
    pub(super) sequence: u16,
    pub(super) to: Address,
    pub(super) correction: TimeInterval,
    pub(super) answer: Option<Answer>,
}

/// The first answer to a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) from: PortIdentity,
    pub(super) time: i64,
    pub(super) stamp: Option<i64>,
    pub(super) correction: TimeInterval,
    /// Peer delay: whether the responder's transmit time was still to come, and came.
    pub(super) is_complete: bool,
}

impl Requests {
    /// What a port's requests take at most.
    pub(super) const BYTES: usize = size_of::<Self>() + 2 * MAX_WAITING * size_of::<Request>();
}

impl MasterClock {
    /// What a port's Syncs take at most.
    pub(super) const BYTES: usize = size_of::<Self>() + 4 * MAX_WAITING * size_of::<Waiting>();
}

/// Requests of one kind from one port.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    pub(super) waiting: Queue<Request>,
    pub(super) unanswered: u64,
    pub(super) answered: u64,
    /// Answers whose request the capture does not hold.
    pub(super) stray_answers: u64,
    /// From the request to its answer, as captured.
    pub(super) turn_round: Series,
}

/// What is kept of a port that sends Syncs.
#[derive(Clone, Debug, Default)]
pub(super) struct MasterClock {
    pub(super) syncs: Queue<Waiting>,
    pub(super) early: Queue<Waiting>,
    pub(super) last_sync: Option<(u16, Address)>,
    pub(super) last_pair: Option<(u16, Address)>,
    pub(super) one_step: u64,
    pub(super) two_step: u64,
    pub(super) without_follow_up: u64,
    pub(super) without_sync: u64,
    /// Follow_Ups whose Sync came before the capture began, or that the capture's filter left out.
    pub(super) before_first_sync: u64,
    /// A: capture time of the Sync less its origin time and corrections.
    pub(super) arrival: Series,
    pub(super) last_arrival: Option<Arrival>,
    pub(super) slope: Slope,
    /// From Sync to Follow_Up.
    pub(super) turn_round: Series,
    /// The newest peer delay towards the sender of the Sync frames, with the clock that gave it.
    pub(super) link_delay: Option<(i64, PortIdentity)>,
    /// Peer to peer: A less the link delay.
    pub(super) offset: Series,
    pub(super) sent_from: Address,
    pub(super) backward: u64,
    pub(super) jumps: u64,
}

/// A Sync whose origin time is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) sequence: u16,
    pub(super) to: Address,
    pub(super) time: i64,
    pub(super) origin: i64,
    pub(super) difference: i64,
}

/// A port of a clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Port {
    /// In order of appearance.
    pub(super) types: Vec<TypeState>,
    /// Where in `types` each pair stands.
    index: BTreeMap<(u8, Address), usize>,
    /// Where in `types` the last message of each type was counted: mostly the next one belongs there.
    recent: [usize; 16],
    /// Messages beyond the bound of `types`.
    pub(super) uncounted: u64,
    pub(super) master: Option<Box<MasterClock>>,
    pub(super) delay: Option<Box<Requests>>,
    pub(super) peer: Option<Box<Requests>>,
    /// The least interval between Delay_Reqs that a master asks of it.
    pub(super) log_min_delay_req: Option<i8>,
}

impl Port {
    /// What a port takes without its messages, with its places in two tables.
    pub(super) const BYTES: usize = 2 * size_of::<Self>() + 4 * size_of::<PortIdentity>();

    /// Counts a message under its type and destination, and says how long its partner is waited for: a second, or two
    /// of its intervals where they are longer. `None` where there is no room for it.
    #[inline]
    pub(super) fn count(
        &mut self,
        m: &Message<'_>,
        room: &mut Room,
        granted: impl FnOnce() -> Option<i8>,
    ) -> Option<i64> {
        let recent = *self.recent.get(usize::from(m.kind))?;
        let is_recent = self.types.get(recent).is_some_and(|state| state.kind == m.kind && state.to == m.to());
        let slot = if is_recent { recent } else { self.find_or_add(m, room)? };
        let state = self.types.get_mut(slot)?;
        state.push(m, granted);
        Some(state.patience)
    }

    #[inline(never)]
    fn find_or_add(&mut self, m: &Message<'_>, room: &mut Room) -> Option<usize> {
        let recent = self.recent.get_mut(usize::from(m.kind))?;
        let slot = match self.index.get(&(m.kind, m.to())) {
            Some(&slot) => slot,
            None if self.types.len() < MAX_TYPES && room.take(TypeState::BYTES) => {
                self.types.reserve_exact(usize::from(self.types.is_empty()));
                self.types.push(TypeState::new(m));
                self.index.insert((m.kind, m.to()), self.types.len() - 1);
                self.types.len() - 1
            }
            None => {
                self.uncounted += 1;
                return None;
            }
        };
        *recent = slot;
        Some(slot)
    }
}

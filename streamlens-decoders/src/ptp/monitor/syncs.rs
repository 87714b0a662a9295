//! Sync and Follow_Up: pairs, and when Syncs arrive against the time that they carry (A of the module's notes).

use streamlens_model::{FindingLog, Severity, Subject};

use super::super::names::message;
use super::super::wire::{DomainKey, PortIdentity, TimeInterval};
use super::message::{Message, difference};
use super::port::{Arrival, MasterClock, Port, Waiting};
use super::room::Room;
use super::stats::{Slope, readable};
use crate::nanos;

/// The most ports whose Syncs are measured in one domain.
const MAX_SYNC_SENDERS: usize = 256;

/// A change of A between two Syncs beyond which a clock was set, or the path changed, in nanoseconds: ten times what
/// queues of busy networks do, and above what capturing hosts without hardware timestamps do.
const JUMP_NS: i64 = 20_000_000;
/// What clocks may drift apart in addition, in parts per million.
const JUMP_PPM: i64 = 500;

impl Port {
    /// The port as a sender of Syncs; `None` where the bound is reached.
    #[inline]
    pub(super) fn as_master(
        &mut self,
        own: PortIdentity,
        senders: &mut Vec<PortIdentity>,
        room: &mut Room,
    ) -> Option<&mut MasterClock> {
        if self.master.is_none() {
            if senders.len() >= MAX_SYNC_SENDERS || !room.take(MasterClock::BYTES) {
                return None;
            }
            senders.push(own);
        }
        Some(self.master.get_or_insert_default())
    }
}

impl MasterClock {
    pub(super) fn on_sync(&mut self, m: &Message<'_>, patience: i64, key: DomainKey, log: &mut FindingLog) {
        let Some(now) = m.time() else { return };
        self.sent_from = m.flow.src.address;
        // A frame that a mirror port delivered twice is no second Sync.
        if self.last_sync.replace((m.sequence, m.to())) == Some((m.sequence, m.to())) {
            return;
        }
        if !m.two_step {
            self.one_step += 1;
            if let Some(origin) = m.stamp().filter(|&stamp| stamp != 0)
                && let Some(difference) = difference(now, origin, &[m.correction])
            {
                self.arrived(Arrival { sequence: m.sequence, to: m.to(), time: now, origin, difference }, m, key, log);
            }
            return;
        }
        self.two_step += 1;
        if !self.pair_early(m, now, patience, key, log)
            && let Some(oldest) = self.syncs.push(Waiting::sync(m, now))
        {
            self.give_up(&oldest, m.source, key, log);
        }
        self.age(now, patience, m.source, key, log);
    }

    pub(super) fn on_follow_up(&mut self, m: &Message<'_>, patience: i64, key: DomainKey, log: &mut FindingLog) {
        let Some(now) = m.time() else { return };
        if self.last_pair == Some((m.answers, m.to())) {
            return;
        }
        let fits = |sync: &Waiting| sync.sequence == m.answers && sync.to == m.to();
        if let Some(sync) = self.syncs.take(fits) {
            self.pair((sync.time, sync.correction), (now, m.stamp(), m.correction), m, key, log);
        } else {
            self.come_early(m, now, key, log);
        }
        self.age(now, patience, m.source, key, log);
    }

    /// A Follow_Up whose Sync is not there.
    #[cold]
    #[inline(never)]
    fn come_early(&mut self, m: &Message<'_>, now: i64, key: DomainKey, log: &mut FindingLog) {
        let follow_up = Waiting::follow_up(m, now);
        if self.last_sync.is_none() {
            // Its Sync was sent before the capture began; but it may still come, where the two were swapped.
            self.before_first_sync += 1;
            self.early.push(follow_up);
        } else if let Some(oldest) = self.early.push(follow_up) {
            self.stray(&oldest, m.source, key, log);
        }
    }

    /// Whether the Follow_Up of a Sync came before it.
    #[inline]
    fn pair_early(&mut self, m: &Message<'_>, now: i64, patience: i64, key: DomainKey, log: &mut FindingLog) -> bool {
        self.early.first().is_some() && self.look_for_early(m, now, patience, key, log)
    }

    #[cold]
    #[inline(never)]
    fn look_for_early(
        &mut self,
        m: &Message<'_>,
        now: i64,
        patience: i64,
        key: DomainKey,
        log: &mut FindingLog,
    ) -> bool {
        let fits = |early: &Waiting| {
            early.sequence == m.sequence && early.to == m.to() && now.saturating_sub(early.time) <= patience
        };
        let Some(early) = self.early.take(fits) else { return false };
        self.pair((now, m.correction), (early.time, early.stamp, early.correction), m, key, log);
        true
    }

    /// A Sync and its Follow_Up, the later of which is the message: they have number and destination in common. Given are
    /// capture time and correction of each, and the timestamp of the Follow_Up.
    #[inline(always)]
    fn pair(
        &mut self,
        (sync_time, sync_correction): (i64, TimeInterval),
        (time, stamp, correction): (i64, Option<i64>, TimeInterval),
        m: &Message<'_>,
        key: DomainKey,
        log: &mut FindingLog,
    ) {
        self.last_pair = Some((m.answers, m.to()));
        let turn_round = nanos::saturating_difference(time, sync_time);
        if turn_round >= 0 {
            self.turn_round.push(turn_round);
        }
        let Some(origin) = stamp else { return };
        if let Some(difference) = difference(sync_time, origin, &[sync_correction, correction]) {
            let arrival = Arrival { sequence: m.answers, to: m.to(), time: sync_time, origin, difference };
            self.arrived(arrival, m, key, log);
        }
    }

    #[inline(always)]
    fn arrived(&mut self, arrival: Arrival, m: &Message<'_>, key: DomainKey, log: &mut FindingLog) {
        self.arrival.push(arrival.difference);
        if let Some((delay, _)) = self.link_delay {
            self.offset.push(arrival.difference.saturating_sub(delay));
        }
        let goes_on = |before: &Arrival| {
            before.to == arrival.to && matches!(arrival.sequence.wrapping_sub(before.sequence), 1..=0x7FFF)
        };
        if let Some(before) = self.last_arrival.filter(goes_on) {
            self.compare(&before, &arrival, m, key, log);
        }
        self.last_arrival = Some(arrival);
        self.slope.push(arrival.time, arrival.difference);
    }

    /// Looks whether the master's time, or the capture's clock, was set between two Syncs.
    #[inline]
    fn compare(&mut self, before: &Arrival, arrival: &Arrival, m: &Message<'_>, key: DomainKey, log: &mut FindingLog) {
        let (step, change) = (
            nanos::saturating_difference(arrival.origin, before.origin),
            nanos::saturating_difference(arrival.difference, before.difference),
        );
        // What follows allows no less than this.
        if step >= 0 && change.unsigned_abs() <= JUMP_NS.unsigned_abs() {
            return;
        }
        self.note_jump((step, change), before, arrival, m, key, log);
    }

    #[cold]
    #[inline(never)]
    fn note_jump(
        &mut self,
        (step, change): (i64, i64),
        before: &Arrival,
        arrival: &Arrival,
        m: &Message<'_>,
        key: DomainKey,
        log: &mut FindingLog,
    ) {
        let stream = Some(key.stream(message::SYNC, m.source));
        let passed = nanos::saturating_difference(arrival.time, before.time);
        if step < 0 {
            self.backward += 1;
            self.slope = Slope::default();
            let (what, of) = (("ptp.time-backwards", Severity::Error), (stream, Subject::default()));
            log.add_figure(what, of, m.at, step.saturating_neg(), readable, || {
                format!(
                    "the master's time runs back by {} from Sync {} to Sync {}, sent {} apart by the capture's clock",
                    readable(step.saturating_neg()),
                    before.sequence,
                    arrival.sequence,
                    readable(passed)
                )
            });
        } else if change.saturating_abs() > JUMP_NS.saturating_add(passed.saturating_abs() / 1_000_000 * JUMP_PPM) {
            self.jumps += 1;
            self.slope = Slope::default();
            let (what, of) = (("ptp.time-jump", Severity::Warning), (stream, Subject::default()));
            log.add_figure(what, of, m.at, change, readable, || {
                format!(
                    "from Sync {} to Sync {} the master's time went on by {} and the capture's clock by {}: one of the \
                     two was set, or the way between them changed by {}",
                    before.sequence,
                    arrival.sequence,
                    readable(step),
                    readable(passed),
                    readable(change)
                )
            });
        }
    }

    /// Lets go of what has waited too long.
    #[inline]
    fn age(&mut self, now: i64, patience: i64, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
        let is_stale = |first: &Waiting| nanos::saturating_difference(now, first.time) > patience;
        if self.syncs.first().is_some_and(is_stale) || self.early.first().is_some_and(is_stale) {
            self.let_go(now, patience, port, key, log);
        }
    }

    #[cold]
    #[inline(never)]
    fn let_go(&mut self, now: i64, patience: i64, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
        while let Some(sync) = self.syncs.pop_if(|sync| nanos::saturating_difference(now, sync.time) > patience) {
            self.give_up(&sync, port, key, log);
        }
        while let Some(early) = self.early.pop_if(|early| nanos::saturating_difference(now, early.time) > patience) {
            self.stray(&early, port, key, log);
        }
    }

    pub(super) fn give_up(&mut self, sync: &Waiting, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
        self.without_follow_up += 1;
        missing_follow_up(sync, port, key, log);
    }

    fn stray(&mut self, early: &Waiting, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
        // The Sync of a Follow_Up that came before any Sync was sent before the capture began.
        if self.before_first_sync > 0 {
            self.before_first_sync -= 1;
            return;
        }
        self.without_sync += 1;
        log.add(
            "ptp.follow-up-without-sync",
            Severity::Warning,
            Some(key.stream(message::FOLLOW_UP, port)),
            early.at,
            || format!("Follow_Up {} belongs to no Sync in the capture", early.sequence),
        );
    }
}

/// Notes that a Sync's Follow_Up never came.
pub(super) fn missing_follow_up(sync: &Waiting, port: PortIdentity, key: DomainKey, log: &mut FindingLog) {
    log.add("ptp.missing-follow-up", Severity::Warning, Some(key.stream(message::SYNC, port)), sync.at, || {
        format!("two-step Sync {} has no Follow_Up: slaves can't use it", sync.sequence)
    });
}
